//! The controller thread: the only writer of metadata, a keeper that may block.
//!
//! One job after the other: plan (pure), make the files that the plan needs, append its records to
//! the metadata log, replay them into the image, put the outcome in force. Files come first: when a
//! crash falls between, they are strays that the next start clears away; a record without its files
//! would be a topic that cannot be written.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::checkpoints::Kind;
use super::effects;
use super::groups::offsets_topic;
use super::log_starts::{LogStarts, MAX_HELD};
use super::metadata_log::MetadataLog;
use super::producer_ids::BLOCK;
use super::shared::{Shared, now_ms};
use super::snapshots::Writing;
use crate::catalog::{
    ApiError, CLUSTER_METADATA, ConfigChange, ConfigOp, CreatePartitionsSpec, Created, Image,
    NewTopic, Plan, ResourceKind, Topic, create_partitions, create_topic, delete_topic,
    incremental_alter_configs, replace_configs,
};
use crate::config::TopicConfig;
use crate::coordinator::groups::OFFSETS_TOPIC;
use crate::log::{AppendError, LogError};
use crate::net::mailbox::{Received, Receiver};
use crate::wire::error::ErrorCode;
use crate::wire::metadata_records::{MetadataRecord, ProducerIdsRecord};
use crate::wire::uuid::Uuid;

/// What the controller thread is asked to do.
pub enum Job {
    /// Something that changes metadata or may block.
    Run(Box<dyn FnOnce(&mut Controller) + Send>),
    /// Look whether a snapshot is due.
    Look,
    /// Close the metadata log and end.
    Stop,
}

/// The controller's own state: the metadata log.
pub struct Controller {
    pub(super) shared: Arc<Shared>,
    pub(super) metadata: MetadataLog,
    /// The offset of this start's registration, once there is one.
    pub(super) broker_epoch: Option<i64>,
    /// Log starts that are to be written before they are told.
    pub(super) log_starts: LogStarts,
    /// The snapshot of the metadata that is being written.
    pub(super) writing: Option<Writing>,
}

impl Controller {
    pub(super) fn new(shared: Arc<Shared>, metadata: MetadataLog) -> Self {
        let log_starts = LogStarts::default();
        Self { shared, metadata, broker_epoch: None, log_starts, writing: None }
    }

    /// Works on jobs until it is stopped, then closes the metadata log. Gives the epoch under which this
    /// node was registered.
    pub(super) fn run(mut self, mut jobs: Receiver<Job>) -> Result<i64, LogError> {
        while let Some(next) = self.next_job(&mut jobs) {
            if self.shared.is_stopping() {
                break; // Who waits for an answer is gone by now.
            }
            match next {
                Job::Run(job) => job(&mut self),
                Job::Look => {}
                Job::Stop => break,
            }
            if jobs.is_empty() || self.log_starts.held() >= MAX_HELD {
                self.write_log_starts();
            }
            self.snapshot_if_due();
        }
        self.write_log_starts();
        self.finish_snapshot();
        let broker_epoch = self.fence();
        self.metadata.close()?;
        self.note_recovery_point();
        Ok(broker_epoch)
    }

    /// The next job, or the time of a snapshot.
    fn next_job(&self, jobs: &mut Receiver<Job>) -> Option<Job> {
        // While one is written, its end is announced.
        let deadline = self.metadata.snapshot_deadline().filter(|_| self.writing.is_none());
        let Some(deadline) = deadline else { return jobs.recv() };
        match jobs.recv_deadline(deadline) {
            Received::Message(job) => Some(job),
            Received::TimedOut => Some(Job::Look),
            Received::Closed => None,
        }
    }

