//! How long one event holds the lock of a shard that is full: the longest one and all that it takes. Appends
//! are not counted. It is processor time: the machine may have other things to do.

use barnabas::coordinator::groups::offsets::GroupOffsets;
use barnabas::coordinator::groups::{Effects, Reply, Settings, Shard, Token, TopicsView, World};
use barnabas::wire::codec::{Message, Writer};
use barnabas::wire::group_records::{GroupKey, OffsetCommitKey, OffsetCommitValue};
use barnabas::wire::messages::offset_fetch::OffsetFetchResponsePartitions;
use barnabas::wire::uuid::Uuid;
use std::sync::Arc;
use std::time::Duration;

/// No topic is there any more.
struct Gone;

impl TopicsView for Gone {
    fn id(&self, _: &str) -> Option<Uuid> {
        None
    }
    fn name(&self, _: Uuid) -> Option<Arc<str>> {
        None
    }
    fn partitions(&self, _: Uuid) -> Option<i32> {
        None
    }
    fn each_name(&self, _: &mut dyn FnMut(&Arc<str>)) {}
    fn version(&self) -> u64 {
        0
    }
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it fills the struct that it is given.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const TOPIC: Uuid = Uuid::from_bytes([7; 16]);

/// Groups, topics of each, partitions of each.
fn full([groups, topics, partitions]: [i32; 3]) -> Shard {
    let mut shard = Shard::new();
    for group in 0..groups {
        let group = format!("consumers-of-{group}");
        for topic in 0..topics {
            let topic = format!("some.topic-{topic}");
            for partition in 0..partitions {
                let key = OffsetCommitKey { group: &group, topic: &topic, partition };
                let value = OffsetCommitValue { topic_id: TOPIC, ..Default::default() };
                let key = GroupKey::OffsetCommit(key).to_bytes();
                shard.replay(&key, Some(&value.to_bytes())).expect("a record");
            }
        }
    }
    shard
}

/// The events of one case, one after the other.
struct Holding {
    shard: Shard,
    settings: Settings,
    now: i64,
    longest: Duration,
    total: Duration,
    events: u32,
}

impl Holding {
    fn new(shard: Shard) -> Holding {
        let (longest, total) = Default::default();
        Holding { shard, settings: Settings::default(), now: 1, longest, total, events: 0 }
    }

    fn event(
        &mut self,
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> Vec<Reply> {
        let mut new_id = || Uuid::ZERO;
        let mut world = World {
            now_ms: self.now,
            tick_ms: self.now,
            settings: &self.settings,
            elsewhere: 0,
            topics: &Gone,
            new_id: &mut new_id,
        };
        let (mut effects, began) = (Effects::default(), cpu());
        event(&mut self.shard, &mut world, &mut effects);
        while !effects.records.is_empty() {
            self.shard.appended(&mut world, &mut effects, Ok(()));
        }
        let took = cpu() - began;
        self.longest = self.longest.max(took);
        self.total += took;
        self.events += 1;
        effects.replies.into_iter().map(|(_, reply)| reply).collect()
    }

    /// Fires what is due within so many milliseconds.
    fn pass(&mut self, ms: i64) {
        self.now += ms;
        while self.shard.next_tick().is_some_and(|at| at <= self.now) {
            self.event(|shard, world, effects| {
                let _ = shard.tick(world, effects);
            });
        }
    }

    fn print(&self, what: &str) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (longest, total) = (ms(self.longest), ms(self.total));
        println!("| {what} | {longest:.2} | {total:.2} | {} |", self.events);
    }
}

/// All offsets of a group are asked for: a copy is taken under the lock and written without it, while every
/// offset is committed anew.
fn print_fetch(shape: [i32; 3]) {
    let [_, topics, partitions] = shape;
    let what = format!("a million offsets of {topics} topics");
    let mut case = Holding::new(full(shape));
    let mut copy = None;
    case.event(|shard, _, _| {
        let fetched = shard.fetch("consumers-of-0", (None, -1), true).expect("the group");
        copy = Some(fetched.into_owned());
    });
    case.print(&format!("{what} are copied"));
    let mut case = Holding { longest: Duration::ZERO, total: Duration::ZERO, events: 0, ..case };
    for topic in 0..topics {
        let topic = format!("some.topic-{topic}");
        for partition in 0..partitions {
            let key = OffsetCommitKey { group: "consumers-of-0", topic: &topic, partition };
            let key = GroupKey::OffsetCommit(key).to_bytes();
            let value = OffsetCommitValue { offset: 1, topic_id: TOPIC, ..Default::default() };
            let value = value.to_bytes();
            case.event(|shard, _, _| shard.replay(&key, Some(&value)).expect("a record"));
        }
    }
    case.print(&format!("{what} are committed, beside the copy"));
    let (mut out, began, copy) = (Writer::new(), cpu(), copy.expect("it was taken"));
    for topic in copy.all().into_iter().flat_map(GroupOffsets::topics) {
        for (partition_index, one) in topic.iter() {
            assert_eq!(one.offset, 0, "the copy stands still");
            let row = OffsetFetchResponsePartitions {
                partition_index,
                committed_offset: one.offset,
                committed_leader_epoch: one.leader_epoch,
                metadata: Some(one.metadata),
                ..Default::default()
            };
            row.encode(&mut out, 9);
        }
    }
    (case.longest, case.total, case.events) = (cpu() - began, cpu() - began, 1);
    case.print(&format!("{what} are written, {} bytes, without the lock", out.len()));
}

pub fn print() {
    println!("| a full shard | longest, ms | all, ms | events |\n| --- | ---: | ---: | ---: |");
    for shape in [[1, 100, 10_000], [1, 100_000, 10]] {
        print_fetch(shape);
    }

    let mut case = Holding::new(full([1, 100, 10_000]));
    let token = Token { worker: 0, key: 0 };
    let delete = |shard: &mut Shard, world: &mut World<'_>, effects: &mut Effects| {
        shard.delete_group(world, "consumers-of-0", token, effects);
    };
    while case.event(delete).is_empty() {}
    case.print("a group with a million offsets is deleted");

    for (groups, topics) in [(100_000, 10), (1_000, 1_000)] {
        let mut case = Holding::new(full([groups, topics, 1]));
        let gone = [("some.topic-1".into(), TOPIC)];
        case.event(|shard, world, effects| shard.topics_deleted(world, &gone, effects));
        case.pass(0);
        assert_eq!(case.shard.offsets().len() as i32, groups * (topics - 1));
        case.print(&format!("a topic of {groups} groups with {topics} topics is deleted"));
    }

    let mut case = Holding::new(Shard::new());
    for group in 0..1_000_000 {
        let group = format!("consumers-of-{group}");
        let key = OffsetCommitKey { group: &group, topic: "some.topic-0", partition: 0 };
        let value = OffsetCommitValue { topic_id: TOPIC, ..Default::default() };
        let (key, value) = (GroupKey::OffsetCommit(key).to_bytes(), value.to_bytes());
        case.event(|shard, _, _| shard.replay(&key, Some(&value)).expect("a record"));
    }
    case.print("a million groups begin, with one offset");

    let mut case = Holding { longest: Duration::ZERO, total: Duration::ZERO, events: 0, ..case };
    case.event(|shard, world, effects| shard.loaded(world, effects));
    case.print("they are loaded: outside of the lock");

    let mut case = Holding { longest: Duration::ZERO, total: Duration::ZERO, events: 0, ..case };
    case.pass(case.settings.offsets_retention + case.settings.retention_check_interval);
    assert_eq!(case.shard.offsets().len(), 0);
    case.print("a million groups with one offset end");
}
