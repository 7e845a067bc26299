//! Settings with which nothing would be compacted: what Kafka refuses is refused, at start and later, and what it
//! takes is taken, with a line that names the setting.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use serde_json::json;

const BROKER: i8 = 4;
const RATE: &str = "log.cleaner.io.max.bytes.per.second";
const LOAD: &str = "log.cleaner.io.buffer.load.factor";

#[test]
fn a_start_without_memory_or_threads_is_refused() {
    // What a start would say, and an end also where it would go on.
    let dir = TempDir::new();
    for (setting, part) in [
        ("log.cleaner.threads=0", "log.cleaner.threads must be at least 1"),
        ("log.cleaner.threads=-1", "Value must be at least 0"),
        ("log.cleaner.threads=1000", "must be at least 1MB per cleaner thread"),
        ("log.cleaner.dedupe.buffer.size=1", "must be at least 1MB per cleaner thread"),
        ("num.recovery.threads.per.data.dir=0", "Value must be at least 1"),
    ] {
        let data = format!("log.dirs={}", dir.path().display());
        let run = command(&["config", "--set", &data, "--set", setting]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains(part), "{setting}: {said}");
    }
}

#[test]
fn what_nothing_is_compacted_with_is_named_once() {
    let dir = TempDir::new();
    let file = dir.config(&format!("{RATE}=0"));
    let broker = Broker::start(&dir.join("data"), &file.each_ref().map(String::as_str));
    broker.logged(&["WARN", "nothing is compacted", &format!("{RATE} is 0")]);
    let mut client = broker.client();
    for (name, text) in [(RATE, "-5"), (LOAD, "0"), ("log.retention.ms", "77777"), (LOAD, "NaN")] {
        client.alter_of((BROKER, "1"), &[(name, text)]);
    }
    broker.logged(&["WARN", "nothing is compacted", &format!("{LOAD} is NaN")]);
    let said = broker.log().into_iter().filter(|line| line.contains("nothing is compacted"));
    let said: Vec<_> =
        said.map(|line| line.split("reason=\"").nth(1).unwrap().to_owned()).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(said[1].starts_with(&format!("{LOAD} is 0\"")), "{said:#?}");
    broker.stop_cleanly();
}

#[test]
fn threads_change_in_steps() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let set = |body| send(address, "PATCH", "/v1/broker/configs", &body);
    for (name, text, part) in [
        ("log.cleaner.threads", "0", "/ by zero"),
        ("log.cleaner.threads", "3", "more than double the current value 1"),
        ("log.cleaner.threads", "1000", "must be at least 1MB per cleaner thread"),
        ("log.cleaner.dedupe.buffer.size", "1", "must be at least 1MB per cleaner thread"),
        ("num.recovery.threads.per.data.dir", "99999", "greater than double the current value 2"),
    ] {
        let (status, problem) = set(json!({ name: text }));
        assert_eq!((status, &problem["code"]), (400, &json!("INVALID_REQUEST")), "{name}={text}");
        assert!(problem["error"].as_str().unwrap().contains(part), "{problem}");
    }
    for text in ["2", "4", "8"] {
        assert_eq!(set(json!({"log.cleaner.threads": text})).0, 200, "{text}");
    }
    // Back to one thread is less than half, also where nobody names a number.
    let (status, problem) = set(json!({"log.cleaner.threads": null}));
    assert!(
        status == 400 && problem["error"].as_str().unwrap().contains("less than half"),
        "{problem}"
    );
    broker.stop_cleanly();
}

#[test]
fn a_stored_setting_that_contradicts_the_start_is_left_out_alone() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let stored = [("log.retention.ms", "-1"), ("log.cleaner.threads", "2")];
    broker.client().alter_of((BROKER, "1"), &stored);
    broker.stop_cleanly();
    let (broker, address) =
        start_pages(dir.path(), &["--set", "log.cleaner.dedupe.buffer.size=2000000"]);
    let line = broker.logged(&[
        "ERROR",
        "is not in force setting=log.cleaner.threads value=2 of=\"this broker\"",
    ]);
    assert!(line.contains("must be at least 1MB per cleaner thread"), "{line}");
    let value = |name: &str| {
        let all = page(address, "/v1/broker/configs");
        let mut rows = all.as_array().unwrap().iter();
        rows.find(|row| row["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(value("log.retention.ms"), json!("-1"));
    assert_eq!(value("log.cleaner.threads"), json!("1"));
    // A change is refused as long as it is there; without it all is well, and nothing is said again.
    let set = |body| send(address, "PATCH", "/v1/broker/configs", &body);
    assert_eq!(set(json!({"log.retention.ms": "5000"})).0, 400);
    assert_eq!(set(json!({"log.cleaner.threads": null})).0, 200);
    assert_eq!(set(json!({"log.retention.ms": "5000"})).0, 200);
    assert_eq!(value("log.retention.ms"), json!("5000"));
    let lines = broker.log();
    assert_eq!(lines.iter().filter(|line| line.contains("is not in force")).count(), 1);
    broker.stop_cleanly();
}
