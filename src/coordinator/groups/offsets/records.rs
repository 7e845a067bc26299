//! Offset records, and how many of them go into one append.

use super::super::{Record, World};
use crate::wire::error::ErrorCode;
use crate::wire::group_records::{GroupKey, OffsetCommitKey, OffsetCommitValue};

/// What a batch takes beside its records, and each record beside its key and value, at most.
const BATCH_OVERHEAD: usize = 61;
const RECORD_OVERHEAD: usize = 32;
/// Records of a part: they are written and replayed in about a millisecond.
const PART: usize = 1000;

/// A value with an end of its own: the one version that has it.
const WITH_END: i16 = 1;

/// Records for one append. They fit into a batch, so that it is refused before it has grown.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    left: usize,
    most: usize,
}

impl Batch {
    pub(super) fn new(world: &World<'_>) -> Batch {
        Batch {
            records: Vec::new(),
            left: world.settings.max_append.saturating_sub(BATCH_OVERHEAD),
            most: usize::MAX,
        }
    }

    /// A part of something long: others have their turn after it.
    pub(super) fn part(world: &World<'_>) -> Batch {
        Batch { most: PART, ..Batch::new(world) }
    }

    /// Adds records, all or none; false if there is no room. The first ones always find room: where
    /// not even they fit, it is the log that refuses them.
    pub(super) fn add(&mut self, records: Vec<Record>) -> bool {
        let fits = self.take_room(records.iter().map(size).sum(), records.len());
        if fits {
            self.records.extend(records);
        }
        fits
    }

    /// The same for a request, which is refused if it needs more than one batch.
    pub(super) fn add_or_refuse(&mut self, record: Record) -> Result<(), ErrorCode> {
        if !self.take_room(size(&record), 1) {
            // As a record list that is too large is answered.
            return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
        }
        self.records.push(record);
        Ok(())
    }

    fn take_room(&mut self, size: usize, count: usize) -> bool {
        let fits = size <= self.left && self.records.len() + count <= self.most;
        if !fits && !self.records.is_empty() {
            return false;
        }
        self.left = self.left.saturating_sub(size);
        true
    }
}

fn size(record: &Record) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, Vec::len) + RECORD_OVERHEAD
}

pub(super) fn key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    GroupKey::OffsetCommit(OffsetCommitKey { group, topic, partition }).to_bytes()
}

pub(super) fn commit(
    group: &str,
    topic: &str,
    partition: i32,
    value: &OffsetCommitValue<'_>,
) -> Record {
    let value = match value.expire_timestamp {
        -1 => value.to_bytes(),
        _ => value.to_bytes_at(WITH_END),
    };
    Record { key: key(group, topic, partition), value: Some(value) }
}

pub(super) fn tombstone(group: &str, topic: &str, partition: i32) -> Record {
    Record { key: key(group, topic, partition), value: None }
}
