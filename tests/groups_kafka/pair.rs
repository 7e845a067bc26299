//! The two coordinators side by side: each command goes to both, and both must say and write the same.

use super::embedded;
use super::kafka::Kafka;
use super::member::GROUP;
use barnabas::coordinator::groups::{
    Caller, Effects, Record, Reply, Settings, Shard, Token, TopicsView, World,
};
use barnabas::wire::codec::{Array, Root, Writer};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::group_records::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupTargetAssignmentMemberValue, GroupKey,
    GroupMetadataValue, MemberMetadata, TopicPartitions,
};
use barnabas::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// The topics that there are.
#[derive(Default)]
pub struct Topics {
    pub by_name: BTreeMap<Arc<str>, (Uuid, i32)>,
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
        self.by_name.values().find(|(known, _)| *known == id).map(|(_, count)| *count)
    }
    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        self.by_name.keys().for_each(call);
    }
    fn version(&self) -> u64 {
        self.version
    }
}

/// See the module's comment.
pub struct Pair<'a> {
    kafka: &'a mut Kafka,
    pub shard: Shard,
    settings: Settings,
    pub topics: Topics,
    now: i64,
    tokens: u64,
    /// The next answer may differ, for a reason that docs/ARCHITECTURE.md gives; then nothing more is compared.
    pub tolerant: bool,
    pub has_parted: bool,
    /// The group was one of the consumer protocol, and it was made a classic one again.
    was_modern: bool,
    went_back: bool,
    /// An expression has gone: Kafka asks itself whether all want the same before that, and not again
    /// until a member says something.
    kind_is_old: bool,
    /// Commands on which both agreed.
    pub agreed: u64,
    /// All that was said, for whoever has to find out what went wrong.
    trace: String,
}

const START: i64 = 1_700_000_000_000;

