//! The memory that members take: counted to the byte that is counted at all, and bounded.
//!
//! Kafka has no bound but its own memory: whoever joins brings what it likes, and ids are given out to
//! anybody. Here all groups of a broker share one limit, and nobody takes more than an eighth of what is
//! left of it: so who brings much is refused long before those who bring little, and a group that
//! misbehaves leaves the others their room. What was read at a start counts and is kept, whatever it is.
//! Members that are there go on, and join again with what they have; nothing is ever taken from them.
//!
//! Counted are names, metadata, assignments and ids, and a lump for each thing that bears them. Offsets are
//! not: they are as many as the log has. Of groups of kinds that are not served the keys of their records are.

use super::shard::Group;
use super::{Shard, World};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is not counted byte for byte: of a member, with its timers and its share of the group. Few members share a
/// group's several thousand bytes (`cargo bench --bench groups -- members`); many have more room than they need.
pub(super) const MEMBER: usize = 1024;
/// Of an id that was given out, with its timer; of an offset that waits for the end of its transaction.
pub(super) const PENDING: usize = 256;
/// Of a name in a set.
pub(super) const NAME: usize = 64;
/// Of a partition that somebody has, or is to have.
pub(super) const PARTITION: usize = 128;

/// Nobody takes more than this part of what is left.
const SHARE: usize = 8;

/// What a set of names takes.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n Arc<str>>) -> usize {
    names.into_iter().map(|name| name.len() + NAME).sum()
}

/// What a group's members take. While the group is in a shard it is part of the shard's sum.
#[derive(Default)]
pub(super) struct Held {
    bytes: usize,
    sum: Option<Arc<AtomicUsize>>,
}

impl Held {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many bytes are here in the place of so many.
    pub(super) fn replace(&mut self, old: usize, new: usize) {
        assert!(old <= self.bytes, "{old} bytes are taken out of {}", self.bytes);
        let bytes = self.bytes - old + new;
        if let Some(sum) = &self.sum {
            // Wrapping: it is more or less by the difference.
            sum.fetch_add(bytes.wrapping_sub(self.bytes), Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    pub(super) fn join(&mut self, sum: &Arc<AtomicUsize>) {
        if self.sum.is_none() {
            sum.fetch_add(self.bytes, Ordering::Relaxed);
            self.sum = Some(sum.clone());
        }
    }
}

/// A copy is nobody's.
impl Clone for Held {
    fn clone(&self) -> Held {
        Held { bytes: self.bytes, sum: None }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(sum) = &self.sum {
            sum.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bytes)
    }
}

/// Somebody was refused for want of room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoom {
    /// The group.
    pub group: Arc<str>,
    /// What it would have taken.
    pub bytes: usize,
    /// What all members take, of all groups of the broker.
    pub taken: usize,
}

impl Group {
    fn held_mut(&mut self) -> &mut Held {
        match self {
            Group::Classic(group) => &mut group.held,
            Group::Consumer(group) => &mut group.held,
            Group::Foreign(group) => &mut group.held,
        }
    }

    fn held(&self) -> &Held {
        match self {
            Group::Classic(group) => &group.held,
            Group::Consumer(group) => &group.held,
            Group::Foreign(group) => &group.held,
        }
    }

    fn weigh(&self) -> usize {
        match self {
            Group::Classic(group) => group.weigh(),
            Group::Consumer(group) => group.weigh(),
            Group::Foreign(group) => group.weigh(),
        }
    }
}

impl Shard {
    /// Bytes that the members of this shard's groups take.
    pub fn member_bytes(&self) -> usize {
        self.member_bytes.load(Ordering::Relaxed)
    }

    /// Puts a group under its name.
    pub(super) fn insert(&mut self, id: Arc<str>, mut group: Group) {
        group.held_mut().join(&self.member_bytes);
        self.groups.insert(id, group);
    }

    /// Whether members of a group may take so many bytes more.
    pub(super) fn has_room(
        &self,
        world: &World<'_>,
        group: &str,
        bytes: usize,
    ) -> Result<(), NoRoom> {
        let taken = world.elsewhere.saturating_add(self.member_bytes());
        let left = world.settings.max_member_bytes.saturating_sub(taken);
        match bytes <= left / SHARE {
            true => Ok(()),
            false => Err(NoRoom { group: group.into(), bytes, taken }),
        }
    }

    /// Panics where what is counted is not what is there. For simulations.
    pub(super) fn check_room(&self) {
        let mut sum = 0;
        for (id, group) in &self.groups {
            assert_eq!(group.held().bytes(), group.weigh(), "{id}: bytes are counted");
            sum += group.weigh();
        }
        sum += self.offsets.check_pending();
        assert_eq!(self.member_bytes(), sum, "the bytes of all groups are counted");
    }
}
