//! Compaction: of each key the last record stays (Kafka's Cleaner, LogCleanerManager; KIP-58,
//! KIP-354, KIP-534).
//!
//! ```text
//! plan         is a log due, and which part of it         pure
//! offset_map   the last offset of each key, key_hash       bounded memory
//! transactions what was aborted; when a marker may go      pure
//! filter       what stays of one batch                     pure
//! grouping     which segments become one                   pure
//! round        one cleaning of a log, from keys to segments
//! output       the segment that is written
//! swap         puts it in the place of the old ones        crash-safe with leftovers
//! ```
//!
//! It must never lose the last record of a key, change an offset, touch what is above the last
//! stable offset or in the segment that is written to, nor remove what it cannot read.

mod error;
mod filter;
#[cfg(test)]
mod filter_tests;
mod grouping;
mod key_hash;
mod leftovers;
mod offset_map;
mod output;
mod plan;
mod reach;
mod round;
mod swap;
#[cfg(test)]
mod swap_tests;
mod transactions;

pub use error::CleanError;
pub(crate) use leftovers::complete_swaps;
pub use plan::Cleanable;
pub use round::{Cleaned, CleanerLimits, Pace};
