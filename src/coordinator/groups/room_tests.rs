//! Members that bring too much are refused, those that are there go on, and nothing that has gone is counted.

use super::room::MEMBER;
use super::*;
use crate::wire::codec::Array;
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::wire::messages::leave_group::LeaveGroupRequest;
use crate::wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use crate::wire::uuid::Uuid;
use std::sync::Arc;

struct NoTopics;

impl TopicsView for NoTopics {
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

/// A shard whose members may take a million bytes, less what is taken elsewhere.
pub(super) struct Bench {
    shard: Shard,
    pub(super) settings: Settings,
    elsewhere: usize,
    now: i64,
    ids: u128,
    log: Vec<Record>,
    no_room: Option<NoRoom>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        let settings = Settings {
            max_member_bytes: 1_000_000,
            initial_rebalance_delay: 0,
            ..Settings::default()
        };
        let (shard, log) = (Shard::new(), Vec::new());
        Bench { shard, settings, elsewhere: 0, now: 1, ids: 0, log, no_room: None }
    }

    fn event(
        &mut self,
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> Vec<Reply> {
        let (mut effects, ids) = (Effects::default(), &mut self.ids);
        let mut new_id = || {
            *ids += 1;
            Uuid(ids.to_be_bytes())
        };
        let mut world = World {
            now_ms: self.now,
            tick_ms: self.now,
            settings: &self.settings,
            elsewhere: self.elsewhere,
            topics: &NoTopics,
            new_id: &mut new_id,
        };
        event(&mut self.shard, &mut world, &mut effects);
        while !effects.records.is_empty() {
            self.log.extend(effects.records.iter().cloned());
            self.shard.appended(&mut world, &mut effects, Ok(()));
        }
        self.no_room = effects.no_room;
        self.shard.check();
        effects.replies.into_iter().map(|(_, reply)| reply).collect()
    }

    /// Time passes; what is answered meanwhile.
    pub(super) fn pass(&mut self, ms: i64) -> Vec<Reply> {
        let end = self.now + ms;
        let mut replies = Vec::new();
        while let Some(at) = self.shard.next_tick().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            replies.extend(self.event(|shard, world, effects| {
                let _ = shard.tick(world, effects);
            }));
        }
        self.now = end;
        replies
    }

    /// A join with so much metadata; code, id and generation of the answer, if one comes at once.
    fn join(&mut self, group: &str, id: &str, version: i16, metadata: usize) -> JoinReply {
        let metadata = vec![0; metadata];
        self.offer(group, (id, None), version, &[("p", &metadata)])
    }

