//! Files of a segment: reserved, mapped, appended to by one writer and read by many.
//!
//! All `unsafe` of the log is here: [`growing`] shares memory between the writer and the readers,
//! [`fault`] keeps the process alive when a mapped page cannot be had, [`sys`] makes the system
//! calls that the standard library does not have.

mod blocks;
mod by_call;
mod descriptor;
mod fault;
mod growing;
mod growth;
mod lately;
mod mapping;
mod region;
mod resident;
mod sys;
mod trouble;
mod write_back;

pub(crate) use descriptor::{Opened, descriptors};
pub(crate) use growing::{GrowingFile, Tail};
pub(crate) use lately::{Lately, Stretch};
pub(crate) use mapping::{mapped_bytes, mappings};
pub(crate) use trouble::{Beyond, Faulted, Replaced, Short};

/// The unit in which files are reserved: pages are never shared by what is and is not reserved.
pub(crate) const PAGE: u64 = 4096;
/// The kernel writes back, and write-protects, whole folios of the page cache. They are aligned to their
/// size and no larger than this where the pages were made by [`sys::make_pages`], so none reaches across a
/// multiple of it. Smaller ones cost more each; larger ones leave more behind a flush that stops short of the tail's.
pub(crate) const FOLIO: u64 = 256 << 10;

/// As many batches are written together, at most.
pub(crate) const MOST_BATCHES: usize = 32;

/// A batch that is written: its header, and what follows it.
pub(crate) type Batch<'b> = [&'b [u8]; 2];
