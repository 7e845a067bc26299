//! The metadata log, `__cluster_metadata-0`: the one place where metadata changes are kept.
//!
//! Records are Kafka's KRaft records, the files are Kafka's: either broker opens what the other one
//! left. A quorum of one commits what it appends: it is in the page cache, which survives a crash of
//! the process. The image is what replaying the latest snapshot and the log after it gives, nothing
//! else. All of it is read and judged before the first byte is changed.

mod batches;
mod bootstrap;
mod existing;
#[cfg(test)]
mod life_tests;
mod quorum_state;
mod quorum_view;
#[cfg(test)]
mod refusal_tests;
mod replay;
mod settings;
mod snapshot;
mod snapshot_files;
mod snapshots;
mod stored_settings;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use settings::Settings;
use snapshots::Unsnapshotted;

use super::StartError;
use super::data_dir::DataDir;
use super::opener::tell_losses;
use super::shared::now_ms;
use crate::catalog::{Image, NodeView, Plan};
use crate::config::{Config, TopicConfig};
use crate::log::{AppendError, Flusher, Keepers, Log, LogError};
use crate::wire::metadata_records::{AbortTransactionRecord, TRANSACTION_LEVEL};
use crate::wire::quorum_records::{
    ControlRecord, KRaftVersionRecord, LeaderChangeMessage, LeaderVoter, VotersRecord,
};
use existing::Existing;
pub use existing::Left;
pub use quorum_view::QuorumView;
use replay::Quorum;
pub use stored_settings::{StoredSettings, stored_settings};

/// The directory of the log's only partition.
pub const DIRECTORY: &str = "__cluster_metadata-0";

/// Where the metadata log is missing there may be no partitions: every one of them would be nobody's.
fn check_new(data_dir: &Path) -> Result<(), StartError> {
    let missing = |partition| {
        let why = format!("it is missing, although there is the partition {partition}");
        Err(StartError::Metadata(data_dir.join(DIRECTORY), why))
    };
    DataDir::any_partition(data_dir).map_or(Ok(()), missing)
}

/// The metadata log, open for appending.
pub struct MetadataLog {
    log: Arc<Log>,
    data: PathBuf,
    dir: PathBuf,
    node: NodeView,
    settings: Settings,
    quorum: Quorum,
    /// A transaction of metadata was begun and never ended.
    open_transaction: bool,
    unsnapshotted: Unsnapshotted,
    /// The end of what says that this node's epoch began; 0 in a new log, where nothing is before it.
    begun: i64,
    temporary: bool,
}

impl MetadataLog {
    /// Opens or makes the log below `data_dir` and replays it. An end that a crash left unfinished
    /// is cut off; a log that is damaged elsewhere, or that is not for this node alone, is not
    /// touched.
    ///
    /// # Errors
    /// When the log cannot be opened, is damaged, or what it says makes no sense here.
    pub fn open(
        data_dir: &DataDir,
        config: &Config,
        left: Left,
        keepers: Keepers,
    ) -> Result<(Self, Image), StartError> {
        let dir = data_dir.path().join(DIRECTORY);
        let (data, meta) = (data_dir.path().to_owned(), data_dir.meta());
        let node = NodeView { node_id: meta.node_id, directory_id: meta.directory_id };
        let settings = Settings::of(config);
        let broken = |why| StartError::Metadata(dir.clone(), why);
        let (log, found) = if dir.exists() {
            let found = Existing::read(&dir, left)?;
            found.check(node).map_err(|why| StartError::Foreign(dir.clone(), why))?;
            found.prepare(&dir).map_err(|why| StartError::Io(dir.clone(), why))?;
            let opened =
                Log::open(dir.clone(), Arc::new(settings.of_log()), left.recovery, keepers);
            let (log, report) = opened.map_err(StartError::Log)?;
            tell_losses(&dir, &report);
            (log, found)
        } else {
            check_new(data_dir.path())?;
            let log = Log::create(dir.clone(), Arc::new(settings.of_log()), keepers);
            (log.map_err(StartError::Log)?, Existing::default())
        };
        let end = log.offsets().log_end;
        if end != found.next_offset {
            let read = found.next_offset;
            return Err(broken(format!("it ends at offset {end}, but {read} was read from it")));
        }
        log.advance_high_watermark(end);
        let metadata = Self {
            log: Arc::new(log),
            data,
            dir,
            node,
            settings,
            open_transaction: found.open_transaction,
            unsnapshotted: found.unsnapshotted(),
            quorum: found.replay.quorum,
            begun: 0,
            temporary: data_dir.is_temporary(),
        };
        Ok((metadata, found.replay.image))
    }

