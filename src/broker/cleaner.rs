//! When which log is compacted (LogCleaner.java, LogCleanerManager.java).
//!
//! The dirtiest first, among those that are due. There is neither a tick nor an idle thread: a
//! compacted log that was written to says so once, and `log.cleaner.backoff.ms` later all compacted
//! logs are looked at; threads come when something is due and end when nothing is. A look asks for
//! the next one only for a moment at which time alone makes a log due.
//!
//! A log whose cleaning failed in a way that lasts is left alone until the broker starts again, with
//! a line that says why. How far a log was cleaned is written down after each round.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoints::Kind;
use super::cleaner_pace::Budget;
use super::shared::{Shared, now_ms};
use crate::catalog::{Partition, Topic};
use crate::log::{Change, CleanError, Cleanable, Cleaned, CleanerLimits, Log};
use crate::wire::uuid::Uuid;

/// Closed logs that one look opens: they stay open, so that each has its turn.
const OPENED_PER_LOOK: usize = 1_000;
/// The most memory that one thread's map may take, as in Kafka.
const LARGEST_MAP: i64 = i32::MAX as i64;

/// A partition, whatever its topic's name is or was.
type Key = (Uuid, i32);

/// What is known of the compaction of logs.
#[derive(Default)]
pub(super) struct Cleaner {
    state: Mutex<State>,
    budget: Budget,
}

#[derive(Default)]
struct State {
    /// When the next look is.
    next_look: Option<Instant>,
    /// Threads that are at work, and those that have ended and were not joined.
    running: i32,
    threads: Vec<JoinHandle<()>>,
    /// A look is wanted once more, for something changed since the last one began.
    again: bool,
    /// Partitions that a thread is at.
    cleaning: HashSet<Key>,
    /// Partitions that cannot be cleaned before the next start.
    uncleanable: HashSet<Key>,
    /// What was said of why nothing is compacted.
    told: Option<String>,
    /// Partitions whose cleaning failed since the last look.
    postponed: HashSet<Key>,
}

/// A log that is due.
struct Due {
    key: Key,
    partition: Arc<Partition>,
    cleanable: Cleanable,
}

/// What a look found.
#[derive(Default)]
struct Look {
    dirtiest: Option<Due>,
    /// How many are due.
    due: usize,
    /// When time alone will make another one due.
    next_ms: Option<i64>,
    /// There are closed logs that were not looked at.
    incomplete: bool,
}

impl Cleaner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no thread is at work; the broker has been told to stop.
    pub(super) fn join(&self) {
        self.budget.wake();
        let threads = std::mem::take(&mut self.lock().threads);
        for thread in threads {
            if thread.join().is_err() {
                ::log::error!(
                    "a compaction ended with a panic; the next start brings it to its end"
                );
            }
        }
    }
}

impl Shared {
    /// Looks for logs that are due after so many milliseconds, unless there is an earlier look.
    pub(super) fn look_for_dirty_logs_in(self: &Arc<Self>, delay_ms: i64) {
        let delay = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
        let Some(at) = Instant::now().checked_add(delay) else { return };
        let mut state = self.chores.cleaner.lock();
        if state.next_look.is_some_and(|next| next <= at) {
            return;
        }
        state.next_look = Some(at);
        drop(state);
        self.on_janitor(delay, Shared::look_for_dirty_logs);
    }

    /// Looks for logs that are due, on a thread of its own.
    pub(super) fn look_for_dirty_logs(self: &Arc<Self>) {
        // Before the logs are looked at: what changes from now on is told anew.
        self.keepers.janitor.take(Change::Dirty);
        let mut state = self.chores.cleaner.lock();
        // Also where nothing is cleaned now: that may be changed.
        state.next_look = None;
        if self.config().idle_cleaner().is_some() {
            return;
        }
        state.postponed.clear();
        state.again = true;
        if state.running == 0 {
            self.start_thread(&mut state);
        }
    }

    /// Says once for which setting nothing is compacted, where there is one; where there is none any
    /// more, what became due meanwhile has its turn. Who waits for the rate sees the present one.
    pub(super) fn tell_idle_cleaner(self: &Arc<Self>) {
        let config = self.config();
        let why = config.idle_cleaner();
        let mut state = self.chores.cleaner.lock();
        if let Some(why) = why.as_ref().filter(|_| state.told != why) {
            ::log::warn!(
                reason:% = why;
                "nothing is compacted: logs of topics with cleanup.policy=compact only grow"
            );
        }
        let resumes = why.is_none() && state.told.is_some();
        state.told = why;
        drop(state);
        self.chores.cleaner.budget.wake();
        if resumes {
            self.look_for_dirty_logs_in(config.log_cleaner_backoff_ms());
        }
    }

