//! All logs opened and checked, after a stop that was not clean (Kafka's LogManager.loadLogs).
//!
//! `num.recovery.threads.per.data.dir` threads take one partition after the other; each second a line
//! says how far they are. Memory is bounded by the number of threads: a log is read in pieces. Nothing
//! is served before the last one is done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::catalog::{Opened, Partition, Topic};
use crate::log::{Opening, Progress, Recovery};

/// Between two lines about the progress.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What the threads share.
struct Work {
    jobs: Vec<(Arc<Topic>, usize)>,
    next: AtomicUsize,
    done: Mutex<usize>,
    changed: Condvar,
    progress: Progress,
}

impl Work {
    /// Takes one partition after the other, until there are none.
    fn run(&self, shared: &Shared) {
        while let Some((topic, at)) = self.jobs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let Some(partition) = topic.partitions().get(*at) else { continue };
            open(shared, topic, partition, self.progress.clone());
            *self.done.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.changed.notify_all();
        }
    }

    /// Says each second how far the threads are, until they are done.
    fn tell(&self) {
        let begin = Instant::now();
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = begin;
        while *done < self.jobs.len() {
            let rest = TELL_EVERY.saturating_sub(told.elapsed());
            let waited = self.changed.wait_timeout(done, rest);
            done = waited.unwrap_or_else(PoisonError::into_inner).0;
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.line(*done, None);
            }
        }
        let (count, ms) = (*done, begin.elapsed().as_millis());
        self.line(count, Some(ms));
    }

    /// `ms`: how long it has taken, once it is over.
    fn line(&self, done: usize, ms: Option<u128>) {
        let (partitions, bytes) = (self.jobs.len(), self.progress.bytes());
        match ms {
            None => ::log::info!(done, partitions, bytes; "recovering"),
            Some(ms) => ::log::info!(done, partitions, bytes, ms; "recovered"),
        }
    }
}

/// Opens all partitions that are not open.
pub fn recover(shared: &Arc<Shared>) {
    let threads = usize::try_from(shared.config().num_recovery_threads_per_data_dir());
    let jobs = shared.topics.all().into_iter().flat_map(|topic| {
        let count = topic.partitions().len();
        (0..count).map(move |at| (topic.clone(), at))
    });
    let jobs: Vec<_> = jobs.collect();
    let threads = threads.unwrap_or(1).clamp(1, jobs.len().max(1));
    let work = Work {
        jobs,
        next: AtomicUsize::new(0),
        done: Mutex::new(0),
        changed: Condvar::new(),
        progress: Progress::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let spawned = std::thread::Builder::new().name("recovery".into());
            // Without threads of their own the logs are opened here.
            if spawned.spawn_scoped(scope, || work.run(shared)).is_err() {
                work.run(shared);
            }
        }
        work.tell();
    });
}

fn open(shared: &Shared, topic: &Topic, partition: &Partition, progress: Progress) {
    let opening = Opening { progress, ..Opening::from(Recovery::Unclean) };
    partition.open_with(|| {
        let opened = shared.open_log(topic, partition.index, opening);
        let opened = opened.map(|log| Opened::Ready(Box::new(log)));
        opened.unwrap_or_else(|why| why.told(partition))
    });
}
