//! A partition of the offsets topic with its shard, behind one lock.

use super::append::{self, Failure};
use super::keeper::Job;
use super::{Groups, RunningTopics, append::Batched};
use crate::broker::{Shared, now_ms, random_uuid};
use crate::catalog::{Partition, Waiter};
use crate::coordinator::groups::{Effects, Reply, Shard, Token, World};
use crate::wire::error::ErrorCode;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often at most somebody gives way at a time.
const PATIENCE: u32 = 10_000;

/// See the module's comment.
pub(super) struct Slot {
    pub(super) partition: Arc<Partition>,
    state: Mutex<State>,
    /// How many wait for the lock.
    waiting: AtomicUsize,
    /// When the shard wants to be called, in ticks.
    pub(super) next: AtomicI64,
    /// What the members of its groups take, as it is part of the sum of all slots.
    member_bytes: AtomicUsize,
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
    /// Adds it to others; what is to be flushed of the same partition becomes one.
    pub fn add_to(others: &mut Vec<Unflushed>, more: Unflushed) {
        let same = |one: &&mut Unflushed| Arc::ptr_eq(&one.partition, &more.partition);
        match others.iter_mut().find(same) {
            Some(one) => (one.to, one.bytes) = (one.to.max(more.to), one.bytes + more.bytes),
            None => others.push(more),
        }
    }

    /// Whether it is on the disk. If it is not when the flush is over, it never will be.
    pub fn is_flushed(&self) -> bool {
        self.partition.is_flushed(self.to)
    }
}

impl Slot {
    pub(super) fn new(partition: Arc<Partition>, is_new: bool) -> Slot {
        let state = if is_new { State::Active(Box::default()) } else { State::Loading };
        Slot {
            partition,
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
            next: AtomicI64::new(i64::MAX),
            member_bytes: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        state
    }

    /// Lets those in who wait for the lock. Whoever does much in parts calls it between them, for the lock is
    /// not fair: it would be back before anybody is awake.
    pub(super) fn give_way(&self) {
        for _ in 0..PATIENCE {
            if self.waiting.load(Ordering::SeqCst) == 0 {
                return;
            }
            std::thread::yield_now();
        }
    }

    pub(super) fn is_loading(&self) -> bool {
        matches!(*self.lock(), State::Loading)
    }

    /// The shard is there and begins its work, before anybody else comes to it. `None` where the slot
    /// was closed meanwhile.
    ///
    /// While a slot is loading its shard is its loader's alone, and nobody else appends to its partition: so what
    /// walks over all groups is done outside of the lock, and whoever asks meanwhile is told that it is loading.
    /// Under the lock is written what that asks for, and the slot is active before anybody can have the lock. What
    /// the world does in between comes as an event behind it: topics that go are told by the thread that loads.
    pub(super) fn activate(
        &self,
        shared: &Shared,
        shard: Shard,
        wake: impl FnMut(&Waiter),
    ) -> Option<Ran<()>> {
        self.activate_by(shared, shard, wake, Shard::loaded)
    }

    fn activate_by(
        &self,
        shared: &Shared,
        shard: Shard,
        wake: impl FnMut(&Waiter),
        loaded: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> Option<Ran<()>> {
        let mut shard = Box::new(shard);
        let mut effects = Effects::default();
        in_world(shared, &mut shard, |shard, world| loaded(shard, world, &mut effects));
        let mut state = self.lock();
        if !matches!(*state, State::Loading) {
            return None;
        }
        self.count_members(&shared.groups, shard.member_bytes());
        let ran = self.run_on(&mut shard, shared, wake, |_, _, asked| *asked = effects);
        *state = State::Active(shard);
        Some(ran)
    }

    /// There are no groups here: their log cannot be replayed, or is gone. Whoever waits in them must
    /// be told by other means.
    pub(super) fn close(&self, groups: &Groups) {
        let mut state = self.lock();
        *state = State::Closed;
        self.count_members(groups, 0);
        self.next.store(i64::MAX, Ordering::SeqCst);
    }

    /// There are none here.
    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed)
    }

    /// The name of its partition.
    pub(super) fn name(&self) -> String {
        self.partition.name()
    }

    /// What its members take is part of the sum of all. Only whoever has the lock says so.
    fn count_members(&self, groups: &Groups, bytes: usize) {
        let before = self.member_bytes.swap(bytes, Ordering::Relaxed);
        if before != bytes {
            // Wrapping: it is more or less by the difference.
            groups.member_bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
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
        let mut effects = Effects::default();
        let mut bytes = 0;
        let (value, tick_ms) = in_world(shared, shard, |shard, world| {
            let value = event(shard, world, &mut effects);
            while !effects.records.is_empty() {
                let batched = Batched { records: &effects.records, now_ms: world.now_ms };
                let appended = append::append(shared, &self.partition, &batched, &mut wake);
                if let Ok(Some(more)) = appended {
                    bytes += more;
                }
                let outcome = appended.map(drop).map_err(Failure::code);
                shard.appended(world, &mut effects, outcome);
            }
            (value, world.tick_ms)
        });
        for lookup in effects.lookups {
            let group = lookup.group().clone();
            if !shared.groups.tell(Job::LookUp(lookup)) {
                shard.not_looked_up(&group);
            }
        }
        self.set_next(shared, shard.next_tick());
        self.count_members(&shared.groups, shard.member_bytes());
        if let Some(no_room) = effects.no_room {
            shared.groups.report(&no_room, tick_ms);
        }
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

/// The world as it is now.
fn in_world<R>(
    shared: &Shared,
    shard: &mut Shard,
    act: impl FnOnce(&mut Shard, &mut World<'_>) -> R,
) -> R {
    let mut world = World {
        now_ms: now_ms(),
        tick_ms: shared.groups.tick_ms(),
        settings: &shared.groups.settings(),
        elsewhere: shared.groups.member_bytes_beside(shard.member_bytes()),
        topics: &RunningTopics::of(shared),
        new_id: &mut random_uuid,
    };
    act(shard, &mut world)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Broker, Place};
    use crate::config::Config;

    #[test]
    fn a_shard_begins_its_work_while_nobody_waits_for_its_lock() {
        let broker = Broker::open(Arc::new(Config::default()), Place::Temporary).unwrap();
        let shared = broker.shared();
        let slot = || Slot::new(Arc::new(Partition::new("t".into(), 0, 0, None)), false);
        let (one, closed) = (slot(), slot());
        let activated = one.activate_by(
            shared,
            Shard::new(),
            |_| {},
            |_, _, _| {
                assert!(one.state.try_lock().is_ok(), "it is free");
                assert_eq!(one.read(|_| ()), Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
            },
        );
        assert!(activated.is_some() && one.read(|_| ()).is_ok());
        let activated = closed.activate_by(
            shared,
            Shard::new(),
            |_| {},
            |_, _, _| {
                closed.close(&shared.groups);
            },
        );
        assert!(activated.is_none(), "what was closed meanwhile stays so");
        assert_eq!(closed.read(|_| ()), Err(ErrorCode::NOT_COORDINATOR));
        broker.close().unwrap();
    }
}
