//! Where nothing is flushed (`--ephemeral`), nothing waits for a flush.
#![allow(clippy::unwrap_used)]

mod log_support;

use barnabas::log::{Keepers, Log};
use log_support::*;

#[test]
fn segments_that_were_rolled_are_let_go_of() {
    let dir = TempDir::new("unflushed");
    let keepers = Keepers::spawn().unwrap();
    keepers.flusher.switch_off();
    let log = Log::create(dir.partition(), config(10_000, 100), keepers.clone()).unwrap();
    (0..60).for_each(|_| _ = append(&log, &batch(4, 1_000, 5)));
    let logs = files(&dir.partition()).into_iter().filter(|name| name.ends_with(".log")).count();
    assert!(logs > 20, "{logs}");
    // They do first what was asked of them.
    keepers.stop();
    let of_log = |fd: &std::io::Result<std::fs::DirEntry>| {
        let file = std::fs::read_link(fd.as_ref().unwrap().path());
        file.is_ok_and(|file| file.starts_with(dir.path()))
    };
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter(of_log).count();
    // Those of the last two segments, and of the next one.
    assert!(open <= 9, "{open} files of {logs} segments are open");
    assert_eq!(log.size(), 60 * batch(4, 1_000, 5).len() as u64);
}
