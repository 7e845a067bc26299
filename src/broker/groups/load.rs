//! A shard out of its log (Kafka's `CoordinatorLoaderImpl`).
//!
//! Everything is replayed from the log's start. Records of a transaction count when its commit comes,
//! and never if it is aborted; markers carry none. A record of a kind that has no meaning here stays in
//! the log and changes nothing; one of a known kind that cannot be read is damage.

use crate::catalog::Partition;
use crate::coordinator::groups::{Record, Shard};
use crate::log::Bound;
use crate::wire::group_records::GroupKey;
use crate::wire::records::{Batch, Batches};
use std::collections::HashMap;

/// Bytes that are read at once.
const READ: u32 = 4 << 20;
/// A compressed batch of coordinator records takes no more than this.
const MAX_UNCOMPRESSED: usize = 256 << 20;

/// The shard of a partition.
///
/// # Errors
/// Why it cannot be had, in words.
pub(super) fn load(partition: &Partition) -> Result<Shard, String> {
    let log = partition.log().ok_or("the partition is offline")?;
    let mut loading = Loading::default();
    let mut offset = log.offsets().log_start;
    loop {
        let read = log.read(offset, READ, true, Bound::LogEnd).map_err(|why| why.to_string())?;
        let Some(range) = read.range else { break };
        let bytes = range.bytes().ok_or("a page of it cannot be read")?;
        for batch in Batches::new(bytes) {
            let batch = batch.map_err(|why| format!("offset {offset}: {why}"))?;
            offset = batch.header().next_offset();
            loading.batch(&batch).map_err(|why| format!("before offset {offset}: {why}"))?;
        }
        if !range.region.is_intact() {
            return Err("a page of it could not be read".to_owned());
        }
    }
    if loading.unknown > 0 {
        let (topic, index, count) = (&partition.topic, partition.index, loading.unknown);
        ::log::warn!("{topic}-{index}: {count} records are of kinds that have no meaning here");
    }
    Ok(loading.shard)
}

#[derive(Default)]
struct Loading {
    shard: Shard,
    /// Records of transactions that are open, by producer.
    open: HashMap<i64, Vec<Record>>,
    unknown: u64,
    scratch: Vec<u8>,
}

impl Loading {
    fn batch(&mut self, batch: &Batch<'_>) -> Result<(), String> {
        let header = batch.header();
        if batch.attributes().is_control() {
            return self.end_transaction(batch, header.producer_id);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let records = batch.records(&mut scratch, MAX_UNCOMPRESSED);
        for record in records.map_err(|why| why.to_string())? {
            let record = record.map_err(|why| why.to_string())?;
            let Some(key) = record.key else { continue };
            if batch.attributes().is_transactional() {
                let (key, value) = (key.to_vec(), record.value.map(<[u8]>::to_vec));
                self.open.entry(header.producer_id).or_default().push(Record { key, value });
            } else {
                self.replay(key, record.value)?;
            }
        }
        self.scratch = scratch;
        Ok(())
    }

    fn end_transaction(&mut self, batch: &Batch<'_>, producer: i64) -> Result<(), String> {
        let records = self.open.remove(&producer).unwrap_or_default();
        if !crate::log::is_commit(batch.as_bytes()) {
            return Ok(());
        }
        records.iter().try_for_each(|record| self.replay(&record.key, record.value.as_deref()))
    }

    fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        match GroupKey::decode(key) {
            Ok(GroupKey::Other(_)) => self.unknown += 1,
            Ok(_) => self.shard.replay(key, value).map_err(|why| why.to_string())?,
            Err(why) => return Err(why.to_string()),
        }
        Ok(())
    }
}
