//! Logs that turn out not to be what a clean stop leaves, when they are first needed: they are
//! checked by a thread of their own, one after the other, while requests for them are told to come
//! again.
//!
//! One that cannot be opened for want of something is not checked again at once, however often it is asked
//! for ([`super::patience`]).
//!
//! The thread lives as long as there is something to check. A stop does not wait for it: what is
//! not done is begun again the next time. Who deletes a topic does ([`Checker::give_up`]): a directory
//! belongs to the check until that ends, and another topic of the same name must not begin in it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::patience::Patience;
use super::shared::Shared;
use crate::catalog::{Opened, Partition, Topic};
use crate::log::Opening;

/// How often who waits for a check looks whether the broker stops.
const LOOK: Duration = Duration::from_millis(50);

/// The partitions that are being checked.
#[derive(Default)]
pub struct Checker {
    state: Mutex<State>,
    /// One check has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// In the queue or under way. Bounded by the number of partitions.
    known: HashSet<(Arc<str>, i32)>,
    queue: VecDeque<(Arc<Topic>, i32)>,
    /// Under way.
    current: Option<(Arc<str>, i32)>,
    /// Those for which something was lacking.
    lacking: Patience<(Arc<str>, i32)>,
    is_running: bool,
}

impl Checker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        state.current = None;
        match is_lacking {
            true => state.lacking.failed(this, Instant::now()),
            false => state.lacking.done(&this),
        }
        drop(state);
        self.ended.notify_all();
    }

    /// Checks a partition no more that is retired, and returns when nothing of it is under way. False if
    /// the broker stopped before: its directory is still being read.
    pub fn give_up(&self, partition: &Partition, is_stopping: impl Fn() -> bool) -> bool {
        let this = (partition.topic.clone(), partition.index);
        let mut state = self.lock();
        state.queue.retain(|(topic, index)| (&topic.name, *index) != (&this.0, this.1));
        while state.current.as_ref() == Some(&this) {
            if is_stopping() {
                return false;
            }
            let waited = self.ended.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.known.remove(&this);
        state.lacking.done(&this);
        true
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
        state.current = next.as_ref().map(|(topic, index)| (topic.name.clone(), *index));
        next
    }
}

fn run(shared: &Arc<Shared>) {
    while let Some((topic, index)) = shared.checker.next() {
        if shared.is_stopping() {
            return;
        }
        let is_lacking = topic.partition(index).is_some_and(|partition| {
            let opened = check(shared, &topic, partition);
            let is_lacking = matches!(opened, Opened::Later);
            partition.open_with(|| opened);
            is_lacking
        });
        shared.checker.checked((topic.name.clone(), index), is_lacking);
    }
}

/// Outside of the partition's lock: nobody waits.
fn check(shared: &Arc<Shared>, topic: &Topic, partition: &Partition) -> Opened {
    let name = format!("{}-{}", partition.topic, partition.index);
    ::log::warn!(
        partition:% = name;
        "it is not what a clean stop leaves: it is checked before it is served"
    );
    let opened = shared.open_log(topic, partition.index, Opening::from(shared.recovery));
    opened.map_or_else(|why| why.told(partition), |log| Opened::Ready(Box::new(log)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_a_partition_up_waits_for_its_check_and_for_no_other() {
        let partition = |index| Partition::new("t".into(), index, 0, None);
        let checker = Checker::default();
        let under_way = || Some(("t".into(), 0));
        checker.lock().current = under_way();
        assert!(!checker.give_up(&partition(0), || true), "it is under way, and the broker stops");
        assert!(checker.give_up(&partition(1), || true), "that is another one");
        checker.checked(("t".into(), 0), true);
        assert!(checker.give_up(&partition(0), || true), "it is over");
        assert!(!checker.is_at(&partition(0)), "and nothing of it is remembered");

        checker.lock().current = under_way();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| checker.give_up(&partition(0), || false));
            checker.checked(("t".into(), 0), true);
            assert!(waits.join().unwrap());
        });
        assert!(!checker.is_at(&partition(0)));
    }
}
