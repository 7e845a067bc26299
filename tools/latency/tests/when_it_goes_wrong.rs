//! The tool against a real broker that dies, that hangs or that is not there: what goes wrong is said, and
//! what was measured is shown.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Broker, Running, Scratch, run, value};

#[test]
fn what_goes_wrong_is_said() {
    let (output, table, error) = run(&["--broker", "127.0.0.1:1"]);
    assert_eq!((output.status.code(), table.as_str()), (Some(1), ""));
    assert!(error.contains("nobody answers at 127.0.0.1:1"), "{error}");
    let broker = Broker::start();
    let (output, table, error) = run(&["--broker", &format!("{},4194305", broker.address)]);
    assert_eq!((output.status.code(), table.as_str()), (Some(1), ""));
    assert!(error.contains("no process 4194305 is to be seen"), "{error}");
    let (output, _, error) = run(&["--broker", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("[NAME=]HOST:PORT[,PID]"), "{error}");
}

#[test]
fn a_broker_that_dies_midway_leaves_what_was_measured() {
    let mut broker = Broker::start();
    let words = ["--broker", &broker.target(), "--warmup", "0", "--seconds", "3600"];
    let mut tool = Running::start(&words);
    // It tells of the first seconds that it has measured.
    tool.says("records/s");
    tool.says("records/s");
    broker.child.kill().unwrap();
    let (code, table, error) = tool.end();
    assert_eq!(code, Some(1));
    assert!(value(&table, "requests/s") > 0.0, "{table}");
    assert!(value(&table, "broker: CPU us/request") > 0.0, "{table}");
    assert!(value(&table, "broker: memory MB") > 1.0, "{table}");
    assert!(value(&table, "load: share of a core") > 0.0, "{table}");
    assert!(error.contains("connection"), "{error}");
}

/// A broker that answers nobody from some moment on, under an open load that goes on.
fn hang(mode: &str) -> String {
    let (broker, csv) = (Broker::start(), Scratch::new(mode));
    let words = ["--broker", &broker.address, "--mode", mode, "--rate", "200", "--warmup", "0"];
    let more = ["--seconds", "8", "--patience", "1", "--csv", csv.path()];
    let mut tool = Running::start(&[&words[..], &more].concat());
    tool.says("records/s");
    broker.freeze();
    tool.says("nothing came back");
    let (code, table, error) = tool.end();
    assert_eq!(code, Some(1), "{table}");
    // All of 8 s of 200 a second; a whole second had no answer, and one more was waited for.
    assert!((1_599..=1_601).contains(&csv.count()), "{}", csv.read());
    assert!(value(&table, "max ms") > 1_500.0, "{table}");
    assert!(value(&table, "not answered in time") > 100.0, "{table}");
    assert!(error.contains("requests that were due had no answer"), "{error}");
    assert!(error.contains("was not deleted"), "{error}");
    assert!(error.contains("has not answered DeleteTopics within 5 s"), "{error}");
    table
}

#[test]
fn a_broker_that_hangs_is_charged_for_all_produces_that_were_due() {
    hang("produce");
}

#[test]
fn a_broker_that_hangs_is_charged_for_all_records_that_no_consumer_got() {
    let table = hang("end-to-end");
    assert!(value(&table, "records not consumed") > 100.0, "{table}");
}
