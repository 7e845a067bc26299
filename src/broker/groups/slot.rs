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
    /// Its log cannot be replayed, and that was said.
    Failed,
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

/// Bytes of the offsets topic that are to be flushed before they count.
pub struct Unflushed {
    /// Where they are.
    pub partition: Arc<Partition>,
    /// How many.
    pub bytes: u64,
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

    /// The shard is there, or cannot be.
    pub(super) fn loaded(&self, shard: Option<Shard>) {
        let mut state = self.lock();
        assert!(matches!(*state, State::Loading), "a slot is loaded once");
        *state = shard.map_or(State::Failed, |shard| State::Active(Box::new(shard)));
    }

    pub(super) fn read<R>(&self, look: impl FnOnce(&Shard) -> R) -> Result<R, ErrorCode> {
        match &*self.lock() {
            State::Active(shard) => Ok(look(shard)),
            State::Loading => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            State::Failed => Err(ErrorCode::NOT_COORDINATOR),
        }
    }

    /// Runs an event to its end, appends included.
    pub(super) fn run<R>(
        &self,
        shared: &Shared,
        mut wake: impl FnMut(&Waiter),
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects) -> R,
    ) -> Result<Ran<R>, ErrorCode> {
        let mut state = self.lock();
        let shard = match &mut *state {
            State::Active(shard) => shard,
            State::Loading => return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            State::Failed => return Err(ErrorCode::NOT_COORDINATOR),
        };
        let settings = shared.groups.settings();
        let mut world = World {
            now_ms: now_ms(),
            tick_ms: shared.groups.tick_ms(),
            settings: &settings,
            topics: &RunningTopics(shared),
            new_id: &mut random_uuid,
        };
        let mut effects = Effects::default();
        let value = event(shard, &mut world, &mut effects);
        let mut unflushed: Option<Unflushed> = None;
        while !effects.records.is_empty() {
            let batched = Batched { records: &effects.records, now_ms: world.now_ms };
            let outcome = append::append(shared, &self.partition, &batched, &mut wake);
            if let Ok(Some(bytes)) = &outcome {
                let so_far = unflushed.map_or(0, |unflushed| unflushed.bytes);
                let partition = self.partition.clone();
                unflushed = Some(Unflushed { partition, bytes: so_far + bytes });
            }
            let outcome = outcome.map(drop).map_err(Failure::code);
            shard.appended(&mut world, &mut effects, outcome);
        }
        self.set_next(shared, shard.next_tick());
        Ok(Ran { value, replies: effects.replies, unflushed })
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
