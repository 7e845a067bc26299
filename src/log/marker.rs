//! Transaction markers: what a control batch of a transaction says (EndTransactionMarker.java).
//!
//! Anything that is not such a marker (other control records, batches that compaction emptied,
//! damage) says nothing.

use crate::wire::records::Batch;

/// The end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The epoch of the coordinator that wrote it.
    pub(crate) coordinator_epoch: i32,
    /// Committed, or else aborted.
    pub(crate) commit: bool,
}

const ABORT: i16 = 0;
const COMMIT: i16 = 1;

/// Whether the marker in a control batch commits a transaction; none for a batch that ends none.
pub fn marker_commits(batch: &[u8]) -> Option<bool> {
    marker_of(batch).map(|marker| marker.commit)
}

/// The marker in the bytes of a control batch.
pub(crate) fn marker_of(batch: &[u8]) -> Option<Marker> {
    let (batch, _) = Batch::parse(batch).ok()?;
    if !batch.attributes().is_control() {
        return None;
    }
    // Control batches are never compressed: no room is needed to open them.
    let mut no_room = Vec::new();
    let record = batch.records(&mut no_room, 0).ok()?.next()?.ok()?;
    let (key, value) = (record.key?, record.value?);
    let kind = i16::from_be_bytes(*key.get(2..)?.first_chunk()?);
    let coordinator_epoch = i32::from_be_bytes(*value.get(2..)?.first_chunk()?);
    match kind {
        ABORT | COMMIT => Some(Marker { coordinator_epoch, commit: kind == COMMIT }),
        _ => None,
    }
}
