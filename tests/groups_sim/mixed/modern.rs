//! A simulated consumer of the new protocol (KIP-848), as Kafka's clients behave: it says all when it
//! joins and when an answer was lost, else what has changed; it gives back before it takes; it says
//! that it has given back when it has. It knows nothing of the coordinator's inside.

use super::Parts;
use super::request::{Ask, Wishes};
use barnabas::coordinator::groups::consumer::ConsumerReply;
use barnabas::wire::error::ErrorCode;

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Away,
    Joining,
    In,
}

/// See the module's comment.
#[derive(Debug)]
pub struct Modern {
    pub stage: Stage,
    pub id: String,
    pub epoch: i32,
    pub wishes: Wishes,
    /// What it consumes.
    pub owned: Parts,
    /// What it is to have.
    told: Parts,
    says_all: bool,
    /// Its partitions have changed since it last said them.
    says_owned: bool,
    /// When it will have given back what it is to give back.
    gives_back_at: Option<i64>,
    /// When it reports next.
    pub next_report: i64,
}

impl Modern {
    pub fn new(wishes: Wishes) -> Modern {
        Modern {
            stage: Stage::Away,
            id: String::new(),
            epoch: 0,
            wishes,
            owned: Parts::new(),
            told: Parts::new(),
            says_all: false,
            says_owned: false,
            gives_back_at: None,
            next_report: 0,
        }
    }

    /// Comes, under an id that it makes itself.
    pub fn start(&mut self, id: String) {
        self.start_anew();
        self.id = id;
    }

    /// Gives up all that it has, and comes in again.
    fn start_anew(&mut self) {
        (self.stage, self.epoch) = (Stage::Joining, 0);
        self.owned.clear();
        self.told.clear();
        self.gives_back_at = None;
        self.next_report = 0;
    }

    pub fn die(&mut self) {
        self.start_anew();
        self.stage = Stage::Away;
    }

    pub fn wish(&mut self, wishes: Wishes) {
        self.wishes = wishes;
        self.says_all = true;
        self.next_report = 0;
    }

    /// Its report, and until the next one what is to be said is said.
    pub fn report(&mut self) -> Ask {
        let all = self.stage == Stage::Joining || self.says_all;
        Ask::Report {
            wishes: all.then(|| self.wishes.clone()),
            owned: (all || self.says_owned).then(|| self.owned.clone()),
        }
    }

    /// No answer has come. What it was told and has not taken may be somebody else's by now.
    pub fn lost(&mut self) {
        self.says_all = true;
        self.told = self.owned.clone();
        self.gives_back_at = None;
    }

    /// What it was told is not what it has: it gives back, which takes a while, or takes. True if it
    /// has something else than before.
    pub fn settle(&mut self, now: i64, delay: i64) -> bool {
        let keeps: Parts = self.owned.intersection(&self.told).copied().collect();
        if keeps.len() < self.owned.len() {
            let at = *self.gives_back_at.get_or_insert(now + delay);
            if now < at {
                return false;
            }
        } else if self.told.len() == self.owned.len() {
            return false;
        }
        self.gives_back_at = None;
        self.owned = if keeps.len() < self.owned.len() { keeps } else { self.told.clone() };
        (self.says_owned, self.next_report) = (true, 0);
        true
    }

    /// Whether it is still to give back or to take.
    pub fn is_settled(&self) -> bool {
        self.stage == Stage::In && self.told == self.owned
    }

    pub fn hear(&mut self, reply: &ConsumerReply, now: i64) {
        match reply.code {
            ErrorCode::NONE => {
                assert_eq!(reply.member_id.as_deref(), Some(&*self.id), "its id is its own");
                let grows = reply.member_epoch >= self.epoch;
                assert!(grows, "{}: epoch {} to {}", self.id, self.epoch, reply.member_epoch);
                (self.stage, self.epoch) = (Stage::In, reply.member_epoch);
                (self.says_all, self.says_owned) = (false, false);
                self.next_report = now + i64::from(reply.heartbeat_interval);
                if let Some(assignment) = &reply.assignment {
                    let each = assignment.iter();
                    self.told =
                        each.flat_map(|(id, list)| list.keys().map(|one| (*id, *one))).collect();
                    self.gives_back_at = None;
                }
            }
            ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::FENCED_MEMBER_EPOCH
            | ErrorCode::GROUP_ID_NOT_FOUND => self.start_anew(),
            ErrorCode::FENCED_INSTANCE_ID => self.die(),
            // Whoever had its name is not gone yet; or the coordinator is not well.
            ErrorCode::UNRELEASED_INSTANCE_ID
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::UNKNOWN_SERVER_ERROR => {
                self.says_all = true;
                self.next_report = now + 1_000;
            }
            other => panic!("{other:?}: {:?}", reply.message),
        }
    }
}
