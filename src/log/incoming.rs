//! A batch on its way into the log: what is known of it before it has a place there.

use super::error::AppendError;
use super::marker::{Marker, marker_of};
use super::producers::Origin;
use super::validate::{Patch, Validated};
use crate::wire::records::{BatchHeader, HEADER_LEN, MAGIC, patch};

/// A batch on its way into the log.
pub(super) struct Incoming<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) header: BatchHeader,
    pub(super) timestamps: Patch,
    pub(super) log_append_time_ms: i64,
    pub(super) leader_epoch: i32,
    pub(super) origin: Origin,
    pub(super) marker: Option<Marker>,
    pub(super) now_ms: i64,
}

impl<'b> Incoming<'b> {
    /// One that a client produced and that was validated.
    pub(super) fn of_client(
        batch: &'b Validated<'_>,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Incoming<'b> {
        Incoming {
            bytes: &batch.bytes,
            header: batch.header,
            timestamps: batch.timestamps,
            log_append_time_ms: batch.log_append_time_ms,
            leader_epoch,
            origin: Origin::Client,
            marker: None,
            now_ms,
        }
    }

    /// One that the broker itself built, control batches too.
    pub(super) fn internal(
        bytes: &'b [u8],
        leader_epoch: i32,
    ) -> Result<Incoming<'b>, AppendError> {
        let header = whole_batch(bytes)?;
        let marker = header.attributes.is_control().then(|| marker_of(bytes)).flatten();
        Ok(Incoming {
            bytes,
            header,
            timestamps: Patch::Keep,
            log_append_time_ms: -1,
            leader_epoch,
            origin: Origin::Coordinator,
            marker,
            // Such batches carry the time at which they were built; control of age is all it is for.
            now_ms: header.max_timestamp,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The batch's header where it begins at this offset.
    pub(super) fn header_at(&self, base_offset: i64) -> BatchHeader {
        BatchHeader { base_offset, max_timestamp: self.max_timestamp(), ..self.header }
    }

    /// The batch as it will be in the log: its header, and what follows it.
    pub(super) fn as_in_the_log(&self, offset: i64) -> ([u8; HEADER_LEN], &'b [u8]) {
        let Some((head, rest)) = self.bytes.split_first_chunk::<HEADER_LEN>() else {
            unreachable!("its header was read")
        };
        let mut head = *head;
        patch::set_leader_epoch(&mut head, self.leader_epoch);
        match self.timestamps {
            Patch::Keep => {}
            Patch::LogAppendTime(time) => patch::set_log_append_time(&mut head, time),
            Patch::MaxTimestamp(time) => patch::set_max_timestamp(&mut head, time),
        }
        patch::set_base_offset(&mut head, offset);
        (head, rest)
    }

    /// The batch's largest timestamp as it will be in the log.
    pub(super) fn max_timestamp(&self) -> i64 {
        match self.timestamps {
            Patch::Keep => self.header.max_timestamp,
            Patch::LogAppendTime(time) | Patch::MaxTimestamp(time) => time,
        }
    }
}

/// The header of bytes that are one batch and nothing else.
fn whole_batch(batch: &[u8]) -> Result<BatchHeader, AppendError> {
    let header = batch.first_chunk::<HEADER_LEN>().map(BatchHeader::read);
    let header = header.ok_or(AppendError::Malformed("shorter than a batch header"))?;
    if header.magic != MAGIC {
        return Err(AppendError::Malformed("its record format is not 2"));
    }
    if header.size() != batch.len() || header.last_offset_delta < 0 {
        return Err(AppendError::Malformed("its length is not that of the bytes"));
    }
    Ok(header)
}
