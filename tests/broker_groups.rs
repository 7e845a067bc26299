//! Consumer groups of the classic protocol against the real broker: members in step over several
//! connections, members that die, starts after a crash, disks that fail, and what waiting costs.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::group_records::GroupKey;
use broker_support::*;

const NONE: ErrorCode = ErrorCode::NONE;
const REBALANCE: ErrorCode = ErrorCode::REBALANCE_IN_PROGRESS;
const MOVED: ErrorCode = ErrorCode::NOT_COORDINATOR;

/// Starts a broker whose groups do not let a test wait.
fn swift(dir: &TempDir, more: &[&str]) -> Broker {
    Broker::start(dir.path(), &[&SWIFT, more].concat())
}

#[test]
fn members_join_sync_beat_and_leave_over_connections_of_their_own() {
    let dir = TempDir::new();
    let broker = swift(&dir, &[]);
    let [(mut first, one), (mut second, two)] = pair(&broker, "g", 600_000);
    assert_eq!((first.heartbeat("g", &one), second.heartbeat("g", &two)), (NONE, NONE));
    let stale = Joined { generation: 1, ..one.clone() };
    assert_eq!(first.heartbeat("g", &stale), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(second.leave("g", "nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(second.leave("g", &two.member), NONE);
    assert_eq!(second.heartbeat("g", &two), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(first.heartbeat("g", &one), REBALANCE);
    let alone = first.join(Joining::new("g", &one.member));
    assert_eq!((alone.code, alone.generation, alone.members.len()), (NONE, 3, 1));
    assert_eq!(first.leave("g", &one.member), NONE);
    assert_eq!(first.heartbeat("g", &one), ErrorCode::UNKNOWN_MEMBER_ID);
    broker.stop_cleanly();
}

#[test]
fn a_member_that_dies_is_out_when_its_session_is_over() {
    let dir = TempDir::new();
    let broker = swift(&dir, &[]);
    let [(mut first, one), (second, two)] = pair(&broker, "g", 300);
    drop(second);
    first.heartbeat_until("g", &one, REBALANCE);
    let alone = first.join(Joining::new("g", &one.member));
    assert_eq!((alone.generation, alone.members), (3, vec![one.member.clone()]));
    assert_eq!(first.heartbeat("g", &two), ErrorCode::UNKNOWN_MEMBER_ID);
    broker.stop_cleanly();
}

#[test]
fn a_join_whose_connection_ends_is_answered_to_nobody_and_harms_nobody() {
    let dir = TempDir::new();
    let broker = swift(&dir, &[]);
    let [(mut first, one), (mut second, two)] = pair(&broker, "g", 600_000);
    // The second waits in a join when it goes away; its session ends there.
    let gone = Joining { session_ms: 300, rebalance_ms: 300, ..Joining::new("g", "") };
    let mut third = broker.client();
    let _ = third.send_join(gone);
    first.heartbeat_until("g", &one, REBALANCE);
    drop(third);
    let waits = first.send_join(Joining::new("g", &one.member));
    let again = second.join(Joining::new("g", &two.member));
    let lead = first.joined(waits);
    assert_eq!((lead.generation, again.generation, lead.members.len()), (3, 3, 3));
    // It never syncs, so the next generation is without it.
    assert_eq!(first.sync("g", &lead, &[]), Ok(vec![]));
    first.heartbeat_until("g", &lead, REBALANCE);
    let waits = first.send_join(Joining::new("g", &one.member));
    assert_eq!(second.join(Joining::new("g", &two.member)).generation, 4);
    assert_eq!(first.joined(waits).members.len(), 2);
    broker.stop_cleanly();
}

#[test]
fn groups_are_as_they_were_after_a_crash() {
    let dir = TempDir::new();
    let broker = swift(&dir, &[]);
    let [(mut first, one), (_second, two)] = pair(&broker, "g", 600_000);
    first.create("t", 1);
    for n in 0..50 {
        assert_eq!(first.commit(&format!("g{n}"), ("t", 0), 1), NONE);
        assert_eq!(first.commit(&format!("g{n}"), ("t", 0), n), NONE);
    }
    broker.kill();
    let broker = swift(&dir, &[]);
    let (mut first, mut second) = (broker.client(), broker.client());
    // While a group is loaded its members are as good as heard.
    assert_eq!(first.heartbeat("g", &one), NONE);
    first.await_coordinator("g");
    assert_eq!(first.heartbeat("g", &one), NONE);
    assert_eq!(second.sync("g", &two, &[]), Ok(b"right".to_vec()));
    for n in 0..50 {
        first.await_coordinator(&format!("g{n}"));
        assert_eq!(first.group_offset(&format!("g{n}"), ("t", 0)), Ok(n));
    }
    // The generation goes on.
    let waits = second.send_join(Joining::new("g", ""));
    first.heartbeat_until("g", &one, REBALANCE);
    let sent = first.send_join(Joining::new("g", &one.member));
    assert_eq!(broker.client().join(Joining::new("g", &two.member)).generation, 3);
    assert_eq!((first.joined(sent).members.len(), second.joined(waits).generation), (3, 3));
    broker.stop_cleanly();
}

#[test]
fn the_offsets_topic_is_a_topic_that_consumers_can_read() {
    let dir = TempDir::new();
    let broker = swift(&dir, &["--set", "offsets.topic.num.partitions=1"]);
    let mut client = broker.client();
    assert_eq!(client.coordinator("g"), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    client.await_coordinator("g");
    client.create("t", 1);
    let configs = client.topic_configs(OFFSETS);
    for (name, value) in [
        ("cleanup.policy", "compact"),
        ("compression.type", "producer"),
        ("segment.bytes", "104857600"),
    ] {
        assert_eq!(configs[name].0.as_deref(), Some(value), "{name}");
    }
    // Who waits for records is woken by a commit.
    let mut consumer = broker.client();
    let waits = consumer.send_fetch(&[((OFFSETS, 0), 0)], Wait::LONG);
    assert_eq!(client.commit("g", ("t", 0), 7), NONE);
    let fetched = consumer.fetched(waits).remove(0);
    assert_eq!((fetched.code, fetched.high_watermark), (NONE, 1));
    let batches = batches(&fetched.records);
    let mut scratch = Vec::new();
    let record = batches[0].records(&mut scratch, 1 << 20).unwrap().next().unwrap().unwrap();
    match GroupKey::decode(record.key.unwrap()).unwrap() {
        GroupKey::OffsetCommit(key) => assert_eq!((key.group, key.topic), ("g", "t")),
        other => panic!("{other:?}"),
    }
    broker.stop_cleanly();
}

#[test]
fn joins_that_wait_are_sent_away_by_a_stop_and_by_the_end_of_the_offsets_topic() {
    let dir = TempDir::new();
    let broker = swift(&dir, &[]);
    let [(mut first, one), (_second, _)] = pair(&broker, "g", 600_000);
    let waits = first.send_join(Joining::new("g", &one.member));
    let mut admin = broker.client();
    admin.delete(OFFSETS);
    assert_eq!(first.joined(waits).code, MOVED);
    assert_eq!(first.heartbeat("g", &one), MOVED);
    // Groups begin anew in a new topic.
    let [(mut first, one), (mut second, _)] = pair(&broker, "g", 600_000);
    let joins = first.send_join(Joining::new("g", &one.member));
    second.await_coordinator("g");
    broker.signal(libc::SIGTERM);
    assert_eq!(first.joined(joins).code, MOVED);
    let ended = broker.ended();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
}

#[test]
fn a_thousand_joins_that_never_sync_are_out_in_time() {
    const MEMBERS: usize = 1_000;
    let dir = TempDir::new();
    let broker = swift(&dir, &["--set", "group.initial.rebalance.delay.ms=200"]);
    let mut client = broker.client();
    client.await_coordinator("g");
    let joining = Joining { session_ms: 1_000, rebalance_ms: 1_000, ..Joining::new("g", "") };
    let sent: Vec<Sent> = (0..MEMBERS).map(|_| client.send_join(joining)).collect();
    let joined: Vec<Joined> = sent.into_iter().map(|sent| client.joined(sent)).collect();
    // Some joined before the first phase was over, the others made the next one begin.
    assert!(joined.iter().any(|joined| joined.code == NONE && joined.members.len() > 1));
    broker.logged(&["group has no members group=g "]);
    let again = client.join(joining);
    assert_eq!((again.code, again.members.len()), (NONE, 1));
    broker.stop_cleanly();
}
