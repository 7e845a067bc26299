//! Groups of the consumer protocol (KIP-848) against the real broker: what a crash leaves, members that die,
//! settings of single groups, topics by expression.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::time::{Duration, Instant};

const NONE: ErrorCode = ErrorCode::NONE;

const LONG_SESSIONS: [&str; 2] = ["--set", "group.consumer.session.timeout.ms=45000"];

fn swift(dir: &TempDir, more: &[&str]) -> Broker {
    Broker::start(dir.path(), &[&SWIFT_CONSUMERS, more].concat())
}

/// A broker, a client whose group has its coordinator, and a topic of twelve partitions.
fn begin(dir: &TempDir) -> (Broker, Client) {
    let broker = swift(dir, &[]);
    let mut client = broker.client();
    client.create("t", 12);
    client.await_coordinator("g");
    (broker, client)
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + GUARD;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
    }
}

/// Both have half of the partitions.
fn two(client: &mut Client) -> [Consumer; 2] {
    let (mut one, mut two) = (Consumer::new("g", "one", "t"), Consumer::new("g", "two", "t"));
    client.beat_until(&mut one, 12);
    // What the first is to give back it has given back when it says so.
    eventually("both have their half", || {
        assert_eq!((client.beat(&mut one).0, client.beat(&mut two).0), (NONE, NONE));
        (one.count(), two.count()) == (6, 6)
    });
    [one, two]
}

#[test]
fn a_group_is_as_it_was_after_a_crash() {
    let dir = TempDir::new();
    let (broker, mut client) = begin(&dir);
    let [mut one, mut two] = two(&mut client);
    assert_eq!(client.commit("g", ("t", 0), 7), ErrorCode::UNKNOWN_MEMBER_ID, "of no member");
    let before = client.describe_consumers("g");
    broker.kill();
    let broker = swift(&dir, &[]);
    let mut client = broker.client();
    client.await_coordinator("g");
    eventually("the group is loaded", || client.describe_consumers("g") == before);
    assert_eq!(before.as_ref().unwrap().0, "Stable");
    let (epochs, parts) =
        ((one.epoch, two.epoch), (one.partitions.clone(), two.partitions.clone()));
    assert_eq!((client.beat(&mut one).0, client.beat(&mut two).0), (NONE, NONE));
    assert_eq!(
        ((one.epoch, two.epoch), (one.partitions.clone(), two.partitions.clone())),
        (epochs, parts)
    );
    // And it goes on.
    assert_eq!(client.leave_consumers(&two), NONE);
    client.beat_until(&mut one, 12);
    assert!(one.epoch > epochs.0);
    broker.stop_cleanly();
}

#[test]
fn a_member_that_dies_is_out_when_the_session_that_its_group_has_is_over() {
    let dir = TempDir::new();
    let (broker, mut client) = begin(&dir);
    assert_eq!(
        client.set_of_group("g", "consumer.session.timeout.ms", "99"),
        ErrorCode::INVALID_CONFIG
    );
    assert_eq!(client.set_of_group("g", "consumer.heartbeat.interval.ms", "60"), NONE);
    let [mut one, mut two] = two(&mut client);
    assert_eq!(client.beat(&mut one), (NONE, 60));
    // A group's setting outlives the broker.
    broker.kill();
    let broker = swift(&dir, &[]);
    let mut client = broker.client();
    client.await_coordinator("g");
    assert_eq!(client.set_of_group("g", "consumer.session.timeout.ms", "500"), NONE);
    eventually("the group is loaded", || client.beat(&mut two) == (NONE, 60));
    eventually("the second is out", || {
        assert_eq!(client.beat(&mut one).0, NONE);
        one.count() == 12
    });
    assert_eq!(client.beat(&mut two).0, ErrorCode::UNKNOWN_MEMBER_ID);
    broker.stop_cleanly();
}

#[test]
fn topics_that_come_later_are_given_to_who_asked_for_their_like() {
    let dir = TempDir::new();
    let (broker, mut client) = begin(&dir);
    let mut one = Consumer { regex: Some("t.*".into()), ..Consumer::new("g", "one", "other") };
    client.beat_until(&mut one, 12);
    client.create("other", 2);
    client.beat_until(&mut one, 14);
    let bad = Consumer { regex: Some("(".into()), ..Consumer::new("g", "two", "t") };
    assert_eq!(client.beat(&mut bad.clone()).0, ErrorCode::INVALID_REGULAR_EXPRESSION);
    broker.stop_cleanly();
}

#[test]
fn a_stop_gives_up_what_is_looked_up() {
    let dir = TempDir::new();
    let broker = swift(&dir, &LONG_SESSIONS);
    let mut client = broker.client();
    client.create("t", 1);
    client.await_coordinator("g");
    let mut join = |number: usize| {
        // About as large as one may be: each takes its time to be made.
        let regex = format!("{number}(x{{1000}}){{20}}");
        let name = format!("m{number}");
        client.beat(&mut Consumer { regex: Some(regex), ..Consumer::new("g", &name, "t") }).0
    };
    let begin = Instant::now();
    (0..60).for_each(|number| assert_eq!(join(number), NONE));
    let made = begin.elapsed();
    // Not before are all of them looked up again, which takes as long.
    let mut other = broker.client();
    while begin.elapsed() < Duration::from_millis(10_500) + made / 10 {
        other.await_coordinator("g");
    }
    assert_eq!(join(60), NONE);
    let stop = Instant::now();
    broker.stop_cleanly();
    let stopped = stop.elapsed();
    assert!(stopped < made / 2 + Duration::from_millis(500), "{stopped:?} after {made:?}");
}

#[test]
fn a_group_has_so_many_expressions_and_no_more() {
    let dir = TempDir::new();
    let broker = swift(&dir, &LONG_SESSIONS);
    let mut client = broker.client();
    client.create("t", 1);
    client.await_coordinator("g");
    for number in 0..=1000 {
        let regex = Some(format!("{number}.*"));
        let mut one = Consumer { regex, ..Consumer::new("g", &format!("m{number}"), "t") };
        let expected = if number == 1000 { ErrorCode::INVALID_REGULAR_EXPRESSION } else { NONE };
        assert_eq!(client.beat(&mut one).0, expected, "{number}");
    }
    broker.stop_cleanly();
}

#[test]
fn without_the_protocol_nobody_is_served_by_it() {
    let dir = TempDir::new();
    let broker = swift(&dir, &["--set", "group.coordinator.rebalance.protocols=classic"]);
    let mut client = broker.client();
    client.await_coordinator("g");
    let mut one = Consumer::new("g", "one", "t");
    assert_eq!(client.beat(&mut one).0, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(client.describe_consumers("g"), Err(ErrorCode::UNSUPPORTED_VERSION));
    broker.stop_cleanly();
}
