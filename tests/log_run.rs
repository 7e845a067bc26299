//! Batches that are appended together: the log is as if they had come one by one, answers and files alike.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{AppendError, Appended, Bound, Log, Recovery, Run};
use barnabas::wire::records::BatchBuilder;
use log_support::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of a batch, as far as its producer is told.
type Told = Result<Appended, String>;

/// Not whether it is to be flushed first: that depends on what a flusher has done meanwhile.
fn told(appended: Result<Appended, AppendError>) -> Told {
    appended
        .map(|appended| Appended { flush_to: None, ..appended })
        .map_err(|error| format!("{:?} {error}", error.code()))
}

/// Appends them one by one.
fn alone(log: &Log, batches: &[Validated<'_>], now_ms: i64) -> Vec<Told> {
    batches.iter().map(|batch| told(log.append(batch, 0, now_ms))).collect()
}

/// Appends them together as far as they go, and then what is left; gives how many went together at most as well.
fn together(log: &Log, batches: &[Validated<'_>], now_ms: i64) -> (Vec<Told>, usize) {
    let (mut all, mut most) = (Vec::new(), 0);
    while all.len() < batches.len() {
        let rest = &batches[all.len()..];
        let run = match log.append_run(rest, 0, now_ms) {
            Ok(run) => run,
            Err(error) => {
                all.push(told(Err(error)));
                continue;
            }
        };
        let mut appended = run.first;
        all.push(told(Ok(appended)));
        for batch in &rest[1..run.count] {
            appended = appended.next(&batch.header, batch.log_append_time_ms);
            all.push(told(Ok(appended)));
        }
        assert_eq!(run.next_offset, appended.next_offset);
        most = most.max(run.count);
    }
    (all, most)
}

/// What a snapshot of producers says, in an order of its own: behind version, checksum and count it has entries of one
/// size, in any order.
fn in_order(snapshot: &[u8]) -> Vec<u8> {
    let (head, entries) = snapshot.split_at(10);
    let count = i32::from_be_bytes(head[6..].try_into().unwrap()) as usize;
    let mut entries: Vec<_> = entries.chunks((entries.len() / count.max(1)).max(1)).collect();
    entries.sort_unstable();
    assert_eq!(entries.len(), count);
    [&head[..2], &entries.concat()].concat()
}

/// The files of a partition that was closed, but for what names it.
fn contents(dir: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = std::fs::read(dir.partition().join(&name)).unwrap();
        match name.ends_with(".snapshot") {
            true => (name, in_order(&bytes)),
            false => (name, bytes),
        }
    };
    files(&dir.partition())
        .into_iter()
        .filter(|name| name != "partition.metadata")
        .map(read)
        .collect()
}

/// A producer that mostly goes on where it was.
fn some_batch(random: &mut Random, sequences: &mut [(i16, i32); 3], time: &mut i64) -> Vec<u8> {
    let count = 1 + random.below(4) as i32;
    let size = match random.below(5) {
        0 => 20_000,
        1 => 70_000,
        _ => 10 + random.below(2_000) as usize,
    };
    *time += match random.below(12) {
        0 => -50,
        1 => 700,
        _ => random.below(3) as i64,
    };
    let mut builder = BatchBuilder::new();
    if !random.one_in(3) {
        let id = if random.one_in(8) { random.below(3) as usize } else { 0 };
        let (epoch, next) = &mut sequences[id];
        let (mut at, sent) = (*next, *next + count);
        match random.below(20) {
            0 => at -= 3, // Out of order, or a duplicate.
            1 => at += 1, // A gap.
            2 => (*epoch, at, *next) = (*epoch + 1, 0, count),
            _ => *next = sent,
        }
        builder = builder.producer(7_000 + id as i64, *epoch, at.max(0));
        builder = builder.transactional(random.one_in(25));
    }
    fill(builder, count, size, *time)
}

/// The time of the append is the batch's.
fn stamp(batch: &mut Validated<'_>, time: i64) {
    batch.timestamps = Patch::LogAppendTime(time);
    batch.log_append_time_ms = time;
    batch.header.max_timestamp = time;
}

fn run_seed(seed: u64, config: &Arc<TopicConfig>) -> usize {
    let mut random = Random::new(seed);
    let dirs = [TempDir::new("alone"), TempDir::new("together")];
    let logs = [0, 1].map(|at| create(&dirs[at].partition(), config));
    let (mut sequences, mut time, mut longest) = ([(0, 0); 3], 10_000, 0);
    for _ in 0..30 {
        let count = 1 + random.below(40);
        let batches: Vec<_> =
            (0..count).map(|_| some_batch(&mut random, &mut sequences, &mut time)).collect();
        let mut batches: Vec<_> = batches.iter().map(|bytes| validated(bytes)).collect();
        for batch in batches.iter_mut().filter(|_| random.one_in(6)) {
            stamp(batch, time);
        }
        let expected = alone(&logs[0], &batches, time);
        let (all, most) = together(&logs[1], &batches, time);
        assert_eq!(all, expected, "seed {seed}");
        longest = longest.max(most);
        for log in &logs {
            log.advance_high_watermark(log.offsets().log_end);
        }
        assert_eq!(logs[0].offsets(), logs[1].offsets(), "seed {seed}");
    }
    let read = |log: &Log| read_all(log, 0, Bound::LogEnd);
    assert!(read(&logs[0]) == read(&logs[1]), "seed {seed}: they are read differently");
    for log in logs {
        log.close().unwrap();
    }
    let [alone, together] = [0, 1].map(|at| contents(&dirs[at]));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&alone), names(&together), "seed {seed}");
    for (name, bytes) in &alone {
        assert!(*bytes == together[name], "seed {seed}: {name} differs");
    }
    longest
}

