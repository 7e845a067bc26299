//! A simulated consumer of the classic protocol that finds itself in groups of either kind: the
//! leader of a classic group assigns; a consumer group answers joins at once and has no leader. It
//! gives everything back before it joins, or, if it is cooperative, in a consumer group what it is
//! told to.

use super::Parts;
use super::embedded::{self, Named};
use super::request::Ask;
use crate::member::Phase;
use crate::topics::Topics;
use barnabas::coordinator::groups::{JoinReply, Reply, SyncReply, Token, TopicsView};
use barnabas::wire::error::ErrorCode;
use std::collections::BTreeMap;

/// See the module's comment.
#[derive(Debug)]
pub struct Classic {
    pub phase: Phase,
    pub id: String,
    pub generation: i32,
    pub topics: Vec<String>,
    pub owned: Parts,
    pub session: i32,
    pub rebalance: i32,
    pub version: i16,
    pub cooperative: bool,
    /// It has joined and is to sync.
    pub syncs: bool,
    /// Nobody leads: it is a consumer group.
    is_led: bool,
    plan: BTreeMap<String, Vec<u8>>,
    /// The topics when it joined.
    pub seen: u64,
    pub beat: Option<Token>,
    pub asleep_until: i64,
}

impl Classic {
    pub fn new(topics: Vec<String>) -> Classic {
        Classic {
            phase: Phase::Away,
            id: String::new(),
            generation: -1,
            topics,
            owned: Parts::new(),
            session: 6_000,
            rebalance: 10_000,
            version: 5,
            cooperative: false,
            syncs: false,
            is_led: true,
            plan: BTreeMap::new(),
            seen: 0,
            beat: None,
            asleep_until: 0,
        }
    }

    pub fn die(&mut self) {
        self.start_anew();
        self.phase = Phase::Away;
    }

    pub fn start_anew(&mut self) {
        self.id.clear();
        self.lose_generation();
    }

    fn lose_generation(&mut self) {
        self.generation = -1;
        self.owned.clear();
        self.is_led = true;
        self.join_again();
    }

    pub fn join_again(&mut self) {
        (self.phase, self.syncs, self.beat) = (Phase::ToJoin, false, None);
    }

    /// Its JoinGroup or SyncGroup.
    pub fn go_on(&mut self, topics: &Topics) -> Ask {
        if self.syncs {
            return Ask::Sync { plan: std::mem::take(&mut self.plan) };
        }
        if self.is_led || !self.cooperative {
            self.owned.clear();
        }
        self.seen = topics.version();
        let mut owned = Named::new();
        for (topic, partition) in &self.owned {
            if let Some(name) = topics.name(*topic) {
                owned.entry(name.to_string()).or_default().push(*partition);
            }
        }
        let metadata = embedded::subscription(&self.topics, &owned);
        let (session, rebalance) = (self.session, self.rebalance);
        Ask::Join { version: self.version, session, rebalance, metadata }
    }

    /// Whether the topics have changed, which a leader looks at.
    pub fn must_assign_anew(&self, topics: &Topics) -> bool {
        self.is_led && self.seen != topics.version()
    }

    /// Takes an answer, unless it has given it up. True if it has partitions now.
    pub fn take(&mut self, token: Token, reply: &Reply, now: i64, topics: &Topics) -> bool {
        match (self.phase, reply) {
            (Phase::Joining(waits), Reply::Join(join)) if waits == token => {
                match join.code {
                    ErrorCode::NONE => self.joined(join, topics),
                    ErrorCode::MEMBER_ID_REQUIRED => {
                        self.id = join.member_id.to_string();
                        self.join_again();
                    }
                    code => self.refused(code, now),
                }
                false
            }
            (Phase::Syncing(waits), Reply::Sync(sync)) if waits == token => match sync.code {
                ErrorCode::NONE => self.synced(sync, topics),
                code => {
                    self.refused(code, now);
                    false
                }
            },
            (_, Reply::Heartbeat(code)) if self.beat == Some(token) => {
                self.beat = None;
                if *code != ErrorCode::NONE {
                    self.refused(*code, now);
                }
                false
            }
            _ => false,
        }
    }

    fn refused(&mut self, code: ErrorCode, now: i64) {
        match code {
            ErrorCode::REBALANCE_IN_PROGRESS => self.join_again(),
            ErrorCode::UNKNOWN_MEMBER_ID => self.start_anew(),
            ErrorCode::ILLEGAL_GENERATION => self.lose_generation(),
            ErrorCode::FENCED_INSTANCE_ID => self.die(),
            ErrorCode::NOT_COORDINATOR
            | ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.asleep_until = now + 100;
                self.join_again();
            }
            other => panic!("{other:?}"),
        }
    }

    fn joined(&mut self, join: &JoinReply, topics: &Topics) {
        assert_eq!(join.protocol.as_deref(), Some("range"), "what all offer is chosen");
        self.id = join.member_id.to_string();
        self.generation = join.generation;
        self.is_led = !join.leader.is_empty();
        if self.is_led {
            self.owned.clear();
        }
        let leads = join.leader == join.member_id && !join.skip_assignment;
        self.plan = if leads { assign(join, topics) } else { BTreeMap::new() };
        (self.phase, self.syncs) = (Phase::ToJoin, true);
    }

    fn synced(&mut self, sync: &SyncReply, topics: &Topics) -> bool {
        let named = embedded::assigned(&sync.assignment);
        let ids = named.iter().filter_map(|(name, list)| Some((topics.id(name)?, list)));
        let given: Parts = ids.flat_map(|(id, list)| list.iter().map(move |p| (id, *p))).collect();
        let gives_back = !self.owned.is_subset(&given);
        self.owned = given;
        self.phase = Phase::Member;
        self.syncs = false;
        if gives_back {
            self.join_again();
        }
        true
    }
}

/// A leader deals the partitions of each topic out in turn to those who want it.
fn assign(join: &JoinReply, topics: &Topics) -> BTreeMap<String, Vec<u8>> {
    let mut plan: BTreeMap<String, Named> = BTreeMap::new();
    let want = |topic: &str| -> Vec<String> {
        let wants = join
            .members
            .iter()
            .filter(|one| embedded::topics(&one.metadata).iter().any(|wanted| wanted == topic));
        wants.map(|member| member.member_id.to_string()).collect()
    };
    for member in &join.members {
        plan.insert(member.member_id.to_string(), Named::new());
    }
    for (topic, _, partitions) in topics.each() {
        let members = want(topic);
        for partition in 0..if members.is_empty() { 0 } else { partitions } {
            let member = &members[partition as usize % members.len()];
            let of_member = plan.entry(member.clone()).or_default();
            of_member.entry(topic.to_string()).or_default().push(partition);
        }
    }
    plan.into_iter().map(|(member, given)| (member, embedded::assignment(&given))).collect()
}
