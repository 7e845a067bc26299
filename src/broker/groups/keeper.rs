//! The coordinator thread: loads shards, fires their timers, tells them of topics that are gone.
//!
//! It sleeps until the earliest timer of all slots, for good where there is none.

use super::load;
use super::lookups::Lookups;
use super::slot::{Ran, Slot};
use crate::broker::{Shared, WorkerMessage};
use crate::catalog::Waiter;
use crate::coordinator::groups::consumer::Lookup;
use crate::coordinator::groups::{Effects, OFFSETS_TOPIC, Shard, World};
use crate::net::mailbox::{Mailbox, Received, Receiver, Sender};
use crate::wire::uuid::Uuid;
use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Jobs that wait at most; a slot whose timer is not looked at then is looked at with the next one.
const MAX_JOBS: usize = 1 << 20;
/// Slots are loaded side by side from so many bytes in all.
const LARGE: u64 = 8 << 20;

/// What the thread is asked to do.
pub(super) enum Job {
    /// A timer is due earlier than was known.
    Look,
    /// There are slots to load.
    Load,
    /// A topic was deleted.
    Gone(Arc<str>, Uuid),
    /// A group's expressions are to be looked up.
    LookUp(Lookup),
    /// End.
    Stop,
}

pub(super) fn spawn(shared: Arc<Shared>) -> io::Result<(Sender<Job>, JoinHandle<()>)> {
    let (jobs, queue) = Mailbox::for_thread(MAX_JOBS);
    let thread = thread::Builder::new().name("coordinator".into());
    let main = move || {
        let mut lookups = Lookups::default();
        work(&shared, &mut lookups, queue);
        lookups.stop();
    };
    Ok((jobs, thread.spawn(main)?))
}

fn work(shared: &Arc<Shared>, lookups: &mut Lookups, mut queue: Receiver<Job>) {
    loop {
        let job = match next_deadline(shared) {
            None => queue.recv().map_or(Received::Closed, Received::Message),
            Some(deadline) => queue.recv_deadline(deadline),
        };
        if shared.is_stopping() {
            return; // The order to stop may have found the queue full.
        }
        match job {
            Received::Message(Job::Stop) | Received::Closed => return,
            Received::Message(Job::Load) => load_all(shared),
            Received::Message(Job::Gone(name, id)) => gone(shared, &name, id),
            Received::Message(Job::LookUp(lookup)) => lookups.ask(shared, lookup),
            Received::Message(Job::Look) | Received::TimedOut => {}
        }
        fire(shared);
    }
}

/// The earliest timer of all. First the deadline is taken back, then the slots are looked at: one that
/// is set meanwhile either is seen here or rings.
fn next_deadline(shared: &Shared) -> Option<Instant> {
    let groups = &shared.groups;
    groups.armed.store(i64::MAX, Ordering::SeqCst);
    let slots = groups.slots();
    let next = slots.iter().map(|slot| slot.next.load(Ordering::SeqCst)).min().unwrap_or(i64::MAX);
    groups.armed.fetch_min(next, Ordering::SeqCst);
    let ms = u64::try_from(next).ok().filter(|_| next != i64::MAX)?;
    groups.began.checked_add(Duration::from_millis(ms))
}

fn fire(shared: &Shared) {
    let now = shared.groups.tick_ms();
    for slot in shared.groups.slots().iter() {
        while slot.next.load(Ordering::SeqCst) <= now {
            let fired = run(shared, slot, |shard, world, effects| shard.tick(world, effects));
            if fired != Some(true) {
                break;
            }
            slot.give_way();
        }
    }
}

fn gone(shared: &Shared, name: &Arc<str>, id: Uuid) {
    let topics = [(name.clone(), id)];
    for slot in shared.groups.slots().iter() {
        run(shared, slot, |shard, world, effects| shard.topics_deleted(world, &topics, effects));
    }
}

/// Runs an event of a group, if it has a coordinator here, and sends on what comes of it.
pub(super) fn in_group(
    shared: &Shared,
    group: &str,
    event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
) {
    if let Some(slot) = shared.groups.slot_of(group) {
        run(shared, &slot, event);
    }
}

