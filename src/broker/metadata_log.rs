//! The metadata log, `__cluster_metadata-0`: the one place where metadata changes are kept.
//!
//! Records are Kafka's KRaft records. On a single node an append commits at once: it is in the
//! page cache, which survives a crash of the process. The catalog's image is what replaying this
//! log from its start gives, nothing else.

use std::sync::Arc;

use super::StartError;
use super::data_dir::DataDir;
use super::opener::tell_losses;
use crate::catalog::{Image, Plan};
use crate::config::TopicConfig;
use crate::log::{AppendError, Bound, Damage, Flusher, Keepers, Log, LogError, Recovery};
use crate::wire::metadata_records::MetadataRecord;
use crate::wire::records::{Batch, BatchBuilder};

/// The directory of the log's only partition.
pub const DIRECTORY: &str = "__cluster_metadata-0";
/// A single node is a quorum of one that never holds an election.
const EPOCH: i32 = 1;
/// The most bytes that the records of one batch may take when opened.
const MAX_BATCH: usize = 64 << 20;
/// How much is read at a time when the log is replayed.
const READ_BYTES: u32 = 1 << 20;

/// The metadata log, open for appending.
pub struct MetadataLog {
    log: Log,
    temporary: bool,
}

impl MetadataLog {
    /// Opens or makes the log below `data_dir` and replays it. An end that a crash left unfinished
    /// is cut off; a log that is damaged elsewhere is not touched: with the catalog, topics would go.
    ///
    /// # Errors
    /// When the log cannot be opened, is damaged, or what it says makes no sense.
    pub fn open(
        data_dir: &DataDir,
        recovery: Recovery,
        keepers: Keepers,
    ) -> Result<(Self, Image), StartError> {
        let dir = data_dir.path().join(DIRECTORY);
        let config = Arc::new(TopicConfig::default());
        let log = if dir.exists() {
            if let Some(damage) = Damage::find(&dir).map_err(StartError::Log)? {
                return Err(StartError::Metadata(dir, damage.to_string()));
            }
            let opened = Log::open(dir.clone(), config, recovery, keepers);
            opened.map(|(log, report)| {
                tell_losses(&dir, &report);
                log
            })
        } else if let Some(partition) = data_dir.any_partition() {
            // Without it every partition would be nobody's.
            let why = format!("it is missing, although there is the partition {partition}");
            return Err(StartError::Metadata(dir, why));
        } else {
            Log::create(dir.clone(), config, keepers)
        };
        let log = log.map_err(StartError::Log)?;
        log.advance_high_watermark(log.offsets().log_end);
        let image = replay(&log).map_err(|why| StartError::Metadata(dir, why))?;
        Ok((Self { log, temporary: data_dir.is_temporary() }, image))
    }

    /// Appends the records of a plan as one batch: all of them survive a crash, or none.
    ///
    /// # Errors
    /// When there is no space; nothing is appended then.
    pub fn append(&self, plan: &Plan, now_ms: i64) -> Result<(), AppendError> {
        if plan.is_empty() {
            return Ok(());
        }
        let mut batch = BatchBuilder::new();
        for record in &plan.records {
            batch.append(now_ms, None, Some(record), &[]);
        }
        let appended = self.log.append_internal(&batch.finish(), EPOCH)?;
        if appended.flush_to.is_some() {
            self.flush()?;
        }
        self.log.advance_high_watermark(appended.next_offset);
        Ok(())
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
    pub fn set_flush(&self, messages: i64) {
        let config = TopicConfig { flush_messages: messages, ..TopicConfig::default() };
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

fn replay(log: &Log) -> Result<Image, String> {
    let mut image = Image::new();
    let mut offset = log.offsets().log_start;
    loop {
        let read =
            log.read(offset, READ_BYTES, true, Bound::LogEnd).map_err(|why| why.to_string())?;
        let Some(range) = read.range else { return Ok(image) };
        let mut bytes = range.bytes().ok_or("the log is not mapped")?;
        while !bytes.is_empty() {
            let (batch, rest) =
                Batch::parse(bytes).map_err(|why| format!("at offset {offset}: {why}"))?;
            replay_batch(&mut image, &batch).map_err(|why| format!("at offset {offset}: {why}"))?;
            offset = batch.next_offset();
            bytes = rest;
        }
    }
}

fn replay_batch(image: &mut Image, batch: &Batch<'_>) -> Result<(), String> {
    if batch.attributes().is_control() {
        return Ok(()); // Of the quorum itself: leader changes, snapshot headers.
    }
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, MAX_BATCH).map_err(|why| why.to_string())?;
    for record in records {
        let record = record.map_err(|why| why.to_string())?;
        let value = record.value.ok_or("a record without a value")?;
        let decoded = MetadataRecord::decode(value).map_err(|why| why.to_string())?;
        image.replay(&decoded).map_err(|why| why.to_string())?;
    }
    Ok(())
}
