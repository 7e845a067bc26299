//! A simulated consumer of the classic protocol, as Kafka's clients behave: what it sends in which
//! state and what it makes of each answer. It knows nothing of the coordinator's inside.

use super::random::Random;
use barnabas::coordinator::groups::{JoinReply, Reply, SyncReply, Token};
use barnabas::wire::error::ErrorCode;
use std::collections::BTreeMap;

/// Partitions of the one topic.
pub const PARTITIONS: u8 = 12;

/// Where a consumer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not there: it has left, or was killed.
    Away,
    /// It is to join, as soon as it gets to it.
    ToJoin,
    /// It waits for the answer to its JoinGroup.
    Joining(Token),
    /// It waits for the answer to its SyncGroup.
    Syncing(Token),
    /// It has its partitions.
    Member,
}

/// See the module's comment.
#[derive(Debug)]
pub struct Member {
    pub group: String,
    /// A static member keeps it for ever.
    pub instance: Option<String>,
    /// The version of JoinGroup that it speaks.
    pub version: i16,
    pub session: i32,
    pub rebalance: i32,
    pub id: String,
    pub generation: i32,
    pub phase: Phase,
    pub owned: Vec<u8>,
    /// Changes when its subscription does.
    pub metadata: u8,
    /// What it gives as the leader, when it syncs.
    pub plan: BTreeMap<String, Vec<u8>>,
    /// A Heartbeat that is on its way.
    pub heartbeat: Option<Token>,
    /// When it gives up an answer.
    pub patience: i64,
    /// Until then it does nothing: a pause, or a backoff.
    pub asleep_until: i64,
}

/// What follows from an answer, for the simulation to check.
pub enum Step {
    Nothing,
    /// It has partitions in a generation.
    Owns,
    /// It was fenced: another one bears its name.
    Fenced,
}

impl Member {
    /// Who it is to the invariants: one that is known by its name keeps its partitions under another id.
    pub fn identity(&self) -> String {
        self.instance.clone().unwrap_or_else(|| self.id.clone())
    }

    /// Away, with all that it knew.
    pub fn die(&mut self) {
        self.phase = Phase::Away;
        self.id = String::new();
        self.generation = -1;
        self.owned.clear();
        self.heartbeat = None;
    }

    fn join_anew(&mut self) -> Step {
        self.id = String::new();
        self.generation = -1;
        self.rejoin()
    }

    fn rejoin(&mut self) -> Step {
        self.phase = Phase::ToJoin;
        self.heartbeat = None;
        Step::Nothing
    }

    fn back_off(&mut self, now: i64) -> Step {
        self.asleep_until = now + 100;
        self.rejoin()
    }

    /// Takes an answer, unless it has given it up.
    pub fn take(&mut self, token: Token, reply: &Reply, now: i64, random: &mut Random) -> Step {
        match (self.phase, reply) {
            (Phase::Joining(waits), Reply::Join(join)) if waits == token => {
                self.joined(join, now, random)
            }
            (Phase::Syncing(waits), Reply::Sync(sync)) if waits == token => self.synced(sync, now),
            (_, Reply::Heartbeat(code)) if self.heartbeat == Some(token) => {
                self.heartbeat = None;
                self.beaten(*code, now)
            }
            _ => Step::Nothing,
        }
    }

    fn joined(&mut self, join: &JoinReply, now: i64, random: &mut Random) -> Step {
        match join.code {
            ErrorCode::NONE => {
                assert_eq!(join.protocol.as_deref(), Some("range"), "what all offer is chosen");
                assert!(!join.member_id.is_empty() && !join.leader.is_empty());
                self.id = join.member_id.to_string();
                self.generation = join.generation;
                let leads = join.leader == join.member_id && !join.skip_assignment;
                self.plan = if leads { assign(join) } else { BTreeMap::new() };
                // It is slow, now and then.
                self.asleep_until = now + random.below(50) as i64;
                self.phase = Phase::ToJoin;
                self.patience = i64::MIN;
                Step::Nothing
            }
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.id = join.member_id.to_string();
                self.rejoin()
            }
            ErrorCode::UNKNOWN_MEMBER_ID => self.join_anew(),
            ErrorCode::FENCED_INSTANCE_ID => Step::Fenced,
            _ => self.back_off(now),
        }
    }

    fn synced(&mut self, sync: &SyncReply, now: i64) -> Step {
        match sync.code {
            ErrorCode::NONE => {
                self.owned = sync.assignment.to_vec();
                self.phase = Phase::Member;
                Step::Owns
            }
            ErrorCode::REBALANCE_IN_PROGRESS => self.rejoin(),
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => self.join_anew(),
            ErrorCode::FENCED_INSTANCE_ID => Step::Fenced,
            _ => self.back_off(now),
        }
    }

    fn beaten(&mut self, code: ErrorCode, now: i64) -> Step {
        match code {
            ErrorCode::NONE => Step::Nothing,
            ErrorCode::REBALANCE_IN_PROGRESS => self.rejoin(),
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => self.join_anew(),
            ErrorCode::FENCED_INSTANCE_ID => Step::Fenced,
            _ => self.back_off(now),
        }
    }

    /// It has joined and is to sync next.
    pub fn is_to_sync(&self) -> bool {
        self.phase == Phase::ToJoin && self.patience == i64::MIN
    }
}

/// A leader deals the partitions out in turn.
fn assign(join: &JoinReply) -> BTreeMap<String, Vec<u8>> {
    let members: Vec<_> = join.members.iter().map(|member| member.member_id.to_string()).collect();
    assert!(!members.is_empty(), "a leader is told who there is");
    let mut plan: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let member = &members[usize::from(partition) % members.len()];
        plan.entry(member.clone()).or_default().push(partition);
    }
    plan
}
