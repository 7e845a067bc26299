//! What every group answers, whatever its protocol: commits, expiry, listing and deletion tell the kinds of groups
//! apart by what is here.

use super::classic::Turn;
use super::shard::Group;
use super::{Record, Timers};
use crate::wire::error::ErrorCode;
use crate::wire::group_records::ForeignKind;
use crate::wire::uuid::Uuid;

/// Who commits offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Committer<'r> {
    /// Empty if it is nobody's member.
    pub(super) member_id: &'r str,
    /// The name of a static member.
    pub(super) instance_id: Option<&'r str>,
    /// The generation, or the member's epoch; negative: whoever it is, the group must be empty.
    pub(super) generation: i32,
    /// Within a transaction, where the group's state does not count.
    pub(super) in_transaction: bool,
    /// The version of the request. (A consumer-protocol group asks for 9.)
    pub(super) version: i16,
}

/// From when on the retention of an offset is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// From its own commit.
    Commit,
    /// From when its group was left by the last member.
    Time(i64),
}

/// The kinds of groups, as ListGroups tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The members assign.
    Classic,
    /// The coordinator assigns (KIP-848).
    Consumer,
    /// Kafka's other kinds, and whatever else a filter may name. Groups of these kinds are kept, and not shown.
    Other,
}

impl Kind {
    /// As clients call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Classic => "classic",
            Kind::Consumer => "consumer",
            Kind::Other => "unknown",
        }
    }

    /// What a client calls so.
    pub fn parse(name: &str) -> Kind {
        let kinds = [Kind::Classic, Kind::Consumer];
        kinds.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name)).unwrap_or(Kind::Other)
    }
}

impl Group {
    /// Whether somebody may commit offsets for the group.
    pub(super) fn check_commit(
        &mut self,
        by: &Committer<'_>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_commit(by, turn),
            Group::Consumer(group) => group.check_commit(by),
            Group::Foreign(group) => group.check_commit(by),
        }
    }

    /// Whether it may commit that of this partition. An error here refuses the whole commit.
    pub(super) fn check_committed_partition(
        &self,
        by: &Committer<'_>,
        topic: Uuid,
        partition: i32,
    ) -> Result<(), ErrorCode> {
        match self {
            // Who assigns what is the members' own affair.
            Group::Classic(_) | Group::Foreign(_) => Ok(()),
            Group::Consumer(group) => group.check_committed_partition(by, topic, partition),
        }
    }

    /// Whether a member may have the group's offsets.
    pub(super) fn check_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(_) => Ok(()),
            Group::Consumer(group) => group.check_fetch(member, epoch),
            Group::Foreign(group) => group.check_fetch(member, epoch),
        }
    }

    /// Whether its offsets may be deleted.
    pub(super) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_offset_delete(),
            Group::Consumer(_) => Ok(()),
            Group::Foreign(group) => group.check_offset_delete(),
        }
    }

    /// Nobody is a member.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Group::Classic(group) => group.is_empty(),
            Group::Consumer(group) => group.is_empty(),
            Group::Foreign(group) => group.is_empty(),
        }
    }

    /// Whether a new member that joins a group of this kind may take its name.
    pub(super) fn gives_way_to(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Group::Classic(_), Kind::Consumer)
            | (Group::Consumer(_) | Group::Foreign(_), Kind::Classic) => self.is_empty(),
            // Of others' groups Kafka ends none for a member of the consumer protocol.
            _ => false,
        }
    }

    /// Whether it is served here; what becomes of others, and what state they are in, is not known.
    pub(super) fn is_served(&self) -> bool {
        !matches!(self, Group::Foreign(_))
    }

    /// Whether offsets are committed for groups of its kind: those of a share group are elsewhere.
    pub(super) fn has_committed_offsets(&self) -> bool {
        !matches!(self, Group::Foreign(group) if group.kind() == ForeignKind::Share)
    }

    /// Whether it ends by itself once it has neither members nor offsets.
    pub(super) fn ends_by_itself(&self) -> bool {
        self.is_served()
    }

    /// Whether a member consumes this topic.
    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        match self {
            Group::Classic(group) => group.is_subscribed(topic),
            Group::Consumer(group) => group.is_subscribed_to(topic),
            // What its members consume is not known here.
            Group::Foreign(group) => !group.is_empty(),
        }
    }

    /// Since when its offsets are not needed any more; none: they are.
    pub(super) fn idle_since(&self) -> Option<Since> {
        match self {
            Group::Classic(group) => group.idle_since(),
            Group::Consumer(_) => Some(Since::Commit),
            Group::Foreign(group) => group.idle_since(),
        }
    }

    /// The records that end the group of this name.
    pub(super) fn tombstones(&self, id: &str) -> Vec<Record> {
        match self {
            Group::Classic(group) => vec![group.tombstone()],
            Group::Consumer(group) => group.tombstones(),
            Group::Foreign(group) => group.tombstones(id),
        }
    }

    /// Takes back all that was to happen to the group.
    pub(super) fn cancel_timers(&self, timers: &mut Timers) {
        match self {
            Group::Classic(group) => group.cancel_timers(timers),
            Group::Consumer(group) => group.cancel_timers(timers),
            Group::Foreign(_) => {}
        }
    }

    /// Its kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Group::Classic(_) => Kind::Classic,
            Group::Consumer(_) => Kind::Consumer,
            Group::Foreign(_) => Kind::Other,
        }
    }

    /// Its kind, for people.
    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            Group::Foreign(group) => group.kind().name(),
            known => known.kind().name(),
        }
    }

    /// Its state as clients are told.
    pub(super) fn state_name(&self) -> &'static str {
        match self {
            Group::Classic(group) => group.state.name(),
            Group::Consumer(group) => group.state().name(),
            Group::Foreign(_) => "Unknown",
        }
    }

    /// What its members have in common; empty for a group that only commits offsets.
    pub(super) fn protocol_type(&self) -> &str {
        match self {
            Group::Classic(group) => group.protocol_type.as_deref().unwrap_or_default(),
            Group::Consumer(_) => "consumer",
            Group::Foreign(group) => group.kind().name(),
        }
    }
}
