//! The timers of a shard: named, each set at most once, moved without cost.
//!
//! A heartbeat moves its member's timer back by the session timeout, thousands of times before it
//! ever fires. So a timer that is moved back keeps its place in the queue; when that comes up, it is
//! put where it belongs by then. One that is moved forward gets a new place and the old one is void.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// What a timer is for. Names are of groups and members.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// Classic: a member has not been heard of (its session, or its first join).
    Heartbeat(Arc<str>, Arc<str>),
    /// Classic: the join phase ends; while it is the first one, the time that is left to extend it.
    Join(Arc<str>),
    /// Classic: members that have not synced are removed.
    Sync(Arc<str>),
    /// Consumer protocol: a member has not been heard of.
    Session(Arc<str>, Arc<str>),
    /// Consumer protocol: a member has not given its partitions back.
    Revoke(Arc<str>, Arc<str>),
    /// Consumer protocol, classic member: it has not joined again.
    Rejoin(Arc<str>, Arc<str>),
    /// Consumer protocol, classic member: it has not synced.
    Resync(Arc<str>, Arc<str>),
    /// Offsets that nobody needs any more are looked for.
    Expiry,
    /// Offsets of deleted topics are left that could not be removed at once.
    DeletedTopics,
}

impl Timer {
    /// The group that it is for.
    pub fn group(&self) -> Option<&Arc<str>> {
        match self {
            Timer::Heartbeat(group, _)
            | Timer::Join(group)
            | Timer::Sync(group)
            | Timer::Session(group, _)
            | Timer::Revoke(group, _)
            | Timer::Rejoin(group, _)
            | Timer::Resync(group, _) => Some(group),
            Timer::Expiry | Timer::DeletedTopics => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    deadline: i64,
    /// The place in the queue that counts.
    queued: i64,
}

/// See the module's comment. Times are ticks, in milliseconds.
#[derive(Debug, Default)]
pub struct Timers {
    /// Clients choose names; what their hashes are shows nowhere.
    entries: HashMap<Timer, Entry, foldhash::quality::RandomState>,
    queue: BinaryHeap<Reverse<(i64, Timer)>>,
}

impl Timers {
    /// Sets a timer, or moves it if it is set.
    pub fn set(&mut self, timer: Timer, deadline: i64) {
        match self.entries.get_mut(&timer) {
            Some(entry) if entry.queued <= deadline => entry.deadline = deadline,
            Some(entry) => {
                *entry = Entry { deadline, queued: deadline };
                self.queue.push(Reverse((deadline, timer)));
            }
            None => {
                self.entries.insert(timer.clone(), Entry { deadline, queued: deadline });
                self.queue.push(Reverse((deadline, timer)));
            }
        }
        self.sweep();
    }

    /// Takes a timer back.
    pub fn cancel(&mut self, timer: &Timer) {
        self.entries.remove(timer);
    }

    /// Whether a timer is set.
    pub fn is_set(&self, timer: &Timer) -> bool {
        self.entries.contains_key(timer)
    }

    /// When to look again, at the latest: never later than the earliest deadline.
    pub fn next(&self) -> Option<i64> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// A timer whose time has come; it is not set any more then.
    pub fn pop(&mut self, now: i64) -> Option<Timer> {
        while let Some(Reverse((at, _))) = self.queue.peek() {
            if *at > now {
                return None;
            }
            let Reverse((at, timer)) = self.queue.pop()?;
            let Some(entry) = self.entries.get_mut(&timer) else { continue };
            if entry.queued != at {
                continue;
            }
            if entry.deadline <= now {
                self.entries.remove(&timer);
                return Some(timer);
            }
            entry.queued = entry.deadline;
            self.queue.push(Reverse((entry.deadline, timer)));
        }
        None
    }

    /// All timers that are set.
    pub fn each(&self) -> impl Iterator<Item = &Timer> {
        self.entries.keys()
    }

    /// Void places are cleared away when they are the greater part, so that the queue stays in
    /// proportion to the timers.
    fn sweep(&mut self) {
        if self.queue.len() > 64 && self.queue.len() > 2 * self.entries.len() {
            let entries = &self.entries;
            self.queue.retain(|Reverse((at, timer))| {
                entries.get(timer).is_some_and(|entry| entry.queued == *at)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Timer {
        Timer::Heartbeat("g".into(), name.into())
    }

    #[test]
    fn a_timer_fires_once_at_the_deadline_that_was_set_last() {
        let mut timers = Timers::default();
        timers.set(member("a"), 10);
        timers.set(member("a"), 30);
        assert_eq!((timers.next(), timers.pop(29)), (Some(10), None));
        assert_eq!((timers.next(), timers.pop(30)), (Some(30), Some(member("a"))));
        assert_eq!((timers.next(), timers.pop(99)), (None, None));
        timers.set(member("a"), 30);
        timers.set(member("a"), 20);
        assert_eq!(timers.pop(20), Some(member("a")));
        assert_eq!(timers.pop(99), None, "its old place is void");
    }

    #[test]
    fn what_was_cancelled_never_fires_even_if_set_again() {
        let mut timers = Timers::default();
        timers.set(member("a"), 10);
        timers.cancel(&member("a"));
        assert!(!timers.is_set(&member("a")));
        timers.set(member("a"), 20);
        assert_eq!(timers.pop(15), None);
        assert_eq!(timers.pop(20), Some(member("a")));
    }

    #[test]
    fn timers_that_come_and_go_leave_nothing() {
        let mut timers = Timers::default();
        for round in 0..10_000 {
            timers.set(member("a"), 1_000_000 - round);
            timers.set(Timer::Join("g".into()), round);
            timers.cancel(&Timer::Join("g".into()));
        }
        assert!(timers.queue.len() <= 66, "{}", timers.queue.len());
    }
}
