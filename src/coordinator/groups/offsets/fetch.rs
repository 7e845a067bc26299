//! OffsetFetch: a group's offsets, as they lie in the store, or a copy of them that stands still. One of many
//! offsets is cheap: who asks for a million takes it and lets others come to the shard while it writes.

use super::pending::OfGroup;
use super::{Committed, ErrorCode, GroupOffsets, Shard, Uuid};
use std::borrow::Cow;

/// What a group answers a fetch with.
#[derive(Debug)]
pub struct Fetched<'s> {
    of: Option<Cow<'s, GroupOffsets>>,
    /// What a running transaction may replace, for who would rather wait than learn of it.
    unstable: Option<Cow<'s, OfGroup>>,
}

impl Shard {
    /// OffsetFetch for one group. One that is not there has no offsets; that is no error.
    ///
    /// # Errors
    /// What the group says to who asks.
    pub fn fetch<'s>(
        &'s self,
        group: &'s str,
        member: (Option<&str>, i32),
        require_stable: bool,
    ) -> Result<Fetched<'s>, ErrorCode> {
        let known = self.groups.get(group);
        let of = match known {
            // It says of nobody that it is not a member.
            Some(known) if !known.has_committed_offsets() => None,
            Some(known) => {
                known.check_fetch(member.0, member.1)?;
                self.offsets.store.group(group)
            }
            None => None,
        };
        let unstable = require_stable.then(|| self.offsets.pending.group(group)).flatten();
        Ok(Fetched { of: of.map(Cow::Borrowed), unstable: unstable.map(Cow::Borrowed) })
    }
}

impl Fetched<'_> {
    /// The same as it is now, whatever becomes of the group.
    #[must_use]
    pub fn into_owned(self) -> Fetched<'static> {
        let of = self.of.map(|of| Cow::Owned(of.into_owned()));
        let unstable = self.unstable.map(|of| Cow::Owned(of.into_owned()));
        Fetched { of, unstable }
    }

    /// All its offsets, for who asks for all.
    pub fn all(&self) -> Option<&GroupOffsets> {
        self.of.as_deref()
    }

    /// The offset of a partition. One of another topic of the same name is none; zero stands for
    /// any id.
    ///
    /// # Errors
    /// When who asks must wait for a transaction.
    pub fn get(
        &self,
        topic: &str,
        id: Uuid,
        partition: i32,
    ) -> Result<Option<Committed<'_>>, ErrorCode> {
        self.check_stable(topic, partition)?;
        let found = self.all().and_then(|group| group.topic(topic)?.get(partition));
        Ok(found.filter(|found| found.topic_id.is_zero() || id.is_zero() || found.topic_id == id))
    }

    /// Whether the offset of a partition may be told.
    ///
    /// # Errors
    /// When who asks must wait for a transaction.
    pub fn check_stable(&self, topic: &str, partition: i32) -> Result<(), ErrorCode> {
        match self.unstable.as_ref().is_some_and(|of| of.contains(topic, partition)) {
            true => Err(ErrorCode::UNSTABLE_OFFSET_COMMIT),
            false => Ok(()),
        }
    }
}
