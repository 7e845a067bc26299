//! What opening does with files that are not as a close left them: one row of the table a test.
//!
//! The log's files are damaged as a crash, a bad disk or a careless hand would, then the log is
//! opened as after a crash. What is good up to the first bad byte must be there, nothing else.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bad, Bound, Log, Recovery, RecoveryReport};
use barnabas::wire::records::BatchBuilder;
use log_support::*;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An index entry every third batch.
const INTERVAL: usize = 250;

/// A directory with the files of a log of `count` batches of 2 records, as a crash leaves them.
struct Crashed {
    dir: TempDir,
    settings: Arc<TopicConfig>,
    batches: Vec<Vec<u8>>,
}

impl Crashed {
    fn with(count: usize, settings: Arc<TopicConfig>) -> Crashed {
        Crashed::of(count, settings, |number| produced(500, 0, number * 2, 2))
    }

    fn of(count: usize, settings: Arc<TopicConfig>, batch: impl Fn(i32) -> Vec<u8>) -> Crashed {
        let dir = TempDir::new("recovery");
        let log = create(&dir.partition(), &settings);
        let batches = (0..count as i32).map(|number| {
            let bytes = batch(number);
            let appended = log.append(&validated(&bytes), number / 4, 0).unwrap();
            stored(&bytes, appended.base_offset, number / 4)
        });
        let batches = batches.collect();
        Crashed { dir, settings, batches }
    }

    fn new(count: usize) -> Crashed {
        Crashed::with(count, config(1 << 20, INTERVAL as i32))
    }

    /// The timestamps of the batches grow, so that each index entry has one in the time index.
    fn growing(count: usize) -> Crashed {
        Crashed::of(count, config(1 << 20, INTERVAL as i32), |number| {
            let builder = BatchBuilder::new().producer(500, 0, number * 2);
            fill(builder, 2, 10, 1_000 + i64::from(number) * 100)
        })
    }

    fn size(&self) -> u64 {
        self.batches[0].len() as u64
    }

    fn path(&self, base: i64, suffix: &str) -> PathBuf {
        self.dir.partition().join(format!("{base:020}.{suffix}"))
    }

    fn log_file(&self) -> PathBuf {
        self.path(0, "log")
    }

    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.write_all_at(bytes, at).unwrap();
    }

    fn truncate(&self, path: &Path, len: u64) {
        fs::File::options().write(true).open(path).unwrap().set_len(len).unwrap();
    }

    fn open(&self) -> (Log, RecoveryReport) {
        open(&self.dir.partition(), &self.settings, Recovery::Unclean)
    }

    /// Opens and expects exactly the first `good` batches, a log that takes appends, and the same
    /// again after a close.
    #[track_caller]
    fn expect(&self, good: usize) -> RecoveryReport {
        let (log, report) = self.open();
        assert_eq!(report.log_end, good as i64 * 2, "{report:?}");
        assert_eq!(read_all(&log, report.log_start, Bound::LogEnd), self.batches[..good]);
        let more = append(&log, &batch(1, 10, 5));
        assert_eq!(more.base_offset, good as i64 * 2);
        let expected = index_of(&self.batches[..good], INTERVAL);
        log.close().unwrap();
        let index: Vec<u8> = fs::read(self.path(0, "index")).unwrap();
        if report.segments == 1 {
            assert!(index.starts_with(&expected), "the index is a function of the log");
        }
        let (log, clean) = open(&self.dir.partition(), &self.settings, Recovery::Clean);
        assert!(!clean.checked, "{clean:?}");
        assert_eq!(log.offsets().log_end, good as i64 * 2 + 1);
        assert_eq!(read_all(&log, report.log_start, Bound::LogEnd)[..good], self.batches[..good]);
        report
    }
}

