//! After a clean start, nothing is served that is not what was written: every batch is checked
//! when it is first read, and no index entry is believed that a checked walk has not come to.
#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{Bound, Log, Opening, ReadError, Recovery};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::BatchBuilder;
use log_support::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LOG: &str = "00000000000000000000.log";
const INDEX: &str = "00000000000000000000.index";

/// Batches by their base offsets, as they lie on the disk.
type Written = BTreeMap<i64, Vec<u8>>;

/// A closed log of `count` batches of three records each.
fn closed(dir: &Path, interval: i32, count: i64, size: usize) -> Written {
    let log = create(dir, &config(1 << 20, interval));
    let mut written = Written::new();
    for n in 0..count {
        let bytes = batch(3, size + (n % 7) as usize, 1_000 + n);
        let offset = append(&log, &bytes).base_offset;
        written.insert(offset, stored(&bytes, offset, 0));
    }
    log.close().unwrap();
    written
}

/// What one read gives: batches that were written, each at its place, or the code of the refusal.
fn read(log: &Log, written: &Written, offset: i64, max: u32) -> Result<Vec<i64>, ErrorCode> {
    let read = match log.read(offset, max, true, Bound::LogEnd) {
        Ok(read) => read,
        Err(why) => {
            assert!(!matches!(why, ReadError::OutOfRange { .. }), "{offset}: {why}");
            return Err(why.code());
        }
    };
    let mut found = Vec::new();
    let range = read.range.unwrap_or_else(|| panic!("nothing at {offset}"));
    for bytes in split(range.bytes().unwrap()) {
        let base = header(&bytes).base_offset;
        let mut as_written = bytes;
        // No checksum is over the leader epoch.
        as_written[12..16].fill(0);
        assert!(written.get(&base) == Some(&as_written), "{base} was not written so");
        found.push(base);
    }
    assert!(header(&written[&found[0]]).last_offset() >= offset, "{found:?} for {offset}");
    assert!(found[0] <= offset, "{found:?} for {offset}");
    Ok(found)
}

fn flip(path: &Path, at: usize, mask: u8) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= mask;
    std::fs::write(path, bytes).unwrap();
}

/// Opens a log that was closed; `None` if what is wrong with it was found when it was opened.
fn reopen(dir: &Path, interval: i32, end: i64) -> Option<Log> {
    let opening = Opening { recovery_point: Some(end), ..Opening::from(Recovery::Clean) };
    let opened = Log::open(dir.to_path_buf(), config(1 << 20, interval), opening, keepers());
    let (log, report) = opened.unwrap();
    log.advance_high_watermark(log.offsets().log_end);
    (!report.checked).then_some(log)
}

#[test]
fn a_flipped_byte_is_never_served_and_disturbs_nobody_else() {
    let dir = TempDir::new("flip");
    let original = dir.path().join("original-0");
    let written = closed(&original, 300, 24, 4);
    let size = std::fs::metadata(original.join(LOG)).unwrap().len() as usize;
    let mut refused_at_start = 0;
    let all = 0..size;
    let every = |at: &usize| of_header(&written, *at) || at.is_multiple_of(29);
    for at in all.filter(every) {
        let copy = copy(&original, dir.path());
        flip(&copy.join(LOG), at, 1 << (at % 8));
        let Some(log) = reopen(&copy, 300, 72) else {
            refused_at_start += 1;
            continue;
        };
        let hit = written.keys().rev().find(|base| position_of(&written, **base) <= at).unwrap();
        // From the front in one go, then each batch by itself, from the back: as it comes.
        for max in [1 << 20, 1] {
            for (&base, _) in written.iter().rev() {
                let got = read(&log, &written, base, max);
                let of_epoch = (12..16).contains(&(at - position_of(&written, *hit)));
                match got {
                    Ok(found) => assert!(!found.contains(hit) || of_epoch, "{at}: {found:?}"),
                    Err(code) => {
                        assert_eq!(code, ErrorCode::CORRUPT_MESSAGE, "{at}");
                        // A flipped base offset can make the batch before look wrong. Without a
                        // length the next batch is the next one that has an index entry.
                        let of_length = (8..12).contains(&(at - position_of(&written, *hit)));
                        let behind = if of_length { 15 } else { 0 };
                        assert!(
                            (hit - 3..=hit + behind).contains(&base),
                            "byte {at} of batch {hit}: {base} is refused"
                        );
                    }
                }
            }
        }
    }
    assert!(refused_at_start < size / 5, "{refused_at_start} of {size} were found at the start");
}

