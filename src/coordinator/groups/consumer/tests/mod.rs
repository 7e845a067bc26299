//! Groups in a world that stands still until it is told to go on.

mod commits;
mod conversions;
mod epochs;
mod foreign;
mod hashes;
mod mixed;
mod random;
mod regexes;
mod requests;
mod statics;
mod upgrades;

use super::super::{
    AppendOutcome, Caller, Effects, Record, Reply, Settings, Shard, Token, TopicsView, World,
};
use super::*;
use crate::wire::codec::Array;
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use crate::wire::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

const GROUP: &str = "g";

/// Partitions of a topic that goes while it is looked at: its id was still to be had.
const GOING: i32 = -1;

/// The topics that there are.
#[derive(Default, Clone)]
struct Topics {
    by_name: BTreeMap<Arc<str>, (Uuid, i32)>,
    version: u64,
}

impl TopicsView for Topics {
    fn id(&self, name: &str) -> Option<Uuid> {
        self.by_name.get(name).map(|(id, _)| *id)
    }

    fn name(&self, id: Uuid) -> Option<Arc<str>> {
        self.by_name.iter().find(|(_, (known, _))| *known == id).map(|(name, _)| name.clone())
    }

    fn partitions(&self, id: Uuid) -> Option<i32> {
        let found = self.by_name.values().find(|(known, _)| *known == id).map(|(_, count)| *count);
        found.filter(|count| *count != GOING)
    }

    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        self.by_name.keys().for_each(call);
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// A shard and all that it needs.
struct Bench {
    shard: Shard,
    topics: Topics,
    settings: Settings,
    now: i64,
    ids: u128,
    tokens: u64,
    log: Vec<Record>,
    /// How the next append goes.
    outcome: AppendOutcome,
    replies: BTreeMap<u64, Reply>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            shard: Shard::new(),
            topics: Topics::default(),
            settings: Settings::default(),
            now: 1_000_000,
            ids: 0,
            tokens: 0,
            log: Vec::new(),
            outcome: Ok(()),
            replies: BTreeMap::new(),
        }
    }

    /// With topics that have so many partitions.
    fn with(topics: &[(&str, i32)]) -> Bench {
        let mut bench = Bench::new();
        topics.iter().for_each(|(name, partitions)| bench.topic(name, *partitions));
        bench
    }

    /// Makes a topic, or lets it grow.
    fn topic(&mut self, name: &str, partitions: i32) {
        self.topics.version += 1;
        let number = 1000 + self.topics.by_name.len() as u128;
        let new = (Uuid(number.to_be_bytes()), partitions);
        self.topics.by_name.entry(name.into()).or_insert(new).1 = partitions;
    }

    fn id_of(&self, topic: &str) -> Uuid {
        self.topics.id(topic).unwrap()
    }

    /// One event, with the appends and replays that follow, and what is looked up.
    fn event(&mut self, event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects)) {
        let lookups = self.single(event);
        self.look_up(lookups);
    }

    fn look_up(&mut self, mut lookups: Vec<Lookup>) {
        while let Some(lookup) = lookups.pop() {
            let found = lookup.run(&self.topics, self.now, &|| false).unwrap();
            let more = self.single(|shard, world, effects| shard.looked_up(world, found, effects));
            lookups.extend(more);
        }
    }

    /// The same without those; they are given.
    fn single(
        &mut self,
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> Vec<Lookup> {
        let mut effects = Effects::default();
        let ids = &mut self.ids;
        let mut new_id = || {
            *ids += 1;
            Uuid(ids.to_be_bytes())
        };
        let mut world = World {
            now_ms: self.now,
            tick_ms: self.now,
            settings: &self.settings,
            elsewhere: 0,
            topics: &self.topics,
            new_id: &mut new_id,
        };
        event(&mut self.shard, &mut world, &mut effects);
        while !effects.records.is_empty() {
            let outcome = std::mem::replace(&mut self.outcome, Ok(()));
            if outcome.is_ok() {
                self.log.extend(effects.records.iter().cloned());
            }
            self.shard.appended(&mut world, &mut effects, outcome);
        }
        self.replies.extend(effects.replies.into_iter().map(|(to, reply)| (to.key, reply)));
        self.shard.check();
        effects.lookups
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token { worker: 0, key: self.tokens }
    }

    /// Lets time go on, with all timers.
    fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(at) = self.shard.next_tick().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.event(|shard, world, effects| {
                shard.tick(world, effects);
            });
        }
        self.now = end;
    }

    /// A report and its answer.
    fn beat(&mut self, beat: &Beat) -> ConsumerReply {
        let (reply, lookups) = self.report(beat);
        self.look_up(lookups);
        reply
    }

    /// The lookups that a report asks for; they are not made.
    fn beat_alone(&mut self, beat: &Beat) -> Vec<Lookup> {
        let (reply, lookups) = self.report(beat);
        assert_eq!(reply.code, ErrorCode::NONE);
        lookups
    }

    fn report(&mut self, beat: &Beat) -> (ConsumerReply, Vec<Lookup>) {
        let token = self.token();
        let names: Option<Vec<&str>> =
            beat.topics.as_ref().map(|names| names.iter().map(String::as_str).collect());
        let owned: Option<Vec<TopicPartitions<'_>>> = beat.owned.as_ref().map(|owned| {
            owned
                .iter()
                .map(|(topic, list)| TopicPartitions {
                    topic_id: *topic,
                    partitions: Array::from(list),
                })
                .collect()
        });
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &beat.group,
            member_id: &beat.member,
            member_epoch: beat.epoch,
            instance_id: beat.instance.as_deref(),
            rack_id: beat.rack.as_deref(),
            rebalance_timeout_ms: beat.timeout,
            subscribed_topic_names: names.as_ref().map(Array::from),
            subscribed_topic_regex: beat.regex.as_deref(),
            server_assignor: beat.assignor.as_deref(),
            topic_partitions: owned.as_ref().map(Array::from),
        };
        let caller = Caller { client_id: "client", host: "/127.0.0.1", version: beat.version };
        let lookups = self.single(|shard, world, effects| {
            shard.consumer_heartbeat(world, caller, &request, token, effects);
        });
        match self.replies.remove(&token.key) {
            Some(Reply::Consumer(reply)) => (reply, lookups),
            other => panic!("{other:?}"),
        }
    }

    /// A member joins with these topics, when there may be new targets.
    fn join(&mut self, member: &str, topics: &[&str]) -> ConsumerReply {
        self.pass(1000);
        self.beat(&Beat::join(member, topics))
    }

    fn group(&self) -> &Consumer {
        self.shard.consumer(GROUP).unwrap()
    }

    fn member(&self, id: &str) -> &Member {
        &self.group().members[id]
    }

    /// The log as a new coordinator reads it.
    fn reloaded(&self) -> Shard {
        let mut shard = Shard::new();
        for record in &self.log {
            shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
        shard
    }

    /// The state is what the log says.
    fn check_log(&self) {
        let loaded = self.reloaded();
        let lasting = |shard: &Shard| match shard.consumer(GROUP) {
            None => String::new(),
            Some(group) => {
                let mut group = group.clone();
                (group.looked, group.resolved_at) = (None, None);
                group.looks_up = false;
                let owners: BTreeMap<_, _> =
                    std::mem::take(&mut group.owners).into_iter().collect();
                let targeted: BTreeMap<_, _> =
                    std::mem::take(&mut group.targeted).into_iter().collect();
                format!("{group:#?} {owners:?} {targeted:?}")
            }
        };
        assert_eq!(lasting(&self.shard), lasting(&loaded));
    }
}

