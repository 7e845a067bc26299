//! A shard in a world of its own: a log that takes or refuses, clocks that stand still.

mod admin;
mod commit;
mod delete;
mod expiry;
mod model;
mod rounds;
mod store;
mod transactions;

use super::super::{Caller, Effects, Record, Reply, Settings, Shard, Token, TopicsView, World};
use crate::wire::codec::Array;
use crate::wire::error::ErrorCode;
use crate::wire::group_records::GroupKey;
use crate::wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::wire::messages::sync_group::SyncGroupRequest;
use crate::wire::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

const TOKEN: Token = Token { worker: 0, key: 1 };
const HOUR: i64 = 3_600_000;
/// `offsets.retention.minutes` and `offsets.retention.check.interval.ms` as they are by default.
const RETENTION: i64 = 7 * 24 * HOUR;
const INTERVAL: i64 = 600_000;
const START: i64 = 1_700_000_000_000;

#[derive(Default)]
struct Topics(BTreeMap<Arc<str>, (Uuid, i32)>);

impl TopicsView for Topics {
    fn id(&self, name: &str) -> Option<Uuid> {
        self.0.get(name).map(|topic| topic.0)
    }
    fn name(&self, id: Uuid) -> Option<Arc<str>> {
        self.0.iter().find(|(_, topic)| topic.0 == id).map(|(name, _)| name.clone())
    }
    fn partitions(&self, id: Uuid) -> Option<i32> {
        self.0.values().find(|topic| topic.0 == id).map(|topic| topic.1)
    }
    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        self.0.keys().for_each(call);
    }
    fn version(&self) -> u64 {
        0
    }
}