    /// A join with these protocols; the same.
    pub(super) fn offer(
        &mut self,
        group: &str,
        who: (&str, Option<&str>),
        version: i16,
        protocols: &[(&str, &[u8])],
    ) -> JoinReply {
        let mut replies = self.send_join(group, who, version, protocols);
        if replies.is_empty() {
            // The first phase ends with its time, which is none.
            replies = self.event(|shard, world, effects| {
                let _ = shard.tick(world, effects);
            });
        }
        match replies.pop() {
            Some(Reply::Join(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// A join with these protocols; whoever is answered at once.
    pub(super) fn send_join(
        &mut self,
        group: &str,
        (id, instance): (&str, Option<&str>),
        version: i16,
        protocols: &[(&str, &[u8])],
    ) -> Vec<Reply> {
        let one = |&(name, metadata)| JoinGroupRequestProtocol { name, metadata };
        let protocols: Vec<_> = protocols.iter().map(one).collect();
        let request = JoinGroupRequest {
            group_id: group,
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            member_id: id,
            group_instance_id: instance,
            protocol_type: "mine",
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        let caller = Caller { client_id: "c", host: "/h", version };
        let token = Token { worker: 0, key: 0 };
        self.event(|shard, world, effects| shard.join(world, caller, &request, token, effects))
    }

    pub(super) fn sync(&mut self, group: &str, me: &JoinReply, assignment: usize) -> ErrorCode {
        let assignment = vec![0; assignment];
        let given =
            [SyncGroupRequestAssignment { member_id: &me.member_id, assignment: &assignment }];
        let request = SyncGroupRequest {
            group_id: group,
            generation_id: me.generation,
            member_id: &me.member_id,
            assignments: Array::from(&given),
            ..Default::default()
        };
        let token = Token { worker: 0, key: 0 };
        let mut replies = self.event(|shard, world, effects| {
            shard.sync(world, &request, token, effects);
        });
        match replies.pop() {
            Some(Reply::Sync(reply)) => reply.code,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn beat(&mut self, group: &str, me: &JoinReply) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: group,
            generation_id: me.generation,
            member_id: &me.member_id,
            group_instance_id: None,
        };
        let token = Token { worker: 0, key: 0 };
        let mut replies = self.event(|shard, world, effects| {
            shard.heartbeat(world, &request, token, effects);
        });
        match replies.pop() {
            Some(Reply::Heartbeat(code)) => code,
            other => panic!("{other:?}"),
        }
    }

    fn leave(&mut self, group: &str, id: &str) {
        let request = LeaveGroupRequest { group_id: group, member_id: id, ..Default::default() };
        let token = Token { worker: 0, key: 0 };
        self.event(|shard, world, effects| shard.leave(world, 0, &request, token, effects));
    }

    fn report(&mut self, id: &str, epoch: i32, topics: &[&str]) -> consumer::ConsumerReply {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "modern",
            member_id: id,
            member_epoch: epoch,
            rebalance_timeout_ms: 10_000,
            subscribed_topic_names: Some(Array::from(topics)),
            topic_partitions: Some(Array::default()),
            ..Default::default()
        };
        let caller = Caller { client_id: "c", host: "/h", version: 1 };
        let token = Token { worker: 0, key: 0 };
        let mut replies = self.event(|shard, world, effects| {
            shard.consumer_heartbeat(world, caller, &request, token, effects);
        });
        match replies.pop() {
            Some(Reply::Consumer(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }
}

const FULL: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;

#[test]
fn who_brings_much_is_refused_before_those_who_bring_little() {
    let mut bench = Bench::new();
    let mut heavy = Vec::new();
    let refused = loop {
        let group = format!("heavy-{}", heavy.len());
        assert!(heavy.len() < 100, "nobody is refused");
        let reply = bench.join(&group, "", 3, 50_000);
        match reply.code {
            ErrorCode::NONE => heavy.push((group, reply)),
            code => break (group, code),
        }
    };
    // An eighth of what is left: less than 50,000 of 400,000.
    assert_eq!((heavy.len(), refused.1), (12, FULL));
    assert!(bench.shard.classic(&refused.0).is_none(), "it is not even made");
    let no_room = bench.no_room.clone().unwrap();
    assert_eq!((&*no_room.group, no_room.taken), ("heavy-12", bench.shard.member_bytes()));
    let light = bench.join("light", "", 3, 1_000);
    assert_eq!(light.code, ErrorCode::NONE, "others have room");
    // Those that are in go on, with what they have.
    let (group, first) = heavy.remove(0);
    assert_eq!(bench.sync(&group, &first, 10), ErrorCode::NONE);
    assert_eq!(bench.beat(&group, &first), ErrorCode::NONE);
    let again = bench.join(&group, &first.member_id, 3, 50_000);
    assert_eq!((again.code, again.generation), (ErrorCode::NONE, 2));
    assert_eq!(bench.join(&group, &again.member_id, 3, 150_000).code, FULL, "no more than that");
    assert_eq!(bench.sync(&group, &again, 10), ErrorCode::NONE, "nothing has changed");
    bench.leave(&group, &again.member_id);
    assert_eq!(bench.join(&refused.0, "", 3, 50_000).code, ErrorCode::NONE, "there is room again");
}

#[test]
fn what_other_shards_hold_counts_and_nothing_is_left_when_all_have_gone() {
    let mut bench = Bench::new();
    bench.elsewhere = 700_000;
    assert_eq!(bench.join("g", "", 3, 50_000).code, FULL);
    bench.elsewhere = 0;
    let member = bench.join("g", "", 3, 50_000);
    assert_eq!(member.code, ErrorCode::NONE);
    // All of it is taken since; whoever is in stays in.
    bench.elsewhere = 2_000_000;
    assert_eq!(bench.sync("g", &member, 0), ErrorCode::NONE);
    assert_eq!(bench.beat("g", &member), ErrorCode::NONE);
    let again = bench.join("g", &member.member_id, 3, 40_000);
    assert_eq!((again.code, again.generation), (ErrorCode::NONE, 2), "with less");
    assert!((40_000..40_500).contains(&(bench.shard.member_bytes() - MEMBER)));
    bench.pass(60_000);
    assert_eq!(bench.shard.member_bytes(), 0, "its session is over");
}

#[test]
fn ids_of_members_that_never_come_count_until_they_are_forgotten() {
    let mut bench = Bench::new();
    bench.settings.max_member_bytes = 100_000;
    let mut given = 0;
    while bench.join(&format!("g{given}"), "", 4, 10).code == ErrorCode::MEMBER_ID_REQUIRED {
        given += 1;
        assert!(given < 1_000);
    }
    assert!(given > 300, "{given}");
    assert!((97_000..100_000).contains(&bench.shard.member_bytes()));
    bench.pass(10_000);
    assert_eq!(bench.shard.member_bytes(), 0);
    assert_eq!(bench.join("g", "", 4, 10).code, ErrorCode::MEMBER_ID_REQUIRED);
}

#[test]
fn a_leader_does_not_assign_more_than_there_is_room_for() {
    let mut bench = Bench::new();
    let member = bench.join("g", "", 3, 10);
    assert_eq!(bench.sync("g", &member, 200_000), FULL);
    assert_eq!(bench.beat("g", &member), ErrorCode::NONE, "it may try again");
    assert_eq!(bench.sync("g", &member, 20_000), ErrorCode::NONE);
    assert!((20_000..20_500).contains(&(bench.shard.member_bytes() - MEMBER)));
}

#[test]
fn members_of_the_consumer_protocol_count_with_their_topics() {
    let mut bench = Bench::new();
    let long = "t".repeat(150_000);
    let refused = bench.report("m", 0, &[&long]);
    assert_eq!(refused.code, FULL);
    assert!(refused.message.unwrap().contains("of 1000000 that they may take"));
    assert!(bench.shard.describe_consumer("modern").is_err(), "it is not made");
    assert_eq!(bench.report("m", 0, &["t"]).code, ErrorCode::NONE);
    bench.elsewhere = 2_000_000;
    assert_eq!(bench.report("m", 2, &["t"]).code, ErrorCode::NONE);
    assert_eq!(bench.report("other", 0, &["t"]).code, FULL);
    let mut loaded = Shard::new();
    for record in &bench.log {
        loaded.replay(&record.key, record.value.as_deref()).unwrap();
    }
    loaded.check_room();
    assert_eq!(loaded.member_bytes(), bench.shard.member_bytes());
    assert_eq!(bench.report("m", -1, &[]).code, ErrorCode::NONE);
    assert_eq!(bench.shard.member_bytes(), 0);
}

#[test]
fn a_client_whose_name_is_too_long_for_an_id_is_refused() {
    let mut bench = Bench::new();
    bench.settings.max_member_bytes = 100_000_000;
    for (length, version) in [(32_731, 3), (32_731, 4), (32_767, 9)] {
        let (long, protocols) =
            ("c".repeat(length), [JoinGroupRequestProtocol { name: "p", metadata: b"" }]);
        let request = JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            protocol_type: "mine",
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        let ask = |bench: &mut Bench, client_id| {
            let caller = Caller { client_id, host: "/h", version };
            let token = Token { worker: 0, key: 0 };
            let mut replies = bench.event(|shard, world, effects| {
                shard.join(world, caller, &request, token, effects);
            });
            replies.pop()
        };
        let Some(Reply::Join(refused)) = ask(&mut bench, &long) else { panic!("an answer") };
        assert_eq!((refused.code, &*refused.member_id), (ErrorCode::UNKNOWN_SERVER_ERROR, ""));
        assert_eq!(bench.shard.member_bytes(), 0, "nothing of it stays");
    }
    let longest = "c".repeat(32_730);
    let caller = Caller { client_id: &longest, host: "/h", version: 4 };
    let protocols = [JoinGroupRequestProtocol { name: "p", metadata: b"" }];
    let request = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: 10_000,
        protocol_type: "mine",
        protocols: Array::from(&protocols),
        ..Default::default()
    };
    let token = Token { worker: 0, key: 0 };
    let replies = bench.event(|shard, world, effects| {
        shard.join(world, caller, &request, token, effects);
    });
    let [Reply::Join(given)] = &replies[..] else { panic!("{replies:?}") };
    let given = (given.code, given.member_id.len());
    assert_eq!(given, (ErrorCode::MEMBER_ID_REQUIRED, 32_767));
}
