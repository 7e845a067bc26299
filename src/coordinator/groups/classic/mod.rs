//! Groups of the classic protocol: the members agree on a protocol, one of them assigns.
//!
//! ```text
//!           join            all joined, or time is up          leader has synced
//! Empty ────────> Preparing ────────────────────> Completing ──────────────────> Stable
//!   ^             ^  │  ^                              │                            │
//!   └─ nobody ────┼──┘  └── a join that changes ───────┴──── or a member leaves ────┘
//! ```
//!
//! A JoinGroup waits in its member until the join phase ends, a SyncGroup until the leader's has been
//! written down. Members, generation and assignment are in one record, written when the leader syncs,
//! when a group becomes empty and when a static member gets a new id; all else is memory, and members
//! that are loaded begin a new session. Rules: `ClassicGroup` and the `classicGroup…` methods of
//! `GroupMetadataManager`.

mod check;
mod group;
mod heartbeat;
pub(super) mod join;
pub(super) mod leave;
mod member;
mod offsets;
mod phase;
mod record;
mod room;
mod state;
mod static_member;
mod sync;

pub use group::Classic;
pub use member::{Member, Protocols};
pub(super) use phase::{appended, converted, loaded};
pub(super) use record::replay;
pub use state::State;

use super::shard::Group;
use super::{Effects, JoinReply, Reply, SyncReply, Timer, Timers, Token, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A JoinGroup of a new member is given up after this long: the client may be gone, and while it
/// waits no session tells (Kafka's `classicGroupNewMemberJoinTimeoutMs`).
const NEW_MEMBER_TIMEOUT: i32 = 5 * 60 * 1000;

/// What follows from an append of a group's record.
#[derive(Debug)]
pub(super) enum AfterAppend {
    /// A group that was not there before, or was an empty one of another kind.
    Created(Arc<str>, Option<Group>),
    /// A group without members; the answer that waits for it.
    Emptied(Arc<str>, Option<(Token, Reply)>),
    /// What the leader has assigned.
    Synced { group: Arc<str>, generation: i32, assignments: BTreeMap<Arc<str>, Arc<[u8]>> },
    /// A static member's new id.
    Replaced(Box<static_member::Replaced>),
}

impl AfterAppend {
    /// The group that was written down.
    pub(super) fn group(&self) -> &Arc<str> {
        match self {
            AfterAppend::Created(group, _)
            | AfterAppend::Emptied(group, _)
            | AfterAppend::Synced { group, .. } => group,
            AfterAppend::Replaced(replaced) => &replaced.group,
        }
    }
}

/// What an event may touch beside its group.
pub(super) struct Turn<'a, 'w> {
    pub(super) timers: &'a mut Timers,
    pub(super) world: &'a mut World<'w>,
    pub(super) effects: &'a mut Effects,
}

impl Turn<'_, '_> {
    fn set(&mut self, timer: Timer, after_ms: i32) {
        self.timers.set(timer, self.world.tick_ms.saturating_add(i64::from(after_ms.max(0))));
    }

    /// Expects to hear of a member within its session timeout.
    fn watch(&mut self, group: &Arc<str>, member: &Arc<str>, timeout: i32) {
        self.set(Timer::Heartbeat(group.clone(), member.clone()), timeout);
    }

    fn forget(&mut self, group: &Arc<str>, member: &Arc<str>) {
        self.timers.cancel(&Timer::Heartbeat(group.clone(), member.clone()));
    }

    fn answer_join(&mut self, to: Token, reply: JoinReply) {
        self.effects.reply(to, Reply::Join(reply));
    }

    fn answer_sync(&mut self, to: Token, reply: SyncReply) {
        self.effects.reply(to, Reply::Sync(reply));
    }
}
