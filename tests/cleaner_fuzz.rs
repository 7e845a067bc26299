//! Compaction of segments that something wrote into: whatever they hold, it ends without a panic; with
//! an error not a byte has gone, otherwise what is left can be read. Seeded;
//! `CLEANER_FUZZ_SEED=<n>` replays one. `fuzz/fuzz_targets/log_cleaner.rs` does the same for as long
//! as it is let.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod cleaner_support;
mod log_support;

use barnabas::log::{Bound, Log, Recovery};
use barnabas::wire::records::crc::crc32c;
use barnabas::wire::records::{BatchBuilder, Codec};
use cleaner_support::*;
use log_support::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Histories that are tried; `CLEANER_FUZZ_SEEDS=<n>` tries more.
const SEEDS: u64 = 60;

/// A log of several segments with transactions, closed.
fn make(dir: &Path, random: &mut Random) {
    let log = create(dir, &config(1_500, 200));
    let append = |batch: &[u8]| {
        log.append_internal(batch, 0).unwrap();
    };
    for number in 0..40 {
        let codec = if random.one_in(3) { Codec::Zstd } else { Codec::None };
        let codec = if codec.is_built_in() { codec } else { Codec::None };
        let id = 1 + random.below(2) as i64;
        let data = BatchBuilder::new().codec(codec).producer(id, 0, number).transactional(true);
        append(&fill(data, 3, 30, 100));
        if random.one_in(3) {
            let end = BatchBuilder::new().producer(id, 0, -1).transactional(true).control(true);
            let key = [0, 0, 0, u8::from(random.one_in(2))];
            append(&end.clone().append(1, Some(&key), Some(&[0; 6]), &[]).finish());
        }
    }
    for id in 1..=2 {
        let mut end = BatchBuilder::new().producer(id, 0, -1).transactional(true).control(true);
        append(&end.append(1, Some(&[0, 0, 0, 1]), Some(&[0; 6]), &[]).finish());
    }
    log.close().unwrap();
}

/// Damages a few places; with `repair` the checksums are those of the damaged batches.
fn damage(random: &mut Random, path: &Path, repair: bool) {
    let mut bytes = fs::read(path).unwrap();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let to = (at + 8).min(bytes.len());
        match random.below(4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at..to].fill(random.next() as u8),
            2 => {
                let number = [0, 1, -1, i64::MAX, i64::MIN][random.below(5) as usize];
                bytes[at..to].copy_from_slice(&number.to_be_bytes()[..to - at]);
            }
            _ => bytes.extend((0..random.below(40)).map(|_| random.next() as u8)),
        }
    }
    let mut at = 0;
    while repair && let Some(length) = bytes.get(at + 8..at + 12) {
        let length = i32::from_be_bytes(length.try_into().unwrap());
        let end = at.saturating_add(usize::try_from(length).unwrap_or(0)).saturating_add(12);
        if end < at + 61 || end > bytes.len() {
            break;
        }
        let crc = crc32c(&bytes[at + 21..end]);
        bytes[at + 17..at + 21].copy_from_slice(&crc.to_be_bytes());
        at = end;
    }
    fs::write(path, bytes).unwrap();
}

fn all(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let logs = files(dir).into_iter().filter(|name| name.ends_with(".log"));
    logs.map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

/// Opens, compacts and reads; whether it was compacted.
fn one(seed: u64) -> bool {
    let (mut random, dir) = (Random::new(seed), TempDir::new("cleaner-fuzz"));
    let partition = dir.partition();
    make(&partition, &mut random);
    let names = files(&partition);
    let damageable: Vec<_> = names
        .iter()
        .filter(|name| ["log", "index", "txnindex"].iter().any(|kind| name.ends_with(kind)))
        .collect();
    let name = damageable[random.below(damageable.len() as u64) as usize];
    let repair = name.ends_with(".log") && random.below(4) > 0;
    damage(&mut random, &partition.join(name), repair);
    let (log, _) = open(&partition, &config(1_500, 200), Recovery::Clean);
    let end = log.offsets().log_end;
    log.advance_high_watermark(end);
    let before = all(&partition);
    let cleaned = clean(&log, None, 5_000);
    match &cleaned {
        Ok(cleaned) => assert!(cleaned.records.1 <= cleaned.records.0, "{cleaned:?}"),
        // Groups before the one that could not be read may have been swapped in.
        Err(why) => {
            let after = all(&partition);
            let same = before.iter().rev().find(|(name, bytes)| after.get(*name) == Some(*bytes));
            assert!(same.is_some() && why.is_lasting(), "{why}");
        }
    }
    read(&log);
    cleaned.is_ok()
}

/// Reads all there is; what cannot be read is an error, never a panic or a wrong byte.
fn read(log: &Log) {
    let mut at = log.offsets().log_start;
    while let Ok(read) = log.read(at, 1 << 20, true, Bound::LogEnd) {
        let Some(bytes) = read.range.as_ref().and_then(|range| range.bytes()) else { return };
        for batch in split(bytes) {
            assert!(header(&batch).next_offset() > at);
            at = header(&batch).next_offset();
        }
    }
}

#[test]
fn damaged_segments_are_compacted_or_left_alone() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("CLEANER_FUZZ_SEED") {
        one(seed);
        return;
    }
    let (mut compacted, mut refused) = (0, 0);
    for seed in 0..number("CLEANER_FUZZ_SEEDS").unwrap_or(SEEDS) {
        println!("CLEANER_FUZZ_SEED={seed}");
        match one(seed) {
            true => compacted += 1,
            false => refused += 1,
        }
    }
    assert!(compacted > 10 && refused > 10, "{compacted} compacted, {refused} refused");
}