#[test]
fn a_log_is_the_same_whether_batches_come_together_or_one_by_one() {
    let of = |segment_bytes, interval| (*config(segment_bytes, interval)).clone();
    let settings = [
        of(1 << 20, 4096),
        of(1 << 20, 0),
        of(200_000, 100_000),
        TopicConfig { segment_ms: 900, ..of(1 << 20, 4096) },
        // Eight entries are all that an index may have.
        TopicConfig { segment_index_bytes: 96, ..of(1 << 20, 0) },
        TopicConfig { flush_messages: 5, ..of(1 << 20, 4096) },
    ];
    for (number, config) in settings.into_iter().enumerate() {
        let flushes = config.flush_messages != i64::MAX;
        let config = Arc::new(config);
        let longest = (0..4).map(|seed| run_seed(seed * 7 + number as u64, &config)).max().unwrap();
        assert_eq!(longest > 2, !flushes, "settings {number}: {longest} together at most");
    }
}

#[test]
fn as_many_go_together_as_there_are_up_to_a_bound() {
    let dir = TempDir::new("many");
    let log = create(&dir.partition(), &config(1 << 20, 4096));
    let bytes = batch(2, 100, 5);
    append(&log, &bytes);
    let batches = vec![validated(&bytes); Run::MOST + 1];
    for count in [1, 2, Run::MOST] {
        let end = log.offsets().log_end;
        let run = log.append_run(&batches[..count], 0, 1_000).unwrap();
        assert_eq!((run.first.base_offset, run.count), (end, count));
        assert_eq!(
            (run.next_offset, log.offsets().log_end),
            (end + 2 * count as i64, run.next_offset)
        );
    }
    assert_eq!(log.append_run(&batches, 0, 1_000).unwrap().count, Run::MOST);
}

#[test]
fn what_was_appended_together_is_there_after_a_crash() {
    let dir = TempDir::new("crash");
    let settings = config(1 << 20, 4096);
    let log = create(&dir.partition(), &settings);
    append(&log, &batch(1, 10, 5));
    // By copies, and by calls.
    for size in [500, 30_000] {
        let bytes: Vec<_> = (0..8).map(|at| produced_of(at, size)).collect();
        let batches: Vec<_> = bytes.iter().map(|bytes| validated(bytes)).collect();
        assert_eq!(log.append_run(&batches, 0, 1_000).unwrap().count, 8);
    }
    let before = read_all(&log, 0, Bound::LogEnd);
    drop(log); // Without closing it.
    let (log, _) = open(&dir.partition(), &settings, Recovery::Unclean);
    assert!(read_all(&log, 0, Bound::LogEnd) == before);
    assert_eq!(before.len(), 17);
}

#[test]
fn of_what_was_written_together_all_is_there_before_what_is_torn() {
    for size in [500, 30_000] {
        for whole in [0, 1, 4, 7] {
            let dir = TempDir::new("torn");
            let settings = config(1 << 20, 4096);
            let log = create(&dir.partition(), &settings);
            let first = batch(1, 10, 5);
            append(&log, &first);
            let bytes: Vec<_> = (0..8).map(|at| produced_of(at, size)).collect();
            let batches: Vec<_> = bytes.iter().map(|bytes| validated(bytes)).collect();
            assert_eq!(log.append_run(&batches, 0, 1_000).unwrap().count, 8);
            let before = read_all(&log, 0, Bound::LogEnd);
            drop(log);
            let path = dir.partition().join("00000000000000000000.log");
            let mut file = std::fs::read(&path).unwrap();
            let torn = first.len() + whole * bytes[0].len() + bytes[0].len() / 2;
            file[torn..].fill(0);
            std::fs::write(&path, file).unwrap();
            let (log, _) = open(&dir.partition(), &settings, Recovery::Unclean);
            let left = read_all(&log, 0, Bound::LogEnd);
            assert!(
                left == before[..=whole],
                "{} batches of {size} bytes, not {whole}",
                left.len()
            );
        }
    }
}

fn produced_of(at: i32, size: usize) -> Vec<u8> {
    fill(BatchBuilder::new(), 1, size, i64::from(at))
}
