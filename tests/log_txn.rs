//! Aborted transactions: the `.txnindex` byte for byte as Kafka writes it, and what a read_committed
//! consumer makes of what it is told.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{AbortedTxn, Bound, Log, Recovery};
use barnabas::wire::records::Batch;
use log_support::*;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Three producers whose transactions lie one in the other, over a few segments.
struct Written {
    dir: TempDir,
    settings: Arc<TopicConfig>,
    log: Option<Log>,
    /// Offsets of records that a read_committed consumer must see.
    committed: BTreeSet<i64>,
    aborted: Vec<AbortedTxn>,
}

impl Written {
    /// `rounds` times something, drawn from a seed; all transactions have ended then.
    fn new(seed: u64, rounds: usize) -> Written {
        let dir = TempDir::new("txn");
        let settings = config(1_500, 200);
        let log = create(&dir.partition(), &settings);
        let mut written = Written {
            dir,
            settings,
            log: Some(log),
            committed: BTreeSet::new(),
            aborted: Vec::new(),
        };
        let mut random = Random::new(seed);
        let mut open: HashMap<i64, Vec<i64>> = HashMap::new();
        let mut sequences: HashMap<i64, i32> = HashMap::new();
        for _ in 0..rounds {
            let id = random.below(4) as i64;
            match (id, random.below(3)) {
                (0, _) => {
                    let offset = written.append(&batch(1, 30, 5));
                    written.committed.insert(offset);
                }
                (_, 0) if open.contains_key(&id) => {
                    written.end(id, random.one_in(2), &mut open);
                }
                _ => {
                    let sequence = sequences.entry(id).or_default();
                    let offset = written.append(&transactional(id, 0, *sequence, 2));
                    *sequence += 2;
                    open.entry(id).or_default().extend([offset, offset + 1]);
                }
            }
        }
        for id in 1..4 {
            written.end(id, id == 2, &mut open);
        }
        written
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn append(&self, bytes: &[u8]) -> i64 {
        let appended = self.log().append_internal(bytes, 0).unwrap();
        self.log().advance_high_watermark(appended.next_offset);
        appended.base_offset
    }

    fn end(&mut self, id: i64, commit: bool, open: &mut HashMap<i64, Vec<i64>>) {
        let marker = self.append(&marker(id, 0, 1, commit));
        let Some(offsets) = open.remove(&id) else { return };
        if commit {
            self.committed.extend(offsets);
            return;
        }
        let others = open.values().filter_map(|offsets| offsets.first()).min();
        self.aborted.push(AbortedTxn {
            producer_id: id,
            first_offset: offsets[0],
            last_offset: marker,
            last_stable_offset: others.copied().unwrap_or(marker + 1),
        });
    }

    fn path(&self, base: i64) -> PathBuf {
        self.dir.partition().join(format!("{base:020}.txnindex"))
    }

    fn bases(&self) -> Vec<i64> {
        let names = files(&self.dir.partition());
        names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect()
    }

    /// Each segment has the entries of the markers in it, and no file without any.
    #[track_caller]
    fn expect_files(&self) {
        let bases = self.bases();
        let ends = bases[1..].iter().copied().chain([i64::MAX]);
        for (base, end) in bases.iter().zip(ends) {
            let of_it = self.aborted.iter().filter(|txn| (*base..end).contains(&txn.last_offset));
            let expected: Vec<u8> = of_it.flat_map(entry).collect();
            match fs::read(self.path(*base)) {
                Ok(bytes) => assert_eq!(bytes, expected, "segment {base}"),
                Err(_) => assert!(expected.is_empty(), "segment {base} has no file"),
            }
            assert_eq!(self.path(*base).exists(), !expected.is_empty(), "segment {base}");
        }
    }

    /// Consumers that begin anywhere, and fetch by little or by much, see what was committed.
    #[track_caller]
    fn expect_read(&self) {
        let log = self.log();
        log.advance_high_watermark(log.offsets().log_end);
        for from in (0..log.offsets().log_end).step_by(3) {
            for max_bytes in [1, 500, 1 << 20] {
                let expected: Vec<i64> = self.committed.range(from..).copied().collect();
                assert_eq!(consume(log, from, max_bytes), expected, "{from}, {max_bytes}");
            }
        }
    }

    fn reopen(&mut self, how: Recovery) -> usize {
        let log = self.log.take().unwrap();
        if how == Recovery::Clean {
            log.close().unwrap();
        }
        drop(log);
        self.open(how)
    }

    fn open(&mut self, how: Recovery) -> usize {
        let (log, report) = open(&self.dir.partition(), &self.settings, how);
        assert_eq!(report.checked, how == Recovery::Unclean, "{report:?}");
        self.log = Some(log);
        report.cuts.len()
    }
}

/// An entry in Kafka's bytes.
fn entry(txn: &AbortedTxn) -> Vec<u8> {
    let numbers = [txn.producer_id, txn.first_offset, txn.last_offset, txn.last_stable_offset];
    [0, 0].into_iter().chain(numbers.into_iter().flat_map(i64::to_be_bytes)).collect()
}

/// What Kafka's consumer does with a read_committed answer (CompletedFetch): offsets of records.
fn consume(log: &Log, from: i64, max_bytes: u32) -> Vec<i64> {
    let (mut offsets, mut at) = (Vec::new(), from);
    loop {
        let read = log.read(at, max_bytes, true, Bound::LastStable).unwrap();
        let Some(range) = read.range else { return offsets };
        let mut told = read.aborted.clone();
        told.sort_by_key(|txn| txn.first_offset);
        let mut told = told.into_iter().peekable();
        let mut aborted = BTreeSet::new();
        for bytes in split(range.bytes().unwrap()) {
            let (batch, _) = Batch::parse(&bytes).unwrap();
            let header = header(&bytes);
            while let Some(txn) = told.next_if(|txn| txn.first_offset <= header.last_offset()) {
                aborted.insert(txn.producer_id);
            }
            let attributes = batch.attributes();
            if attributes.is_control() {
                aborted.remove(&header.producer_id);
            } else if !(attributes.is_transactional() && aborted.contains(&header.producer_id)) {
                offsets.extend((header.base_offset..=header.last_offset()).filter(|&o| o >= from));
            }
            at = header.next_offset();
        }
    }
}

#[test]
fn aborted_transactions_are_told_over_all_segments() {
    for seed in 0..6 {
        let written = Written::new(seed, 150);
        assert!(written.aborted.len() > 3 && written.bases().len() > 3, "seed {seed} is worth it");
        written.expect_files();
        written.expect_read();
    }
}

#[test]
fn they_are_told_after_a_clean_restart() {
    let mut written = Written::new(11, 120);
    assert_eq!(written.reopen(Recovery::Clean), 0);
    written.expect_files();
    written.expect_read();
}

#[test]
fn a_wrong_index_is_noticed_by_a_clean_start() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 4] = [
        |bytes| bytes.extend([0; 5]),
        |bytes| bytes.extend([0; 34]),
        |bytes| bytes[1] = 1,
        |bytes| bytes.rotate_left(1),
    ];
    for (what, damage) in damages.into_iter().enumerate() {
        let mut written = Written::new(14, 120);
        written.log.take().unwrap().close().unwrap();
        let path = written.bases().iter().map(|&base| written.path(base)).find(|p| p.exists());
        let path = path.unwrap();
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(path, bytes).unwrap();
        let (log, report) = open(&written.dir.partition(), &written.settings, Recovery::Clean);
        assert!(report.checked && !report.has_losses(), "{what}: {report:?}");
        written.log = Some(log);
        written.expect_files();
        written.expect_read();
    }
}