fn id(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

struct Bench {
    shard: Shard,
    settings: Settings,
    topics: Topics,
    /// The wall clock; the ticks are the same, counted from zero.
    now: i64,
    log: Vec<Record>,
    /// The sizes of the appends.
    appends: Vec<usize>,
    refuses: Option<ErrorCode>,
    /// Only what is of this group.
    refuses_of: Option<&'static str>,
    ids: u8,
}

impl Bench {
    /// Topics a (id 1, 4 partitions), b (id 2, 2 partitions), c (id 3, 200 partitions).
    fn new() -> Bench {
        let topics = [("a", 1, 4), ("b", 2, 2), ("c", 3, 200)];
        let topics = topics.map(|(name, number, count)| (name.into(), (id(number), count)));
        Bench {
            shard: Shard::new(),
            settings: Settings { initial_rebalance_delay: 0, ..Settings::default() },
            topics: Topics(topics.into()),
            now: START,
            log: Vec::new(),
            appends: Vec::new(),
            refuses: None,
            refuses_of: None,
            ids: 0,
        }
    }

    /// Runs an event to its end, as a broker does.
    fn run(&mut self, event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects)) -> Vec<Reply> {
        let ids = &mut self.ids;
        let mut world = World {
            now_ms: self.now,
            tick_ms: self.now - START,
            settings: &self.settings,
            elsewhere: 0,
            topics: &self.topics,
            new_id: &mut || {
                *ids += 1;
                Uuid::from_bytes([*ids; 16])
            },
        };
        let mut effects = Effects::default();
        event(&mut self.shard, &mut world, &mut effects);
        while !effects.records.is_empty() {
            self.appends.push(effects.records.len());
            let is_of = |record: &Record| match GroupKey::decode(&record.key).unwrap().group() {
                Some(group) => self.refuses_of.is_none_or(|name| *group == *name),
                None => false,
            };
            let refuses = self.refuses.filter(|_| effects.records.iter().any(is_of));
            let outcome = refuses.map_or(Ok(()), Err);
            if outcome.is_ok() {
                self.log.extend(effects.records.iter().cloned());
            }
            self.shard.appended(&mut world, &mut effects, outcome);
        }
        self.shard.check();
        effects.replies.into_iter().map(|(_, reply)| reply).collect()
    }

    fn reply(&mut self, event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects)) -> Reply {
        let mut replies = self.run(event);
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// Lets time pass, and all timers fire that are due then.
    fn pass(&mut self, time: i64) {
        let until = self.now + time;
        while let Some(next) = self.shard.next_tick().filter(|next| START + next <= until) {
            self.now = self.now.max(START + next);
            self.run(|shard, world, effects| _ = shard.tick(world, effects));
        }
        self.now = until;
    }

    /// How long nothing happens from now on.
    fn sleeps(&self) -> Option<i64> {
        self.shard.next_tick().map(|next| START + next - self.now)
    }

    /// A shard that has read the same log.
    fn restarted(&self) -> Shard {
        replay(&self.log)
    }

    /// Commits as nobody's member; gives the error of each partition.
    fn commit(&mut self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Vec<ErrorCode> {
        self.commit_as(
            9,
            &OffsetCommitRequest { group_id: group, ..Default::default() },
            topic,
            offsets,
        )
    }

    fn commit_as(
        &mut self,
        version: i16,
        request: &OffsetCommitRequest<'_>,
        topic: &str,
        offsets: &[(i32, i64)],
    ) -> Vec<ErrorCode> {
        let partition = |(partition_index, committed_offset): &(i32, i64)| {
            let (partition_index, committed_offset) = (*partition_index, *committed_offset);
            OffsetCommitRequestPartition { partition_index, committed_offset, ..Default::default() }
        };
        let partitions: Vec<_> = offsets.iter().map(partition).collect();
        let topics = [OffsetCommitRequestTopic {
            name: topic,
            topic_id: self.topics.id(topic).unwrap_or(Uuid::ZERO),
            partitions: Array::from(&partitions),
        }];
        let request = OffsetCommitRequest { topics: Array::from(&topics), ..*request };
        codes(self.reply(|shard, world, effects| {
            shard.commit(world, version, &request, TOKEN, effects);
        }))
    }

    fn offset(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.shard.offsets().get(group, topic, partition).map(|committed| committed.offset)
    }

    fn state(&self, group: &str) -> Option<&'static str> {
        self.shard.describe(group).ok().map(|group| group.state)
    }

    /// A group with one member, whose id is given back: as far as the join, or stable.
    fn join(&mut self, group: &str, protocol_type: &str, metadata: &[u8], sync: bool) -> Arc<str> {
        let protocols = [JoinGroupRequestProtocol { name: "range", metadata }];
        let request = JoinGroupRequest {
            group_id: group,
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type,
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        let caller = Caller { client_id: "me", host: "/127.0.0.1", version: 3 };
        let mut replies = self.run(|shard, world, effects| {
            shard.join(world, caller, &request, TOKEN, effects);
        });
        replies.append(&mut self.run(|shard, world, effects| _ = shard.tick(world, effects)));
        let Some(Reply::Join(joined)) = replies.pop() else { panic!("{replies:?}") };
        assert_eq!(joined.code, ErrorCode::NONE);
        if sync {
            let request = SyncGroupRequest {
                group_id: group,
                generation_id: joined.generation,
                member_id: &joined.member_id,
                ..Default::default()
            };
            self.reply(|shard, world, effects| shard.sync(world, &request, TOKEN, effects));
        }
        joined.member_id
    }
}

fn codes(reply: Reply) -> Vec<ErrorCode> {
    match reply {
        Reply::Commit(reply) => {
            let partitions = reply.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|(_, code)| *code).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn replay(log: &[Record]) -> Shard {
    let mut shard = Shard::new();
    for record in log {
        shard.replay(&record.key, record.value.as_deref()).unwrap();
    }
    shard
}

/// All offsets of a shard, in order.
fn listed(shard: &Shard) -> Vec<(String, String, i32, i64, String)> {
    let mut all = Vec::new();
    for (group, offsets) in shard.offsets().groups() {
        for topic in offsets.topics() {
            for (partition, one) in topic.iter() {
                let (group, topic) = (group.to_string(), topic.name().to_string());
                all.push((group, topic, partition, one.offset, one.metadata.to_owned()));
            }
        }
    }
    all.sort();
    all
}

/// A consumer's subscription.
fn subscribed_to(topics: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend((-1i32).to_be_bytes());
    bytes
}
