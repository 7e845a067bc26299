//! Out of descriptors segments are not given up by halves. One test only: it lowers what the whole process
//! may have open.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use log_support::*;

/// Sets the soft limit; gives the one that there was.
fn allow(descriptors: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it fills the struct that it is given.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    let before = std::mem::replace(&mut limit.rlim_cur, descriptors);
    // SAFETY: it reads the struct, and changes a limit of this process only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    before
}

#[test]
fn segments_go_when_there_are_descriptors_and_until_then_not_at_all() {
    let dir = TempDir::new("descriptors");
    let settings = config(10_000, 4096);
    let log = create(&dir.partition(), &settings);
    for _ in 0..8 {
        append(&log, &batch(4, 1_000, 5));
    }
    log.flush().unwrap();
    log.delete_records_before(log.offsets().log_end - 1).unwrap();
    let names = || -> Vec<String> {
        let is_log = |name: &String| name.contains(".log");
        files(&dir.partition()).into_iter().filter(is_log).collect()
    };
    let before = names();
    let limit = allow(3);
    let failed = log.delete_segments_below_log_start(0);
    allow(limit);
    assert!(failed.is_err());
    assert_eq!(names(), before);
    let gone = log.delete_segments_below_log_start(0).unwrap();
    assert!(gone.segments >= 3, "{gone:?}");
}