    /// Begins this node's leadership: a new epoch, and in a new directory the first metadata, which
    /// it gives for the image. To be called once, before anything else is appended.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn lead(&mut self, image: &Image, config: &Config) -> Result<Plan, StartError> {
        let now = now_ms();
        let dir = self.dir.clone();
        let io = |why| StartError::Io(dir.clone(), why);
        let known = self.quorum.kraft_version.is_some() || !self.quorum.voter_ids.is_empty();
        let first = match known && !image.features().is_empty() {
            true => bootstrap::First::default(),
            false => bootstrap::First::find(&self.data).map_err(io)?,
        };
        if !known {
            self.quorum = first.quorum(config, self.node);
        }
        if !known && !first.is_given() {
            let keep = !self.temporary;
            let written = bootstrap::write_files(&self.data, &self.dir, &self.quorum, now, keep);
            written.map_err(io)?;
        }
        let level = self.quorum.kraft_version.unwrap_or(0);
        let exhausted = || StartError::Metadata(dir.clone(), "its epochs are used up".to_owned());
        self.quorum.epoch = self.quorum.epoch.checked_add(1).ok_or_else(exhausted)?;
        let (epoch, node) = (self.quorum.epoch, self.node.node_id);
        quorum_state::store(&self.dir, level, epoch, node)?;
        let election = |why: AppendError| StartError::Election(dir.clone(), why.to_string());
        self.append_leader_change(level, now).map_err(election)?;
        let mut plan = Plan::over(image);
        if self.open_transaction && image.level() >= TRANSACTION_LEVEL {
            let reason = Some("its end was never written");
            plan.push(&AbortTransactionRecord { reason }.into());
            self.append(&plan, now).map_err(election)?;
            plan = Plan::over(image);
        }
        if image.features().is_empty() {
            plan = first.records(config);
            self.append(&plan, now).map_err(election)?;
        }
        Ok(plan)
    }

    /// The first record of the epoch; in a new log the voters too (`LeaderState.java`).
    fn append_leader_change(&mut self, level: i16, now: i64) -> Result<(), AppendError> {
        let voter = [LeaderVoter { voter_id: self.node.node_id, ..Default::default() }];
        let mut records = vec![ControlRecord::from(LeaderChangeMessage {
            leader_id: self.node.node_id,
            voters: (&voter).into(),
            granting_voters: (&voter).into(),
            ..Default::default()
        })];
        let voters: Option<VotersRecord<'_>> = snapshot::voters(&self.quorum);
        if let Some(voters) = voters.filter(|_| level > 0 && !self.quorum.in_log) {
            let version = KRaftVersionRecord { k_raft_version: level, ..Default::default() };
            records.push(version.into());
            records.push(voters.into());
        }
        let batch = batches::control(0, self.quorum.epoch, now, &records);
        let offset = self.append_batch(&batch, now)?;
        if offset > 0 {
            self.begun = self.log.offsets().log_end;
        }
        self.quorum.in_log = true;
        Ok(())
    }

    /// Appends the records of a plan as one batch: all of them survive a crash, or none. Gives the
    /// offset of the first.
    ///
    /// # Errors
    /// When there is no space; nothing is appended then.
    pub fn append(&mut self, plan: &Plan, now_ms: i64) -> Result<i64, AppendError> {
        if plan.is_empty() {
            return Ok(self.log.offsets().log_end);
        }
        let frames = plan.records.iter().map(Vec::as_slice);
        let batch = batches::metadata(0, self.quorum.epoch, now_ms, frames);
        self.unsnapshotted.add(batch.len());
        self.append_batch(&batch, now_ms)
    }

    fn append_batch(&mut self, batch: &[u8], now_ms: i64) -> Result<i64, AppendError> {
        // A power cut may leave a hole where several batches were on their way to the disk. The next
        // start cuts the log there if it can tell whose they were: where the epoch began.
        if self.log.flushed_offset() < self.begun {
            self.flush()?;
        }
        let appended = self.log.append_internal(batch, self.quorum.epoch)?;
        if appended.flush_to.is_some() {
            self.flush()?;
        }
        self.log.advance_high_watermark(appended.next_offset);
        self.quorum.timestamp = now_ms;
        Ok(appended.base_offset)
    }

    /// The offset that the next record gets.
    pub fn next_offset(&self) -> i64 {
        self.log.offsets().log_end
    }

    /// Everything below is on the disk.
    pub fn recovery_point(&self) -> i64 {
        self.log.recovery_point()
    }

    /// Sees to it that the log is on the disk by its name and with its first records: before there is
    /// anything that would be nobody's without it. Blocks, in a new data directory, once.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn be_there(&self) -> Result<(), AppendError> {
        if self.log.flushed_offset() == 0 { self.flush() } else { Ok(()) }
    }

    /// Brings all records to the disk. Blocks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&self) -> Result<(), AppendError> {
        if self.temporary {
            return Ok(());
        }
        match self.log.flush() {
            Ok(_) => Ok(()),
            Err(LogError::Storage(why)) => Err(AppendError::Storage(why)),
            Err(why) => Err(AppendError::Closed(why.to_string())),
        }
    }

    /// Partitions' records count as flushed only with this log's.
    pub fn guard(&self, flusher: &Flusher) {
        flusher.set_catalog(&self.log);
    }

    /// After how many records an append waits for the disk (`log.flush.interval.messages`).
    pub fn set_flush(&self, flush_messages: i64) {
        let config = TopicConfig { flush_messages, ..self.settings.of_log() };
        self.log.set_config(Arc::new(config));
    }

    /// Closes the log cleanly, unless its directory is about to be removed.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn close(&self) -> Result<(), crate::log::LogError> {
        if self.temporary { Ok(()) } else { self.log.close() }
    }
}
