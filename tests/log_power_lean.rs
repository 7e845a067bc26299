//! What is flushed of a log that has given its descriptors back is on the disk, as of any other.
//! One test only: what watches the disk watches the whole process, and so few files may be open in it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod power_support;
#[path = "log_support/mod.rs"]
mod support;

use barnabas::log::{Bound, Keepers, Log, Recovery, limits};
use power_support::{disk_of_logs, each_seed};
use std::path::Path;
use support::*;

/// From now on nine descriptors are enough for files of segments in this process, in sixteen logs.
fn let_logs_be_lean() {
    let limit = limits::raise_open_files().unwrap();
    let spared = 16 + (limit / 16).min(4_096);
    limits::divide_open_files(limit - spared - 40).unwrap();
}

/// Whether this process may write to a file by a descriptor. (Who watches the disk has it open as well, to read.)
fn has_descriptor(path: &Path) -> bool {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut numbers = links.filter(|link| link.path().read_link().is_ok_and(|to| to == path));
    numbers.any(|link| {
        let info = Path::new("/proc/self/fdinfo").join(link.file_name());
        let info = std::fs::read_to_string(info).unwrap_or_default();
        info.lines().any(|line| line.starts_with("flags:") && line.ends_with('2'))
    })
}

/// Writes to other logs until this one is lean; these are fewer than may be open.
fn make_lean(records: &Path, dir: &TempDir, keepers: &Keepers) -> Vec<Log> {
    let mut others = Vec::new();
    while has_descriptor(records) {
        let path = dir.path().join(format!("other-{}", others.len()));
        let other = Log::create(path, config(1 << 20, 1), keepers.clone()).unwrap();
        try_append(&other, &batch(1, 40, 1)).unwrap();
        others.push(other);
        assert!(others.len() < 12, "it rests sooner than it is lean");
    }
    others
}

fn flush_without_descriptors(seed: u64) {
    let dir = TempDir::in_memory("power-lean");
    let (root, disk, keepers) = disk_of_logs::<i64>(dir.path());
    let settings = config(20_000, 1_000);
    let partition = root.join("topic-0");
    let log = Log::create(partition.clone(), settings.clone(), keepers.clone()).unwrap();
    let mut random = Random::new(seed);
    let mut sent = Vec::new();
    let mut append = |log: &Log, size: u64| {
        let bytes = batch(1, size as usize, 1_000 + sent.len() as i64);
        let appended = try_append(log, &bytes).unwrap();
        sent.push(stored(&bytes, appended.base_offset, 0));
    };
    append(&log, 40);
    *disk.promised.lock().unwrap() = log.flush().unwrap();
    let records = partition.join("00000000000000000000.log");
    let others = make_lean(&records, &dir, &keepers);
    disk.cut_at(random.below(30), Random::new(seed ^ 77));
    for _ in 0..random.below(60) {
        append(&log, random.below(3_000));
        match random.below(12) {
            0 => *disk.promised.lock().unwrap() = log.flush().unwrap(),
            1 => *disk.promised.lock().unwrap() = log.flush_behind().unwrap(),
            _ => {}
        }
    }
    let (left, promised) = disk.cut(random);
    drop((log, others));
    let opening = flushed_to(Recovery::Unclean, 0);
    let (log, _) = Log::open(left.join("topic-0"), settings, opening, keepers).unwrap();
    let found = read_all(&log, 0, Bound::LogEnd);
    assert!(found.len() as i64 >= promised, "{} of {promised}", found.len());
    let wrong = found.iter().zip(&sent).position(|(found, sent)| found != sent);
    assert_eq!(wrong, None, "of {} found, {} sent, {promised} promised", found.len(), sent.len());
}

#[test]
fn what_was_flushed_of_a_lean_log_survives_a_power_cut() {
    let_logs_be_lean();
    each_seed(200, flush_without_descriptors);
}