    fn start_thread(self: &Arc<Self>, state: &mut State) {
        state.threads.retain(|thread| !thread.is_finished());
        let shared = self.clone();
        let thread = std::thread::Builder::new().name("cleaner".into());
        match thread.spawn(move || shared.clean_while_due()) {
            Ok(thread) => {
                state.running += 1;
                state.threads.push(thread);
            }
            Err(why) => {
                ::log::error!(error:% = why; "no thread for compaction; it is tried again later")
            }
        }
    }

    /// One thread's work: cleans the dirtiest log until none is due.
    fn clean_while_due(self: &Arc<Self>) {
        while let Some(due) = self.grab_dirtiest() {
            self.clean(&due);
            let mut state = self.chores.cleaner.lock();
            state.cleaning.remove(&due.key);
            state.again = true;
        }
    }

    /// The log to be cleaned next; `None` if this thread is to end.
    fn grab_dirtiest(self: &Arc<Self>) -> Option<Due> {
        loop {
            self.chores.cleaner.lock().again = false;
            let ends = self.is_stopping() || self.config().idle_cleaner().is_some();
            let look = if ends { Look::default() } else { self.look() };
            let mut state = self.chores.cleaner.lock();
            if let Some(due) = look.dirtiest {
                if !state.cleaning.insert(due.key) {
                    continue; // Another thread was quicker.
                }
                if look.due > 1 && state.running < self.config().log_cleaner_threads() {
                    self.start_thread(&mut state);
                }
                return Some(due);
            }
            if state.again && !self.is_stopping() {
                continue;
            }
            state.running -= 1;
            let failed = !state.postponed.is_empty();
            drop(state);
            self.ask_for_next_look(&look, failed);
            return None;
        }
    }

    fn ask_for_next_look(self: &Arc<Self>, look: &Look, failed: bool) {
        let backoff = self.config().log_cleaner_backoff_ms();
        if failed || look.incomplete {
            self.look_for_dirty_logs_in(backoff);
        }
        if let Some(next) = look.next_ms {
            self.look_for_dirty_logs_in(next.saturating_sub(now_ms()).max(backoff));
        }
    }

    /// Looks at all compacted logs that no thread is at.
    fn look(&self) -> Look {
        let mut look = Look::default();
        let mut opened = 0;
        let mut there = HashSet::new();
        for topic in self.topics.all() {
            if !topic.config().cleanup_policy.compact {
                continue;
            }
            for partition in topic.partitions() {
                there.insert((topic.id, partition.index));
                if partition.log_if_open().is_none() && !partition.is_offline() {
                    opened += 1;
                }
                if opened > OPENED_PER_LOOK {
                    look.incomplete = true;
                } else if !self.is_stopping() {
                    self.look_at(&topic, partition, &mut look);
                }
            }
        }
        self.chores.cleaner.lock().uncleanable.retain(|key| there.contains(key));
        look
    }

    fn look_at(&self, topic: &Topic, partition: &Arc<Partition>, look: &mut Look) {
        let key = (topic.id, partition.index);
        let state = self.chores.cleaner.lock();
        if [&state.cleaning, &state.uncleanable, &state.postponed].iter().any(|s| s.contains(&key))
        {
            return;
        }
        drop(state);
        let Some(log) = partition.log() else { return };
        let checkpoint = self.checkpoints.get(Kind::Cleaner, &partition.topic, partition.index);
        let cleanable = match log.cleanable(checkpoint, now_ms()) {
            Ok(cleanable) => cleanable,
            Err(why) => return self.failed(key, partition, log, &CleanError::Log(why)),
        };
        if cleanable.checkpoint_was_wrong {
            self.reset_checkpoint(topic, partition, checkpoint, &cleanable);
        }
        let next = [look.next_ms, cleanable.changes_at_ms];
        look.next_ms = next.into_iter().flatten().min();
        if !cleanable.is_due(topic.config().min_cleanable_dirty_ratio) {
            return;
        }
        look.due += 1;
        if look.dirtiest.as_ref().is_none_or(|due| due.cleanable.ratio() < cleanable.ratio()) {
            look.dirtiest = Some(Due { key, partition: partition.clone(), cleanable });
        }
    }

    fn reset_checkpoint(
        &self,
        topic: &Topic,
        partition: &Partition,
        checkpoint: Option<i64>,
        cleanable: &Cleanable,
    ) {
        let beyond = checkpoint.is_some_and(|offset| offset > cleanable.first_dirty);
        // Where old segments are deleted too it is the rule that they pass the checkpoint.
        if beyond || !topic.config().cleanup_policy.delete {
            ::log::warn!(
                partition:% = partition.name(), checkpoint = checkpoint.unwrap_or(-1),
                from = cleanable.first_dirty;
                "it does not have (any more) what it was compacted up to; it counts as not \
                 compacted from there on"
            );
        }
        self.note_cleaned(partition, cleanable.first_dirty);
    }

