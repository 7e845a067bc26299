//! A snapshot's bytes: the metadata as of one offset, in record batches (KIP-630,
//! `RecordsSnapshotWriter.java`, `RecordsSnapshotReader.java`).
//!
//! A control batch with the header and what the quorum says of itself, batches of records, a control
//! batch with the footer. Offsets count from 0; the epoch is that of the snapshot's own name. Without
//! the footer it is not one.

use super::batches;
use super::replay::{MAX_BATCH, Quorum, Replay};
use crate::catalog::Image;
use crate::wire::codec::{Message, Reader};
use crate::wire::quorum_records::{
    ControlRecord, KRaftVersionRecord, SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord,
};
use crate::wire::records::Batch;

/// Bytes of records in one batch; Kafka takes up to 8 MiB.
const BATCH_BYTES: usize = 1 << 20;

/// What a snapshot is named for: the offset after the last record that it stands for, and the epoch
/// of that record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    /// The offset at which the log goes on.
    pub offset: i64,
    /// The leader epoch of the record before it.
    pub epoch: i32,
}

/// The bytes of a snapshot.
pub fn encode(image: &Image, quorum: &Quorum, id: SnapshotId, now_ms: i64) -> Vec<u8> {
    let mut out = header(quorum, id, now_ms);
    let (mut offset, mut frames, mut size) = (header_len(quorum), Vec::<Vec<u8>>::new(), 0);
    let mut flush = |frames: &mut Vec<Vec<u8>>, out: &mut Vec<u8>| {
        if !frames.is_empty() {
            let each = frames.iter().map(Vec::as_slice);
            out.extend(batches::metadata(offset, id.epoch, now_ms, each));
            offset += frames.len() as i64;
            frames.clear();
        }
        offset
    };
    let level = image.level();
    image.write(|record| {
        let frame = record.to_bytes_at(level);
        size += frame.len();
        frames.push(frame);
        if size >= BATCH_BYTES {
            flush(&mut frames, &mut out);
            size = 0;
        }
    });
    let offset = flush(&mut frames, &mut out);
    let footer = ControlRecord::from(SnapshotFooterRecord::default());
    out.extend(batches::control(offset, id.epoch, now_ms, &[footer]));
    out
}

fn header(quorum: &Quorum, id: SnapshotId, now_ms: i64) -> Vec<u8> {
    let last_contained_log_timestamp = quorum.timestamp;
    let mut records =
        vec![SnapshotHeaderRecord { last_contained_log_timestamp, ..Default::default() }.into()];
    if let Some(k_raft_version) = quorum.kraft_version.filter(|level| *level > 0) {
        records.push(KRaftVersionRecord { k_raft_version, ..Default::default() }.into());
    }
    if let Some(voters) = voters(quorum) {
        records.push(voters.into());
    }
    batches::control(0, id.epoch, now_ms, &records)
}

fn header_len(quorum: &Quorum) -> i64 {
    let dynamic = quorum.kraft_version.is_some_and(|level| level > 0);
    1 + i64::from(dynamic) + i64::from(voters(quorum).is_some())
}

/// The voters that the log last named, if it named any.
pub fn voters(quorum: &Quorum) -> Option<VotersRecord<'_>> {
    VotersRecord::decode(&mut Reader::new(quorum.voters.as_deref()?), 0).ok()
}

/// Replays a snapshot's bytes, all of which are checked.
///
/// # Errors
/// When it is not whole, or makes no sense; in words for the operator.
pub fn decode(mut bytes: &[u8]) -> Result<Replay, String> {
    let mut replay = Replay::default();
    let mut offset = 0;
    while !bytes.is_empty() {
        let (batch, rest) = Batch::parse(bytes).map_err(|why| why.to_string())?;
        if !batch.crc_is_valid() {
            return Err(format!("the CRC of the batch at offset {offset} does not match"));
        }
        if batch.base_offset() != offset || replay.is_whole_snapshot() {
            return Err(format!("a batch at offset {} follows {offset}", batch.base_offset()));
        }
        offset = batch.next_offset();
        replay.batch(batch.as_bytes())?;
        bytes = rest;
    }
    match replay.is_whole_snapshot() && !replay.end() {
        true => Ok(replay),
        false => Err("its end is missing".to_owned()),
    }
}

/// The frames of all metadata records in the bytes of a snapshot that [`decode`] has accepted.
pub fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Ok((batch, rest)) = Batch::parse(bytes) {
        bytes = rest;
        if batch.attributes().is_control() {
            continue;
        }
        let mut scratch = Vec::new();
        let records = batch.records(&mut scratch, MAX_BATCH).into_iter().flatten().flatten();
        frames.extend(records.filter_map(|record| Some(record.value?.to_vec())));
    }
    frames
}
