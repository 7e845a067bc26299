//! A full disk: appends fail with an error code, the log stays readable, and takes appends again
//! once there is room. The disk is played by the limit on file sizes, which counts for the whole
//! process: so this file has one test only.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{AppendError, Bound, Recovery};
use barnabas::wire::error::ErrorCode;
use log_support::*;

#[test]
fn a_full_disk_is_an_error_that_passes() {
    let dir = TempDir::new("full");
    let settings = config(1 << 20, 4096);
    let log = create(&dir.partition(), &settings);
    let bytes = batch(4, 1_000, 5);
    let (mut sent, mut alone) = (0, 0);
    let full = 150_000;

    limit_files_to(full);
    let several = vec![validated(&bytes); 3];
    let error = loop {
        if let Ok(run) = log.append_run(&several, 0, 1_000) {
            assert_eq!(run.first.base_offset, sent * 4);
            sent += run.count as i64;
            continue;
        }
        assert_eq!(log.offsets().log_end, sent * 4, "all of them or none");
        match try_append(&log, &bytes) {
            Ok(appended) => {
                assert_eq!(appended.base_offset, sent * 4);
                sent += 1;
                alone += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(alone > 0, "there was room for one when there was none for three");
    assert_eq!(error.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    let AppendError::Storage(storage) = &error else { panic!("{error}") };
    assert!(storage.is_out_of_space(), "{error}");
    assert!(error.to_string().contains("00000000000000000000.log"), "{error}");
    // All the room there is was used: less than a batch and a page are left.
    let used = sent as u64 * bytes.len() as u64;
    assert!(used + bytes.len() as u64 + 4_096 > full, "only {sent}");

    for _ in 0..3 {
        assert!(try_append(&log, &bytes).is_err(), "still full");
        assert_eq!(log.offsets().log_end, sent * 4);
        assert_eq!(read_all(&log, 0, Bound::LogEnd).len() as i64, sent);
    }

    // Too small for a new segment: rolling fails too, and nothing is lost.
    limit_files_to(0);
    let tiny = config(bytes.len() as i32, 4096);
    log.set_config(tiny);
    assert!(try_append(&log, &bytes).is_err());
    assert_eq!(log.offsets().log_end, sent * 4);

    limit_files_to(u64::MAX);
    for _ in 0..3 {
        assert_eq!(try_append(&log, &bytes).unwrap().base_offset, sent * 4);
        sent += 1;
    }
    assert_eq!(read_all(&log, 0, Bound::LogEnd).len() as i64, sent);
    drop(log);
    let (log, report) = open(&dir.partition(), &settings, Recovery::Unclean);
    assert!(!report.has_losses(), "{report:?}");
    assert_eq!(read_all(&log, 0, Bound::LogEnd).len() as i64, sent);
}