#[test]
fn indexes_are_rebuilt_after_a_crash_whatever_is_left_of_them() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 6] = [
        |_| {},
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(40),
        |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
        |bytes| bytes.extend([7; 34]),
        |bytes| bytes.extend([0; 5]),
    ];
    for (what, damage) in damages.into_iter().enumerate() {
        let mut written = Written::new(12, 120);
        drop(written.log.take());
        for base in written.bases() {
            let mut bytes = fs::read(written.path(base)).unwrap_or_default();
            damage(&mut bytes);
            fs::write(written.path(base), bytes).unwrap();
        }
        assert_eq!(written.open(Recovery::Unclean), 0, "{what}");
        written.expect_files();
        written.expect_read();
    }
}

#[test]
fn missing_indexes_are_rebuilt_after_a_crash() {
    let mut written = Written::new(13, 120);
    drop(written.log.take());
    written.bases().iter().for_each(|&base| {
        let _ = fs::remove_file(written.path(base));
    });
    written.open(Recovery::Unclean);
    written.expect_files();
    written.expect_read();
}

/// A segment may have none, so nobody notices, as with Kafka: see docs/DURABILITY.md.
#[test]
fn without_an_index_of_old_records_none_is_lost_and_a_start_that_checks_all_makes_it_anew() {
    let mut written = Written::new(15, 120);
    let end = written.log().offsets().log_end;
    let all = read_all(written.log(), 0, Bound::LogEnd);
    written.log.take().unwrap().close().unwrap();
    let indexes: Vec<PathBuf> = written.bases().iter().map(|&base| written.path(base)).collect();
    let there: Vec<&PathBuf> = indexes.iter().filter(|path| path.exists()).collect();
    // Removed, and shortened by an entry.
    fs::remove_file(there[0]).unwrap();
    let two = there[1..].iter().find(|path| fs::metadata(path).unwrap().len() >= 68).unwrap();
    fs::File::options().write(true).open(two).unwrap().set_len(34).unwrap();
    let opening = flushed_to(Recovery::Unclean, end);
    let (log, report) =
        Log::open(written.dir.partition(), written.settings.clone(), opening, keepers()).unwrap();
    assert!(!report.has_losses(), "{report:?}");
    assert_eq!(read_all(&log, 0, Bound::LogEnd), all);
    log.close().unwrap();
    drop(log);
    written.open(Recovery::Unclean);
    written.expect_files();
    written.expect_read();
}