    fn clean(&self, Due { key, partition, cleanable }: &Due) {
        let Some(log) = partition.log() else { return };
        let config = self.config();
        let threads = i64::from(config.log_cleaner_threads().max(1));
        let map_memory = (config.log_cleaner_dedupe_buffer_size() / threads).clamp(0, LARGEST_MAP);
        let limits = CleanerLimits {
            map_memory: usize::try_from(map_memory).unwrap_or(0),
            load_factor: config.log_cleaner_io_buffer_load_factor(),
        };
        let began = Instant::now();
        let mut pace = |bytes: u64| {
            let rate = || self.config().log_cleaner_io_max_bytes_per_second();
            self.chores.cleaner.budget.spend(bytes, rate, || self.is_stopping());
            match self.is_stopping() || partition.log_if_open().is_none() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        match log.clean(cleanable, limits, now_ms(), &mut pace) {
            Ok(cleaned) => {
                let took = began.elapsed();
                if self.is_running(key, partition) {
                    self.note_compacted(log, cleaned.up_to);
                    self.note_cleaned(partition, cleaned.up_to);
                }
                tell(log, cleanable, &cleaned, took);
                if cleaned.up_to <= cleanable.first_dirty {
                    self.chores.cleaner.lock().postponed.insert(*key); // Not again and again.
                }
            }
            Err(why) => self.failed(*key, partition, log, &why),
        }
    }

    /// The partition is still that of its topic, and not one of a topic that was deleted.
    fn is_running(&self, key: &Key, partition: &Arc<Partition>) -> bool {
        let topic = self.topics.by_id(key.0);
        topic
            .and_then(|topic| topic.partition(key.1).cloned())
            .is_some_and(|running| Arc::ptr_eq(&running, partition))
    }

    fn failed(&self, key: Key, partition: &Partition, log: &Log, why: &CleanError) {
        partition.fail_if_permanent(why.storage());
        let mut state = self.chores.cleaner.lock();
        if why.is_lasting() {
            ::log::error!(partition = log.name(), error:% = why; "it is not compacted any more");
            state.uncleanable.insert(key);
            return;
        }
        if !matches!(why, CleanError::Stopped) {
            ::log::warn!(partition = log.name(), error:% = why; "it was not compacted");
        }
        state.postponed.insert(key);
    }

    /// Notes that the log is on the disk up to there. A recovery that begins below could not tell
    /// the gaps that compaction leaves from a loss, once the topic is not compacted any more.
    fn note_compacted(&self, log: &Log, offset: i64) {
        let flushed = if log.recovery_point() < offset { log.flush().map(drop) } else { Ok(()) };
        let noted = flushed.map_err(|why| why.to_string()).and_then(|()| {
            self.checkpoints.write_recovery_points(&self.topics).map_err(|why| why.to_string())
        });
        if let Err(why) = noted {
            ::log::warn!(
                partition = log.name(), error:% = why;
                "cannot note that it is on the disk"
            );
        }
    }

    /// Notes how far a log is clean, on the disk.
    fn note_cleaned(&self, partition: &Partition, offset: i64) {
        self.checkpoints.set(Kind::Cleaner, &partition.topic, partition.index, offset);
        if let Err(why) = self.checkpoints.write(Kind::Cleaner, &self.topics) {
            let path = self.data_dir.join(Kind::Cleaner.file_name());
            ::log::warn!(
                path:% = path.display(), error:% = why;
                "cannot note what was compacted; it may be looked at once more after the next \
                 start"
            );
        }
    }
}

/// One line for the operator: what was done.
fn tell(log: &Log, cleanable: &Cleanable, cleaned: &Cleaned, took: Duration) {
    let Cleaned { up_to, keys, bytes, records, segments, .. } = cleaned;
    let seconds = took.as_secs_f64().max(0.001);
    let read = (cleaned.map_bytes + bytes.0) as f64 / (1 << 20) as f64;
    let (ms, mib_per_s) = (took.as_millis(), (read / seconds) as u64);
    ::log::info!(
        partition = log.name(), up_to, from = cleanable.first_dirty, keys,
        records_before = records.0, records_after = records.1, bytes_before = bytes.0,
        bytes_after = bytes.1, segments_before = segments.0, segments_after = segments.1, ms,
        mib_per_s;
        "compacted"
    );
}