/// Whether the byte is one of a batch's header.
fn of_header(written: &Written, at: usize) -> bool {
    let begins = written.keys().map(|base| position_of(written, *base));
    begins.take_while(|begin| *begin <= at).last().is_some_and(|begin| at - begin < 61)
}

fn position_of(written: &Written, base: i64) -> usize {
    written.range(..base).map(|(_, bytes)| bytes.len()).sum()
}

/// A copy of a closed log's directory, where the last copy was.
fn copy(original: &Path, to: &Path) -> PathBuf {
    let copy = to.join("copy-0");
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir(&copy).unwrap();
    for name in files(original) {
        std::fs::copy(original.join(&name), copy.join(&name)).unwrap();
    }
    copy
}

#[test]
fn what_is_lost_can_be_skipped_as_the_message_says() {
    let dir = TempDir::new("skip");
    let written = closed(&dir.partition(), 300, 40, 20);
    let hit = 60;
    flip(&dir.partition().join(LOG), position_of(&written, hit) + 70, 1);
    let log = reopen(&dir.partition(), 300, 120).unwrap();
    // All that is before it is served, and no more.
    assert_eq!(read(&log, &written, 0, 1 << 20).unwrap().last(), Some(&(hit - 3)));
    let why = log.read(hit + 1, 1 << 20, true, Bound::LogEnd).unwrap_err();
    let message = why.to_string();
    let position = format!("byte {}:", position_of(&written, hit));
    for part in [LOG, &position, "CRC", "offset 63", "kafka-delete-records"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(read(&log, &written, hit + 3, 1 << 20).unwrap().last(), Some(&117));
    // So is the log start, also when it is looked up at the next start.
    assert_eq!(log.delete_records_before(hit + 3).unwrap(), hit + 3);
    log.close().unwrap();
    drop(log);
    let log = reopen(&dir.partition(), 300, 120).unwrap();
    assert_eq!(read(&log, &written, hit + 3, 1).unwrap(), [hit + 3]);
    // And appending goes on.
    assert_eq!(append(&log, &batch(3, 20, 5)).base_offset, 120);
}

#[test]
fn a_log_that_begins_within_damage_opens() {
    let dir = TempDir::new("begins");
    let written = closed(&dir.partition(), 300, 40, 20);
    flip(&dir.partition().join(LOG), position_of(&written, 60) + 70, 1);
    let opening = Opening { log_start: Some(61), ..Opening::from(Recovery::Clean) };
    let settings = config(1 << 20, 300);
    let (log, _) = Log::open(dir.partition(), settings, opening, keepers()).unwrap();
    log.advance_high_watermark(log.offsets().log_end);
    assert_eq!(read(&log, &written, 61, 1), Err(ErrorCode::CORRUPT_MESSAGE));
    assert_eq!(read(&log, &written, 63, 1).unwrap(), [63]);
}

/// A batch whose one record holds, in its value, batches that a reader would take for the real ones
/// if it began to read there: right CRCs, the right offsets, one behind the other to the very end.
fn treacherous(base: i64, copies: usize) -> Vec<u8> {
    let value = lie(base).repeat(copies);
    let mut real = BatchBuilder::new();
    real.append(2, None, Some(b"x"), &[]);
    real.append(2, None, Some(b"y"), &[]);
    real.append(2, None, Some(&value), &[]);
    real.finish()
}

/// It claims all offsets of the real batch around it, so that an index entry for that one fits.
fn lie(base: i64) -> Vec<u8> {
    let mut lie = BatchBuilder::new();
    for _ in 0..3 {
        lie.append(1, None, Some(b"a lie"), &[]);
    }
    stored(&lie.finish(), base, 0)
}

#[test]
fn no_index_entry_leads_to_bytes_that_only_look_like_a_batch() {
    let dir = TempDir::new("treachery");
    let original = dir.path().join("original-0");
    let log = create(&original, &config(1 << 20, 300));
    let mut written = Written::new();
    for n in 0..60 {
        let bytes = treacherous(n * 3, 20);
        let offset = append(&log, &bytes).base_offset;
        assert_eq!(offset, n * 3);
        written.insert(offset, stored(&bytes, offset, 0));
    }
    log.close().unwrap();
    drop(log);
    let entries = std::fs::read(original.join(INDEX)).unwrap();
    assert!(entries.len() / 8 > 50, "nearly every batch has an entry");
    let lie = lie(0);
    let lie = written[&0].windows(lie.len()).position(|bytes| bytes == lie).unwrap();
    let mut random = Random::new(7);
    for round in 0..300 {
        let copy = copy(&original, dir.path());
        let mut index = entries.clone();
        // One entry is pulled into the record value of its batch, exactly to a lie, or anywhere.
        let number = random.below(entries.len() as u64 / 8 - 1) as usize;
        let entry = &mut index[number * 8 + 4..number * 8 + 8];
        let position = u32::from_be_bytes(entry.try_into().unwrap());
        let moved = match round % 3 {
            0 => position + lie as u32,
            1 => position ^ 1 << random.below(16),
            _ => random.below(1 << 16) as u32,
        };
        entry.copy_from_slice(&moved.to_be_bytes());
        std::fs::write(copy.join(INDEX), &index).unwrap();
        let Some(log) = reopen(&copy, 300, 180) else { continue };
        for _ in 0..40 {
            let offset = random.below(180) as i64;
            let max = [1, 5_000, 1 << 20][random.below(3) as usize];
            let found = read(&log, &written, offset, max);
            assert!(found.is_ok(), "round {round}: {offset}: {found:?}");
        }
        for &base in written.keys() {
            for offset in [base, base + 2] {
                assert!(read(&log, &written, offset, 1).is_ok(), "round {round}: {offset}");
            }
        }
    }
}

#[test]
fn an_index_of_garbage_costs_time_and_no_records() {
    let dir = TempDir::new("garbage");
    let original = dir.path().join("original-0");
    let written = closed(&original, 300, 200, 20);
    let entries = std::fs::read(original.join(INDEX)).unwrap();
    let mut random = Random::new(3);
    for round in 0..60 {
        let copy = copy(&original, dir.path());
        let mut index = entries.clone();
        // The last entry stays: with a wrong one the log would not count as closed.
        let changed = index.len() - 8;
        for byte in &mut index[..changed] {
            match round % 3 {
                0 => *byte = random.next() as u8,
                1 => *byte = 0,
                _ if random.one_in(20) => *byte ^= 1 << random.below(8),
                _ => {}
            }
        }
        std::fs::write(copy.join(INDEX), &index).unwrap();
        let Some(log) = reopen(&copy, 300, 600) else { panic!("round {round}: not closed") };
        for _ in 0..20 {
            let offset = random.below(600) as i64;
            let found = read(&log, &written, offset, 1 << random.below(20));
            assert!(found.is_ok(), "round {round}: {offset}: {found:?}");
        }
    }
}

#[test]
fn readers_of_what_was_checked_and_of_what_is_new_agree() {
    let dir = TempDir::new("mixed");
    let mut written = closed(&dir.partition(), 300, 100, 20);
    let log = reopen(&dir.partition(), 300, 300).unwrap();
    let mut random = Random::new(11);
    for round in 0..400 {
        if random.one_in(3) {
            let bytes = batch(3, 30, round);
            let offset = append(&log, &bytes).base_offset;
            written.insert(offset, stored(&bytes, offset, 0));
        }
        let offset = random.below(log.offsets().log_end as u64) as i64;
        let found = read(&log, &written, offset, 1 << random.below(16)).unwrap();
        let next = written.range(found[0]..).map(|(&base, _)| base);
        assert!(next.zip(&found).all(|(base, found)| base == *found), "none is left out");
    }
}
