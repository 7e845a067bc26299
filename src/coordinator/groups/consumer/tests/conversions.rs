//! Groups that go from one protocol to the other, empty or with all their members.

use super::super::super::shard::Group;
use super::super::super::{JoinReply, LeaveReply, SyncReply};
use super::super::embedded;
use super::*;
use crate::coordinator::groups::classic;
use crate::wire::codec::Writer;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

/// A subscription of version 1.
pub(super) fn subscription(topics: &[&str], owned: &[(&str, &[i32])]) -> Vec<u8> {
    let mut w = Writer::new();
    let text = |w: &mut Writer, text: &str| {
        w.write_i16(text.len() as i16);
        w.write_slice(text.as_bytes());
    };
    w.write_i16(1);
    w.write_i32(topics.len() as i32);
    topics.iter().for_each(|topic| text(&mut w, topic));
    w.write_i32(-1);
    w.write_i32(owned.len() as i32);
    for (topic, list) in owned {
        text(&mut w, topic);
        w.write_i32(list.len() as i32);
        list.iter().for_each(|partition| w.write_i32(*partition));
    }
    w.into_bytes()
}

impl Bench {
    pub(super) fn send_join(
        &mut self,
        member: &str,
        instance: Option<&str>,
        metadata: &[u8],
    ) -> u64 {
        let token = self.token();
        let protocols = [JoinGroupRequestProtocol { name: "range", metadata }];
        let request = JoinGroupRequest {
            group_id: GROUP,
            session_timeout_ms: 20_000,
            rebalance_timeout_ms: 30_000,
            member_id: member,
            group_instance_id: instance,
            protocol_type: "consumer",
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        // Version 3: ids are not asked for first.
        let caller = Caller { client_id: "old", host: "/127.0.0.1", version: 3 };
        self.event(|shard, world, effects| shard.join(world, caller, &request, token, effects));
        token.key
    }

    pub(super) fn joined(&mut self, key: u64) -> JoinReply {
        match self.replies.remove(&key) {
            Some(Reply::Join(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn classic_join(&mut self, member: &str, owned: &[(&str, &[i32])]) -> JoinReply {
        let key = self.send_join(member, None, &subscription(&["t"], owned));
        self.joined(key)
    }

    pub(super) fn send_sync(
        &mut self,
        member: &str,
        generation: i32,
        given: &[(&str, Vec<u8>)],
    ) -> u64 {
        let token = self.token();
        let assignments: Vec<_> = given
            .iter()
            .map(|(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment })
            .collect();
        let request = SyncGroupRequest {
            group_id: GROUP,
            generation_id: generation,
            member_id: member,
            assignments: Array::from(&assignments),
            ..Default::default()
        };
        self.event(|shard, world, effects| shard.sync(world, &request, token, effects));
        token.key
    }

    fn synced(&mut self, key: u64) -> SyncReply {
        match self.replies.remove(&key) {
            Some(Reply::Sync(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn classic_sync(&mut self, member: &str, generation: i32) -> SyncReply {
        let key = self.send_sync(member, generation, &[]);
        self.synced(key)
    }

    pub(super) fn classic_beat(&mut self, member: &str, generation: i32) -> ErrorCode {
        let token = self.token();
        let request = HeartbeatRequest {
            group_id: GROUP,
            generation_id: generation,
            member_id: member,
            ..Default::default()
        };
        self.event(|shard, world, effects| shard.heartbeat(world, &request, token, effects));
        match self.replies.remove(&token.key) {
            Some(Reply::Heartbeat(code)) => code,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn classic_leave(&mut self, member: &str) -> LeaveReply {
        let token = self.token();
        let members = [MemberIdentity { member_id: member, ..Default::default() }];
        let request = LeaveGroupRequest {
            group_id: GROUP,
            members: Array::from(&members),
            ..Default::default()
        };
        self.event(|shard, world, effects| shard.leave(world, 5, &request, token, effects));
        match self.replies.remove(&token.key) {
            Some(Reply::Leave(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// What bytes give of topic t.
    pub(super) fn read(&self, assignment: &[u8]) -> Vec<i32> {
        let world = World {
            now_ms: 0,
            tick_ms: 0,
            settings: &self.settings,
            elsewhere: 0,
            topics: &self.topics,
            new_id: &mut || Uuid::ZERO,
        };
        let (assigned, _) = embedded::read_assignment(assignment, &world).unwrap();
        assigned.values().flatten().copied().collect()
    }

    pub(super) fn write(&self, partitions: &[i32]) -> Vec<u8> {
        let world = World {
            now_ms: 0,
            tick_ms: 0,
            settings: &self.settings,
            elsewhere: 0,
            topics: &self.topics,
            new_id: &mut || Uuid::ZERO,
        };
        let assigned = [(self.id_of("t"), partitions.iter().copied().collect())].into();
        embedded::write_assignment(&subscription(&[], &[]), &assigned, &world).unwrap().to_vec()
    }

    fn classic_group(&self) -> Option<&classic::Classic> {
        match self.shard.groups.get(GROUP) {
            Some(Group::Classic(group)) => Some(group),
            _ => None,
        }
    }

    /// A stable classic group of one member that has both partitions of t.
    pub(super) fn one_classic(&mut self) -> String {
        let key = self.send_join("", None, &subscription(&["t"], &[]));
        self.pass(3_000);
        let joined = self.joined(key);
        let all = self.write(&[0, 1]);
        let key = self.send_sync(&joined.member_id, joined.generation, &[(&joined.member_id, all)]);
        assert_eq!(self.synced(key).code, ErrorCode::NONE);
        joined.member_id.to_string()
    }
}

#[test]
fn an_empty_classic_group_becomes_a_consumer_group() {
    let mut bench = Bench::with(&[("t", 2)]);
    let member = bench.one_classic();
    bench.classic_leave(&member);
    assert!(bench.classic_group().is_some_and(|group| group.is_empty()));
    assert_eq!(bench.beat(&Beat::at("a", 1)).code, ErrorCode::GROUP_ID_NOT_FOUND);
    let reply = bench.beat(&Beat::join("a", &["t"]));
    assert_eq!((reply.code, reply.member_epoch), (ErrorCode::NONE, 2));
    bench.check_log();
}

#[test]
fn an_empty_consumer_group_becomes_a_classic_group() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.beat(&Beat::at("a", -1));
    bench.outcome = Err(ErrorCode::NOT_COORDINATOR);
    let key = bench.send_join("", None, &subscription(&["t"], &[]));
    assert_eq!(bench.joined(key).code, ErrorCode::NOT_COORDINATOR);
    assert!(bench.group().is_empty(), "it is what it was");
    assert_eq!(bench.classic_join("nobody", &[]).code, ErrorCode::UNKNOWN_MEMBER_ID);
    bench.send_join("", None, &subscription(&["t"], &[]));
    assert!(bench.classic_group().is_some());
    assert!(matches!(bench.reloaded().groups.get(GROUP), Some(Group::Classic(_))));
}

#[test]
fn nobody_changes_the_protocol_of_others_where_that_is_not_allowed() {
    let mut bench = Bench::with(&[("t", 2)]);
    (bench.settings.consumer.upgrades, bench.settings.consumer.downgrades) = (false, false);
    bench.beat(&Beat::join("a", &["t"]));
    let refused = bench.classic_join("", &[]);
    assert_eq!(refused.code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    bench.beat(&Beat::at("a", -1));
    bench.one_classic();
    let refused = bench.beat(&Beat::join("a", &["t"]));
    assert_eq!(refused.code, ErrorCode::GROUP_ID_NOT_FOUND);
    let expected = "Cannot upgrade classic group g to consumer group because online upgrade is \
                    disabled.";
    assert_eq!(refused.message.as_deref(), Some(expected));
}

#[test]
fn a_classic_group_goes_over_with_all_its_members() {
    let mut bench = Bench::with(&[("t", 2)]);
    let old = bench.one_classic();
    let reply = bench.beat(&Beat::join("new", &["t"]));
    assert_eq!((reply.code, reply.member_epoch), (ErrorCode::NONE, 2));
    assert_eq!(given(&reply, bench.id_of("t")), Some(vec![]), "the old member has all");
    bench.check_log();
    // The old one is told to join, gives back, joins again and learns what it keeps.
    assert_eq!(bench.classic_beat(&old, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = bench.classic_join(&old, &[("t", &[0, 1])]);
    assert_eq!((joined.code, joined.generation), (ErrorCode::NONE, 1));
    let kept = bench.classic_sync(&old, 1);
    let kept = bench.read(&kept.assignment);
    assert_eq!(kept.len(), 1);
    assert_eq!(bench.classic_beat(&old, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = bench.classic_join(&old, &[("t", &kept)]);
    assert_eq!((joined.code, joined.generation), (ErrorCode::NONE, 2));
    assert_eq!(bench.read(&bench.write(&kept)), kept);
    let synced = bench.classic_sync(&old, 2);
    assert_eq!(bench.read(&synced.assignment), kept);
    assert_eq!(bench.classic_beat(&old, 2), ErrorCode::NONE);
    let reply = bench.beat(&Beat::at("new", 2));
    assert_eq!(given(&reply, bench.id_of("t")).map(|list| list.len()), Some(1));
    assert_eq!(bench.group().state(), State::Stable);
    bench.check_log();
}

#[test]
fn whoever_waits_in_a_rebalance_is_told_to_join_again() {
    let mut bench = Bench::with(&[("t", 2)]);
    let old = bench.one_classic();
    let key = bench.send_join("", None, &subscription(&["t"], &[]));
    assert!(!bench.replies.contains_key(&key), "it waits for the other one");
    bench.outcome = Err(ErrorCode::NOT_COORDINATOR);
    bench.beat(&Beat::join("new", &["t"]));
    assert!(!bench.replies.contains_key(&key), "nothing has happened");
    bench.beat(&Beat::join("new", &["t"]));
    assert_eq!(bench.joined(key).code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.group().members.len(), 3);
    assert_eq!(bench.classic_beat(&old, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    bench.check_log();
}

#[test]
fn an_assignment_that_only_the_members_understand_is_not_taken_over() {
    let mut bench = Bench::with(&[("t", 2)]);
    let key = bench.send_join("", None, &subscription(&["t"], &[]));
    bench.pass(3_000);
    let joined = bench.joined(key);
    let mut all = bench.write(&[0, 1]);
    all.truncate(all.len() - 4);
    all.extend([0, 0, 0, 1, 7]);
    bench.send_sync(&joined.member_id, joined.generation, &[(&joined.member_id, all)]);
    let refused = bench.beat(&Beat::join("new", &["t"]));
    assert_eq!(refused.code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert!(refused.message.unwrap().contains("unsupported custom assignor"));
}

#[test]
fn with_its_last_consumer_a_group_goes_back() {
    let mut bench = Bench::with(&[("t", 2)]);
    let old = bench.one_classic();
    bench.beat(&Beat::join("new", &["t"]));
    bench.outcome = Err(ErrorCode::NOT_COORDINATOR);
    bench.beat(&Beat::at("new", -1));
    assert_eq!(bench.group().members.len(), 2, "nothing has happened");
    assert_eq!(bench.beat(&Beat::at("new", -1)).code, ErrorCode::NONE);
    let group = bench.classic_group().unwrap();
    assert_eq!((group.generation, group.members.len()), (2, 1));
    assert_eq!(bench.classic_beat(&old, 2), ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = bench.classic_join(&old, &[]);
    assert_eq!((joined.code, joined.generation), (ErrorCode::NONE, 3));
    assert_eq!(&*joined.leader, &*old);
    let loaded = bench.reloaded();
    assert!(
        matches!(loaded.groups.get(GROUP), Some(Group::Classic(group)) if group.generation == 2)
    );
}

#[test]
fn a_classic_member_takes_the_place_of_the_last_consumer() {
    let mut bench = Bench::with(&[("t", 2)]);
    let t = bench.id_of("t");
    let reply = bench.beat(&Beat::join("a", &["t"]).named("i"));
    assert_eq!(given(&reply, t), Some(vec![0, 1]));
    let key = bench.send_join("", Some("i"), &subscription(&["t"], &[]));
    let joined = bench.joined(key);
    assert_eq!((joined.code, joined.generation), (ErrorCode::NONE, 2));
    let group = bench.classic_group().unwrap();
    assert_eq!((group.generation, group.state), (2, classic::State::Stable));
    let synced = bench.classic_sync(&joined.member_id, 2);
    assert_eq!(bench.read(&synced.assignment), [0, 1], "nobody has noticed");
    assert_eq!(bench.beat(&Beat::at("a", 2).named("i")).code, ErrorCode::GROUP_ID_NOT_FOUND);
}

#[test]
fn a_classic_member_that_does_not_come_back_in_time_is_out() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.pass(1000);
    let x = bench.classic_join("", &[]).member_id.to_string();
    assert_eq!(bench.group().members.len(), 2);
    for _ in 0..5 {
        bench.beat(&Beat::at("a", 2));
        bench.pass(5_000);
        assert_eq!(bench.classic_beat(&x, 3), ErrorCode::NONE);
    }
    bench.beat(&Beat::at("a", 2));
    bench.pass(5_000);
    assert!(!bench.group().members.contains_key(&*x), "it has never synced");
    bench.check_log();
}

#[test]
fn classic_requests_are_checked_as_in_a_classic_group() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.pass(1000);
    assert_eq!(bench.classic_beat("a", 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.classic_sync("a", 2).code, ErrorCode::UNKNOWN_MEMBER_ID);
    let x = bench.classic_join("", &[]).member_id.to_string();
    assert_eq!(bench.classic_beat(&x, 7), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(bench.classic_sync(&x, 7).code, ErrorCode::ILLEGAL_GENERATION);
    let left = bench.classic_leave("nobody");
    assert_eq!(left.members[0].code, ErrorCode::UNKNOWN_MEMBER_ID);
    let left = bench.classic_leave(&x);
    assert_eq!((left.code, left.members[0].code), (ErrorCode::NONE, ErrorCode::NONE));
    assert_eq!(bench.group().members.len(), 1);
    let malformed = bench.send_join("", None, &[0]);
    assert_eq!(bench.joined(malformed).code, ErrorCode::UNKNOWN_SERVER_ERROR);
    bench.check_log();
}
