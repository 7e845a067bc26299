//! OffsetFetch: a group's offsets, as they lie in the store. Who asks takes what it needs from there,
//! so an answer about a million offsets needs no second copy of them.

use super::{Committed, ErrorCode, GroupOffsets, Offsets, Shard, Uuid};

/// What a group answers a fetch with.
#[derive(Debug, Clone, Copy)]
pub struct Fetched<'s> {
    group: &'s str,
    of: Option<&'s GroupOffsets>,
    offsets: &'s Offsets,
    /// Who asks would rather wait than learn of what a running transaction may replace.
    stable: bool,
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
            Some(known) => {
                known.check_fetch(member.0, member.1)?;
                self.offsets.store.group(group)
            }
            None => None,
        };
        Ok(Fetched { group, of, offsets: &self.offsets, stable: require_stable })
    }
}

impl<'s> Fetched<'s> {
    /// All its offsets, for who asks for all.
    pub fn all(&self) -> Option<&'s GroupOffsets> {
        self.of
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
    ) -> Result<Option<Committed<'s>>, ErrorCode> {
        self.check_stable(topic, partition)?;
        let found = self.of.and_then(|group| group.topic(topic)?.get(partition));
        Ok(found.filter(|found| found.topic_id.is_zero() || id.is_zero() || found.topic_id == id))
    }

    /// Whether the offset of a partition may be told.
    ///
    /// # Errors
    /// When who asks must wait for a transaction.
    pub fn check_stable(&self, topic: &str, partition: i32) -> Result<(), ErrorCode> {
        match self.stable && self.offsets.is_pending(self.group, topic, partition) {
            true => Err(ErrorCode::UNSTABLE_OFFSET_COMMIT),
            false => Ok(()),
        }
    }
}