/// Runs an event and sends on what comes of it.
fn run<R>(
    shared: &Shared,
    slot: &Slot,
    event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects) -> R,
) -> Option<R> {
    waking(shared, |wake| slot.run(shared, wake, event).ok())
}

/// Has something done in a slot, wakes who waits for what it appended, and delivers its answers.
fn waking<R>(
    shared: &Shared,
    act: impl FnOnce(&mut dyn FnMut(&Waiter)) -> Option<Ran<R>>,
) -> Option<R> {
    let mut wakes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let ran = act(&mut |waiter| wakes.entry(waiter.worker).or_default().push(waiter.key))?;
    for (worker, keys) in wakes {
        shared.tell(worker, WorkerMessage::Wake(keys));
    }
    Some(deliver(shared, ran))
}

fn deliver<R>(shared: &Shared, ran: Ran<R>) -> R {
    let Ran { value, replies, unflushed } = ran;
    let first = replies.first().map(|(token, _)| token.worker);
    match (first, unflushed) {
        (None, Some(unflushed)) => {
            unflushed.partition.await_flush(unflushed.bytes, None);
            unflushed.partition.ask_flush();
        }
        // Whoever is answered first sees to it that all wait for the disk.
        (Some(worker), Some(unflushed)) => {
            let message = WorkerMessage::Groups(replies, Some(unflushed));
            shared.tell_answer(worker, message);
        }
        (_, None) => {
            let mut by_worker: BTreeMap<usize, Vec<_>> = BTreeMap::new();
            for (token, reply) in replies {
                by_worker.entry(token.worker).or_default().push((token, reply));
            }
            for (worker, replies) in by_worker {
                shared.tell_answer(worker, WorkerMessage::Groups(replies, None));
            }
        }
    }
    value
}

/// Loads all slots that wait for it, side by side where there is much to read.
fn load_all(shared: &Shared) {
    let slots = shared.groups.slots();
    let waiting: Vec<&Arc<Slot>> = slots.iter().filter(|slot| slot.is_loading()).collect();
    let bytes: u64 = waiting.iter().map(|slot| slot.partition.size()).sum();
    let threads = match bytes {
        ..LARGE => 1,
        _ => thread::available_parallelism().map_or(1, NonZero::get),
    };
    let next = AtomicUsize::new(0);
    let foreign = Mutex::new(Vec::new());
    let work = || {
        while let Some(slot) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
            if shared.is_stopping() {
                return;
            }
            let names = load_one(shared, slot);
            foreign.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Without threads of their own they are loaded here.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    say_foreign(foreign.into_inner().unwrap_or_else(PoisonError::into_inner));
}

/// So many groups are named.
const NAMED: usize = 20;

/// Says which groups there are of kinds that are not served.
fn say_foreign(mut groups: Vec<String>) {
    if groups.is_empty() {
        return;
    }
    groups.sort_unstable();
    let more = groups.len().saturating_sub(NAMED);
    groups.truncate(NAMED);
    let names = groups.join(", ");
    let more = Some(more).filter(|more| *more > 0);
    ::log::warn!(
        topic = OFFSETS_TOPIC, groups:% = names, more;
        "groups of an Apache Kafka that had this directory are of kinds that are not served here; \
         they stay as they are and keep their names; a streams group without members gives way to \
         a classic group"
    );
}

/// The groups that it has of kinds that are not served, for people.
fn load_one(shared: &Shared, slot: &Slot) -> Vec<String> {
    match load::load(&slot.partition) {
        Ok(shard) => {
            let mut foreign = Vec::new();
            shard.each_foreign(&mut |id, kind| foreign.push(format!("{id} ({})", kind.name())));
            waking(shared, |wake| slot.activate(shared, shard, wake));
            foreign
        }
        Err(why) => {
            ::log::error!(
                partition:% = slot.partition.name(), error:% = why;
                "its groups cannot be read and are not served; records of this topic cannot be \
                 deleted by hand: restore the partition's directory from a copy and start again, \
                 or stop, move it away and start: its groups begin anew then, without their \
                 offsets"
            );
            slot.close(&shared.groups);
            Vec::new()
        }
    }
}
