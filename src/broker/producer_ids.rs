//! Producer ids, unique for ever: taken one by one from blocks that the metadata log hands out.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The size of a block (Kafka's `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub const BLOCK: i64 = 1000;

/// The block at hand.
#[derive(Debug, Default)]
pub struct ProducerIds(Mutex<Range<i64>>);

impl ProducerIds {
    /// The next id, unless the block is used up.
    pub fn take(&self) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Puts a new block in place. Its record must be in the metadata log already.
    pub fn refill(&self, block: Range<i64>) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            block.start >= current.end,
            "producer id blocks only grow: {current:?} then {block:?}"
        );
        *current = block;
    }
}
