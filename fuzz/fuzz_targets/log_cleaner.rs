//! Compacts a log whose sealed segment holds whatever the fuzzer makes of it: it ends without a panic;
//! with an error not a byte has gone, otherwise what is left can be read.
//!
//! The input's first byte says what is done; then the `.log`, and in the rest, after a length each,
//! the `.index` and the `.txnindex`. CRCs are made right where the input asks for it, since no fuzzer
//! guesses them.

#![no_main]

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, CleanerLimits, Keepers, Log, Recovery};
use barnabas::wire::records::Batches;
use barnabas::wire::records::crc::crc32c;
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Where the segment begins that is written to.
const END: i64 = 1 << 20;

fn keepers() -> Keepers {
    static ONE: OnceLock<Keepers> = OnceLock::new();
    ONE.get_or_init(|| Keepers::spawn().expect("a thread")).clone()
}

fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("barnabas-fuzz-cleaner-{}", std::process::id())).join("t-0")
}

/// The next part of the input: two bytes of length, then as many bytes as there are.
fn part<'i>(input: &mut &'i [u8]) -> &'i [u8] {
    let Some((len, rest)) = input.split_first_chunk::<2>() else { return std::mem::take(input) };
    let (part, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)).min(rest.len()));
    *input = rest;
    part
}

/// Makes the CRC of each batch right, as far as lengths lead.
fn repair(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(&[a, b, c, d]) = bytes[at..].get(8..12).and_then(|len| len.first_chunk()) {
        let len = i32::from_be_bytes([a, b, c, d]);
        let batch = usize::try_from(len).ok().and_then(|len| bytes[at..].get_mut(..len + 12));
        let Some(batch) = batch.filter(|batch| batch.len() >= 61) else { return };
        let crc = crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        at += batch.len();
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let dir = directory();
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory");
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