/// The index that Kafka would write for a segment of these batches.
fn index_of(batches: &[Vec<u8>], interval: usize) -> Vec<u8> {
    let (mut index, mut position, mut since) = (Vec::new(), 0usize, 0usize);
    for bytes in batches {
        if since > interval {
            index.extend_from_slice(&(header(bytes).last_offset() as i32).to_be_bytes());
            index.extend_from_slice(&(position as i32).to_be_bytes());
            since = 0;
        }
        position += bytes.len();
        since += bytes.len();
    }
    index
}

#[test]
fn untouched_files_lose_nothing_and_the_unused_reserve_goes() {
    let crashed = Crashed::new(10);
    assert!(fs::metadata(crashed.log_file()).unwrap().len() > 10 * crashed.size(), "a reserve");
    let report = crashed.expect(10);
    assert!(report.cuts.is_empty() && report.rebuilt_indexes == 0, "{report:?}");
}

#[test]
fn a_torn_batch_is_cut_wherever_it_is_torn() {
    let whole = Crashed::new(3);
    // Fewer than 8 bytes are all zeros here: those of the base offset 4.
    for left in [8, 12, 16, 17, 21, 60, 61, 62, whole.size() - 1] {
        let crashed = Crashed::new(3);
        crashed.truncate(&crashed.log_file(), 2 * crashed.size() + left);
        let report = crashed.expect(2);
        assert_eq!(report.cuts[0].bytes, left);
        let reason = report.cuts[0].reason;
        assert!([Bad::ShortHeader, Bad::Length].contains(&reason), "{left}: {reason}");
    }
}

#[test]
fn a_batch_torn_in_front_of_the_reserve_is_cut() {
    // The first half of the batch reached the page cache, zeros follow.
    for kept in [8, 11, 61, 80] {
        let crashed = Crashed::new(3);
        let zeros = vec![0; (crashed.size() - kept) as usize];
        crashed.overwrite(&crashed.log_file(), 2 * crashed.size() + kept, &zeros);
        let report = crashed.expect(2);
        assert!(report.has_losses(), "{kept}: {report:?}");
    }
}

#[test]
fn one_flipped_bit_anywhere_cuts_the_log_there() {
    let size = Crashed::new(1).size();
    // The base offset and everything from the magic on are checked; the leader epoch (12..16) is
    // outside of the CRC, as Kafka has it: such a flip changes the epoch and is not seen here.
    let header = (0..12).chain(16..61);
    for at in header.chain([61, 70, size - 1]) {
        let crashed = Crashed::new(4);
        let at_byte = 2 * size + at;
        let mut byte = [0];
        let file = fs::File::open(crashed.log_file()).unwrap();
        file.read_exact_at(&mut byte, at_byte).unwrap();
        crashed.overwrite(&crashed.log_file(), at_byte, &[byte[0] ^ 0x80]);
        let (log, report) = crashed.open();
        // A base offset that went up (and not beyond what an index can hold) is a gap, which
        // compaction makes too; all else is cut.
        if report.log_end == 4 {
            assert!(report.has_losses(), "byte {at}: {report:?}");
            assert_eq!(read_all(&log, 0, Bound::LogEnd), crashed.batches[..2], "byte {at}");
        } else {
            assert!(at < 8, "byte {at}: {report:?}");
        }
    }
}

#[test]
fn garbage_behind_the_end_is_cut() {
    for garbage in [vec![0xff; 500], vec![b'x'; 61], (0..255).collect()] {
        let crashed = Crashed::new(5);
        crashed.truncate(&crashed.log_file(), 5 * crashed.size());
        crashed.overwrite(&crashed.log_file(), 5 * crashed.size(), &garbage);
        let report = crashed.expect(5);
        assert_eq!(report.cuts.len(), 1);
        assert_eq!(report.cuts[0].position, 5 * crashed.size());
    }
}

#[test]
fn garbage_behind_zeros_is_cut_and_reported() {
    let crashed = Crashed::new(5);
    crashed.overwrite(&crashed.log_file(), 5 * crashed.size() + 1_000, b"left over");
    let report = crashed.expect(5);
    assert!(report.has_losses(), "not a reserve: {report:?}");
}

