//! Logs that turn out not to be what a clean stop leaves, when they are first needed: they are
//! checked by a thread of their own, one after the other, while requests for them are told to come
//! again.
//!
//! One that cannot be opened for want of something is not checked again at once, however often it is asked
//! for ([`super::patience`]).
//!
//! The thread lives as long as there is something to check. A stop does not wait for it: what is
//! not done is begun again the next time.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::patience::Patience;
use super::shared::Shared;
use crate::catalog::{Opened, Partition, Topic};
use crate::log::Opening;

/// The partitions that are being checked.
#[derive(Default)]
pub struct Checker(Mutex<State>);

#[derive(Default)]
struct State {
    /// In the queue or under way. Bounded by the number of partitions.
    known: HashSet<(Arc<str>, i32)>,
    queue: VecDeque<(Arc<Topic>, i32)>,
    /// Those for which something was lacking.
    lacking: Patience<(Arc<str>, i32)>,
    is_running: bool,
}

impl Checker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this partition is being checked or waits for it.
    pub fn is_at(&self, partition: &Partition) -> bool {
        let state = self.lock();
        let this = (partition.topic.clone(), partition.index);
        state.known.contains(&this) || state.lacking.is_asked(&this, Instant::now())
    }

    /// Notes how it went.
    fn checked(&self, this: (Arc<str>, i32), is_lacking: bool) {
        let mut state = self.lock();
        state.known.remove(&this);
        match is_lacking {
            true => state.lacking.failed(this, Instant::now()),
            false => state.lacking.done(&this),
        }
    }

    /// Has a partition's log checked and opened, some time soon.
    pub fn check(&self, shared: &Arc<Shared>, topic: &Arc<Topic>, index: i32) {
        let mut state = self.lock();
        if !state.known.insert((topic.name.clone(), index)) {
            return;
        }
        state.queue.push_back((topic.clone(), index));
        if !state.is_running {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name("checker".into());
            // Without a thread whoever asks next tries again.
            state.is_running = thread.spawn(move || run(&shared)).is_ok();
            if !state.is_running {
                (state.known, state.queue) = Default::default();
            }
        }
    }

    /// The next one to check; without one the thread ends.
    fn next(&self) -> Option<(Arc<Topic>, i32)> {
        let mut state = self.lock();
        let next = state.queue.pop_front();
        state.is_running = next.is_some();
        next
    }
}

fn run(shared: &Arc<Shared>) {
    while let Some((topic, index)) = shared.checker.next() {
        if shared.is_stopping() {
            return;
        }
        let Some(partition) = topic.partition(index) else { continue };
        let name = format!("{}-{index}", topic.name);
        ::log::warn!("{name} is not what a clean stop leaves: it is checked before it is served");
        // Outside of the partition's lock until here: nobody waited.
        let opened = shared.open_log(&topic, index, Opening::from(shared.recovery));
        let opened = opened.map(|log| Opened::Ready(Box::new(log)));
        let opened = opened.unwrap_or_else(|why| why.told(partition));
        let is_lacking = matches!(opened, Opened::Later);
        partition.open_with(|| opened);
        shared.checker.checked((topic.name.clone(), index), is_lacking);
    }
}