/// A request of a member.
#[derive(Debug, Clone)]
struct Beat {
    group: String,
    member: String,
    epoch: i32,
    instance: Option<String>,
    rack: Option<String>,
    timeout: i32,
    topics: Option<Vec<String>>,
    regex: Option<String>,
    assignor: Option<String>,
    owned: Option<Vec<(Uuid, Vec<i32>)>>,
    version: i16,
}

impl Beat {
    /// Nothing but that it is there.
    fn at(member: &str, epoch: i32) -> Beat {
        Beat {
            group: GROUP.to_owned(),
            member: member.to_owned(),
            epoch,
            instance: None,
            rack: None,
            timeout: -1,
            topics: None,
            regex: None,
            assignor: None,
            owned: None,
            version: 1,
        }
    }

    fn join(member: &str, topics: &[&str]) -> Beat {
        let topics = Some(topics.iter().map(|name| (*name).to_owned()).collect());
        Beat { timeout: 300_000, topics, owned: Some(Vec::new()), ..Beat::at(member, 0) }
    }

    fn owning(self, owned: &[(Uuid, &[i32])]) -> Beat {
        let owned = owned.iter().map(|(topic, list)| (*topic, list.to_vec())).collect();
        Beat { owned: Some(owned), ..self }
    }

    fn named(self, instance: &str) -> Beat {
        Beat { instance: Some(instance.to_owned()), ..self }
    }
}

/// What an answer gives of one topic.
fn given(reply: &ConsumerReply, topic: Uuid) -> Option<Vec<i32>> {
    let assignment = reply.assignment.as_ref()?;
    Some(assignment.get(&topic).map(|list| list.keys().copied().collect()).unwrap_or_default())
}
