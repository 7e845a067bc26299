//! A partition of the offsets topic with its shard, behind one lock.

use super::append::{self, Failure};
use super::keeper::Job;
use super::{RunningTopics, append::Batched};
use crate::broker::{Shared, now_ms, random_uuid};
use crate::catalog::{Partition, Waiter};
use crate::coordinator::groups::{Effects, Reply, Shard, Token, World};
use crate::wire::error::ErrorCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module's comment.
pub(super) struct Slot {
    pub(super) partition: Arc<Partition>,
    state: Mutex<State>,
    /// When the shard wants to be called, in ticks.
    pub(super) next: AtomicI64,
}

enum State {
    /// Its log is to be replayed.
    Loading,
    Active(Box<Shard>),
    /// Its log cannot be replayed, and that was said; or it is gone.
    Closed,
}

/// What became of an event.
pub struct Ran<R> {
    /// What the event gave.
    pub value: R,
    /// Answers that may leave when `unflushed` is on the disk.
    pub replies: Vec<(Token, Reply)>,
    /// What must be on the disk first, if anything.
    pub unflushed: Option<Unflushed>,
}

/// A part of the offsets topic that is to be flushed before it counts.
pub struct Unflushed {
    /// Where it is.
    pub partition: Arc<Partition>,
    /// Where it ends.
    pub to: i64,
    /// The bytes that nobody has waited for yet.
    pub bytes: u64,
}

impl Unflushed {
    /// Whether it is on the disk. If it is not when the flush is over, it never will be.
    pub fn is_flushed(&self) -> bool {
        self.partition.is_flushed(self.to)
    }
}

impl Slot {
    pub(super) fn new(partition: Arc<Partition>, is_new: bool) -> Slot {
        let state = if is_new { State::Active(Box::default()) } else { State::Loading };
        Slot { partition, state: Mutex::new(state), next: AtomicI64::new(i64::MAX) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_loading(&self) -> bool {
        matches!(*self.lock(), State::Loading)
    }

    /// The shard is there and begins its work, before anybody else comes to it. `None` where the slot
    /// was closed meanwhile.
    pub(super) fn activate(
        &self,
        shared: &Shared,
        shard: Shard,
        wake: impl FnMut(&Waiter),
    ) -> Option<Ran<()>> {
        let mut state = self.lock();
        if !matches!(*state, State::Loading) {
            return None;
        }
        let mut shard = Box::new(shard);
        let ran = self.run_on(&mut shard, shared, wake, Shard::loaded);
        *state = State::Active(shard);
        Some(ran)
    }

    /// There are no groups here: their log cannot be replayed, or is gone. Whoever waits in them must
    /// be told by other means.
    pub(super) fn close(&self) {
        *self.lock() = State::Closed;
        self.next.store(i64::MAX, Ordering::SeqCst);
    }

    pub(super) fn read<R>(&self, look: impl FnOnce(&Shard) -> R) -> Result<R, ErrorCode> {
        match &*self.lock() {
            State::Active(shard) => Ok(look(shard)),
            State::Loading => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            State::Closed => Err(ErrorCode::NOT_COORDINATOR),
        }
    }

    /// Runs an event to its end, appends included.
    pub(super) fn run<R>(
        &self,
        shared: &Shared,
        wake: impl FnMut(&Waiter),
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects) -> R,
    ) -> Result<Ran<R>, ErrorCode> {
        match &mut *self.lock() {
            State::Active(shard) => Ok(self.run_on(shard, shared, wake, event)),
            State::Loading => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            State::Closed => Err(ErrorCode::NOT_COORDINATOR),
        }
    }

    fn run_on<R>(
        &self,
        shard: &mut Shard,
        shared: &Shared,
        mut wake: impl FnMut(&Waiter),
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects) -> R,
    ) -> Ran<R> {
        let settings = shared.groups.settings();
        let mut world = World {
            now_ms: now_ms(),
            tick_ms: shared.groups.tick_ms(),
            settings: &settings,
            topics: &RunningTopics::of(shared),
            new_id: &mut random_uuid,
        };
        let mut effects = Effects::default();
        let value = event(shard, &mut world, &mut effects);
        let mut bytes = 0;
        while !effects.records.is_empty() {
            let batched = Batched { records: &effects.records, now_ms: world.now_ms };
            let appended = append::append(shared, &self.partition, &batched, &mut wake);
            if let Ok(Some(more)) = appended {
                bytes += more;
            }
            let outcome = appended.map(drop).map_err(Failure::code);
            shard.appended(&mut world, &mut effects, outcome);
        }
        for lookup in effects.lookups {
            let group = lookup.group().clone();
            if !shared.groups.tell(Job::LookUp(lookup)) {
                shard.not_looked_up(&group);
            }
        }
        self.set_next(shared, shard.next_tick());
        Ran { value, replies: effects.replies, unflushed: self.unflushed(bytes) }
    }

    /// What is not on the disk though it must be before anybody hears of it: what this event
    /// appended, and what those before it did, for its answers tell of that too.
    pub(super) fn unflushed(&self, bytes: u64) -> Option<Unflushed> {
        let partition = self.partition.clone();
        match self.partition.log_if_open().map(|log| log.offsets()) {
            Some(offsets) if offsets.high_watermark < offsets.log_end => {
                Some(Unflushed { partition, to: offsets.log_end, bytes })
            }
            // Nothing counts any more that cannot be written down.
            None if bytes > 0 || partition.is_offline() => {
                Some(Unflushed { partition, to: i64::MAX, bytes })
            }
            _ => None,
        }
    }

    /// Tells the coordinator thread if it must come earlier than it means to. It takes its own
    /// deadline back before it looks at `next`, so that one of the two sees the other.
    fn set_next(&self, shared: &Shared, next: Option<i64>) {
        let next = next.unwrap_or(i64::MAX);
        self.next.store(next, Ordering::SeqCst);
        if shared.groups.armed.fetch_min(next, Ordering::SeqCst) > next {
            shared.groups.tell(Job::Look);
        }
    }
}
