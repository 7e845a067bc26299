//! A full disk, a real one: writes are refused with an error code, everything else goes on, and
//! when there is room again so do writes, without a start in between.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;

const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;
const MIB: u64 = 1 << 20;
/// Chores of the janitor come at once, the first of them too; the age of records, which are of 1970,
/// is none of them.
const PROMPT: [&str; 10] = [
    "--set",
    "log.retention.ms=-1",
    "--set",
    "log.initial.task.delay.ms=0",
    "--set",
    "log.segment.bytes=1048576",
    "--set",
    "log.segment.delete.delay.ms=0",
    "--set",
    "log.retention.check.interval.ms=50",
];

/// A partition that is written to until the disk is full, and what it was given.
#[derive(Default)]
struct Filled {
    /// What was acknowledged, as it must lie in the log.
    stored: Vec<u8>,
    next: i64,
    seed: u64,
}

impl Filled {
    /// Produces one batch; whether it was taken.
    fn produce(&mut self, client: &mut Client, topic: &str, size: usize) -> bool {
        self.seed += 1;
        let batch = batch(self.seed, 2, size);
        let produced = client.produce((topic, 0), &batch);
        match produced.code {
            ErrorCode::NONE => {
                assert_eq!(produced.base_offset, self.next, "{topic}: without a gap");
                self.stored.extend(stored(&batch, self.next, epoch(client, topic)));
                self.next += 2;
                true
            }
            code => {
                assert_eq!(code, STORAGE, "{:?}", produced.message);
                false
            }
        }
    }

    /// A new topic `full` that has taken all that the disk has room for, and then no more.
    fn new(client: &mut Client, disk: &SmallDisk) -> Filled {
        let mut full = Filled::default();
        client.create("full", 1);
        full.fill_up(client, disk);
        full
    }

    fn fill_up(&mut self, client: &mut Client, disk: &SmallDisk) {
        self.fill(client, "full");
        disk.fill();
        self.fill(client, "full");
    }

    /// Produces until nothing fits any more, not even something small.
    fn fill(&mut self, client: &mut Client, topic: &str) {
        for size in [20_000, 1_000, 10] {
            while self.produce(client, topic, size) {}
        }
    }

    /// There is room again.
    fn goes_on(&mut self, client: &mut Client, disk: &SmallDisk) {
        disk.release();
        assert!(self.produce(client, "full", 20_000));
        self.assert_all_there(client, "full");
    }

    fn assert_all_there(&self, client: &mut Client, topic: &str) {
        assert!(client.fetch_all((topic, 0)) == self.stored, "{topic} is not what was taken");
        assert_eq!(client.offset((topic, 0), -1), self.next);
    }
}

fn epoch(client: &mut Client, topic: &str) -> i32 {
    client.cluster().topics[topic].epochs[0]
}

/// Asks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + GUARD;
    while !is_so() {
        assert!(std::time::Instant::now() < end, "it does not come to that: {what}");
        std::thread::yield_now();
    }
}

