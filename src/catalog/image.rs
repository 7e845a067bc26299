//! The metadata image: topics, partitions, configs and producer ids as plain values, and whatever
//! else the metadata log says, kept as it is.
//!
//! It changes only by [`Image::replay`], record by record, in the order of the metadata log; so what
//! a restart rebuilds is what was there. Record semantics are those of Kafka's image
//! (`TopicsDelta`, `PartitionRegistration.merge`, `ConfigurationsDelta`, `ProducerIdsDelta`).

mod kept;
mod partition;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

pub use partition::PartitionImage;

use kept::Kept;

use crate::wire::metadata_records::{
    self as records, ClearElrRecord, ClientQuotaRecord, ConfigRecord, MetadataRecord,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RemoveTopicRecord, TopicRecord, UserScramCredentialRecord,
};
use crate::wire::uuid::Uuid;

/// The kind of thing a config belongs to, with Kafka's codes (`ConfigResource.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ResourceKind {
    /// A topic, by name.
    Topic = 2,
    /// A broker, by node id, or all brokers with the empty name.
    Broker = 4,
    /// The loggers of a broker.
    BrokerLogger = 8,
    /// A client-metrics subscription.
    ClientMetrics = 16,
    /// A consumer group.
    Group = 32,
}

impl ResourceKind {
    /// The kind with this code of the protocol, if there is one.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Topic, Self::Broker, Self::BrokerLogger, Self::ClientMetrics, Self::Group]
            .into_iter()
            .find(|kind| *kind as i8 == code)
    }
}

/// One topic's registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicImage {
    /// The topic's name.
    pub name: Arc<str>,
    /// The id that tells this topic from an earlier or later one with the same name.
    pub id: Uuid,
    /// By partition index, without gaps.
    pub partitions: Vec<PartitionImage>,
}

/// A metadata record that cannot follow what was replayed before it: the metadata log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayError(pub String);

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata log contradicts itself: {}", self.0)
    }
}

impl std::error::Error for ReplayError {}

/// Everything that the metadata log says, as of the last record replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    topics: BTreeMap<Arc<str>, TopicImage>,
    names: HashMap<Uuid, Arc<str>>,
    /// Collision key to name, so that a new `a_b` beside `a.b` is refused without a scan.
    collisions: HashMap<String, Arc<str>>,
    configs: BTreeMap<(ResourceKind, Arc<str>), BTreeMap<String, String>>,
    features: BTreeMap<String, i16>,
    kept: Kept,
    next_producer_id: i64,
    partition_count: usize,
}

impl Image {
    /// An image without topics.
    pub fn new() -> Self {
        Self::default()
    }

    /// The topic with this name.
    pub fn topic(&self, name: &str) -> Option<&TopicImage> {
        self.topics.get(name)
    }

