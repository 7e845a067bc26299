//! `--pin`: each worker may run on one core, and the workers have different ones as far as there are that many.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::time::Instant;

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

/// The same once there are so many and all `have` what they should: a thread names itself, and chooses its core,
/// when it first runs. What there is after a long time, otherwise.
fn settled(broker: &Broker, name: &str, count: usize, have: fn(&str) -> bool) -> Vec<String> {
    let end = Instant::now() + GUARD;
    loop {
        let found = cores(broker, name);
        let is_settled = found.len() == count && found.iter().all(|list| have(list));
        if is_settled || Instant::now() > end {
            return found;
        }
        std::thread::yield_now();
    }
}

#[test]
fn workers_stay_on_cores_of_their_own_if_asked() {
    let all = std::thread::available_parallelism().unwrap().get();
    let workers = (all + 1).to_string();
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--pin", "--workers", &workers]);
    let is_one = |list: &str| list.parse::<usize>().is_ok();
    let pinned = settled(&broker, "worker-", all + 1, is_one);
    assert_eq!(pinned.len(), all + 1);
    assert!(pinned.iter().all(|list| is_one(list)), "{pinned:?}");
    assert_eq!(pinned.iter().collect::<BTreeSet<_>>().len(), all, "{pinned:?}");
    // Only the workers: their helpers would else stand in the way of one of them.
    let acceptor = settled(&broker, "acceptor", 1, |_| true);
    assert_eq!(acceptor, settled(&broker, "janitor", 1, |_| true));
    broker.stop_cleanly();

    let broker = Broker::start(&dir.join("data"), &["--workers", "2"]);
    let free = settled(&broker, "worker-", 2, |_| true);
    assert_eq!(free, [acceptor[0].clone(), acceptor[0].clone()]);
    broker.stop_cleanly();
}
