//! Groups of kinds that are not served here: share groups and streams groups of a Kafka that had this directory.
//!
//! They are known so that nothing is done to them: a group of another kind with the same name would keep the next
//! Kafka from loading the partition. Their records stay as they are, and so do they: nobody joins, none ends by
//! itself. What Kafka allows for an empty streams group is allowed here too, for it takes no more than tombstones: it
//! may be deleted, gives way to a classic group (to one of the consumer protocol only once it is deleted), and what
//! is committed to it expires. An empty share group has state elsewhere (`__share_group_state`), so it goes only where
//! that is served.
//!
//! Rules: the `getOrMaybeCreatePersisted…Group` and `replay` methods of `GroupMetadataManager`, `ShareGroup`,
//! `StreamsGroup`.

use super::Record;
use super::any_group::{Committer, Since};
use super::room::{Held, NAME};
use super::shard::{Group, Shard};
use crate::wire::error::ErrorCode;
use crate::wire::group_records::{ForeignKey, ForeignKind, GroupKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// From this version on OffsetCommit knows of members' epochs.
const KNOWS_EPOCHS: i16 = 9;

/// See the module's comment.
#[derive(Debug)]
pub struct Foreign {
    kind: ForeignKind,
    /// The keys of its records that are no tombstones.
    keys: BTreeSet<Box<[u8]>>,
    /// Its members, where it is a streams group.
    members: BTreeSet<Box<str>>,
    pub(super) held: Held,
}

impl Foreign {
    fn new(kind: ForeignKind) -> Foreign {
        let (keys, members) = Default::default();
        Foreign { kind, keys, members, held: Held::default() }
    }

    /// Its kind.
    pub fn kind(&self) -> ForeignKind {
        self.kind
    }

    /// Whether it is known to have nobody, and nothing that is kept elsewhere: then it may go.
    pub(super) fn is_empty(&self) -> bool {
        self.kind == ForeignKind::Streams && self.members.is_empty()
    }

    /// Since when its offsets are not needed any more; none: they are, for what members consume is not known here.
    pub(super) fn idle_since(&self) -> Option<Since> {
        self.is_empty().then_some(Since::Commit)
    }

    /// Whether somebody may commit offsets.
    pub(super) fn check_commit(&self, by: &Committer<'_>) -> Result<(), ErrorCode> {
        match self.kind {
            ForeignKind::Share => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            ForeignKind::Streams if by.generation < 0 && self.is_empty() => Ok(()),
            ForeignKind::Streams if !self.members.contains(by.member_id) => {
                Err(ErrorCode::UNKNOWN_MEMBER_ID)
            }
            ForeignKind::Streams if by.version < KNOWS_EPOCHS => {
                Err(ErrorCode::UNSUPPORTED_VERSION)
            }
            // Whatever its epoch was: here it has none.
            ForeignKind::Streams => Err(ErrorCode::STALE_MEMBER_EPOCH),
        }
    }

    /// Whether a member may have the group's offsets; who says nothing may.
    pub(super) fn check_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        match member {
            None if epoch < 0 => Ok(()),
            Some(member) if self.members.contains(member) => Err(ErrorCode::STALE_MEMBER_EPOCH),
            _ => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }

    /// Whether its offsets may be deleted.
    pub(super) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.kind {
            ForeignKind::Share => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            ForeignKind::Streams => Ok(()),
        }
    }

    /// The records that end the group. What Kafka asks for before the group itself goes is there also if there is
    /// nothing for it to end.
    pub(super) fn tombstones(&self, id: &str) -> Vec<Record> {
        let last = ForeignKey::last_of(self.kind, id).map(|key| GroupKey::Foreign(key).to_bytes());
        let first = self.keys.iter().map(|key| key.to_vec()).filter(|key| !last.contains(key));
        first.chain(last.clone()).map(|key| Record { key, value: None }).collect()
    }

    pub(super) fn weigh(&self) -> usize {
        let keys = self.keys.iter().map(|key| key.len() + NAME).sum::<usize>();
        keys + self.members.iter().map(|member| member.len() + NAME).sum::<usize>()
    }

    /// Panics where a law is broken.
    pub(super) fn check(&self) {
        assert!(self.kind == ForeignKind::Streams || self.members.is_empty());
        assert!(!self.keys.is_empty(), "it is in the log");
        assert!(self.members.len() <= self.keys.len(), "each member has a record");
    }

    fn note(&mut self, key: &ForeignKey<'_>, bytes: &[u8], is_there: bool) {
        let before = self.held.bytes();
        let member = key.member_id.filter(|_| key.is_streams_member());
        let (mut less, mut more) = (0, 0);
        let mut count = |changed: bool, len: usize| {
            let of = if is_there { &mut more } else { &mut less };
            *of += if changed { len + NAME } else { 0 };
        };
        match is_there {
            true => {
                count(self.keys.insert(bytes.into()), bytes.len());
                member
                    .into_iter()
                    .for_each(|one| count(self.members.insert(one.into()), one.len()));
            }
            false => {
                count(self.keys.remove(bytes), bytes.len());
                member.into_iter().for_each(|one| count(self.members.remove(one), one.len()));
            }
        }
        debug_assert!(less <= before);
        self.held.replace(less, more);
    }
}

/// Takes over a record of such a group.
pub(super) fn replay(shard: &mut Shard, key: &ForeignKey<'_>, bytes: &[u8], is_there: bool) {
    let id = key.group_id;
    match shard.groups.get(id) {
        Some(Group::Foreign(group)) if group.kind == key.kind => {}
        // It is in no record: it was made for committed offsets.
        Some(Group::Classic(group)) if is_there && group.is_simple() => insert(shard, key),
        None if is_there => insert(shard, key),
        Some(other) if is_there => {
            let (kind, other) = (key.kind.name(), other.kind_name());
            return ::log::warn!(
                group:% = id, kind:%, other:%;
                "a record of one kind of group, but the group is of another"
            );
        }
        _ => return,
    }
    let Some(Group::Foreign(group)) = shard.groups.get_mut(id) else { return };
    group.note(key, bytes, is_there);
    if !is_there && (key.is_group() || group.keys.is_empty()) {
        shard.groups.remove(id);
    }
}

fn insert(shard: &mut Shard, key: &ForeignKey<'_>) {
    let id: Arc<str> = key.group_id.into();
    shard.insert(id, Group::Foreign(Box::new(Foreign::new(key.kind))));
}

impl Shard {
    /// Calls for each group of a kind that is not served here, by name.
    pub fn each_foreign(&self, call: &mut dyn FnMut(&Arc<str>, ForeignKind)) {
        for (id, group) in &self.groups {
            if let Group::Foreign(group) = group {
                call(id, group.kind);
            }
        }
    }
}
