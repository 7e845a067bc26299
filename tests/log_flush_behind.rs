//! Flushes in the background: they keep away from what is written to, and nobody is worse off for it.
#![allow(clippy::unwrap_used)]

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::sync::{self, Observer, Synced};
use barnabas::log::{FlushListener, FlushTicket, Keepers, Log, WakeRequest};
use log_support::*;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The bounds behind which flushes stop.
const FOLIO: u64 = 256 << 10;
const BATCH: usize = 16_000;

type Done = Box<dyn FnMut() + Send>;

/// Tells how far segments that are written to were brought to the disk. One at a time in a process.
#[derive(Default)]
struct Disk {
    /// Sync by sync.
    fronts: Mutex<Vec<u64>>,
    changed: Condvar,
    /// What is done when such a sync is over, before anything else is.
    done: Mutex<Option<Done>>,
}

impl Observer for Disk {
    fn begin(&self, _what: Synced<'_>) -> io::Result<()> {
        Ok(())
    }

    fn done(&self, what: Synced<'_>) {
        if let Synced::Front(_, _, len) = what {
            self.fronts.lock().unwrap().push(len);
            self.changed.notify_all();
            if let Some(done) = self.done.lock().unwrap().as_mut() {
                done();
            }
        }
    }
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Disk {
    fn watch() -> (Arc<Disk>, MutexGuard<'static, ()>) {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = Arc::new(Disk::default());
        sync::observe(Some(disk.clone()));
        (disk, alone)
    }

    fn wait_front(&self, len: u64) {
        let mut fronts = self.fronts.lock().unwrap();
        while !fronts.contains(&len) {
            fronts = self.changed.wait(fronts).unwrap();
        }
    }

    fn fronts(&self) -> Vec<u64> {
        self.fronts.lock().unwrap().clone()
    }
}

/// Keepers without threads: nobody flushes by himself, and nobody prepares pages.
fn idle_keepers() -> Keepers {
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    keepers
}

fn log_of_its_own(dir: &Path, config: TopicConfig) -> Log {
    Log::create(dir.to_owned(), Arc::new(config), idle_keepers()).unwrap()
}

/// Appends so many batches; what each of them takes.
fn append_batches(log: &Log, count: u64) -> u64 {
    let bytes = batch(1, BATCH, 1);
    (0..count).for_each(|_| _ = append(log, &bytes));
    bytes.len() as u64
}

/// Appends so much that there is a place behind the end to flush to: how many batches, and the bytes
/// of each.
fn append_much(log: &Log) -> (u64, u64) {
    let each = append_batches(log, 1);
    let count = (2 * FOLIO + FOLIO / 2) / each;
    append_batches(log, count - 1);
    (count, each)
}

/// The page faults of this thread so far.
fn faults() -> i64 {
    // SAFETY: all zero bits are a valid `rusage`; the call fills the one that it is given.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
        usage.ru_minflt + usage.ru_majflt
    }
}

/// The page faults of a few appends that come when a sync is over, before the flusher has mended
/// anything.
fn faults_after_sync(flush: impl FnOnce(&Log)) -> i64 {
    let (disk, _alone) = Disk::watch();
    let dir = TempDir::new("faults");
    // Index entries have pages of their own.
    let config = TopicConfig { index_interval_bytes: i32::MAX, ..TopicConfig::default() };
    let log = Arc::new(log_of_its_own(&dir.partition(), config));
    // Batches as small as this are copied, and make the next 256 KiB ready.
    let bytes = batch(1, 3_000, 1);
    (0..1000).for_each(|_| _ = append(&log, &bytes));
    let seen = Arc::new(AtomicI64::new(-1));
    let (tell, busy) = (seen.clone(), log.clone());
    *disk.done.lock().unwrap() = Some(Box::new(move || {
        let before = faults();
        (0..10).for_each(|_| _ = append(&busy, &bytes));
        tell.store(faults() - before, Ordering::SeqCst);
    }));
    flush(&log);
    *disk.done.lock().unwrap() = None;
    seen.load(Ordering::SeqCst)
}

#[test]
fn appends_meet_no_page_that_a_flush_in_the_background_has_protected() {
    let behind = |log: &Log| assert!((1..1000).contains(&log.flush_behind().unwrap()));
    assert_eq!(faults_after_sync(behind), 0);
}

#[test]
fn a_log_that_is_written_to_is_flushed_behind_its_tail() {
    let (disk, _alone) = Disk::watch();
    let dir = TempDir::new("behind");
    let log = log_of_its_own(&dir.partition(), TopicConfig::default());
    let (count, each) = append_much(&log);
    let flushed = log.flush_behind().unwrap();
    let place = 2 * FOLIO / each;
    assert_eq!(flushed as u64, place, "the last batch that begins before the bound is left");
    assert_eq!(disk.fronts(), [place * each]);
    assert_eq!((log.flushed_offset(), log.recovery_point()), (flushed, flushed));
    // Nothing has come since: the rest is no longer written to, and goes with the next one.
    assert_eq!(log.flush_behind().unwrap() as u64, count);
    assert_eq!(disk.fronts(), [place * each, count * each]);
}

