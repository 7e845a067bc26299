//! `barnabas config` against a broker's own word: what it prints of a data directory is what
//! DescribeConfigs says of the broker that runs there.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
};
use broker_support::*;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

const BROKER: i8 = 4;

/// What is printed: of each setting that has a value where it comes from, and the value.
fn printed(dir: &Path, sets: &[&str]) -> BTreeMap<String, (String, String)> {
    let mut command = command(&[]);
    command.arg("config").arg("--data-dir").arg(dir);
    sets.iter().for_each(|set| _ = command.args(["--set", set]));
    // `command` puts flags of the test's environment first, and the name of the command leads.
    let mut ordered = std::process::Command::new(binary());
    ordered.arg("config");
    let arguments: Vec<_> = command.get_args().filter(|a| *a != "config").collect();
    let output = ordered.args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let mut found = BTreeMap::new();
    while let (Some(origin), Some(setting)) = (lines.next(), lines.next()) {
        let origin = origin.strip_prefix("# ").unwrap();
        let ends = [" (", "; does not hold"].into_iter().filter_map(|text| origin.find(text));
        let origin = origin[..ends.min().unwrap_or(origin.len())].to_owned();
        if let Some((name, value)) = setting.split_once('=').filter(|_| !setting.starts_with('#')) {
            found.insert(name.to_owned(), (origin, value.to_owned()));
        }
    }
    found
}

/// What is said where nothing that was set can be shown; all else is.
fn not_shown(dir: &Path, more: &[&str]) -> String {
    let mut command = std::process::Command::new(binary());
    let output = command.arg("config").arg("--data-dir").arg(dir).args(more).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("# default\nnum.partitions=1\n"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("barnabas: what was set while a broker ran is not shown"), "{said}");
    said
}

/// The number that DescribeConfigs has for what is printed.
fn source(origin: &str) -> i8 {
    match origin {
        "default" => 5,
        _ if origin.starts_with("set while it ran, for this broker") => 2,
        _ if origin.starts_with("set while it ran, for all brokers") => 3,
        _ => 4,
    }
}

/// Of each setting that has a value: where it comes from, by the broker.
fn described(client: &mut Client) -> BTreeMap<String, (i8, String)> {
    let resource = DescribeConfigsResource {
        resource_type: BROKER,
        resource_name: "1",
        configuration_keys: None,
    };
    let resources = [resource];
    let request =
        DescribeConfigsRequest { resources: Array::from(&resources), ..Default::default() };
    let answer = client.call(4, &request);
    let response: DescribeConfigsResponse<'_> = answer.read();
    let result = response.results.iter().next().unwrap();
    let rows = result
        .configs
        .iter()
        .filter_map(|row| Some((row.name.to_owned(), (row.config_source, row.value?.to_owned()))));
    rows.collect()
}

fn assert_same(dir: &Path, sets: &[&str], told: &BTreeMap<String, (i8, String)>) {
    let printed = printed(dir, sets);
    for (name, (told_source, told_value)) in told {
        // What the test gives the broker beside, and what only a broker that runs knows.
        if ["listeners", "log.initial.task.delay.ms", "advertised.listeners"].contains(&&**name) {
            continue;
        }
        let (origin, value) = printed.get(name).unwrap_or_else(|| panic!("{name} is not printed"));
        assert_eq!(source(origin), *told_source, "{name}: {origin}");
        if *told_source < 4 {
            assert_eq!(value, told_value, "{name}");
        }
    }
}

/// `--set` for each.
fn flags<'a>(sets: &[&'a str]) -> Vec<&'a str> {
    sets.iter().flat_map(|set| ["--set", *set]).collect()
}

#[test]
fn what_was_set_while_it_ran_is_printed_while_it_runs_and_after_with_nothing_touched() {
    // From the log alone, and from a snapshot at each change.
    for bytes in ["20971520", "1"] {
        let dir = TempDir::new();
        let data = dir.join("data");
        let between = format!("metadata.log.max.record.bytes.between.snapshots={bytes}");
        let sets = [between.as_str(), "num.partitions=3", "log.retention.ms=5"];
        assert!(!data.exists() && printed(&data, &sets).len() > 100);
        assert!(!data.exists(), "nothing is made");
        let broker = Broker::start(&data, &flags(&sets));
        let mut client = broker.client();
        client.alter_of((BROKER, ""), &[("message.max.bytes", "2000"), ("num.io.threads", "4")]);
        client.alter_of((BROKER, "1"), &[("message.max.bytes", "3000")]);
        client.alter_of((BROKER, "1"), &[("log.cleaner.threads", "2")]);
        let told = described(&mut client);
        assert_eq!(told["message.max.bytes"], (2, "3000".to_owned()));
        assert_eq!(told["num.io.threads"], (3, "4".to_owned()));
        assert_same(&data, &sets, &told);
        let own = printed(&data, &sets);
        let both = "set while it ran, for this broker; above set while it ran, for all brokers";
        assert_eq!(own["message.max.bytes"].0, both);
        drop(client);
        broker.stop_cleanly();
        let before = picture(&data);
        assert_same(&data, &sets, &told);
        assert_eq!(picture(&data), before, "nothing is changed");
        // What was set on another node is not what this one would start with.
        let said = not_shown(&data, &["--node-id", "7"]);
        assert!(said.contains("it belongs to node 1, but this is node 7"), "{said}");
    }
}

