//! Retention, deletion and the janitor that does both, in the real broker.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::path::Path;

/// Segments may not be smaller; a batch of [`HALF`] bytes fits in once.
const SMALL: (&str, &str) = ("segment.bytes", "1048576");
const HALF: usize = 600_000;
const AT: At<'static> = ("t", 0);

fn start(dir: &TempDir, more: &[&str]) -> Broker {
    let mut arguments = Vec::new();
    for setting in ["log.initial.task.delay.ms=0", "log.retention.check.interval.ms=20"] {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(more);
    Broker::start_with_retention(&dir.join("data"), &arguments)
}

/// Three segments with records of [`TIME`], which was long ago.
fn fill(client: &mut Client) {
    (0..3).for_each(|seed| _ = client.append(AT, &batch_of_size(seed, HALF)));
}

fn ending_in(dir: &Path, suffix: &str) -> Vec<String> {
    names(dir).into_iter().filter(|name| name.ends_with(suffix)).collect()
}

/// Asks the broker something until it is so.
fn until(client: &mut Client, is_so: impl Fn(&mut Client) -> bool) {
    let end = std::time::Instant::now() + GUARD;
    while !is_so(client) {
        assert!(std::time::Instant::now() < end, "it does not come to that");
        client.cluster();
    }
}

#[test]
fn old_segments_go_and_consumers_see_it_at_once() {
    let dir = TempDir::new();
    let broker = start(&dir, &[]);
    let mut client = broker.client();
    client.create_with("t", 1, &[SMALL, ("retention.ms", "-1")]);
    fill(&mut client);
    client.create_with("kept", 1, &[SMALL, ("cleanup.policy", "compact")]);
    client.append(("kept", 0), &batch(1, 1, 10));
    assert_eq!((client.offset(AT, -2), client.offset(AT, -1)), (0, 3));
    client.alter("t", &[("retention.ms", "86400000"), ("file.delete.delay.ms", "0")]);
    broker.logged(&["partition=t-0 segments=3 ", "reason=retention.ms limit=86400000 "]);
    assert_eq!((client.offset(AT, -2), client.offset(AT, -1)), (3, 3));
    let fetched = client.fetch(AT, 0, Wait::NONE);
    assert_eq!(fetched.code, barnabas::wire::error::ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(client.append(AT, &batch(1, 1, 10)), 3, "offsets go on");
    assert_eq!(client.offset(("kept", 0), -2), 0, "its policy is another");
    broker.stop_cleanly();
    let broker = Broker::start(&dir.join("data"), &[]);
    assert_eq!(broker.client().offset(AT, -1), 4);
    broker.stop_cleanly();
}

#[test]
fn the_brokers_own_limits_hold_for_all_topics() {
    for (name, limit) in [
        ("log.retention.ms", "86400000"),
        ("log.retention.minutes", "60"),
        ("log.retention.hours", "24"),
        ("log.retention.bytes", "700000"),
    ] {
        let dir = TempDir::new();
        let unlimited =
            if name.ends_with("bytes") { "log.retention.ms=-1" } else { "num.partitions=1" };
        let broker = start(&dir, &["--set", &format!("{name}={limit}"), "--set", unlimited]);
        let mut client = broker.client();
        client.create_with("t", 1, &[SMALL]);
        fill(&mut client);
        broker.logged(&[
            "old segments are deleted partition=t-0 ",
            if name.ends_with("bytes") {
                "reason=retention.bytes limit=700000 "
            } else {
                "reason=retention.ms limit="
            },
        ]);
        drop(broker);
    }
}

#[test]
fn deleted_records_free_their_segments_soon() {
    let dir = TempDir::new();
    let data = dir.join("data");
    // No check comes for an hour.
    let broker = Broker::start(&data, &["--set", "log.segment.delete.delay.ms=0"]);
    let mut client = broker.client();
    client.create_with("t", 1, &[SMALL]);
    fill(&mut client);
    assert_eq!(client.delete_records(AT, 1), 1);
    broker.logged(&["partition=t-0 segments=1 ", "reason=\"log start offset\" limit=1 "]);
    assert_eq!(client.delete_records(AT, -1), 3);
    broker.logged(&["partition=t-0 segments=1 ", "reason=\"log start offset\" limit=3 "]);
    assert_eq!(ending_in(&data.join("t-0"), ".log"), ["00000000000000000002.log"]);
    broker.kill();
    let broker = Broker::start(&data, &[]);
    assert_eq!(broker.client().offset(AT, -2), 3);
    broker.stop_cleanly();
}

#[test]
fn a_deleted_topics_directories_are_renamed_at_once_and_removed_later() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    for _ in 0..2 {
        client.create("t", 3);
        client.append(AT, &batch(1, 1, 10));
        client.delete("t");
    }
    let renamed = ending_in(&data, "-delete");
    assert_eq!(renamed.len(), 6, "{renamed:?}");
    for name in &renamed {
        let (partition, id) = name.trim_end_matches("-delete").split_once('.').unwrap();
        assert!(partition.starts_with("t-") && id.len() == 32, "{name}");
        assert!(names(&data.join(name)).contains(&"partition.metadata".to_owned()));
    }
    assert!(!names(&data).contains(&"t-0".to_owned()));
    broker.kill();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    until(&mut client, |_| ending_in(&data, "-delete").is_empty());
    client.create("t", 3);
    client.delete("t");
    broker.stop_cleanly();
    assert_eq!(ending_in(&data, "-delete"), [""; 0], "a clean stop does, too");
}

#[test]
fn the_delay_of_deletions_is_the_brokers() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &["--set", "log.segment.delete.delay.ms=1"]);
    let mut client = broker.client();
    client.create("t", 100);
    client.delete("t");
    until(&mut client, |_| ending_in(&data, "-delete").is_empty());
    broker.stop_cleanly();
}

#[test]
fn idle_producers_are_forgotten_without_anybody_writing() {
    let dir = TempDir::new();
    let settings = ["producer.id.expiration.ms=1", "producer.id.expiration.check.interval.ms=20"];
    let broker = start(&dir, &["--set", settings[0], "--set", settings[1]]);
    let mut client = broker.client();
    client.create_with("t", 1, &[("retention.ms", "-1")]);
    let (id, epoch) = client.producer_id();
    client.append(AT, &sequenced(id, epoch, 0, 1, 3, 10));
    until(&mut client, |client| client.producers(AT).is_empty());
    broker.stop_cleanly();
}

#[test]
fn what_changed_is_written_down_while_the_broker_runs() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let interval = "replica.high.watermark.checkpoint.interval.ms=1";
    let broker = Broker::start(&data, &["--set", interval]);
    let mut client = broker.client();
    client.create("t", 2);
    let file = data.join("replication-offset-checkpoint");
    for round in 1..4 {
        client.append(AT, &batch(1, 1, 10));
        let line = format!("t 0 {round}");
        until(&mut client, |_| {
            std::fs::read_to_string(&file).is_ok_and(|text| text.lines().any(|l| l == line))
        });
    }
    broker.stop_cleanly();
}

#[test]
fn logs_that_nobody_has_opened_since_the_start_are_looked_at_too() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    client.create_with("t", 1, &[SMALL]);
    fill(&mut client);
    broker.stop_cleanly();
    let broker = start(&dir, &[]);
    broker.logged(&["partition=t-0 segments=3 ", "reason=retention.ms limit=604800000 "]);
    broker.stop_cleanly();
}
