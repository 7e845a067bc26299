//! How much an answer about groups may hold.
//!
//! A request can name the same group or partition as often as it likes, and each time costs many times
//! what it takes to ask: Kafka answers each time, and so do we, while there is room. What is left of the
//! room is counted down; a group that does not fit is refused in its row. Where not even that fits, or a
//! version has no place for it, the connection ends: an answer that is cut would be a lie.

use crate::kafka::call::Call;
use crate::wire::codec::{Array, DecodeError, Message, Writer};

/// The most that an answer may hold.
pub(super) const MAX_ANSWER: usize = 256 << 20;

/// Why a request has no answer; its connection ends.
#[derive(Debug)]
pub(super) enum Unserved {
    /// It cannot be read.
    Unreadable(DecodeError),
    /// The answer would hold more than [`MAX_ANSWER`].
    TooLarge,
}

impl From<DecodeError> for Unserved {
    fn from(why: DecodeError) -> Unserved {
        Unserved::Unreadable(why)
    }
}

/// The line in the log.
pub(super) fn too_large(call: &Call<'_>) -> String {
    let (api, version) = (call.api.name(), call.version());
    format!("a {api} v{version} request whose answer would be larger than {MAX_ANSWER} bytes")
}

/// Rows of an answer, one for each group that was asked about, encoded.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Writer,
    count: usize,
    limit: usize,
}

impl Rows {
    /// None yet, and no more than so many bytes of them.
    pub(super) fn within(limit: usize) -> Rows {
        Rows { rows: Writer::new(), count: 0, limit }
    }

    /// Bytes that the row of a group may have. An eighth is kept for those that are refused.
    pub(super) fn left(&self) -> usize {
        (self.limit - self.limit / 8).saturating_sub(self.rows.len())
    }

    /// Adds a row.
    pub(super) fn push<'a>(
        &mut self,
        row: &impl Message<'a>,
        version: i16,
    ) -> Result<(), Unserved> {
        row.encode(&mut self.rows, version);
        self.count += 1;
        if self.rows.len() > self.limit { Err(Unserved::TooLarge) } else { Ok(()) }
    }

    /// All of them.
    pub(super) fn all<'a, T: Message<'a>>(&'a self, version: i16) -> Array<'a, T> {
        Array::written(self.count, &self.rows, version)
    }
}