#[test]
fn an_old_batch_where_a_new_one_should_be_is_cut() {
    let crashed = Crashed::new(5);
    let stale = crashed.batches[1].clone();
    crashed.overwrite(&crashed.log_file(), 3 * crashed.size(), &stale);
    let report = crashed.expect(3);
    assert_eq!(report.cuts[0].reason, Bad::Offset);
}

#[test]
fn an_index_that_is_missing_short_or_wrong_is_rebuilt() {
    type Damage = fn(&Crashed, &Path);
    // What is short is not wrong: a log that was opened often has few entries.
    let damages: [(&str, Damage, usize); 6] = [
        ("missing", |_, path| fs::remove_file(path).unwrap(), 1),
        ("empty", |crashed, path| crashed.truncate(path, 0), 0),
        ("half an entry", |crashed, path| crashed.truncate(path, 23), 1),
        ("too short", |crashed, path| crashed.truncate(path, 24), 0),
        ("a wrong position", |crashed, path| crashed.overwrite(path, 4, &[0, 0, 1, 0]), 1),
        ("beyond the log", |crashed, path| crashed.overwrite(path, 12, &[0x7f; 4]), 1),
    ];
    for (what, damage, rebuilt) in damages {
        for suffix in ["index", "timeindex"] {
            let crashed = Crashed::growing(20);
            let path = crashed.path(0, suffix);
            damage(&crashed, &path);
            let report = crashed.expect(20);
            let seen = (report.rebuilt_indexes, report.cuts.len());
            assert_eq!(seen, (rebuilt, 0), "{suffix} {what}: {report:?}");
        }
    }
}

#[test]
fn a_wrong_index_is_noticed_by_readers_of_a_log_that_was_closed() {
    let crashed = Crashed::new(20);
    let (log, _) = crashed.open();
    log.close().unwrap();
    // In the middle, where a clean start does not look: it points to a later batch.
    let later = (15 * crashed.size() as u32).to_be_bytes();
    crashed.overwrite(&crashed.path(0, "index"), 8 + 4, &later);
    let (log, report) = open(&crashed.dir.partition(), &crashed.settings, Recovery::Clean);
    assert!(!report.checked);
    for offset in 0..40 {
        let batches = read_all(&log, offset, Bound::LogEnd);
        assert_eq!(batches, crashed.batches[offset as usize / 2..], "offset {offset}");
    }
}

#[test]
fn a_clean_start_that_meets_an_unclean_file_checks_everything() {
    type Damage = fn(&Crashed, &Path);
    let damages: [(&str, Damage, usize); 4] = [
        ("reserve", |crashed, path| crashed.truncate(path, 9_999_999), 20),
        ("torn", |crashed, path| crashed.truncate(path, 20 * crashed.size() - 1), 19),
        ("garbage", |crashed, path| crashed.overwrite(path, 20 * crashed.size(), b"garbage"), 20),
        ("empty", |crashed, path| crashed.truncate(path, 0), 0),
    ];
    for (what, damage, good) in damages {
        let crashed = Crashed::new(20);
        crashed.open().0.close().unwrap();
        damage(&crashed, &crashed.log_file());
        let (log, report) = open(&crashed.dir.partition(), &crashed.settings, Recovery::Clean);
        assert!(report.checked, "{what}: {report:?}");
        assert_eq!(read_all(&log, 0, Bound::LogEnd), crashed.batches[..good], "{what}");
    }
}

#[test]
fn a_segment_that_was_rolled_but_not_trimmed_loses_nothing() {
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    let path = crashed.path(8, "log");
    let size = fs::metadata(&path).unwrap().len();
    crashed.truncate(&path, size + 10_000);
    let report = crashed.expect(12);
    assert!(!report.has_losses(), "{report:?}");
    assert_eq!(report.segments, 3);
}