    /// What the broker shares.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Makes a topic, or only says what would be made.
    ///
    /// # Errors
    /// Kafka's, see the planning functions; KAFKA_STORAGE_ERROR when its files cannot be made.
    pub fn create_topic(
        &mut self,
        topic: &NewTopic<'_>,
        validate_only: bool,
    ) -> Result<Created, ApiError> {
        let config = self.shared.config();
        let id = super::data_dir::random_uuid();
        let created = create_topic(&self.shared.image(), &config, self.shared.node, topic, id)?;
        if validate_only {
            return Ok(created);
        }
        let effective = TopicConfig::resolve(&created.configs, &config);
        let effective = Arc::new(
            effective.map_err(|why| ApiError::new(ErrorCode::INVALID_CONFIG, why.to_string()))?,
        );
        let name: Arc<str> = Arc::from(topic.name);
        let partitions = self.make_partitions(&name, id, 0..created.partitions, &effective)?;
        self.commit(&created.plan).inspect_err(|_| self.remove_logs(&partitions))?;
        let topic = Arc::new(Topic::new(name, id, effective, partitions));
        self.shared.topics.insert(topic.clone());
        self.shared.topic_made(&topic);
        self.shared.watch_partitions();
        ::log::info!(topic = &*topic.name, partitions = created.partitions, id:%; "topic is created");
        let given = created.configs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        effects::tell(ResourceKind::Topic, &topic.name, given);
        Ok(created)
    }

    /// Makes a topic with the broker's defaults because a client asked for it.
    pub(super) fn create_automatically(&mut self, name: &str) {
        let config = self.shared.config();
        let topic = match name == OFFSETS_TOPIC {
            true => offsets_topic(&config),
            false => {
                NewTopic { name, num_partitions: -1, replication_factor: -1, ..Default::default() }
            }
        };
        match self.create_topic(&topic, false) {
            Ok(_) => ::log::info!(topic = name; "topic was created because a client asked for it"),
            Err(why) => ::log::debug!(topic = name, error:% = why; "topic is not created"),
        }
    }

    /// Ends a topic: it is unknown from now on and its files go away.
    ///
    /// # Errors
    /// UNKNOWN_TOPIC_ID when there is none with this id.
    pub fn delete_topic(&mut self, id: Uuid) -> Result<(), ApiError> {
        let plan = delete_topic(&self.shared.image(), id)?;
        let topic = self.shared.topics.by_id(id);
        self.commit(&plan)?;
        let Some(topic) = topic else { return Ok(()) };
        self.shared.topics.remove(&topic.name);
        self.shared.topic_gone(&topic);
        let mut wakes = BTreeMap::<usize, Vec<u64>>::new();
        for partition in topic.partitions() {
            partition
                .waiters()
                .wake_all(|waiter| wakes.entry(waiter.worker).or_default().push(waiter.key));
        }
        for (worker, keys) in wakes {
            self.shared.tell(worker, super::WorkerMessage::Wake(keys));
        }
        self.give_up_logs(topic.partitions(), self.shared.delete_delay());
        ::log::info!(topic = &*topic.name, id:%; "topic is deleted");
        Ok(())
    }

