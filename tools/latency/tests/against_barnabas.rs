//! The tool against the real broker: every mode does what it says.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Broker, Running, Scratch, run, value};

#[test]
fn an_open_load_sends_what_it_is_told_to() {
    let broker = Broker::start();
    for mode in ["produce", "end-to-end"] {
        let csv = Scratch::new(mode);
        let words = ["--broker", &broker.address, "--mode", mode, "--rate", "400"];
        let more = ["--partitions", "3", "--csv", csv.path()];
        let (output, table, error) = run(&[&words[..], &more].concat());
        assert!(output.status.success(), "{mode}: {error}");
        // However slow the machine: half a second of 400 a second is 200, give or take the last one.
        assert!((199..=201).contains(&csv.count()), "{mode}: {}", csv.read());
        assert!(value(&table, "p50 ms") <= value(&table, "max ms"), "{table}");
        assert!(!table.contains("not answered") && !table.contains("not consumed"), "{table}");
    }
}

#[test]
fn a_closed_load_keeps_all_connections_busy() {
    let broker = Broker::start();
    let target = format!("ours={}", broker.target());
    let words = ["--broker", &target, "--connections", "4", "--batch", "10", "--codec", "lz4"];
    let (output, table, error) = run(&words);
    assert!(output.status.success(), "{error}");
    assert!(table.contains("ours"), "{table}");
    assert!(
        (value(&table, "records/s") / value(&table, "requests/s") - 10.0).abs() < 0.5,
        "{table}"
    );
    assert!(value(&table, "broker: CPU us/request") > 0.0, "{table}");
    assert!(value(&table, "broker: memory MB") > 1.0, "{table}");
}

#[test]
fn fetches_read_what_is_there_again_and_again() {
    let broker = Broker::start();
    let words =
        ["--broker", &broker.address, "--mode", "fetch", "--preload", "3", "--partitions", "2"];
    let (output, table, error) = run(&words);
    assert!(output.status.success(), "{error}");
    assert!(value(&table, "fetches/s") > 0.0 && value(&table, "MB/s") > 0.0, "{table}");
}

#[test]
fn brokers_are_compared_and_written_down() {
    let (one, two) = (Broker::start(), Broker::start());
    let (csv, svg) = (Scratch::new("all.csv"), Scratch::new("all.svg"));
    let (one, two) = (format!("one={}", one.address), format!("two={}", two.address));
    let words = ["--broker", &one, "--broker", &two, "--rounds", "2", "--rate", "200"];
    let files = ["--csv", csv.path(), "--svg", svg.path()];
    let (output, table, error) = run(&[&words[..], &files].concat());
    assert!(output.status.success(), "{error}");
    assert!(table.contains("medians of 2 turns") && table.contains("ratio"), "{table}");
    let lines = csv.read();
    assert!(lines.lines().any(|line| line.starts_with("two,1.0000000,")), "{lines}");
    assert_eq!(svg.read().matches("<polyline").count(), 2);
}

#[test]
fn brokers_take_turns_there_and_back_again() {
    let (one, two) = (Broker::start(), Broker::start());
    let (one, two) = (format!("one={}", one.address), format!("two={}", two.address));
    let words = ["--broker", &one, "--broker", &two, "--rounds", "2", "--rate", "100"];
    let tool = Running::start(&[&words[..], &["--seconds", "0.2", "--warmup", "0"]].concat());
    let (code, _, progress) = tool.end();
    assert_eq!(code, Some(0), "{progress}");
    let turns: Vec<&str> = progress.lines().filter(|line| line.contains(", round ")).collect();
    assert_eq!(
        turns,
        ["one, round 1 of 2", "two, round 1 of 2", "two, round 2 of 2", "one, round 2 of 2"]
    );
}

#[test]
fn an_end_to_end_run_tells_of_the_bytes_that_it_sends() {
    let broker = Broker::start();
    let words = ["--broker", &broker.address, "--mode", "end-to-end", "--size", "20000"];
    let more = ["--rate", "100", "--seconds", "1.1", "--warmup", "0"];
    let mut tool = Running::start(&[&words[..], &more].concat());
    let line = tool.says("MB/s");
    let before = line.split(" MB/s").next().unwrap();
    let megabytes: f64 = before.split_whitespace().last().unwrap().parse().unwrap();
    assert!(megabytes > 0.0, "{line}");
    assert_eq!(tool.end().0, Some(0));
}

#[test]
fn records_of_another_run_do_not_count() {
    let broker = Broker::start();
    let words = ["--broker", &broker.address, "--mode", "end-to-end"];
    let more = ["--rate", "500", "--warmup", "0", "--seconds", "3600"];
    let mut other = Running::start(&[&words[..], &more].concat());
    other.says("records/s");
    let (topic, csv) = (format!("latency-{}-0", other.child.id()), Scratch::new("own"));
    let words = [&words[..], &["--topic", &topic, "--rate", "100", "--csv", csv.path()]].concat();
    let (output, table, error) = run(&words);
    let _ = other.child.kill();
    assert!(output.status.success(), "{error}");
    assert!((49..=51).contains(&csv.count()), "{}", csv.read());
    // Those of the warm-up may come in it, too; the other run sends five times as many.
    assert!(value(&table, "records/s") < 250.0, "{table}");
    other.end();
}