#[test]
fn what_follows_a_loss_in_the_middle_goes() {
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    crashed.overwrite(&crashed.path(8, "log"), crashed.size() + 70, &[0xee]);
    let report = crashed.expect(5);
    assert_eq!(report.removed_segments, 1, "{report:?}");
    assert_eq!(report.cuts[0].reason, Bad::Crc);
    assert_eq!(report.cuts[0].segment, 8);
    assert!(report.losses().contains("renamed to *.aside"), "{}", report.losses());
    // What is whole behind the damage is not there any more, but it is not lost.
    let aside = |name: &str| fs::read(crashed.path(0, "log").with_file_name(name)).unwrap();
    let copy = aside("00000000000000000008.log.cut-at-10.aside");
    let size = crashed.size() as usize;
    assert!(copy[size..2 * size] == crashed.batches[6], "the batch behind the damaged one");
    let whole = aside("00000000000000000016.log.aside");
    assert!(whole[..size] == crashed.batches[8]);
}

#[test]
fn what_was_set_aside_stays_when_the_same_happens_again() {
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    let size = crashed.size() as usize;
    let aside = |name: &str| fs::read(crashed.dir.partition().join(name)).unwrap();
    crashed.overwrite(&crashed.path(8, "log"), crashed.size() + 30, &[0x55; 4]);
    drop(crashed.open());
    // The same place again, with other records behind it.
    let (log, _) = crashed.open();
    let more: Vec<_> = (0..8).map(|n| produced(700, 0, 2 * n, 2)).collect();
    more.iter().for_each(|bytes| _ = append(&log, bytes));
    drop(log);
    crashed.overwrite(&crashed.path(8, "log"), crashed.size() + 30, &[0x55; 4]);
    drop(crashed.open());
    let [first, second] =
        ["", ".1"].map(|n| format!("00000000000000000008.log.cut-at-10{n}.aside"));
    assert!(aside(&first)[size..2 * size] == crashed.batches[6]);
    assert!(aside(&second)[size..2 * size] == stored(&more[1], 12, 0));
    let [first, second] = ["", ".1"].map(|n| format!("00000000000000000016.log{n}.aside"));
    assert!(aside(&first)[..size] == crashed.batches[8]);
    assert!(aside(&second)[..size] == stored(&more[3], 16, 0));
}

#[test]
fn a_torn_end_leaves_no_copy() {
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    let last = crashed.path(16, "log");
    crashed.truncate(&last, fs::metadata(&last).unwrap().len() - 1);
    let report = crashed.expect(11);
    assert!(report.has_losses());
    let names = fs::read_dir(last.parent().unwrap()).unwrap();
    let aside = names
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".aside"));
    assert_eq!(aside.count(), 0);
}

#[test]
fn a_missing_segment_in_the_middle_leaves_a_gap_and_keeps_the_rest() {
    // As after a compaction that removed all of a segment: Kafka takes such a log.
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    fs::remove_file(crashed.path(8, "log")).unwrap();
    let (log, report) = crashed.open();
    assert_eq!((report.log_end, report.segments), (24, 2));
    let expected: Vec<_> =
        crashed.batches[..4].iter().chain(&crashed.batches[8..]).cloned().collect();
    assert_eq!(read_all(&log, 0, Bound::LogEnd), expected);
    assert_eq!(read_all(&log, 10, Bound::LogEnd), crashed.batches[8..]);
    assert!(!crashed.path(8, "index").exists(), "an index without a log goes");
    assert!(!crashed.path(8, "timeindex").exists(), "a time index without a log goes");
}

#[test]
fn a_segment_under_a_wrong_name_is_not_believed() {
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    fs::rename(crashed.path(16, "log"), crashed.path(17, "log")).unwrap();
    let (log, report) = crashed.open();
    assert_eq!(report.log_end, 17, "an empty segment that begins at 17");
    assert_eq!(read_all(&log, 0, Bound::LogEnd), crashed.batches[..8]);
}