/// A client that comes now and asks for something.
fn newcomer(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    // ApiVersions, version 0; who is turned away may have been before it is written.
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xFF, 0xFF];
    let _ = stream.write_all(&request);
    stream
}

/// Whether the broker talks to it; it is not heard before somebody goes where it only waits.
fn is_answered(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(GUARD)).unwrap();
    match stream.read(&mut [0; 4]) {
        Ok(bytes) => bytes > 0,
        Err(why) => {
            assert_eq!(why.kind(), ErrorKind::ConnectionReset, "it waits in vain");
            false
        }
    }
}

fn is_let_in(address: SocketAddr) -> bool {
    is_answered(newcomer(address))
}

/// A client that comes now, which is neither answered nor turned away.
fn waits(address: SocketAddr) -> TcpStream {
    let stream = newcomer(address);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let why = stream.peek(&mut [0]).unwrap_err();
    assert!(matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{why}");
    stream
}

#[test]
fn limits_on_connections_change_while_it_runs() {
    const ALL: &str = "max.connections";
    const PER_IP: &str = "max.connections.per.ip";
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let address = broker.address;
    let mut client = broker.client();
    assert!(is_let_in(address));
    client.alter_of((BROKER, ""), &[(ALL, "1")]);
    let late = waits(address);
    broker.logged(&["WARN", "there are 1 connections, as many as max.connections allows"]);
    // This broker's own goes before that of all.
    client.alter_of((BROKER, "1"), &[(ALL, "50")]);
    assert!(is_answered(late) && is_let_in(address), "there are places again");
    client.alter_of((BROKER, ""), &[(PER_IP, "1")]);
    assert!(!is_let_in(address), "this client is the one");
    client.alter_of((BROKER, "1"), &[(PER_IP, "50")]);
    assert!(is_let_in(address));
    client.alter_of((BROKER, "1"), &[(PER_IP, "1")]);
    assert!(!is_let_in(address));
    client.alter_of((BROKER, "1"), &[(ALL, "1")]);
    let late = waits(address);
    drop(client);
    assert!(is_answered(late));
    broker.stop_cleanly();
    // It still holds with the next start.
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    let told = described(&mut client);
    assert_eq!(told[PER_IP], (2, "1".to_owned()));
    let late = waits(broker.address);
    drop(client);
    assert!(is_answered(late));
    broker.stop_cleanly();
}

/// Nobody could undo it.
#[test]
fn nobody_shuts_everybody_out() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    for name in ["max.connections", "max.connections.per.ip"] {
        let refused = client.try_alter_of((BROKER, "1"), &[(name, "0")]).unwrap_err();
        assert_eq!(refused.0, ErrorCode::INVALID_REQUEST, "{name}: {}", refused.1);
        assert!(is_let_in(broker.address), "{name}");
    }
    drop(client);
    broker.stop_cleanly();
    let zero = ["--ephemeral", "--set", "max.connections.per.ip=0"];
    let ended = refused(command(&zero));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("can be set to zero only if"), "{ended:?}");
}

/// Kafka takes it at a start. HTTP is not counted, so there is a way in, and a line names it.
#[test]
fn who_shuts_everybody_out_at_a_start_is_told_and_can_undo_it() {
    let dir = TempDir::new();
    let file = dir.config("max.connections=0");
    let file = file.each_ref().map(String::as_str);
    let (broker, address) = start_pages(&dir.join("data"), &file);
    let line = "no client of Kafka's protocol is let in setting=max.connections value=0 way=\"over HTTP, PATCH";
    broker.logged(&["WARN", line]);
    let waiting = waits(broker.address);
    let set = |body| send(address, "PATCH", "/v1/broker/configs", &body).0;
    assert_eq!(set(serde_json::json!({"log.retention.ms": "5000"})), 200);
    assert_eq!(set(serde_json::json!({"max.connections": "9"})), 200);
    assert!(is_answered(waiting) && is_let_in(broker.address));
    broker.stop_cleanly();
    for (more, way) in [
        (&["--set", "max.connections=0"][..], "way=\"start it without the flag\""),
        (&file[..], "way=\"start it with another value\""),
    ] {
        let broker = Broker::start(&dir.join("other"), more);
        broker.logged(&["WARN", "no client of Kafka's protocol is let in", way]);
        broker.stop_cleanly();
    }
}