    /// Gives a topic more partitions, or only says whether that could be done.
    ///
    /// # Errors
    /// Kafka's, see the planning function; KAFKA_STORAGE_ERROR when files cannot be made.
    pub fn create_partitions(
        &mut self,
        spec: &CreatePartitionsSpec<'_>,
        validate_only: bool,
    ) -> Result<(), ApiError> {
        let plan = create_partitions(&self.shared.image(), self.shared.node, spec)?;
        if validate_only {
            return Ok(());
        }
        let unknown = || ApiError::plain(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let topic = self.shared.topics.by_name(spec.topic).ok_or_else(unknown)?;
        let have = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
        let config = topic.config();
        let added = self.make_partitions(&topic.name, topic.id, have..spec.count, &config)?;
        self.commit(&plan).inspect_err(|_| self.remove_logs(&added))?;
        let partitions = topic.partitions().iter().cloned().chain(added).collect();
        let grown = Arc::new(Topic::new(topic.name.clone(), topic.id, config, partitions));
        self.shared.topics.insert(grown.clone());
        self.shared.topic_grown(&grown, have);
        ::log::info!(topic = &*grown.name, partitions = spec.count; "topic has more partitions");
        Ok(())
    }

    /// Changes configs of one resource key by key, or only says whether that could be done.
    ///
    /// # Errors
    /// Kafka's, see the planning function.
    pub fn incremental_alter_configs(
        &mut self,
        kind: ResourceKind,
        name: &str,
        changes: &[ConfigChange<'_>],
        validate_only: bool,
    ) -> Result<(), ApiError> {
        let config = self.shared.config();
        let plan = incremental_alter_configs(&self.shared.image(), &config, kind, name, changes)?;
        if self.put_configs(&plan, kind, name, validate_only)? {
            let set = changes.iter().filter(|c| matches!(c.op, ConfigOp::Set | ConfigOp::Append));
            effects::changed(kind, name, changes.iter().map(|change| change.key));
            effects::tell(kind, name, set.filter_map(|change| Some((change.key, change.value?))));
        }
        Ok(())
    }

    /// Replaces all configs of one resource, or only says whether that could be done.
    ///
    /// # Errors
    /// Kafka's, see the planning function.
    pub fn replace_configs(
        &mut self,
        kind: ResourceKind,
        name: &str,
        configs: &[(&str, &str)],
        validate_only: bool,
    ) -> Result<(), ApiError> {
        let config = self.shared.config();
        let plan = replace_configs(&self.shared.image(), &config, kind, name, configs)?;
        if self.put_configs(&plan, kind, name, validate_only)? {
            effects::changed(kind, name, configs.iter().map(|(key, _)| *key));
            effects::tell(kind, name, configs.iter().copied());
        }
        Ok(())
    }

    /// True once it is done, and not only planned.
    fn put_configs(
        &mut self,
        plan: &Plan,
        kind: ResourceKind,
        name: &str,
        validate_only: bool,
    ) -> Result<bool, ApiError> {
        if validate_only {
            return Ok(false);
        }
        self.commit(plan)?;
        match kind {
            ResourceKind::Topic => self.reconfigure(name),
            ResourceKind::Broker => self.shared.apply_dynamic_config(),
            ResourceKind::Group => self.shared.apply_group_settings(),
            _ => {}
        }
        Ok(true)
    }

    fn reconfigure(&self, name: &str) {
        self.shared.apply_topic_config(name);
    }

    /// Reserves the next block of producer ids and returns the first id of it.
    ///
    /// # Errors
    /// When the metadata log cannot be written.
    pub fn next_producer_id(&mut self) -> Result<i64, ApiError> {
        if let Some(id) = self.shared.producer_ids.take() {
            return Ok(id); // An earlier job brought the block already.
        }
        let start = self.shared.image().next_producer_id();
        let exhausted = || ApiError::plain(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        let next_producer_id = start.checked_add(BLOCK).ok_or_else(exhausted)?;
        let mut plan = Plan::default();
        plan.push(&MetadataRecord::ProducerIdsRecord(ProducerIdsRecord {
            broker_id: self.shared.node.node_id,
            broker_epoch: self.broker_epoch.unwrap_or(-1),
            next_producer_id,
        }));
        self.commit(&plan)?;
        // A power cut must not have ids given out twice: then idempotence would drop records of one
        // producer for those of another.
        self.metadata.flush().map_err(storage_error)?;
        self.shared.producer_ids.refill(start..next_producer_id);
        self.shared
            .producer_ids
            .take()
            .ok_or_else(|| ApiError::plain(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS))
    }

    /// Appends records and replays them: the only way in which metadata changes.
    pub(super) fn commit(&mut self, plan: &Plan) -> Result<(), ApiError> {
        self.metadata.append(plan, now_ms()).map_err(storage_error)?;
        let mut image = self.shared.image.write().unwrap_or_else(PoisonError::into_inner);
        replay_plan(&mut image, plan);
        self.shared.metadata_end.store(self.metadata.next_offset(), Ordering::Relaxed);
        drop(image);
        self.note_recovery_point();
        Ok(())
    }

    /// Notes how far the metadata is on the disk; what lies below must be there at the next start.
    fn note_recovery_point(&self) {
        let offset = self.metadata.recovery_point();
        self.shared.checkpoints.set(Kind::RecoveryPoint, CLUSTER_METADATA, 0, offset);
    }
}

fn storage_error(why: AppendError) -> ApiError {
    ::log::error!(error:% = why; "the metadata log cannot be written");
    ApiError::new(ErrorCode::KAFKA_STORAGE_ERROR, why.to_string())
}

/// Replays records that planning made a moment ago; that they fit is an invariant.
pub(super) fn replay_plan(image: &mut Image, plan: &Plan) {
    for record in &plan.records {
        let decoded = MetadataRecord::decode(record).map_err(|why| why.to_string());
        let replayed =
            decoded.and_then(|record| image.replay(&record).map_err(|why| why.to_string()));
        assert!(replayed.is_ok(), "a planned record does not fit: {replayed:?}");
    }
}