#[test]
fn missing_and_damaged_snapshots_are_rebuilt_from_the_log() {
    for damage in ["missing", "flipped", "short", "empty"] {
        let crashed = Crashed::new(10);
        crashed.open().0.close().unwrap();
        let path = crashed.path(20, "snapshot");
        let mut bytes = fs::read(&path).unwrap();
        match damage {
            "missing" => fs::remove_file(&path).unwrap(),
            "flipped" => {
                bytes[20] ^= 1;
                fs::write(&path, &bytes).unwrap();
            }
            "short" => fs::write(&path, &bytes[..bytes.len() - 1]).unwrap(),
            _ => fs::write(&path, b"").unwrap(),
        }
        for how in [Recovery::Clean, Recovery::Unclean] {
            let (log, _) = open(&crashed.dir.partition(), &crashed.settings, how);
            let again = produced(500, 0, 18, 2);
            assert!(try_append(&log, &again).unwrap().duplicate, "{damage}, {how:?}");
            let gap = produced(500, 0, 21, 2);
            assert!(try_append(&log, &gap).is_err(), "{damage}, {how:?}");
        }
    }
}

#[test]
fn a_snapshot_from_beyond_the_end_is_not_used() {
    let crashed = Crashed::new(10);
    crashed.open().0.close().unwrap();
    // The log has lost its end, the snapshot knows more than it.
    crashed.truncate(&crashed.log_file(), 8 * crashed.size());
    let (log, _) = crashed.open();
    assert!(!crashed.path(20, "snapshot").exists());
    assert!(!try_append(&log, &produced(500, 0, 16, 2)).unwrap().duplicate);
}

#[test]
fn epochs_are_those_of_the_batches_whatever_the_file_says() {
    let stale = ["0\n1\n0 0\n", "0\n2\n0 0\n9 3\n", "garbage", "", "0\n1\n7 1000\n"];
    for text in stale {
        let crashed = Crashed::new(12); // epochs 0, 1, 2 from offsets 0, 8, 16 on
        let path = crashed.dir.partition().join("leader-epoch-checkpoint");
        assert_eq!(fs::read_to_string(&path).unwrap(), "0\n3\n0 0\n1 8\n2 16\n");
        fs::write(&path, text).unwrap();
        let (log, _) = crashed.open();
        assert_eq!(log.latest_epoch(-1), Some(2), "{text:?}");
        assert_eq!(log.end_offset_for_epoch(0, -1), (0, 8));
        assert_eq!(log.end_offset_for_epoch(1, -1), (1, 16));
        assert_eq!(log.epoch_of(15, -1), Some(1));
        assert_eq!(fs::read_to_string(&path).unwrap(), "0\n3\n0 0\n1 8\n2 16\n", "{text:?}");
    }
    // A log that was closed and whose file is gone.
    let crashed = Crashed::new(12);
    crashed.open().0.close().unwrap();
    fs::remove_file(crashed.dir.partition().join("leader-epoch-checkpoint")).unwrap();
    let (log, _) = open(&crashed.dir.partition(), &crashed.settings, Recovery::Clean);
    assert_eq!(log.end_offset_for_epoch(1, -1), (1, 16));
}

#[test]
fn epochs_that_begin_at_the_end_or_beyond_it_go_also_after_a_clean_close() {
    for extra in ["9 24", "9 1000"] {
        let crashed = Crashed::new(12);
        crashed.open().0.close().unwrap();
        let path = crashed.dir.partition().join("leader-epoch-checkpoint");
        fs::write(&path, format!("0\n4\n0 0\n1 8\n2 16\n{extra}\n")).unwrap();
        let (log, report) = open(&crashed.dir.partition(), &crashed.settings, Recovery::Clean);
        assert!(!report.checked);
        assert_eq!(log.latest_epoch(-1), Some(2), "{extra}");
    }
}

