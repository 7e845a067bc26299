//! A shard out of its log (Kafka's `CoordinatorLoaderImpl`).
//!
//! Everything is replayed from the log's start, markers of transactions too: Kafka's producers commit offsets in
//! transactions, and one may be open still. Groups of kinds that are not served here are known by name, and stay as
//! they are. A record of a type that has no meaning here stays in the log and changes nothing; one of a known type
//! that cannot be read is damage.

use crate::catalog::Partition;
use crate::coordinator::groups::Shard;
use crate::log::Bound;
use crate::wire::group_records::GroupKey;
use crate::wire::records::{Batch, Batches, NO_PRODUCER_ID};

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
        ::log::warn!(
            partition:% = partition.name(), records = loading.unknown;
            "records are of kinds that have no meaning here"
        );
    }
    let open = loading.shard.open_transactions();
    if open > 0 {
        // Nobody here ends them.
        ::log::warn!(
            partition:% = partition.name(), transactions = open;
            "transactions have committed offsets and are not over: consumers that ask for stable \
             offsets of these partitions, as Java's do, wait until Apache Kafka has ended them on \
             this directory, or until the offsets are deleted (kafka-consumer-groups \
             --delete-offsets)"
        );
    }
    Ok(loading.shard)
}

#[derive(Default)]
struct Loading {
    shard: Shard,
    unknown: u64,
    scratch: Vec<u8>,
}

impl Loading {
    fn batch(&mut self, batch: &Batch<'_>) -> Result<(), String> {
        let header = batch.header();
        if batch.attributes().is_control() {
            // Of other kinds there is nothing to know.
            if let Some(is_commit) = crate::log::marker_commits(batch.as_bytes()) {
                self.shard.replay_end_of_transaction(header.producer_id, is_commit);
            }
            return Ok(());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let records = batch.records(&mut scratch, MAX_UNCOMPRESSED);
        for record in records.map_err(|why| why.to_string())? {
            let record = record.map_err(|why| why.to_string())?;
            let Some(key) = record.key else { continue };
            let at = header.base_offset + i64::from(record.offset_delta);
            self.replay(header.producer_id, at, key, record.value)?;
        }
        self.scratch = scratch;
        Ok(())
    }

    fn replay(
        &mut self,
        producer: i64,
        at: i64,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), String> {
        let replayed = match GroupKey::decode(key) {
            Ok(GroupKey::Other(_)) => {
                self.unknown += 1;
                Ok(())
            }
            Ok(_) if producer == NO_PRODUCER_ID => self.shard.replay(key, value),
            Ok(_) => self.shard.replay_of_transaction(producer, at, key, value),
            Err(why) => Err(why),
        };
        replayed.map_err(|why| why.to_string())
    }
}