impl Pair<'_> {
    pub fn new(kafka: &mut Kafka, interval: i64, range_first: bool) -> Pair<'_> {
        let mut settings = Settings::default();
        settings.consumer.assignment_interval = interval;
        (settings.consumer.upgrades, settings.consumer.downgrades) = (true, true);
        if range_first {
            settings.consumer.assignors.reverse();
        }
        let names: Vec<&str> =
            settings.consumer.assignors.iter().map(|(name, _)| &**name).collect();
        let line = format!(
            "new group.consumer.assignment.interval.ms={interval} group.consumer.assignors={} \
             group.consumer.migration.policy=bidirectional group.coordinator.rebalance.protocols=classic,consumer",
            names.join(","),
        );
        kafka.tell(&line);
        let mut pair = Pair {
            kafka,
            shard: Shard::new(),
            settings,
            topics: Topics::default(),
            now: START,
            tokens: 0,
            tolerant: false,
            has_parted: false,
            was_modern: false,
            went_back: false,
            kind_is_old: false,
            agreed: 0,
            trace: String::new(),
        };
        let _ = writeln!(pair.trace, "{line}");
        pair
    }

    /// A topic is made or grows.
    pub fn topic(&mut self, name: &str, id: Uuid, partitions: i32) {
        self.topics.version += 1;
        self.topics.by_name.insert(name.into(), (id, partitions));
        self.both(&format!("topic {name} {} {partitions}", hex(id.as_bytes())), |_, _, _| {});
    }

    pub fn delete(&mut self, name: &str) {
        self.topics.version += 1;
        let (id, _) = self.topics.by_name.remove(name).expect("it is there");
        let gone = [(name.into(), id)];
        self.both(&format!("gone {name}"), |shard, world, effects| {
            shard.topics_deleted(world, &gone, effects);
        });
    }

    /// What is in the log before anybody comes.
    pub fn load(&mut self, records: &[Record]) {
        for Record { key, value } in records {
            let value = value.as_deref().expect("no tombstone");
            self.shard.replay(key, Some(value)).expect("a record");
            self.compare(&format!("replay {} {}", hex(key), hex(value)), "", Vec::new());
        }
        self.both("loaded", Shard::loaded);
    }

    /// Time passes, from one thing that is due to the next.
    pub fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(at) = self.shard.next_tick().filter(|at| (self.now + 1..=end).contains(at)) {
            self.step(at);
        }
        self.step(end);
    }

    fn step(&mut self, now: i64) {
        let line = format!("pass {}", now - self.now);
        self.now = now;
        let (mut records, mut fired) = (Vec::new(), true);
        while fired {
            let more = self.event(|shard, world, effects| fired = shard.tick(world, effects));
            records.extend(more.0);
        }
        // Kafka forgets to cancel timers when a group goes back; they fence members that are well.
        // And of two members whose time is up at once either may be the first.
        let is_epoch = |record: &&Record| {
            matches!(GroupKey::decode(&record.key), Ok(GroupKey::ConsumerGroupMetadata(_)))
        };
        self.tolerant = self.went_back || records.iter().filter(is_epoch).count() > 1;
        self.compare(&line, "", records);
        self.tolerant = false;
    }

    /// A request; what is answered at once.
    pub fn ask<'m, M: Root<'m>>(
        &mut self,
        what: &str,
        version: i16,
        request: &M,
        event: impl FnOnce(&mut Shard, &mut World<'_>, Caller<'_>, Token, &mut Effects),
    ) -> Option<Reply> {
        let mut w = Writer::new();
        request.encode(&mut w, version);
        self.tokens += 1;
        // So that no two timers are due at once: which of them comes first means nothing.
        self.now += 1;
        let token = Token { worker: 0, key: self.tokens };
        let caller = Caller { client_id: "client", host: "/127.0.0.1", version };
        let line = format!("{what} {version} {}", hex(&w.into_bytes()));
        let _ = writeln!(self.trace, "{line}");
        let (records, replies) = self.event(|shard, world, effects| {
            event(shard, world, caller, token, effects);
        });
        let reply = replies.into_iter().find(|(to, _)| *to == token).map(|(_, reply)| reply);
        let shown = reply.as_ref().map_or("waits".to_owned(), shown);
        let _ = writeln!(self.trace, "# {shown}");
        self.compare(&line, &shown, records);
        reply
    }

    fn both(&mut self, line: &str, event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects)) {
        let (records, _) = self.event(event);
        self.compare(line, "", records);
    }

    /// One event with all that follows from it.
    fn event(
        &mut self,
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> (Vec<Record>, Vec<(Token, Reply)>) {
        let (mut records, mut effects) = (Vec::new(), Effects::default());
        let mut new_id = || panic!("members have ids of their own");
        let mut world = World {
            now_ms: self.now,
            tick_ms: self.now,
            settings: &self.settings,
            elsewhere: 0,
            topics: &self.topics,
            new_id: &mut new_id,
        };
        event(&mut self.shard, &mut world, &mut effects);
        loop {
            while !effects.records.is_empty() {
                records.extend(effects.records.iter().cloned());
                self.shard.appended(&mut world, &mut effects, Ok(()));
            }
            let Some(lookup) = effects.lookups.pop() else { break };
            let found = lookup.run(&self.topics, self.now, &|| false).expect("nobody gives up");
            self.shard.looked_up(&mut world, found, &mut effects);
        }
        self.shard.check();
        let is_modern = self.shard.describe_consumer(GROUP).is_ok();
        self.went_back |= self.was_modern && !is_modern;
        self.was_modern = is_modern;
        (records, effects.replies)
    }

    fn compare(&mut self, line: &str, shown: &str, records: Vec<Record>) {
        if shown.is_empty() {
            let _ = writeln!(self.trace, "{line}");
        }
        let mut kafkas = self.kafka.tell(line);
        kafkas[1..].iter_mut().for_each(|line| *line = told(line));
        kafkas[1..].sort();
        let tolerant = self.tolerant || self.kind_is_old;
        for Record { key, value } in &records {
            match (GroupKey::decode(key), value) {
                (Ok(GroupKey::ConsumerGroupRegularExpression(_)), None) => self.kind_is_old = true,
                (Ok(GroupKey::ConsumerGroupMemberMetadata(_)), Some(_)) => self.kind_is_old = false,
                _ => {}
            }
        }
        let mut ours: Vec<String> = records.iter().map(record).collect();
        ours.sort();
        let mut answer = kafkas[0].strip_prefix("a ").expect("an answer").to_owned();
        if line.starts_with("sync") && answer.starts_with("0|") {
            let (before, given) = answer.rsplit_once('|').expect("an assignment");
            answer = format!("{before}|{}", assignment(&bytes(given)));
        }
        // What Java says of an error that it did not foresee says nothing.
        let unforeseen = |text: &str| text.starts_with("-1|");
        if answer == shown && kafkas[1..] == ours || unforeseen(&answer) && unforeseen(shown) {
            self.agreed += 1;
            return;
        }
        // Who leads a group that has gone back Kafka leaves to a hash table whose order is that of nothing.
        let mut pairs = kafkas[1..].iter().zip(&ours);
        let same_but_for_leader = answer == shown
            && kafkas.len() == ours.len() + 1
            && pairs.all(|(one, other)| without_leader(one) == without_leader(other));
        // It fails where the leader of a classic group gave a partition twice, or one that is not there.
        if tolerant || same_but_for_leader || unforeseen(&answer) {
            self.has_parted = true;
            return;
        }
        let both = |lines: &[String]| lines.join("\n");
        panic!(
            "after the above\nKafka: {answer}\n{}\nours: {shown}\n{}\n",
            both(&kafkas[1..]),
            both(&ours)
        );
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.trace);
        }
    }
}

/// A record as Kafka's side tells it.
fn told(line: &str) -> String {
    let mut words = line.split(' ').skip(1).map(|word| (word != "-").then(|| bytes(word)));
    let mut next = || words.next().expect("a key and a value");
    record(&Record { key: next().expect("a key"), value: next() })
}