/// All that does not need room works.
fn assert_alive(client: &mut Client) {
    assert!(client.api_versions() > 10);
    assert!(client.cluster().topics.contains_key("full"));
    assert!(client.topic_configs("full").contains_key("retention.ms"));
    client.offset(("full", 0), -2);
    client.producers(("full", 0));
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else_until_there_is_room() {
    let disk = SmallDisk::new(12 * MIB);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    let (mut full, mut ballast) = (Filled::default(), Filled::default());
    client.create("full", 1);
    client.create("ballast", 1);
    while ballast.next < 200 {
        assert!(ballast.produce(&mut client, "ballast", 10_000));
    }
    full.fill_up(&mut client, &disk);
    broker.logged(&["ERROR", "full-0", "make room on that disk"]);

    for _ in 0..3 {
        full.assert_all_there(&mut client, "full");
        ballast.assert_all_there(&mut client, "ballast");
        assert_alive(&mut client);
        // A topic is made whole or not at all.
        let sent = client.send_create("half", 3, &[]);
        assert_eq!(client.created(sent), Err(STORAGE));
        assert!(!client.cluster().topics.contains_key("half"));
        let left = || names(&disk.data()).into_iter().filter(|name| name.starts_with("half"));
        let kept: Vec<_> = left().filter(|name| !name.ends_with("-delete")).collect();
        assert_eq!(kept, [""; 0]);
        until("what was renamed is removed", || left().next().is_none());
        assert!(!full.produce(&mut client, "full", 1_000));
    }

    // Deleting makes room, so it must not need any.
    client.delete("ballast");
    until("the topic's files are gone", || disk.free() > MIB as i64);
    assert!(full.produce(&mut client, "full", 1_000), "writes are taken again");
    client.create("half", 3);
    full.assert_all_there(&mut client, "full");
    assert_alive(&mut client);
    broker.stop_cleanly();
    let broker = Broker::spawn(disk.broker(&PROMPT));
    full.assert_all_there(&mut broker.client(), "full");
    broker.stop_cleanly();
}

#[test]
fn records_can_be_deleted_on_a_full_disk() {
    let disk = SmallDisk::new(8 * MIB);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    let mut full = Filled::new(&mut client, &disk);
    // Most of it goes, and the segments with it.
    let keep_from = full.next - 100;
    assert_eq!(client.delete_records(("full", 0), keep_from), keep_from);
    until("segments are gone", || disk.free() > MIB as i64);
    assert!(full.produce(&mut client, "full", 1_000));
    let kept = client.fetch_all(("full", 0));
    assert!(full.stored.ends_with(&kept) && !kept.is_empty());
    // It holds across a crash.
    broker.kill();
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    assert_eq!(client.offset(("full", 0), -2), keep_from);
    assert!(client.fetch_all(("full", 0)) == kept);
    broker.stop_cleanly();
}

#[test]
fn retention_makes_room_on_a_full_disk() {
    let disk = SmallDisk::new(8 * MIB);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    let mut full = Filled::new(&mut client, &disk);
    let before = full.next;
    client.alter("full", &[("retention.bytes", "2000000")]);
    until("segments are gone", || disk.free() > 2 * MIB as i64);
    assert!(full.produce(&mut client, "full", 20_000));
    assert!(client.offset(("full", 0), -2) > 0 && full.next > before);
    let kept = client.fetch_all(("full", 0));
    assert!(full.stored.ends_with(&kept));
    broker.stop_cleanly();
}

#[test]
fn a_broker_that_died_on_a_full_disk_starts_on_it_and_serves() {
    for filler in [false, true] {
        let disk = SmallDisk::new(8 * MIB);
        let broker = Broker::spawn(disk.broker(&PROMPT));
        let mut client = broker.client();
        let (mut full, mut beside) = (Filled::default(), Filled::default());
        client.create("full", 1);
        client.create("beside", 1);
        assert!(beside.produce(&mut client, "beside", 1_000));
        full.fill(&mut client, "full");
        if filler {
            disk.fill();
            full.fill(&mut client, "full");
        }
        broker.kill();
        for _ in 0..2 {
            let broker = Broker::spawn(disk.broker(&PROMPT));
            let mut client = broker.client();
            full.assert_all_there(&mut client, "full");
            beside.assert_all_there(&mut client, "beside");
            assert_alive(&mut client);
            full.fill(&mut client, "full");
            full.assert_all_there(&mut client, "full");
            broker.kill();
        }
        let broker = Broker::spawn(disk.broker(&PROMPT));
        let mut client = broker.client();
        client.delete("full");
        until("the topic's files are gone", || disk.free() > MIB as i64);
        assert!(beside.produce(&mut client, "beside", 20_000));
        beside.assert_all_there(&mut client, "beside");
        broker.stop_cleanly();
    }
}

#[test]
fn a_start_without_room_for_the_new_state_of_the_quorum_does_without() {
    let dir = TempDir::new();
    let (data, disk) = (dir.join("data"), BadDisk::new(&dir));
    let state = data.join("__cluster_metadata-0/quorum-state");
    let broker = Broker::spawn(disk.broker(&data, &PROMPT));
    let mut full = Filled::default();
    broker.client().create("full", 1);
    assert!(full.produce(&mut broker.client(), "full", 1_000));
    broker.kill();
    let mut last = std::fs::read_to_string(&state).unwrap();
    // Beside the old one there is none, or not in its place either.
    for (full_at, is_new) in [("quorum-state.tmp", true), ("quorum-state", false)] {
        disk.fail("write", full_at, libc::ENOSPC);
        let broker = Broker::spawn(disk.broker(&data, &PROMPT));
        full.assert_all_there(&mut broker.client(), "full");
        let told = broker.log().iter().any(|line| line.contains("no room to write the epoch"));
        assert_eq!(told, !is_new, "{:#?}", broker.log());
        assert!(full.produce(&mut broker.client(), "full", 1_000));
        broker.kill();
        let now = std::fs::read_to_string(&state).unwrap();
        assert_eq!(now != last, is_new, "{now}");
        last = now;
    }
    std::fs::remove_file(&state).unwrap();
    let said = refused(disk.broker(&data, &PROMPT));
    assert_eq!(said.code, Some(2));
    let says = "quorum-state: cannot be written, there is no room on its disk";
    assert!(said.stderr.contains(says), "{said:?}");
    disk.heal();
    let broker = Broker::spawn(disk.broker(&data, &PROMPT));
    full.assert_all_there(&mut broker.client(), "full");
    broker.stop_cleanly();
}

#[test]
fn a_clean_stop_on_a_full_disk_loses_nothing() {
    let disk = SmallDisk::new(8 * MIB);
    disk.take(1 << 20);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    let mut full = Filled::new(&mut client, &disk);
    let ended = broker.stop();
    assert!(matches!(ended.code, Some(0 | 1)), "{:#?}", ended.log);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    full.assert_all_there(&mut client, "full");
    full.goes_on(&mut client, &disk);
    broker.stop_cleanly();
}

#[test]
fn a_broker_that_keeps_nothing_lives_with_a_full_disk_too() {
    let disk = SmallDisk::new(8 * MIB);
    disk.take(1 << 20);
    let broker = Broker::spawn(disk.command(&[&["--ephemeral"], &PROMPT[..]].concat()));
    let mut client = broker.client();
    let mut full = Filled::new(&mut client, &disk);
    full.assert_all_there(&mut client, "full");
    assert_alive(&mut client);
    full.goes_on(&mut client, &disk);
    broker.stop_cleanly();
    assert_eq!(names(&disk.path()), [""; 0], "nothing is left");
}

/// A broker that was started again after a crash and found no room to recover `full`.
fn without_room_to_recover() -> (SmallDisk, Filled, Broker) {
    // There is room to start, but not for all the indexes that must be made anew.
    const LITTLE: usize = 8_192;
    let disk = SmallDisk::new(16 * MIB);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    let mut client = broker.client();
    disk.take(MIB as usize);
    let mut full = Filled::new(&mut client, &disk);
    drop(client);
    broker.kill();
    let partition = disk.data().join("full-0");
    // The files of the next segment would give room.
    let goes = |name: &String| name.ends_with("index") || name.ends_with(".prepared");
    for name in names(&partition).into_iter().filter(goes) {
        std::fs::remove_file(partition.join(&name)).unwrap();
    }
    disk.take(LITTLE);
    disk.fill();
    disk.take(0);
    let broker = Broker::spawn(disk.broker(&PROMPT));
    assert!(!full.produce(&mut broker.client(), "full", 10));
    broker.logged(&["ERROR", "full-0", "No space left", "make room"]);
    (disk, full, broker)
}

#[test]
fn a_partition_whose_recovery_finds_no_room_comes_back_with_it() {
    let (disk, mut full, broker) = without_room_to_recover();
    let mut client = broker.client();
    for _ in 0..1_000 {
        assert!(!full.produce(&mut client, "full", 10));
    }
    // Each reads the whole log: whoever asks does not have it done again at once.
    let checks = broker.log().iter().filter(|line| line.contains("it is checked before")).count();
    assert!((1..30).contains(&checks), "{checks} checks");
    disk.release();
    until("it is open", || full.produce(&mut client, "full", 20_000));
    full.assert_all_there(&mut client, "full");
    drop(client);
    broker.stop_cleanly();
    assert!(disk.data().join(".kafka_cleanshutdown").exists());
}

#[test]
fn a_stop_is_not_clean_when_a_log_was_not_recovered() {
    let (disk, full, broker) = without_room_to_recover();
    broker.stop();
    assert!(!disk.data().join(".kafka_cleanshutdown").exists());
    disk.release();
    let broker = Broker::spawn(disk.broker(&PROMPT));
    full.assert_all_there(&mut broker.client(), "full");
    broker.stop_cleanly();
}
