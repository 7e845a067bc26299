//! `--pin`: each worker may run on one core, and the workers have different ones as far as there are that many.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::collections::BTreeSet;
use std::fs::read_to_string;

/// The cores that threads whose name begins with this may run on, as the system says it.
fn cores(broker: &Broker, name: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let tasks: Vec<_> = tasks.map(|task| task.unwrap().path()).collect();
    let named = |task: &&std::path::PathBuf| {
        read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(name))
    };
    let allowed = tasks.iter().filter(named).map(|task| {
        let status = read_to_string(task.join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.unwrap().trim().to_owned()
    });
    allowed.collect()
}

#[test]
fn workers_stay_on_cores_of_their_own_if_asked() {
    let all = std::thread::available_parallelism().unwrap().get();
    let workers = (all + 1).to_string();
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--pin", "--workers", &workers]);
    broker.client().create("t", 1);
    let pinned = cores(&broker, "worker-");
    assert_eq!(pinned.len(), all + 1);
    assert!(pinned.iter().all(|list| list.parse::<usize>().is_ok()), "{pinned:?}");
    assert_eq!(pinned.iter().collect::<BTreeSet<_>>().len(), all, "{pinned:?}");
    // Only the workers: their helpers would else stand in the way of one of them.
    let acceptor = cores(&broker, "acceptor");
    assert_eq!(acceptor, cores(&broker, "janitor"));
    broker.stop_cleanly();

    let broker = Broker::start(&dir.join("data"), &["--workers", "2"]);
    let free = cores(&broker, "worker-");
    assert_eq!(free, [acceptor[0].clone(), acceptor[0].clone()]);
    broker.stop_cleanly();
}