#[test]
fn epochs_of_a_lost_end_go() {
    let crashed = Crashed::new(12);
    crashed.truncate(&crashed.log_file(), 6 * crashed.size());
    let (log, _) = crashed.open();
    assert_eq!(log.latest_epoch(-1), Some(1));
    assert_eq!(log.end_offset_for_epoch(1, -1), (1, 12));
    assert_eq!(log.end_offset_for_epoch(2, -1), (-1, -1));
}

#[test]
fn leftovers_of_a_crash_go_and_foreign_files_stay() {
    let crashed = Crashed::new(3);
    let dir = crashed.dir.partition();
    let leftovers = [
        "next-3.log.prepared",
        "00000000000000000000.log.deleted",
        "00000000000000000002.snapshot.deleted",
        "00000000000000000000.txnindex.tmp",
        "leader-epoch-checkpoint.tmp",
    ];
    let foreign = [
        "partition.metadata",
        "notes.txt",
        "00000000000000000000.other",
        "notes.tmp",
        "photos.deleted",
        "dinner.prepared",
        "next-x.log.prepared",
    ];
    for name in leftovers.iter().chain(&foreign) {
        fs::write(dir.join(name), b"?").unwrap();
    }
    fs::create_dir(dir.join("drafts.tmp")).unwrap();
    crashed.expect(3);
    let left = files(&dir);
    assert!(left.contains(&"drafts.tmp".to_owned()), "{left:?}");
    assert!(leftovers.iter().all(|name| !left.contains(&(*name).to_owned())), "{left:?}");
    assert!(foreign.iter().all(|name| left.contains(&(*name).to_owned())), "{left:?}");
}

#[test]
fn a_swap_with_a_wrong_offset_takes_no_segment_away_that_it_cannot_replace() {
    let crashed = Crashed::with(12, config(4 * Crashed::new(1).size() as i32, 100));
    // No checksum is over the offset of a batch; what is written to is never compacted.
    let swap = [crashed.batches[0].clone(), stored(&crashed.batches[1], 18, 0)].concat();
    fs::write(crashed.path(0, "log.swap"), swap).unwrap();
    fs::write(crashed.path(0, "index.swap"), []).unwrap();
    let (log, report) = crashed.open();
    assert_eq!((report.log_end, report.segments), (24, 3), "{report:?}");
    assert_eq!(read_all(&log, 0, Bound::LogEnd), crashed.batches);
    let swaps = files(&crashed.dir.partition()).into_iter().filter(|name| name.ends_with(".swap"));
    assert_eq!(swaps.count(), 0);
}

#[test]
fn a_directory_without_segments_opens_as_an_empty_log() {
    let dir = TempDir::new("no-segments");
    fs::create_dir_all(dir.partition()).unwrap();
    for how in [Recovery::Clean, Recovery::Unclean] {
        let (log, report) = open(&dir.partition(), &config(1 << 20, 4096), how);
        assert_eq!((report.log_start, report.log_end, report.segments), (0, 0, 1));
        assert!(read_all(&log, 0, Bound::LogEnd).is_empty());
    }
}

#[test]
fn a_log_start_that_the_log_no_longer_reaches_begins_anew_there_and_keeps_what_there_was() {
    let crashed = Crashed::new(10);
    crashed.open().0.close().unwrap();
    let before = fs::read(crashed.log_file()).unwrap();
    for how in [Recovery::Unclean, Recovery::Clean] {
        let opening = beginning_at(how, 27);
        let (log, report) = open(&crashed.dir.partition(), &crashed.settings, opening);
        assert_eq!((report.log_start, report.log_end), (27, 27));
        assert_eq!(append(&log, &batch(1, 10, 1)).base_offset, 27);
        assert_eq!(report.segments_aside, usize::from(how == Recovery::Unclean));
        assert_eq!(report.has_losses(), how == Recovery::Unclean, "{}", report.losses());
        drop(log);
        fs::remove_file(crashed.path(27, "log")).unwrap();
    }
    assert_eq!(fs::read(crashed.path(0, "log.aside")).unwrap(), before);
}