    /// The topic with this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&TopicImage> {
        self.topics.get(self.names.get(&id)?)
    }

    /// All topics, in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.topics.values()
    }

    /// Topics from this name on (inclusive), in the order of their names.
    pub fn topics_from<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a TopicImage> {
        let start = std::ops::Bound::Included(name);
        self.topics.range::<str, _>((start, std::ops::Bound::Unbounded)).map(|(_, topic)| topic)
    }

    /// The number of partitions of all topics.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// The topic whose name differs from this one only in `.` and `_`, if it is another topic.
    pub fn colliding(&self, name: &str) -> Option<&Arc<str>> {
        self.collisions.get(&super::collision_key(name)).filter(|other| &***other != name)
    }

    /// The configs that were set for a resource; empty if none.
    pub fn configs(&self, kind: ResourceKind, name: &str) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.configs.get(&(kind, Arc::from(name))).unwrap_or(&NONE)
    }

    /// What has been set for all things of one kind, by name.
    pub fn all_configs(
        &self,
        kind: ResourceKind,
    ) -> impl Iterator<Item = (&Arc<str>, &BTreeMap<String, String>)> {
        let first = (kind, Arc::from(""));
        let of_kind = self.configs.range(first..).take_while(move |((own, _), _)| *own == kind);
        of_kind.map(|((_, name), configs)| (name, configs))
    }

    /// The finalized level of each feature with a level other than 0.
    pub fn features(&self) -> &BTreeMap<String, i16> {
        &self.features
    }

    /// The level of `metadata.version`: which versions of records may be written.
    pub fn level(&self) -> i16 {
        self.features.get(records::METADATA_VERSION).copied().unwrap_or(records::NEWEST_LEVEL)
    }

    /// The ids of all brokers that are registered.
    pub fn broker_ids(&self) -> impl Iterator<Item = i32> {
        self.kept.broker_ids()
    }

    /// A broker's registration.
    pub fn broker(&self, id: i32) -> Option<RegisterBrokerRecord<'_>> {
        self.kept.broker(id)
    }

    /// The quotas, those of one entity beside each other.
    pub fn quotas(&self) -> impl Iterator<Item = ClientQuotaRecord<'_>> {
        self.kept.quota_records()
    }

    /// The SCRAM credentials.
    pub fn scram_credentials(&self) -> impl Iterator<Item = UserScramCredentialRecord<'_>> {
        self.kept.scram_credentials()
    }

    /// The first producer id that no block holds yet.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Applies one record.
    ///
    /// # Errors
    /// When the record cannot follow what was replayed before. The image is unchanged then.
    pub fn replay(&mut self, record: &MetadataRecord<'_>) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::TopicRecord(record) => self.replay_topic(record),
            MetadataRecord::PartitionRecord(record) => self.replay_partition(record),
            MetadataRecord::PartitionChangeRecord(record) => self.replay_partition_change(record),
            MetadataRecord::RemoveTopicRecord(record) => self.replay_remove_topic(record),
            MetadataRecord::ConfigRecord(record) => self.replay_config(record),
            MetadataRecord::ProducerIdsRecord(record) => self.replay_producer_ids(record),
            MetadataRecord::FeatureLevelRecord(record) => {
                match record.feature_level {
                    0 => self.features.remove(record.name),
                    level => self.features.insert(record.name.to_owned(), level),
                };
                Ok(())
            }
            MetadataRecord::ClearElrRecord(record) => self.replay_clear_elr(record),
            other => self.kept.replay(other),
        }
    }

    fn replay_topic(&mut self, record: &TopicRecord<'_>) -> Result<(), ReplayError> {
        if self.topics.contains_key(record.name) || self.names.contains_key(&record.topic_id) {
            return Err(ReplayError(format!(
                "topic {} ({}) exists already",
                record.name, record.topic_id
            )));
        }
        let name: Arc<str> = Arc::from(record.name);
        let topic = TopicImage { name: name.clone(), id: record.topic_id, partitions: Vec::new() };
        self.names.insert(topic.id, name.clone());
        self.collisions.insert(super::collision_key(&name), name.clone());
        self.topics.insert(name, topic);
        Ok(())
    }

    fn topic_mut(&mut self, id: Uuid) -> Result<&mut TopicImage, ReplayError> {
        let topic = self.names.get(&id).and_then(|name| self.topics.get_mut(name));
        topic.ok_or_else(|| ReplayError(format!("there is no topic with id {id}")))
    }

    fn replay_partition(&mut self, record: &PartitionRecord<'_>) -> Result<(), ReplayError> {
        let topic = self.topic_mut(record.topic_id)?;
        let partition = PartitionImage::new(record);
        let index = usize::try_from(record.partition_id).unwrap_or(usize::MAX);
        match index.cmp(&topic.partitions.len()) {
            std::cmp::Ordering::Less => topic.partitions[index] = partition,
            std::cmp::Ordering::Equal => {
                topic.partitions.push(partition);
                self.partition_count += 1;
            }
            std::cmp::Ordering::Greater => {
                let (name, have) = (&topic.name, topic.partitions.len());
                return Err(ReplayError(format!(
                    "partition {name}-{} follows {have} partitions",
                    record.partition_id
                )));
            }
        }
        Ok(())
    }

    fn replay_partition_change(
        &mut self,
        record: &PartitionChangeRecord<'_>,
    ) -> Result<(), ReplayError> {
        let topic = self.topic_mut(record.topic_id)?;
        let index = usize::try_from(record.partition_id).unwrap_or(usize::MAX);
        let name = topic.name.clone();
        let Some(partition) = topic.partitions.get_mut(index) else {
            return Err(ReplayError(format!(
                "there is no partition {name}-{}",
                record.partition_id
            )));
        };
        partition.merge(record);
        Ok(())
    }

    /// One topic's, or with an empty name everybody's.
    fn replay_clear_elr(&mut self, record: &ClearElrRecord<'_>) -> Result<(), ReplayError> {
        let name = record.topic_name;
        if !name.is_empty() && !self.topics.contains_key(name) {
            return Err(ReplayError(format!("there is no topic {name}")));
        }
        let meant = |topic: &&mut TopicImage| name.is_empty() || *topic.name == *name;
        for topic in self.topics.values_mut().filter(meant) {
            topic.partitions.iter_mut().for_each(PartitionImage::clear_eligible);
        }
        Ok(())
    }

    fn replay_remove_topic(&mut self, record: &RemoveTopicRecord) -> Result<(), ReplayError> {
        let missing = || ReplayError(format!("there is no topic with id {}", record.topic_id));
        let name = self.names.remove(&record.topic_id).ok_or_else(missing)?;
        let topic = self.topics.remove(&name).ok_or_else(missing)?;
        self.partition_count -= topic.partitions.len();
        self.collisions.remove(&super::collision_key(&name));
        self.configs.remove(&(ResourceKind::Topic, name));
        Ok(())
    }

    fn replay_config(&mut self, record: &ConfigRecord<'_>) -> Result<(), ReplayError> {
        let Some(kind) = ResourceKind::from_code(record.resource_type) else {
            return Err(ReplayError(format!(
                "config resource type {} is unknown",
                record.resource_type
            )));
        };
        let key = (kind, Arc::from(record.resource_name));
        match record.value {
            Some(value) => {
                self.configs
                    .entry(key)
                    .or_default()
                    .insert(record.name.to_owned(), value.to_owned());
            }
            None => {
                if let Some(configs) = self.configs.get_mut(&key) {
                    configs.remove(record.name);
                    if configs.is_empty() {
                        self.configs.remove(&key);
                    }
                }
            }
        }
        Ok(())
    }

    fn replay_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ReplayError> {
        if record.next_producer_id <= self.next_producer_id {
            let (next, have) = (record.next_producer_id, self.next_producer_id);
            return Err(ReplayError(format!("producer ids go back from {have} to {next}")));
        }
        self.next_producer_id = record.next_producer_id;
        Ok(())
    }
}