#[test]
fn a_directory_can_be_read_while_its_metadata_are_written() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let sets = ["metadata.log.max.record.bytes.between.snapshots=200"];
    let broker = Broker::start(&data, &flags(&sets));
    let address = broker.address;
    let writer = std::thread::spawn(move || {
        let mut client = Client::connect(address);
        for bytes in 1000..1300 {
            client.alter_of((BROKER, ""), &[("message.max.bytes", &bytes.to_string())]);
        }
    });
    let mut last = 0;
    while !writer.is_finished() {
        let found = printed(&data, &sets);
        let (origin, bytes) = &found["message.max.bytes"];
        let bytes = if source(origin) == 3 { bytes.parse().unwrap() } else { 0 };
        assert!(bytes >= last, "{bytes} after {last}");
        last = bytes;
    }
    writer.join().unwrap();
    assert_eq!(printed(&data, &sets)["message.max.bytes"].1, "1299");
    broker.stop_cleanly();
}

#[test]
fn metadata_that_cannot_be_read_are_said_so() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    broker.client().create("t", 1);
    broker.stop_cleanly();
    let log = data.join("__cluster_metadata-0").join("00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let said = not_shown(&data, &[]);
    assert!(said.contains("00000000000000000000.log is damaged at byte 0"), "{said}");
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
    let said = not_shown(&data, &[]);
    assert!(said.contains("missing, although there is the partition t-0"), "{said}");
    let meta = data.join("meta.properties");
    std::fs::write(&meta, "version=1\n").unwrap();
    assert!(not_shown(&data, &[]).contains("meta.properties is not usable: it has no node.id"));
    std::fs::remove_file(&meta).unwrap();
    let said = not_shown(&data, &[]);
    assert!(said.contains("but no meta.properties, so it is not a broker's"), "{said}");
}

#[test]
fn a_directory_that_nobody_knows_yet_is_not_shown_as_the_one_that_is_used() {
    let output = std::process::Command::new(binary()).args(["config", "--ephemeral"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("removed at exit\n#log.dirs=\n"), "{text}");
    assert!(!text.contains("./data"), "{text}");
}

/// A broker says where its data is; so does one whose data goes with it.
#[test]
fn an_ephemeral_broker_tells_its_own_directory() {
    let dir = TempDir::new();
    let mut command = command(&["--ephemeral", "--port", "0"]);
    let broker = Broker::spawn({
        command.env("TMPDIR", dir.path());
        command
    });
    let told = described(&mut broker.client());
    let (path, name) = (&told["log.dirs"].1, &dir.names()[0]);
    assert_eq!(path, dir.join(name).to_str().unwrap());
    broker.stop_cleanly();
}

#[test]
fn what_is_at_its_default_can_be_left_out() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    broker.client().alter_of((4, ""), &[("log.retention.ms", "5")]);
    broker.stop_cleanly();
    let data = dir.path().to_str().unwrap();
    let shown = |more: &[&str]| {
        let all = [&["config", "--data-dir", data], more].concat();
        let output = command(&all).env_remove("BARNABAS_HTTP_LISTENER").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let left = shown(&["--non-default", "--set", "num.partitions=7"]);
    let names = left.lines().filter(|line| !line.starts_with('#'));
    // One was set when the cluster was new, as Kafka does.
    let data = format!("log.dirs={data}");
    let expected = [&data, "log.retention.ms=5", "min.insync.replicas=1", "num.partitions=7"];
    assert_eq!(names.collect::<Vec<_>>(), expected, "{left}");
    let all = shown(&["--set", "num.partitions=7"]);
    assert!(left.lines().all(|line| all.contains(line)) && all.len() > 10 * left.len());
}

#[test]
fn what_cannot_be_written_is_said_and_who_stops_reading_is_not() {
    for arguments in [&["config"][..], &["--help"], &["--version"]] {
        let run = |stdout: std::process::Stdio| {
            let mut command = std::process::Command::new(binary());
            let none = std::process::Stdio::piped();
            command.current_dir("/").args(arguments).stdout(stdout).stderr(none);
            command.spawn().unwrap().wait_with_output().unwrap()
        };
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = run(full.into());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("cannot write to standard output: No space left"), "{said}");
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        let output = run(write.into());
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}