#[test]
fn what_is_left_is_not_flushed_before_its_time_however_often_one_asks() {
    let (disk, _alone) = Disk::watch();
    let (dir, keepers) = (TempDir::new("early"), idle_keepers());
    keepers.flusher.set_pace(3_600_000, 4 << 20);
    let config = Arc::new(TopicConfig::default());
    let log = Log::create(dir.partition(), config, keepers.clone()).unwrap();
    let (count, each) = append_much(&log);
    let flushed = log.flush_behind().unwrap();
    assert_eq!(log.flush_behind().unwrap(), flushed);
    assert_eq!(disk.fronts(), [flushed as u64 * each]);
    // As late as it may be; or too much for the pace.
    keepers.flusher.set_pace(0, 4 << 20);
    assert_eq!(log.flush_behind().unwrap() as u64, count);
}

#[test]
fn what_a_flush_has_left_behind_the_next_one_takes_in_time() {
    let (disk, _alone) = Disk::watch();
    let (dir, keepers) = (TempDir::new("rest"), Keepers::spawn().unwrap());
    let config = Arc::new(TopicConfig::default());
    let log = Log::create(dir.partition(), config, keepers.clone()).unwrap();
    let (count, each) = append_much(&log);
    // Its time comes now, and no append after it.
    log.set_config(Arc::new(TopicConfig { flush_ms: 1, ..TopicConfig::default() }));
    disk.wait_front(count * each);
    keepers.stop();
    assert_eq!(disk.fronts(), [2 * FOLIO / each * each, count * each]);
    assert_eq!(log.flushed_offset() as u64, count);
}

#[test]
fn no_more_is_left_than_the_pace_allows() {
    let (_disk, _alone) = Disk::watch();
    let dir = TempDir::new("pace");
    let keepers = idle_keepers();
    keepers.flusher.set_pace(-1, FOLIO as i64 / 4);
    let log = Log::create(dir.partition(), Arc::new(TopicConfig::default()), keepers).unwrap();
    let (count, _) = append_much(&log);
    assert_eq!(log.flush_behind().unwrap() as u64, count, "more than that would be left");
}

#[test]
fn a_flush_at_a_roll_takes_all_of_the_segment() {
    let (disk, _alone) = Disk::watch();
    let (dir, keepers) = (TempDir::new("roll"), Keepers::spawn().unwrap());
    let segment_bytes = 3 * FOLIO as i32;
    let config = Arc::new(TopicConfig { segment_bytes, ..TopicConfig::default() });
    let log = Log::create(dir.partition(), config, keepers.clone()).unwrap();
    let (_, each) = append_much(&log);
    let in_first = 3 * FOLIO / each;
    append_batches(&log, FOLIO / each);
    // The roll has asked for it: it is done before the end.
    keepers.stop();
    assert!(log.recovery_point() as u64 >= in_first, "{log:?} of {in_first}");
    drop(disk);
}

#[derive(Default)]
struct Shown(AtomicI64);

impl FlushListener for Shown {
    fn flushed(&self, offset: i64, _bytes: u64, _wake: WakeRequest<'_>) {
        self.0.store(offset, Ordering::SeqCst);
    }
}

#[test]
fn who_waits_for_a_flush_gets_all_of_it() {
    let (_disk, _alone) = Disk::watch();
    let (dir, shown) = (TempDir::new("waits"), Arc::new(Shown::default()));
    let keepers = Keepers::spawn().unwrap();
    let (tell, told) = channel();
    keepers.flusher.set_delivery(Box::new(move |_, keys| _ = tell.send(keys)));
    let config = Arc::new(TopicConfig { flush_messages: 20, ..TopicConfig::default() });
    let log = Log::create(dir.partition(), config, keepers.clone()).unwrap();
    let (count, _) = append_much(&log);
    let end = count as i64 + 1;
    assert_eq!(append(&log, &batch(1, 10, 1)).flush_to, Some(end));
    let ticket = FlushTicket::new(0, 5);
    log.await_flush(10, Some(ticket.clone()), shown.clone());
    assert!(!ticket.settle());
    // Whoever flushes first, be it one in the background, is his.
    assert_eq!(log.flush_behind().unwrap(), end);
    assert_eq!(told.recv().unwrap(), [5]);
    assert_eq!(shown.0.load(Ordering::SeqCst), end);
    // One that is asked for by name goes to the end in any case.
    append_much(&log);
    log.ask_flush();
    keepers.stop();
    assert_eq!(log.flushed_offset(), log.offsets().log_end);
}

#[test]
fn a_truncated_log_is_not_flushed_to_where_its_end_was() {
    let (_disk, _alone) = Disk::watch();
    let dir = TempDir::new("shorter");
    let log = log_of_its_own(&dir.partition(), TopicConfig::default());
    append_much(&log);
    log.truncate_to(2).unwrap();
    // As many records as before, in fewer bytes.
    append(&log, &batch(500, 10, 1));
    assert_eq!(log.flush_behind().unwrap(), 502);
}
