//! The tool against the real broker: every mode does what it says, and what goes wrong is said.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const LATENCY: &str = env!("CARGO_BIN_EXE_latency");

/// The broker beside this tool's binary: `cargo test --workspace` builds it there.
fn broker_binary() -> PathBuf {
    let path = PathBuf::from(LATENCY).with_file_name("barnabas");
    assert!(path.exists(), "no broker at {}: run cargo test --workspace", path.display());
    path
}

struct Broker {
    child: Child,
    address: String,
}

impl Broker {
    fn start() -> Broker {
        let mut command = Command::new(broker_binary());
        command.args(["--port", "0", "--http-port", "0", "--ephemeral"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("//").next().unwrap().to_owned();
        Broker { child, address }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(words: &[&str]) -> (Output, String, String) {
    let short = ["--seconds", "0.5", "--warmup", "0.1", "--quiet"];
    let output = Command::new(LATENCY).args(short).args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// The number in a row of the table.
fn value(table: &str, row: &str) -> f64 {
    let line = table.lines().find(|line| line.starts_with(row));
    let line = line.unwrap_or_else(|| panic!("no {row} in {table}"));
    line[24..].split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn an_open_load_sends_what_it_is_told_to() {
    let broker = Broker::start();
    for mode in ["produce", "end-to-end"] {
        let csv = std::env::temp_dir().join(format!("latency-{mode}-{}", std::process::id()));
        let words = ["--broker", &broker.address, "--mode", mode, "--rate", "400"];
        let more = ["--partitions", "3", "--csv", csv.to_str().unwrap()];
        let (output, table, error) = run(&[&words[..], &more].concat());
        assert!(output.status.success(), "{mode}: {error}");
        // However slow the machine: half a second of 400 a second is 200, give or take the last one.
        let lines = std::fs::read_to_string(&csv).unwrap();
        let count: u64 = lines.trim().rsplit(',').next().unwrap().parse().unwrap();
        assert!((199..=201).contains(&count), "{mode}: {lines}");
        std::fs::remove_file(&csv).unwrap();
        assert!(value(&table, "p50 ms") <= value(&table, "max ms"), "{table}");
        assert!(!table.contains("not answered") && !table.contains("not consumed"), "{table}");
    }
}

#[test]
fn a_closed_load_keeps_all_connections_busy() {
    let broker = Broker::start();
    let target = format!("ours={},{}", broker.address, broker.child.id());
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
    let dir = std::env::temp_dir().join(format!("latency-test-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (csv, svg) = (dir.join("all.csv"), dir.join("all.svg"));
    let (one, two) = (format!("one={}", one.address), format!("two={}", two.address));
    let words = ["--broker", &one, "--broker", &two, "--rounds", "2", "--rate", "200"];
    let files = ["--csv", csv.to_str().unwrap(), "--svg", svg.to_str().unwrap()];
    let (output, table, error) = run(&[&words[..], &files].concat());
    assert!(output.status.success(), "{error}");
    assert!(table.contains("medians of 2 turns") && table.contains("ratio"), "{table}");
    let lines = std::fs::read_to_string(&csv).unwrap();
    assert!(lines.lines().any(|line| line.starts_with("two,1.0000000,")), "{lines}");
    assert_eq!(std::fs::read_to_string(&svg).unwrap().matches("<polyline").count(), 2);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_goes_wrong_is_said() {
    let (output, table, error) = run(&["--broker", "127.0.0.1:1"]);
    assert_eq!((output.status.code(), table.as_str()), (Some(1), ""));
    assert!(error.contains("nobody answers at 127.0.0.1:1"), "{error}");
    let (output, _, error) = run(&["--broker", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("[NAME=]HOST:PORT[,PID]"), "{error}");
}

#[test]
fn a_broker_that_dies_midway_leaves_what_was_measured() {
    let mut broker = Broker::start();
    let mut command = Command::new(LATENCY);
    command.args(["--broker", &broker.address, "--warmup", "0", "--seconds", "3600"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // It tells of the first second that it has measured.
    while !line.contains("records/s") {
        line.clear();
        assert_ne!(progress.read_line(&mut line).unwrap(), 0, "it ended before it told anything");
    }
    broker.child.kill().unwrap();
    let mut error = String::new();
    progress.read_to_string(&mut error).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(value(&table, "requests/s") > 0.0, "{table}");
    assert!(error.contains("connection"), "{error}");
}
