//! Batches for the metadata log and its snapshots.

use crate::wire::quorum_records::ControlRecord;
use crate::wire::records::BatchBuilder;

/// A control batch at `offset`.
pub fn control(offset: i64, epoch: i32, now_ms: i64, records: &[ControlRecord<'_>]) -> Vec<u8> {
    let batch = BatchBuilder::new().base_offset(offset).leader_epoch(epoch);
    let mut batch = batch.control(true);
    for record in records {
        let (key, value) = record.to_key_and_value();
        batch.append(now_ms, Some(&key), Some(&value), &[]);
    }
    batch.finish()
}

/// A batch of metadata records, given as frames, at `offset`.
pub fn metadata<'f>(
    offset: i64,
    epoch: i32,
    now_ms: i64,
    frames: impl IntoIterator<Item = &'f [u8]>,
) -> Vec<u8> {
    let mut batch = BatchBuilder::new().base_offset(offset).leader_epoch(epoch);
    for frame in frames {
        batch.append(now_ms, None, Some(frame), &[]);
    }
    batch.finish()
}