#[test]
fn an_entry_stays_when_nothing_else_knows_where_its_transaction_began() {
    let dir = TempDir::new("txn-kept");
    let settings = config(300, 200);
    let log = create(&dir.partition(), &settings);
    log.append_internal(&transactional(1, 0, 0, 2), 0).unwrap();
    append(&log, &batch(2, 50, 1));
    append(&log, &batch(2, 50, 1));
    let ended = log.append_internal(&marker(1, 0, 1, false), 0).unwrap();
    drop(log);
    // The segment in which the transaction began is gone, and what the producers did there.
    for name in files(&dir.partition()) {
        let base = name.split('.').next().and_then(|stem| stem.parse::<i64>().ok());
        if base == Some(0) || name.ends_with(".snapshot") {
            fs::remove_file(dir.partition().join(name)).unwrap();
        }
    }
    let (log, report) = open(&dir.partition(), &settings, Recovery::Unclean);
    assert!(report.log_start > 0 && report.log_start < ended.base_offset, "{report:?}");
    log.advance_high_watermark(ended.next_offset);
    let read = log.read(ended.base_offset, 1 << 20, true, Bound::LastStable).unwrap();
    let told = AbortedTxn {
        producer_id: 1,
        first_offset: 0,
        last_offset: ended.base_offset,
        last_stable_offset: ended.next_offset,
    };
    assert_eq!(read.aborted, [told]);
}

#[test]
fn only_read_committed_readers_are_told_and_commits_leave_no_file() {
    let dir = TempDir::new("txn-told");
    let log = create(&dir.partition(), &config(1 << 20, 200));
    let append = |bytes: &[u8]| {
        let appended = log.append_internal(bytes, 0).unwrap();
        log.advance_high_watermark(appended.next_offset);
    };
    append(&transactional(1, 0, 0, 2));
    append(&marker(1, 0, 1, true));
    append(&marker(2, 0, 1, false));
    assert!(!files(&dir.partition()).iter().any(|name| name.ends_with(".txnindex")));
    append(&transactional(1, 0, 2, 2));
    append(&marker(1, 0, 1, false));
    for (bound, told) in [(Bound::LastStable, 1), (Bound::HighWatermark, 0), (Bound::LogEnd, 0)] {
        let read = log.read(0, 1 << 20, true, bound).unwrap();
        assert_eq!(read.aborted.len(), told, "{bound:?}");
    }
    let nothing = log.read(log.offsets().log_end, 1 << 20, true, Bound::LastStable).unwrap();
    assert!(nothing.aborted.is_empty());
}

/// Changes a file in some way, by a seed.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    match random.below(4) {
        0 => bytes.truncate(at),
        1 => {
            let more = random.below(80);
            bytes.extend((0..more).map(|_| random.next() as u8));
        }
        2 => bytes.resize(bytes.len() + 4096, 0),
        _ => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len().max(1) as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

#[test]
fn damaged_indexes_never_stop_a_log_and_after_a_crash_they_change_nothing() {
    let mut random = Random::new(99);
    for round in 0..40 {
        let mut written = Written::new(round, 80);
        let how = if random.one_in(2) { Recovery::Clean } else { Recovery::Unclean };
        let log = written.log.take().unwrap();
        log.close().unwrap();
        drop(log);
        let names = files(&written.dir.partition());
        let indexes: Vec<_> = names.iter().filter(|name| name.ends_with("index")).collect();
        for _ in 0..3 {
            let name = indexes[random.below(indexes.len() as u64) as usize];
            let path = written.dir.partition().join(name);
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut random, &mut bytes);
            fs::write(path, bytes).unwrap();
        }
        let (log, report) = open(&written.dir.partition(), &written.settings, how);
        assert!(!report.has_losses(), "round {round}: {report:?}");
        written.log = Some(log);
        let log = written.log();
        log.advance_high_watermark(log.offsets().log_end);
        for timestamp in [0, 5, 1_000, 2_000, 3_000] {
            let _ = log.offset_for_timestamp(timestamp, Bound::HighWatermark);
        }
        let _ = log.max_timestamp();
        let all = log.offsets().log_end;
        let read = read_all(log, 0, Bound::LogEnd);
        assert_eq!(header(read.last().unwrap()).next_offset(), all, "round {round}");
        if report.checked && report.checked_from == 0 {
            written.expect_files();
            written.expect_read();
        } else {
            // What a clean start cannot notice may be told wrong, but must be told.
            let _ = log.read(0, 1 << 20, true, Bound::LastStable);
        }
    }
}
