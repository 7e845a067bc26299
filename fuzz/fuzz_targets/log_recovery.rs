//! Opens a log whose files hold whatever the fuzzer makes of them: opening ends without a panic, and
//! what it leaves can be read, appended to and opened again.
//!
//! The input's first byte says what is done; then the `.log`, and in the rest, after a length each, the
//! `.index`, the `.snapshot` and the `leader-epoch-checkpoint`. CRCs are made right where the input
//! asks for it, since no fuzzer guesses them.

#![no_main]

mod log_files;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, Log, Recovery};
use barnabas::wire::records::BatchBuilder;
use libfuzzer_sys::fuzz_target;
use log_files::{keepers, new_directory, part, repair};
use std::sync::Arc;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let dir = new_directory("log");
    let mut log = part(&mut rest).to_vec();
    if choice & 1 != 0 {
        repair(&mut log);
    }
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.join(name), bytes).expect("a file");
    };
    write("00000000000000000000.log", &log);
    if choice & 2 != 0 {
        write("00000000000000000000.index", part(&mut rest));
    }
    if choice & 4 != 0 {
        write("00000000000000000000.snapshot", part(&mut rest));
    }
    if choice & 8 != 0 {
        write("leader-epoch-checkpoint", part(&mut rest));
    }
    let how = if choice & 16 != 0 { Recovery::Clean } else { Recovery::Unclean };
    let config = Arc::new(TopicConfig {
        segment_bytes: 1 << 16,
        segment_index_bytes: 1 << 10,
        index_interval_bytes: 100,
        ..TopicConfig::default()
    });
    let (log, report) =
        Log::open(dir.clone(), config.clone(), how, keepers()).expect("any bytes are a log");
    log.advance_high_watermark(report.log_end);
    let _ = log.read(report.log_start, 1 << 20, true, Bound::HighWatermark);
    let _ = log.offset_for_timestamp(0, Bound::HighWatermark);
    let _ = log.max_timestamp();
    let mut batch = BatchBuilder::new();
    batch.append(1, None, Some(b"value"), &[]);
    // The end of the offsets is not the end of the world.
    if report.log_end < i64::MAX - 10 {
        let appended = log.append_internal(&batch.finish(), 0).expect("a log that works");
        assert_eq!(appended.base_offset, report.log_end);
        log.close().expect("closed");
        drop(log);
        let (log, again) =
            Log::open(dir, config, Recovery::Clean, keepers()).expect("what was closed opens");
        assert!(!again.has_losses(), "{again:?}");
        assert_eq!(log.offsets().log_end, appended.next_offset);
    }
});
