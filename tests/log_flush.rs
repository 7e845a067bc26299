//! Flushing: what is told when, to whom, and what a disk that fails does to a log.
#![allow(clippy::unwrap_used)]

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::sync::{self, Observer, Synced};
use barnabas::log::{FlushListener, FlushTicket, Keepers, Log, Recovery, WakeRequest};
use log_support::*;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A disk that can be held up and made to fail; counts what it is asked. One at a time in a process.
#[derive(Default)]
struct Disk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: bool,
    fails: Option<i32>,
    begun: Vec<PathBuf>,
    done: Vec<PathBuf>,
}

impl Observer for Disk {
    fn begin(&self, what: Synced<'_>) -> io::Result<()> {
        let mut state = self.lock();
        state.begun.push(path(what));
        self.changed.notify_all();
        while state.held {
            state = self.changed.wait(state).unwrap();
        }
        state.fails.map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(code)))
    }

    fn done(&self, what: Synced<'_>) {
        self.lock().done.push(path(what));
        self.changed.notify_all();
    }
}

fn path(what: Synced<'_>) -> PathBuf {
    match what {
        Synced::File(path, _)
        | Synced::Front(path, ..)
        | Synced::Directory(path)
        | Synced::Volume(path) => path.into(),
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn hold(&self, held: bool) {
        self.lock().held = held;
        self.changed.notify_all();
    }

    /// Waits until the disk was asked for something of this name.
    fn wait_begun(&self, name: &str) {
        let mut state = self.lock();
        while !state.begun.iter().any(|path| path.ends_with(name)) {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn wait_done(&self, name: &str) {
        let mut state = self.lock();
        while !state.done.iter().any(|path| path.ends_with(name)) {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// How often a file of this name was brought to the disk.
    fn times(&self, name: &str) -> usize {
        self.lock().done.iter().filter(|path| path.ends_with(name)).count()
    }
}

const LOG: &str = "00000000000000000000.log";

#[derive(Default)]
struct Shown(AtomicI64);

impl FlushListener for Shown {
    fn flushed(&self, offset: i64, _bytes: u64, _wake: WakeRequest<'_>) {
        self.0.store(offset, Ordering::SeqCst);
    }
}

/// Keepers of one test's own, and the keys of requests that they have woken.
fn keepers_that_tell() -> (Keepers, Receiver<u64>) {
    let keepers = Keepers::spawn().unwrap();
    let (tell, told): (Sender<u64>, _) = channel();
    keepers.flusher.set_delivery(Box::new(move |_, keys| {
        keys.into_iter().for_each(|key| _ = tell.send(key));
    }));
    (keepers, told)
}

fn flushing(messages: i64) -> Arc<TopicConfig> {
    Arc::new(TopicConfig { flush_messages: messages, ..TopicConfig::default() })
}

/// Appends one record and waits for it under this key, without asking.
fn append_and_wait(log: &Log, key: u64, shown: &Arc<Shown>) -> Option<i64> {
    let appended = try_append(log, &batch(1, 10, 1)).unwrap();
    if appended.flush_to.is_some() {
        let ticket = FlushTicket::new(0, key);
        log.await_flush(10, Some(ticket.clone()), shown.clone());
        assert!(!ticket.settle(), "the flush was not asked for");
    }
    appended.flush_to
}

#[test]
fn one_sync_answers_all_that_came_before_it_and_none_that_came_later() {
    let (disk, _alone) = Disk::watch();
    let (dir, shown) = (TempDir::new("group"), Arc::new(Shown::default()));
    let (keepers, told) = keepers_that_tell();
    let log = Log::create(dir.partition(), flushing(1), keepers.clone()).unwrap();
    assert_eq!(append_and_wait(&log, 0, &shown), Some(1));
    disk.hold(true);
    log.ask_flush();
    disk.wait_begun(LOG);
    // While the disk is at it, a hundred more come: the next sync is theirs.
    for key in 1..=100 {
        assert_eq!(append_and_wait(&log, key, &shown), Some(key as i64 + 1));
        log.ask_flush();
    }
    assert!(told.try_recv().is_err(), "told before the disk has answered");
    assert_eq!(shown.0.load(Ordering::SeqCst), 0);
    assert_eq!(log.flushed_offset(), 0);
    disk.hold(false);
    let mut keys: Vec<u64> = (0..=100).map(|_| told.recv().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..=100).collect::<Vec<u64>>());
    assert_eq!(shown.0.load(Ordering::SeqCst), 101);
    assert_eq!(log.flushed_offset(), 101);
    assert!(disk.times(LOG) <= 3, "{} syncs for 101 answers", disk.times(LOG));
    keepers.stop();
}

#[test]
fn a_request_over_several_logs_waits_for_all_of_them() {
    let (disk, _alone) = Disk::watch();
    let (dir, shown) = (TempDir::new("several"), Arc::new(Shown::default()));
    let (keepers, told) = keepers_that_tell();
    let logs = ["a-0", "b-0", "c-0"]
        .map(|name| Log::create(dir.path().join(name), flushing(1), keepers.clone()).unwrap());
    disk.hold(true);
    let ticket = FlushTicket::new(3, 77);
    for log in &logs {
        assert!(try_append(log, &batch(1, 10, 1)).unwrap().flush_to.is_some());
        log.await_flush(10, Some(ticket.clone()), shown.clone());
    }
    assert!(!ticket.settle());
    logs.iter().for_each(Log::ask_flush);
    assert!(told.try_recv().is_err());
    disk.hold(false);
    assert_eq!(told.recv().unwrap(), 77);
    assert!(logs.iter().all(|log| log.flushed_offset() == 1));
    assert!(told.try_recv().is_err(), "told once");
    keepers.stop();
}

#[test]
fn flush_messages_counts_what_is_not_flushed() {
    let (disk, _alone) = Disk::watch();
    let (dir, shown) = (TempDir::new("count"), Arc::new(Shown::default()));
    let (keepers, told) = keepers_that_tell();
    let log = Log::create(dir.partition(), flushing(3), keepers.clone()).unwrap();
    assert_eq!(append_and_wait(&log, 0, &shown), None);
    assert_eq!(append_and_wait(&log, 1, &shown), None);
    assert_eq!(append_and_wait(&log, 2, &shown), Some(3));
    log.ask_flush();
    assert_eq!(told.recv().unwrap(), 2);
    assert_eq!(append_and_wait(&log, 3, &shown), None, "it counts from the last flush on");
    log.set_config(flushing(1));
    assert_eq!(append_and_wait(&log, 4, &shown), Some(5));
    log.ask_flush();
    assert_eq!(told.recv().unwrap(), 4);
    log.set_config(flushing(i64::MAX));
    assert_eq!(append_and_wait(&log, 5, &shown), None);
    assert_eq!(disk.times(LOG), 2);
    keepers.stop();
}

#[test]
fn the_answer_to_a_repeated_batch_waits_as_the_first_one_does() {
    let (disk, _alone) = Disk::watch();
    let (dir, shown) = (TempDir::new("repeated"), Arc::new(Shown::default()));
    let (keepers, told) = keepers_that_tell();
    let log = Log::create(dir.partition(), flushing(1), keepers.clone()).unwrap();
    let bytes = produced(7, 0, 0, 1);
    assert_eq!(try_append(&log, &bytes).unwrap().flush_to, Some(1));
    let again = try_append(&log, &bytes).unwrap();
    assert!(again.duplicate);
    assert_eq!(again.flush_to, Some(1), "it is not on the disk yet");
    log.await_flush(0, Some(FlushTicket::new(0, 5)), shown.clone());
    log.flush().unwrap();
    assert_eq!(try_append(&log, &bytes).unwrap().flush_to, None, "now it is");
    assert_eq!(disk.times(LOG), 1);
    drop(told);
    keepers.stop();
}

#[test]
fn a_flush_that_failed_ends_the_log_and_tells_who_waits() {
    let (disk, _alone) = Disk::watch();
    let (dir, shown) = (TempDir::new("failed"), Arc::new(Shown::default()));
    let (keepers, told) = keepers_that_tell();
    let log = Log::create(dir.partition(), flushing(1), keepers.clone()).unwrap();
    append_and_wait(&log, 0, &shown);
    log.ask_flush();
    assert_eq!(told.recv().unwrap(), 0);
    append_and_wait(&log, 1, &shown);
    disk.lock().fails = Some(libc::EIO);
    log.ask_flush();
    assert_eq!(told.recv().unwrap(), 1, "who waits is told");
    assert!(log.has_failed());
    assert_eq!(shown.0.load(Ordering::SeqCst), 1, "nothing is shown that was not flushed");
    assert_eq!((log.flushed_offset(), log.recovery_point()), (1, 1));
    // The kernel would say now that all is well. It is not asked again.
    disk.lock().fails = None;
    let asked = disk.lock().begun.len();
    let error = log.flush().unwrap_err().to_string();
    assert!(error.contains(LOG) && error.contains("Input/output error"), "{error}");
    let error = try_append(&log, &batch(1, 10, 1)).unwrap_err();
    assert_eq!(error.code(), barnabas::wire::error::ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(log.close().is_err(), "it must not pass for a log that was closed");
    assert_eq!(disk.lock().begun.len(), asked);
    keepers.stop();
}

#[test]
fn nobody_is_slowed_down_for_what_is_written_where_only_the_catalog_has_failed() {
    let (disk, _alone) = Disk::watch();
    let dir = TempDir::new("no-catalog");
    let keepers = keepers();
    let flusher = &keepers.flusher;
    flusher.set_limit(Some(2_000));
    let catalog = Log::create(dir.path().join("catalog-0"), flushing(i64::MAX), keepers.clone());
    let catalog = catalog.unwrap();
    flusher.set_catalog(&catalog);
    append(&catalog, &batch(1, 10, 1));
    disk.lock().fails = Some(libc::EIO);
    catalog.flush().unwrap_err();
    disk.lock().fails = None;
    let log = Log::create(dir.partition(), flushing(i64::MAX), keepers.clone()).unwrap();
    for _ in 0..3 {
        append(&log, &batch(1, 1_500, 1));
        assert!(!flusher.price_of(1).is_zero());
        log.flush().unwrap_err();
        assert!(flusher.price_of(u64::MAX).is_zero(), "the disk has it");
        assert!(!log.has_failed());
        assert_eq!(log.flushed_offset(), 0, "but the next start may not find it");
    }
    keepers.stop();
}

#[test]
fn the_background_flush_comes_by_itself() {
    let (disk, _alone) = Disk::watch();
    let dir = TempDir::new("background");
    let keepers = Keepers::spawn().unwrap();
    keepers.flusher.set_pace(1, -1);
    let log = Log::create(dir.partition(), flushing(i64::MAX), keepers.clone()).unwrap();
    append(&log, &batch(1, 10, 1));
    disk.wait_done(LOG);
    keepers.stop();
    // By flush.ms without any pace.
    let (dir, keepers) = (TempDir::new("background"), Keepers::spawn().unwrap());
    let config = Arc::new(TopicConfig { flush_ms: 1, ..TopicConfig::default() });
    let log = Log::create(dir.partition(), config, keepers.clone()).unwrap();
    append(&log, &batch(1, 10, 1));
    disk.lock().done.clear();
    disk.wait_done(LOG);
    keepers.stop();
    // By bytes, long before its time.
    let (dir, keepers) = (TempDir::new("background"), Keepers::spawn().unwrap());
    keepers.flusher.set_pace(i64::MAX, 1 << 20);
    let log = Log::create(dir.partition(), flushing(i64::MAX), keepers.clone()).unwrap();
    disk.lock().done.clear();
    append(&log, &batch(1, 700_000, 1));
    append(&log, &batch(1, 700_000, 1));
    disk.wait_done(LOG);
    keepers.stop();
}

#[test]
fn a_roll_moves_the_recovery_point_past_the_old_segment() {
    let (disk, _alone) = Disk::watch();
    let dir = TempDir::new("roll");
    let keepers = Keepers::spawn().unwrap();
    let log = Log::create(dir.partition(), config(4096, 1024), keepers.clone()).unwrap();
    while files(&dir.partition()).iter().filter(|name| name.ends_with(".log")).count() < 2 {
        append(&log, &batch(1, 1000, 1));
    }
    keepers.stop(); // What was asked until now is done.
    let base = log.offsets().log_end - 1;
    assert!(log.recovery_point() >= base, "{} {base}", log.recovery_point());
    for suffix in ["log", "index", "timeindex"] {
        assert!(disk.times(&format!("{:020}.{suffix}", 0)) > 0, "{suffix}");
    }
    assert!(disk.times(&format!("{base:020}.snapshot")) > 0);
    assert!(disk.times("topic-0") > 0, "the new files' names");
}

#[test]
fn the_first_flush_brings_the_way_to_the_log_to_the_disk_too() {
    let (disk, _alone) = Disk::watch();
    let dir = TempDir::new("way");
    let keepers = Keepers::spawn().unwrap();
    let catalog = Log::create(dir.path().join("catalog-0"), flushing(i64::MAX), keepers.clone());
    let catalog = catalog.unwrap();
    keepers.flusher.set_data_dir(dir.path());
    keepers.flusher.set_catalog(&catalog);
    let log = Log::create(dir.partition(), flushing(i64::MAX), keepers.clone()).unwrap();
    std::fs::write(dir.partition().join("partition.metadata"), "of this topic").unwrap();
    log.assign_epoch(3).unwrap();
    append(&catalog, &batch(1, 10, 1));
    append(&log, &batch(1, 10, 1));
    log.flush().unwrap();
    assert_eq!(catalog.flushed_offset(), 1);
    assert_eq!(disk.times("leader-epoch-checkpoint"), 2, "of both");
    for name in ["partition.metadata", "topic-0", "catalog-0"] {
        assert_eq!(disk.times(name), 1, "{name}");
    }
    let root = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(disk.times(&root), 1, "both new directories at once");
    // The next one has only the records to bring.
    let before = disk.lock().done.len();
    append(&log, &batch(1, 10, 1));
    log.flush().unwrap();
    assert_eq!(disk.lock().done.len(), before + 1);
    // Unless a name has changed on which everything depends.
    keepers.flusher.note_names();
    append(&log, &batch(1, 10, 1));
    log.flush().unwrap();
    assert_eq!(disk.times(&root), 2);
    keepers.stop();
}

#[test]
fn a_log_that_was_closed_begins_where_it_ended() {
    let (_disk, _alone) = Disk::watch();
    let dir = TempDir::new("closed");
    let log = create(&dir.partition(), &flushing(i64::MAX));
    append(&log, &batch(5, 10, 1));
    log.close().unwrap();
    assert_eq!(log.recovery_point(), 5);
    drop(log);
    let (log, _) = open(&dir.partition(), &flushing(i64::MAX), Recovery::Clean);
    assert_eq!((log.flushed_offset(), log.recovery_point()), (5, 5));
    drop(log);
    let (log, _) = open(&dir.partition(), &flushing(i64::MAX), Recovery::Unclean);
    assert_eq!((log.flushed_offset(), log.recovery_point()), (0, 0), "nobody knows");
    assert_eq!(log.flush().unwrap(), 5);
}
