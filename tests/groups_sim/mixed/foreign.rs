//! Groups of kinds that are not served, left in the log by a Kafka, and an intruder who takes their names for those of
//! others: a group with members stays as it was, whatever happens. An empty streams group stays until it is deleted
//! or gives way, whole or not at all.

use super::request::{Ask, Commit, Who, Wishes, ask};
use super::{Event, Parts, Sim, embedded};
use crate::replica::foreign;
use barnabas::coordinator::groups::{Effects, Record, Reply, Shard, World};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::group_records::{ForeignKey, ForeignKind, GroupKey};
use barnabas::wire::uuid::Uuid;
use std::collections::BTreeMap;

const SHARE: &str = "f-share";
const STREAMS: &str = "f-streams";
const EMPTY: &str = "f-empty";

/// What a Kafka wrote. Of the clients' own groups one has the name of a group that has ended.
pub fn left_by_kafka() -> Vec<Record> {
    use ForeignKind::{Share, Streams};
    let record = |kind, group_id, record, member_id, is_there: bool| {
        let key = GroupKey::Foreign(ForeignKey { kind, record, group_id, member_id });
        Record { key: key.to_bytes(), value: is_there.then(|| vec![0, 7]) }
    };
    let of_member = |record| matches!(record, 10 | 13 | 14 | 19 | 21 | 22).then_some("m");
    let share = (10..=15).map(|kind| record(Share, SHARE, kind, of_member(kind), true));
    let streams = [17, 19, 20, 21, 22, 23].into_iter();
    let streams = streams.map(|kind| record(Streams, STREAMS, kind, of_member(kind), true));
    let empty = [(17, true), (19, true), (23, true), (19, false)].into_iter();
    let empty = empty.map(|(kind, is)| record(Streams, EMPTY, kind, of_member(kind), is));
    let ended = [(11, true), (10, true), (10, false), (11, false)].into_iter();
    let ended = ended.map(|(kind, is)| record(Share, "g0", kind, of_member(kind), is));
    share.chain(streams).chain(empty).chain(ended).collect()
}

impl Sim {
    pub(super) fn intrude(&mut self) {
        if !self.chaos {
            return;
        }
        let next = self.now + 500 + self.random.below(5_000) as i64;
        self.at(next, Event::Intrude);
        let name = [SHARE, STREAMS, EMPTY][self.random.below(3) as usize];
        let known = foreign(&self.coordinator.shard).contains_key(name);
        if name == EMPTY && !known {
            return;
        }
        let (asked, by) = self.intrusion(name);
        let token = self.coordinator.token();
        self.coordinator.waiting.insert(token);
        let event = |shard: &mut Shard, world: &mut World<'_>, effects: &mut Effects| match &asked {
            Some(asked) => ask(&by, asked, token, (shard, world, effects)),
            None => shard.delete_group(world, name, token, effects),
        };
        let (replies, died) = self.run_event(event);
        let reply = replies.iter().find(|(to, _)| *to == token).map(|(_, reply)| reply.clone());
        if !died {
            let stays = foreign(&self.coordinator.shard).contains_key(name);
            assert!(
                is_right(name, asked.as_ref(), reply.as_ref(), stays),
                "{name}: {asked:?}: {reply:?}, stays: {stays}"
            );
        }
        self.post(replies);
    }

    /// None: the group is to be deleted.
    fn intrusion(&mut self, name: &str) -> (Option<Ask>, Who) {
        let who = |id: &str, epoch| {
            let (group, id) = (name.to_owned(), id.to_owned());
            Who { group, id, instance: None, epoch }
        };
        let topics = || vec!["t-0".to_owned()];
        match self.random.below(6) {
            0 => {
                let wishes = Wishes {
                    topics: topics(),
                    regex: String::new(),
                    assignor: None,
                    timeout: 10_000,
                };
                let owned = Some(Parts::new());
                (Some(Ask::Report { wishes: Some(wishes), owned }), who("intruder", 0))
            }
            1 => {
                let metadata = embedded::subscription(&topics(), &BTreeMap::new());
                let version = [3, 5][self.random.below(2) as usize];
                let join = Ask::Join { version, session: 6_000, rebalance: 10_000, metadata };
                (Some(join), who("", -1))
            }
            2 => (Some(Ask::Sync { plan: BTreeMap::new() }), who("m", 1)),
            3 => (Some(Ask::Leave), who("m", 1)),
            // The model knows of no offsets of an empty group.
            4 if name != EMPTY => {
                let partitions = vec![(0, 3, 1)];
                let (topic, topic_id) = ("t-0".to_owned(), Uuid::ZERO);
                let commit = Commit { version: 9, topic, topic_id, partitions };
                let by = [("", -1), ("m", 1), ("other", 1)][self.random.below(3) as usize];
                (Some(Ask::Commit(commit)), who(by.0, by.1))
            }
            _ => (None, who("", -1)),
        }
    }

    /// What has members is there, here and in the log.
    pub(super) fn check_foreign(&self) {
        if !self.plan.foreign {
            return;
        }
        for shard in [&self.coordinator.shard, &self.coordinator.replica] {
            let found = foreign(shard);
            assert_eq!(found.get(SHARE), Some(&ForeignKind::Share));
            assert_eq!(found.get(STREAMS), Some(&ForeignKind::Streams));
            assert!(found.get(EMPTY).is_none_or(|kind| *kind == ForeignKind::Streams));
            assert!(found.len() <= 3, "{found:?}");
        }
    }
}

/// Whether an intrusion is answered as it must be, and the group has stayed where it must. (An append may fail, and there
/// may be no room.)
fn is_right(name: &str, asked: Option<&Ask>, reply: Option<&Reply>, stays: bool) -> bool {
    match (asked, reply) {
        // It is deleted, or gives way to a new member of the classic protocol, who waits for others or for its id.
        (None, Some(Reply::DeleteGroup(code))) if name == EMPTY => {
            stays == (*code != ErrorCode::NONE)
        }
        (Some(Ask::Join { .. }), None) if name == EMPTY => !stays,
        (Some(Ask::Join { .. }), Some(Reply::Join(reply))) if name == EMPTY && !stays => {
            reply.code == ErrorCode::MEMBER_ID_REQUIRED
        }
        (Some(Ask::Report { .. }), Some(Reply::Consumer(reply))) => {
            let refusals = [ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::COORDINATOR_NOT_AVAILABLE];
            stays && refusals.contains(&reply.code)
        }
        (_, reply) => stays && reply.is_some_and(is_refusal),
    }
}

fn is_refusal(reply: &Reply) -> bool {
    match reply {
        Reply::Join(reply) => reply.code != ErrorCode::NONE,
        Reply::Sync(reply) => reply.code != ErrorCode::NONE,
        Reply::Consumer(reply) => reply.code != ErrorCode::NONE,
        Reply::DeleteGroup(code) | Reply::Heartbeat(code) => *code != ErrorCode::NONE,
        Reply::Leave(reply) => reply.members.iter().all(|member| member.code != ErrorCode::NONE),
        Reply::Commit(reply) => {
            let mut codes = reply.topics.iter().flat_map(|topic| &topic.partitions);
            codes.all(|(_, code)| *code != ErrorCode::NONE)
        }
        Reply::OffsetDelete(reply) => reply.code != ErrorCode::NONE,
    }
}
