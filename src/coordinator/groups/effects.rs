//! What an event asks for: records to append, answers to send, and what follows from the append.

use super::classic::AfterAppend;
use super::consumer::{ConsumerReply, Lookup, Plan};
use super::offsets::{self, CommitReply, OffsetDeleteReply};
use crate::wire::error::ErrorCode;
use std::sync::Arc;

/// Who waits for an answer: a worker, and its own key of the parked request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// The worker.
    pub worker: usize,
    /// See `worker`.
    pub key: u64,
}

/// A record for the offsets topic; without a value it is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key, with its type.
    pub key: Vec<u8>,
    /// The value, with its version.
    pub value: Option<Vec<u8>>,
}

/// How an append went: done, or the error that a request is answered with because of it.
pub type AppendOutcome = Result<(), ErrorCode>;

/// What an event asks for. All records are appended as one batch or not at all; then
/// [`super::Shard::appended`] is told and adds what follows.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be appended.
    pub records: Vec<Record>,
    /// Answers that may leave as soon as all that was appended is committed.
    pub replies: Vec<(Token, Reply)>,
    /// Expressions to be looked up by whoever has the time; then [`super::Shard::looked_up`] is told.
    pub lookups: Vec<Lookup>,
    pub(super) then: Then,
}

/// What follows from an append.
#[derive(Debug, Default)]
pub(super) enum Then {
    /// The records are replayed.
    #[default]
    Replay,
    /// The records are replayed and the answer is given; if they cannot be appended it is
    /// [`Reply::failed`].
    Answer(Token, Reply),
    /// A classic group goes on; its records are its own state, which nobody replays.
    Classic(AfterAppend),
    /// The records are replayed, and a consumer group's plan goes on.
    Consumer(Box<Plan>),
    /// The records are replayed; there may be more that is to go.
    Offsets(offsets::AfterAppend),
}

impl Effects {
    /// Answers a request, whatever becomes of the records.
    pub(super) fn reply(&mut self, to: Token, reply: Reply) {
        self.replies.push((to, reply));
    }

    /// Asks for records to be appended and for what follows.
    pub(super) fn append(&mut self, records: Vec<Record>, then: Then) {
        assert!(self.records.is_empty(), "one event asks for one append");
        assert!(!records.is_empty(), "an append has records");
        (self.records, self.then) = (records, then);
    }

    /// Answers after the records, which are replayed; at once if there are none.
    pub(super) fn answer_after(&mut self, records: Vec<Record>, to: Token, reply: Reply) {
        match records.is_empty() {
            true => self.reply(to, reply),
            false => self.append(records, Then::Answer(to, reply)),
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To JoinGroup.
    Join(JoinReply),
    /// To SyncGroup.
    Sync(SyncReply),
    /// To Heartbeat.
    Heartbeat(ErrorCode),
    /// To LeaveGroup.
    Leave(LeaveReply),
    /// To ConsumerGroupHeartbeat.
    Consumer(ConsumerReply),
    /// To OffsetCommit.
    Commit(CommitReply),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteReply),
    /// To DeleteGroups, for one group.
    DeleteGroup(ErrorCode),
}

impl Reply {
    /// The same answer when what it says could not be written down.
    #[must_use]
    pub fn failed(self, code: ErrorCode) -> Reply {
        match self {
            Reply::Join(join) => Reply::Join(JoinReply::failed(code, join.member_id.clone())),
            Reply::Sync(_) => Reply::Sync(SyncReply::failed(code)),
            Reply::Heartbeat(_) => Reply::Heartbeat(code),
            Reply::Leave(_) => Reply::Leave(LeaveReply { code, members: Vec::new() }),
            Reply::Consumer(_) => {
                Reply::Consumer(ConsumerReply { code, ..ConsumerReply::default() })
            }
            Reply::Commit(commit) => Reply::Commit(commit.failed(code)),
            Reply::OffsetDelete(_) => Reply::OffsetDelete(OffsetDeleteReply::failed(code)),
            Reply::DeleteGroup(_) => Reply::DeleteGroup(code),
        }
    }
}

/// The answer to JoinGroup.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinReply {
    /// The error, or none.
    pub code: ErrorCode,
    /// −1 with an error.
    pub generation: i32,
    /// The type that all members have in common.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol that was chosen.
    pub protocol: Option<Arc<str>>,
    /// The member that assigns.
    pub leader: Arc<str>,
    /// The leader is told not to assign anew (v9).
    pub skip_assignment: bool,
    /// The member's id.
    pub member_id: Arc<str>,
    /// For the leader only.
    pub members: Vec<JoinMember>,
}

/// A member as its leader is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its own name, if it is a static member.
    pub instance_id: Option<Arc<str>>,
    /// Its metadata for the chosen protocol.
    pub metadata: Arc<[u8]>,
}

impl JoinReply {
    /// A refusal.
    pub fn failed(code: ErrorCode, member_id: Arc<str>) -> JoinReply {
        JoinReply {
            code,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: "".into(),
            skip_assignment: false,
            member_id,
            members: Vec::new(),
        }
    }
}

/// The answer to SyncGroup.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncReply {
    /// The error, or none.
    pub code: ErrorCode,
    /// See [`JoinReply::protocol_type`].
    pub protocol_type: Option<Arc<str>>,
    /// See [`JoinReply::protocol`].
    pub protocol: Option<Arc<str>>,
    /// What the leader gave this member.
    pub assignment: Arc<[u8]>,
}

impl SyncReply {
    /// A refusal.
    pub fn failed(code: ErrorCode) -> SyncReply {
        SyncReply { code, protocol_type: None, protocol: None, assignment: Arc::from([]) }
    }
}

/// The answer to LeaveGroup.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaveReply {
    /// The error of the whole request.
    pub code: ErrorCode,
    /// One for each member that was named.
    pub members: Vec<LeftMember>,
}

/// What became of a member that was to leave.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftMember {
    /// As in the request.
    pub member_id: Arc<str>,
    /// As in the request.
    pub instance_id: Option<Arc<str>>,
    /// Its own error.
    pub code: ErrorCode,
}
