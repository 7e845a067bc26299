//! On a full disk segments can be deleted all the same: that is what makes room. The disk is played by
//! the limit on file sizes, which counts for the whole process: so this file has one test only.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use log_support::*;

#[test]
fn segments_go_where_there_is_no_room_for_a_snapshot() {
    let dir = TempDir::new("full-delete");
    let settings = config(10_000, 4096);
    let log = create(&dir.partition(), &settings);
    for _ in 0..6 {
        let next = append(&log, &batch(4, 1_000, 5)).next_offset;
        log.advance_high_watermark(next);
    }
    // All rolled segments have theirs now; a crash may have come before.
    log.flush().unwrap();
    for name in files(&dir.partition()).iter().filter(|name| name.ends_with(".snapshot")) {
        std::fs::remove_file(dir.partition().join(name)).unwrap();
    }
    let end = log.offsets().log_end;
    log.delete_records_before(end - 1).unwrap();
    limit_files_to(0);
    let gone = log.delete_segments_below_log_start(0);
    limit_files_to(u64::MAX);
    let gone = gone.unwrap();
    assert!(gone.segments >= 2, "{gone:?}");
    let offsets = log.offsets();
    assert_eq!((offsets.log_start, offsets.log_end), (end - 1, end));
}
