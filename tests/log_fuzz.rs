//! Recovery of files that something wrote into: whatever they hold, opening ends, does not panic,
//! and leaves a log that can be read and appended to. Seeded; `LOG_FUZZ_SEED=<n>` replays one.
//! `fuzz/fuzz_targets/log_recovery.rs` does the same for as long as it is let.

mod log_support;

use barnabas::log::{Bound, Recovery};
use log_support::*;
use std::fs;
use std::path::Path;

const SEEDS: u64 = 150;

/// Damages a file: flips, overwrites, cuts, repeats, appends.
fn mutate(random: &mut Random, path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let len = (random.below(200) as usize).min(bytes.len() - at);
        match random.below(7) {
            0 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << random.below(8);
            }
            1 => bytes[at..at + len].fill(random.next() as u8),
            2 => bytes.truncate(at),
            3 => {
                let copy = bytes[at..at + len].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => drop(bytes.drain(at..at + len)),
            5 => bytes.extend((0..len).map(|_| random.next() as u8)),
            // Numbers that a length or an offset could be.
            _ => {
                let number = [0, 1, -1, i64::MAX, i64::MIN, 61, 49][random.below(7) as usize];
                let len = bytes.len();
                let to = (at + 8).min(len);
                bytes[at..to].copy_from_slice(&number.to_be_bytes()[..to - at]);
            }
        }
    }
    fs::write(path, bytes).unwrap();
}

fn one(seed: u64) {
    let mut random = Random::new(seed);
    let dir = TempDir::new("fuzz");
    let settings = config(3_000, 200);
    let log = create(&dir.partition(), &settings);
    let mut sent = Vec::new();
    for number in 0..20 {
        let bytes = produced(9, 0, number * 2, 2);
        append(&log, &bytes);
        sent.push(stored(&bytes, i64::from(number) * 2, 0));
    }
    if random.one_in(2) {
        log.close().unwrap();
    }
    drop(log);
    for name in files(&dir.partition()) {
        if random.one_in(2) {
            mutate(&mut random, &dir.partition().join(name));
        }
    }
    let how = if random.one_in(2) { Recovery::Clean } else { Recovery::Unclean };
    let (log, report) = open(&dir.partition(), &settings, how);
    let offsets = log.offsets();
    assert!(offsets.log_start <= offsets.log_end, "{offsets:?}");
    // After a check everything that is left has a right CRC; each batch that is where it was
    // (offsets are outside of the CRC) is one of those that were sent.
    if report.checked {
        for batch in read_all(&log, offsets.log_start, Bound::LogEnd) {
            let known = |sent: &Vec<u8>| sent[16..] == batch[16..];
            assert!(sent.iter().any(known), "a batch that nobody sent");
        }
    } else {
        let _ = log.read(offsets.log_start, 1 << 20, true, Bound::LogEnd);
    }
    let _ = log.max_timestamp();
    let _ = log.offset_for_timestamp(1_001, Bound::LogEnd);
    let appended = append(&log, &batch(1, 10, 1));
    assert_eq!(appended.base_offset, offsets.log_end);
    log.close().unwrap();
    let (log, _) = open(&dir.partition(), &settings, Recovery::Clean);
    assert_eq!(log.offsets().log_end, appended.next_offset);
}

#[test]
fn damaged_files_open_as_a_log_that_works() {
    let only = std::env::var("LOG_FUZZ_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        if let Err(panic) = std::panic::catch_unwind(|| one(seed)) {
            eprintln!("LOG_FUZZ_SEED={seed} replays this");
            std::panic::resume_unwind(panic);
        }
    }
}
