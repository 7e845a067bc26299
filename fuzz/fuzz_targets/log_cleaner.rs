//! Compacts a log whose sealed segment holds whatever the fuzzer makes of it: it ends without a panic;
//! with an error not a byte has gone, otherwise what is left can be read.
//!
//! The input's first byte says what is done; then the `.log`, and in the rest, after a length each,
//! the `.index` and the `.txnindex`. CRCs are made right where the input asks for it, since no fuzzer
//! guesses them.

#![no_main]

mod log_files;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, CleanerLimits, Log, Recovery};
use barnabas::wire::records::Batches;
use libfuzzer_sys::fuzz_target;
use log_files::{keepers, new_directory, part, repair};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where the segment begins that is written to.
const END: i64 = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let dir = new_directory("cleaner");
    let mut records = part(&mut rest).to_vec();
    if choice & 1 != 0 {
        repair(&mut records);
    }
    let file = |base: i64, kind: &str| dir.join(format!("{base:020}.{kind}"));
    let write = |base, kind: &str, bytes: &[u8]| {
        std::fs::write(file(base, kind), bytes).expect("a file");
    };
    write(0, "log", &records);
    write(0, "index", part(&mut rest));
    write(0, "timeindex", &[]);
    write(0, "txnindex", part(&mut rest));
    for kind in ["log", "index", "timeindex"] {
        write(END, kind, &[]);
    }
    let delete_retention_ms = if choice & 2 != 0 { 0 } else { 1000 };
    let config = Arc::new(TopicConfig { delete_retention_ms, ..TopicConfig::default() });
    let opened = Log::open(dir.clone(), config, Recovery::Clean, keepers());
    let Ok((log, _)) = opened else { return };
    log.advance_high_watermark(END);
    let before = std::fs::read(file(0, "log")).ok();
    let limits = CleanerLimits { map_memory: 1 << 12, load_factor: 0.9 };
    let Ok(cleanable) = log.cleanable(None, 5_000) else { return };
    match log.clean(&cleanable, limits, 5_000, &mut |_| ControlFlow::Continue(())) {
        Err(_) => assert_eq!(std::fs::read(file(0, "log")).ok(), before, "not a byte has gone"),
        Ok(cleaned) => assert!(cleaned.records.1 <= cleaned.records.0, "{cleaned:?}"),
    }
    let mut at = log.offsets().log_start;
    while let Ok(read) = log.read(at, 1 << 20, true, Bound::LogEnd)
        && let Some(range) = read.range
    {
        let Some(bytes) = range.bytes() else { return };
        for batch in Batches::new(bytes) {
            let batch = batch.expect("whole batches");
            assert!(batch.next_offset() > at, "offsets grow");
            at = batch.next_offset();
        }
    }
});
