//! A setting that the table calls used is read somewhere: what docs/CONFIGURATION.md promises is true at least so far.
//!
//! Looks for the field of a topic setting, the accessor of a broker setting, or its name where it is read
//! by that, in the code outside `src/config`. A broker setting that is a topic's default counts if the
//! topic's is read.

use std::fs;
use std::path::{Path, PathBuf};

use barnabas::config::{
    Setting, Standing, broker_settings, group_settings, own_settings, topic_default_names,
    topic_settings, unlisted_settings,
};

/// Settings that are read under another name, or inside `src/config` when it starts.
const ELSEWHERE: &[(&str, &str)] = &[
    ("advertised.listeners", "advertised_listeners"),
    ("barnabas.cluster.id", "cluster_id"),
    ("barnabas.connection.max.requests", "connection_max_requests"),
    ("barnabas.connection.max.unsent.bytes", "connection_max_unsent_bytes"),
    ("barnabas.flush.bytes", "flush_bytes"),
    ("barnabas.flush.ms", "flush_ms"),
    ("barnabas.http.hosts", "http_hosts"),
    ("barnabas.http.listener", "http_listener"),
    ("barnabas.http.timeout.ms", "http_timeout"),
    ("barnabas.io.sqpoll", "io_sqpoll"),
    ("barnabas.log.format", "log_is_json"),
    ("barnabas.log.level", "log_level"),
    ("barnabas.unwritten.bytes", "unwritten_bytes"),
    ("barnabas.workers", "workers"),
    ("barnabas.workers.pinned", "workers_pinned"),
    ("broker.id", "node_id"),
    ("consumer.assignment.interval.ms", "assignment_interval_ms"),
    ("consumer.heartbeat.interval.ms", "heartbeat_interval_ms"),
    ("consumer.session.timeout.ms", "session_timeout_ms"),
    ("controller.listener.names", "listeners"),
    ("listener.security.protocol.map", "listeners"),
    ("log.cleaner.enable", "idle_cleaner"),
    ("log.dir", "data_dir"),
    ("log.dirs", "data_dir"),
];

/// Settings whose only effect is that other values are refused: when the broker starts, or of a group.
const ONLY_CHECKED: &[&str] = &[
    "group.consumer.max.assignment.interval.ms",
    "group.consumer.max.heartbeat.interval.ms",
    "group.consumer.max.session.timeout.ms",
    "group.consumer.min.assignment.interval.ms",
    "group.consumer.min.heartbeat.interval.ms",
    "group.consumer.min.session.timeout.ms",
    "log.flush.scheduler.interval.ms",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "process.roles",
];

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code that may read a setting.
fn code() -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src).into_iter().filter(|path| !path.starts_with(src.join("config")));
    files.map(|path| fs::read_to_string(path).expect("a source file")).collect()
}

fn is_read(name: &str, code: &str) -> bool {
    let elsewhere = ELSEWHERE.iter().find(|(setting, _)| *setting == name);
    let field = elsewhere.map_or_else(|| name.replace('.', "_"), |(_, field)| (*field).to_owned());
    let member = format!(".{field}");
    if code.contains(&format!("(\"{name}\")")) {
        return true;
    }
    code.match_indices(&member).any(|(at, _)| {
        let next = code[at + member.len()..].chars().next();
        next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

fn used(rows: &[Setting]) -> impl Iterator<Item = &'static str> {
    rows.iter().filter(|row| row.standing == Standing::Used).map(|row| row.name)
}

#[test]
fn what_is_said_to_be_used_is_read() {
    let code = code();
    let through_topics: Vec<&str> = used(topic_settings())
        .filter(|name| is_read(name, &code))
        .flat_map(topic_default_names)
        .collect();
    let mut unread: Vec<&str> =
        used(topic_settings()).filter(|name| !is_read(name, &code)).collect();
    unread.extend(used(group_settings()).filter(|name| !is_read(name, &code)));
    let brokers = [broker_settings(), own_settings(), unlisted_settings()].concat();
    unread.extend(used(&brokers).filter(|name| {
        !is_read(name, &code) && !through_topics.contains(name) && !ONLY_CHECKED.contains(name)
    }));
    assert!(unread.is_empty(), "the table says used, but nobody reads them: {unread:?}");
}