/// A record as text; where one lists partitions in the order of a hash table, they are put in order.
fn record(record: &Record) -> String {
    let (key, value) = (&record.key, record.value.as_deref());
    let shown = match (GroupKey::decode(key).expect("a key"), value) {
        (GroupKey::ConsumerGroupTargetAssignmentMember(_), Some(value)) => {
            let value =
                ConsumerGroupTargetAssignmentMemberValue::from_bytes(value).expect("a value");
            let mut each: Vec<(Uuid, i32)> = Vec::new();
            for topic in value.topic_partitions.iter() {
                each.extend(topic.partitions.iter().map(|partition| (topic.topic_id, partition)));
            }
            each.sort();
            format!("{each:?}")
        }
        (GroupKey::ConsumerGroupCurrentMemberAssignment(_), Some(value)) => {
            let value =
                ConsumerGroupCurrentMemberAssignmentValue::from_bytes(value).expect("a value");
            let (epoch, before, state) =
                (value.member_epoch, value.previous_member_epoch, value.state);
            let (assigned, revoking) =
                (owned(&value.assigned_partitions), owned(&value.partitions_pending_revocation));
            format!("epoch {epoch} after {before} state {state}: {assigned:?} gives {revoking:?}")
        }
        (GroupKey::GroupMetadata(_), Some(value)) => {
            let value = GroupMetadataValue::from_bytes(value).expect("a value");
            let one = |member: MemberMetadata<'_>| {
                let given = assignment(member.assignment);
                format!("{:?} given {given}", MemberMetadata { assignment: &[], ..member })
            };
            let members: Vec<String> = value.members.iter().map(one).collect();
            format!("{:?} {members:?}", GroupMetadataValue { members: Array::from(&[]), ..value })
        }
        (_, value) => value.map_or("-".to_owned(), hex),
    };
    format!("{} {shown}", hex(key))
}

fn without_leader(line: &str) -> &str {
    line.split_once("leader: ")
        .map_or(line, |(_, rest)| rest.split_once(',').map_or("", |(_, rest)| rest))
}

/// What a classic member is given, its topics and partitions in order.
fn assignment(bytes: &[u8]) -> String {
    let mut named = embedded::assigned(bytes);
    named.values_mut().for_each(|list| list.sort_unstable());
    format!("{named:?}")
}

fn owned(topics: &Array<'_, TopicPartitions<'_>>) -> BTreeSet<(Uuid, i32, i32)> {
    let mut each = BTreeSet::new();
    for topic in topics.iter() {
        let epochs = topic.assignment_epochs.expect("Kafka 4.3 writes them");
        let list = topic.partitions.iter().zip(epochs.iter());
        each.extend(list.map(|(partition, epoch)| (topic.topic_id, partition, epoch)));
    }
    each
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(reply: &Reply) -> String {
    let text = |text: &Option<Arc<str>>| text.as_deref().unwrap_or("null").to_owned();
    match reply {
        Reply::Consumer(reply) if reply.code != ErrorCode::NONE => {
            format!("{}|{}", reply.code.0, reply.message.as_deref().unwrap_or("null"))
        }
        Reply::Consumer(reply) => {
            let each = |(topic, list): (&Uuid, &BTreeMap<i32, i32>)| {
                format!("{}={:?}", hex(topic.as_bytes()), list.keys().collect::<Vec<_>>())
            };
            let assigned = reply.assignment.as_ref().map_or("-".to_owned(), |assigned| {
                format!("{{{}}}", assigned.iter().map(each).collect::<Vec<_>>().join(", "))
            });
            let (id, epoch) = (text(&reply.member_id), reply.member_epoch);
            format!("0|{id}|{epoch}|{}|{assigned}", reply.heartbeat_interval)
        }
        Reply::Join(reply) if reply.code != ErrorCode::NONE => format!("{}|", reply.code.0),
        Reply::Join(reply) => format!(
            "0|{}|{}|{}|{}|{}",
            reply.generation,
            text(&reply.protocol_type),
            text(&reply.protocol),
            reply.leader,
            reply.member_id
        ),
        Reply::Sync(reply) if reply.code != ErrorCode::NONE => format!("{}|", reply.code.0),
        Reply::Sync(reply) => format!(
            "0|{}|{}|{}",
            text(&reply.protocol_type),
            text(&reply.protocol),
            assignment(&reply.assignment)
        ),
        Reply::Heartbeat(code) => format!("{}|", code.0),
        Reply::Leave(reply) if reply.code != ErrorCode::NONE => format!("{}|", reply.code.0),
        Reply::Leave(reply) => {
            let codes: Vec<i16> = reply.members.iter().map(|member| member.code.0).collect();
            format!("0|{codes:?}")
        }
        other => panic!("{other:?}"),
    }
}
