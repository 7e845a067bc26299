//! Consumer groups and their disk: what it refuses is acknowledged to nobody, what it has damaged
//! takes the groups of one partition along, and when there is room again they go on.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::fs;

const NONE: ErrorCode = ErrorCode::NONE;
const MOVED: ErrorCode = ErrorCode::NOT_COORDINATOR;
const LOADING: ErrorCode = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
/// Every answer waits for the disk.
const EACH: [&str; 2] = ["--set", "log.flush.interval.messages=1"];
const MIB: u64 = 1 << 20;

#[test]
fn groups_whose_answers_wait_for_the_disk_work_as_others_do() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[&SWIFT[..], &EACH].concat());
    let [(mut first, one), (mut second, _)] = pair(&broker, "g", 600_000);
    first.create("t", 1);
    // Pipelined: each answer is for its own request, in their order.
    let sent: Vec<Sent> = (0..100).map(|n| first.send_commit("other", ("t", 0), n)).collect();
    assert_eq!(second.leave("g", "nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert!(sent.into_iter().all(|sent| first.committed(sent) == NONE));
    assert_eq!(first.group_offset("other", ("t", 0)), Ok(99));
    assert_eq!(first.heartbeat("g", &one), NONE);
    broker.stop_cleanly();
}

#[test]
fn what_the_disk_does_not_take_is_acknowledged_to_nobody() {
    let dir = TempDir::new();
    let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
    let more = [&SWIFT[..], &EACH].concat();
    let broker = Broker::spawn(disk.broker(&data, &more));
    let mut client = broker.client();
    client.await_coordinator("a");
    client.create("t", 1);
    // Java hashes "a" to 97 and "b" to 98: partitions 1 and 2 of four.
    for group in ["a", "b"] {
        assert_eq!(client.commit(group, ("t", 0), 1), NONE);
    }
    disk.fail("sync", "/__consumer_offsets-1/", libc::EIO);
    // Who only asks what is not on the disk yet hears nothing of it either.
    let (commit, join) =
        (client.send_commit("a", ("t", 0), 2), client.send_join(Joining::new("a", "")));
    assert_eq!(client.committed(commit), MOVED);
    assert_ne!(client.joined(join).code, NONE);
    broker.logged(&["ERROR", "__consumer_offsets-1", "offline"]);
    assert_eq!(client.commit("a", ("t", 0), 3), MOVED);
    assert_eq!(client.commit("b", ("t", 0), 4), NONE, "the others go on");
    disk.heal();
    broker.kill();
    let broker = Broker::spawn(disk.broker(&data, &more));
    let mut client = broker.client();
    client.await_coordinator("a");
    client.await_coordinator("b");
    let known = client.group_offset("a", ("t", 0)).unwrap();
    assert!([1, 2].contains(&known), "{known}: what was refused as unsure may be there");
    assert_eq!(client.group_offset("b", ("t", 0)), Ok(4));
    broker.stop_cleanly();
}

#[test]
fn a_full_disk_refuses_commits_until_there_is_room() {
    let disk = SmallDisk::new(16 * MIB);
    let segments = ["--set", "offsets.topic.segment.bytes=1048576"];
    let broker = Broker::spawn(disk.broker(&[&SWIFT[..], &segments].concat()));
    let [(mut client, one), _second] = pair(&broker, "a", 600_000);
    client.create("t", 100);
    assert_eq!(client.commit("a2", ("t", 0), 1), NONE);
    disk.fill();
    let mut taken = 0;
    let refused = loop {
        match client.commit("full", ("t", 0), taken + 1) {
            ErrorCode::NONE => taken += 1,
            code => break code,
        }
        assert!(taken < 200_000, "it goes on without room");
    };
    assert_eq!(refused, MOVED);
    broker.logged(&["ERROR", OFFSETS, "make room on that disk"]);
    // Nothing of it is in force, and what needs no room goes on.
    assert_eq!(client.group_offset("full", ("t", 0)), Ok(if taken == 0 { -1 } else { taken }));
    assert_eq!(client.heartbeat("a", &one), NONE);
    disk.release();
    assert_eq!(client.commit("full", ("t", 0), 7), NONE);
    assert_eq!(client.group_offset("full", ("t", 0)), Ok(7));
    broker.kill();
    let broker = Broker::spawn(disk.broker(&[&SWIFT[..], &segments].concat()));
    let mut client = broker.client();
    client.await_coordinator("full");
    assert_eq!(client.group_offset("full", ("t", 0)), Ok(7));
    broker.stop_cleanly();
}

#[test]
fn a_damaged_log_takes_the_groups_of_its_partition_along_and_no_others() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.await_coordinator("a");
    client.create("t", 1);
    for group in ["a", "b"] {
        assert_eq!(client.commit(group, ("t", 0), 5), NONE);
        assert_eq!(client.commit(group, ("t", 0), 6), NONE);
    }
    broker.stop_cleanly();
    let log = dir.join("__consumer_offsets-1").join("00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[70] ^= 0x80;
    fs::write(&log, bytes).unwrap();

    let broker = Broker::start(dir.path(), &SWIFT);
    let line = broker.logged(&["ERROR", "__consumer_offsets-1", "its groups cannot be read"]);
    assert!(line.contains("move it away and start"), "{line}");
    let mut client = broker.client();
    client.await_coordinator("b");
    assert_eq!(client.group_offset("b", ("t", 0)), Ok(6));
    assert_eq!(client.group_offset("a", ("t", 0)), Err(MOVED));
    assert_eq!(client.commit("a", ("t", 0), 7), MOVED);
    assert_eq!(client.join(Joining::new("a", "")).code, MOVED);
    broker.stop_cleanly();
    // The way that the line shows.
    fs::rename(dir.join("__consumer_offsets-1"), dir.join("moved.away")).unwrap();
    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.await_coordinator("a");
    assert_eq!(client.group_offset("a", ("t", 0)), Ok(-1), "it begins anew");
    assert_eq!(client.commit("a", ("t", 0), 7), NONE);
    client.await_coordinator("b");
    assert_eq!(client.group_offset("b", ("t", 0)), Ok(6));
    broker.stop_cleanly();
}

#[test]
fn groups_that_cannot_be_read_are_not_told_to_be_unknown() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.create("t", 1);
    client.await_coordinator("a");
    for group in ["a", "b"] {
        assert_eq!(client.commit(group, ("t", 0), 1), NONE);
    }
    broker.stop_cleanly();
    let path = dir.join("__consumer_offsets-1/00000000000000000000.log");
    let mut log = fs::read(&path).unwrap();
    // In the middle of the first batch's header.
    log[30..33].fill(0xff);
    fs::write(&path, log).unwrap();

    let (broker, address) = start_pages(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.await_coordinator("b");
    broker.logged(&["ERROR", "__consumer_offsets-1"]);
    let mut commit = || client.commit("a", ("t", 0), 2);
    let code = std::iter::repeat_with(&mut commit).find(|code| *code != LOADING);
    assert_eq!(code, Some(MOVED));
    // The other partitions may be loaded later.
    let listed = std::iter::repeat_with(|| client.list_groups()).find(Result::is_ok);
    assert_eq!(listed.unwrap().unwrap().len(), 1, "that of the other partition");
    let (status, told) = error(address, "/v1/groups/a");
    assert_eq!((status, &told["code"]), (503, &"NOT_COORDINATOR".into()), "{told}");
    assert_eq!(error(address, "/v1/groups/c").0, 404, "its partition is another one");
    assert_eq!(page(address, "/v1/groups")[0]["group_id"], "b");
    let (status, told) = error(address, "/healthz");
    assert_eq!(status, 503);
    assert_eq!(told["offline"], serde_json::json!(["__consumer_offsets-1"]));
    broker.stop_cleanly();
}
