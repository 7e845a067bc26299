//! Stand-in until the records room's own comes.
#![allow(missing_docs)]
use crate::wire::records::BatchHeader;
use std::borrow::Cow;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    Keep,
    LogAppendTime(i64),
    MaxTimestamp(i64),
}
pub struct Validated<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub timestamps: Patch,
    pub header: BatchHeader,
    pub log_append_time_ms: i64,
}
