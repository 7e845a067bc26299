//! The group coordinator at work: the shards of `__consumer_offsets`, what they append and who hears of it.
//!
//! ```text
//! worker: request ──> slot of the group ── lock ──> Shard ── records ──> partition's log (memcpy)
//!                                                     └── answers: own ones now, others by message
//! coordinator thread: loads slots, fires timers, sleeps until the earliest of them
//! ```
//!
//! A slot is *loading* until its log has been replayed, then *active*; *failed* if that could not be
//! done. An event runs whole under the slot's lock, by whoever brings it: an append is a copy, so no
//! worker waits for a disk. Where `flush.messages` asks for it the answers wait for the flusher.
//! Rules: Kafka's `CoordinatorRuntime`, `GroupCoordinatorService`, `CoordinatorLoaderImpl`.

mod append;
mod keeper;
mod load;
mod lookups;
mod room;
mod settings;
mod slot;
mod topic;

pub(super) use settings::settings;
pub use slot::{Ran, Unflushed};
pub(super) use topic::offsets_topic;

use super::{Shared, WorkerMessage};
use crate::catalog::{Partition, Topic, Waiter};
use crate::coordinator::groups::{
    Effects, OFFSETS_TOPIC, Settings, Shard, TopicsView, World, java,
};
use crate::net::mailbox::Sender;
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;
use keeper::Job;
use slot::Slot;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

/// See the module's comment.
pub struct Groups {
    slots: RwLock<Arc<[Arc<Slot>]>>,
    settings: RwLock<Arc<Settings>>,
    /// The coordinator thread sleeps until this tick, at the latest.
    armed: AtomicI64,
    jobs: OnceLock<Sender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    topics_version: AtomicU64,
    /// What the members of all slots' groups take in memory.
    member_bytes: AtomicUsize,
    /// When it was last said that they take too much, in ticks.
    reported: AtomicI64,
    began: Instant,
}

impl Groups {
    /// No groups yet.
    pub(super) fn new(settings: Settings) -> Groups {
        Groups {
            slots: RwLock::new(Arc::from([])),
            settings: RwLock::new(Arc::new(settings)),
            armed: AtomicI64::new(i64::MAX),
            jobs: OnceLock::new(),
            thread: Mutex::new(None),
            topics_version: AtomicU64::new(1),
            member_bytes: AtomicUsize::new(0),
            reported: AtomicI64::new(i64::MIN),
            began: Instant::now(),
        }
    }

    pub(super) fn set_settings(&self, settings: Settings) {
        let mut now = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *now = Arc::new(settings);
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn slots(&self) -> Arc<[Arc<Slot>]> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Milliseconds on a clock that never goes back.
    fn tick_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether there are slots: the offsets topic is there.
    pub fn is_open(&self) -> bool {
        !self.slots().is_empty()
    }

    /// The partitions of the offsets topic whose groups cannot be had: their log could not be replayed.
    pub(super) fn lost(&self) -> Vec<String> {
        let slots = self.slots();
        slots.iter().filter(|slot| slot.is_closed()).map(|slot| slot.name()).collect()
    }

    fn slot_of(&self, group: &str) -> Option<Arc<Slot>> {
        let slots = self.slots();
        slots.get(partition_of(group, slots.len())).cloned()
    }

    /// False if the coordinator thread does not take it.
    fn tell(&self, job: Job) -> bool {
        self.jobs.get().is_some_and(|jobs| jobs.send(job).is_ok())
    }
}

/// The partition of the offsets topic that a group belongs to: Java's hash of its name.
pub fn partition_of(group: &str, partitions: usize) -> usize {
    // Kafka's `Utils.abs`: of the smallest number it is 0.
    let positive = java::hash(group).checked_abs().unwrap_or(0);
    usize::try_from(positive).unwrap_or(0).checked_rem(partitions).unwrap_or(0)
}

impl Shared {
    /// Runs an event in the slot of a group. `wake` is called for fetches that wait for the records.
    ///
    /// # Errors
    /// When this group has no coordinator here, or not yet.
    pub fn in_group<R>(
        &self,
        group: &str,
        wake: impl FnMut(&Waiter),
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects) -> R,
    ) -> Result<Ran<R>, ErrorCode> {
        let slot = self.groups.slot_of(group).ok_or(ErrorCode::NOT_COORDINATOR)?;
        slot.run(self, wake, event)
    }

    /// Lets others have their turn, between two parts of something long in a group's slot.
    pub fn give_way_in(&self, group: &str) {
        if let Some(slot) = self.groups.slot_of(group) {
            slot.give_way();
        }
    }

    /// Looks at a group's shard.
    ///
    /// # Errors
    /// See [`Shared::in_group`].
    pub fn read_group<R>(
        &self,
        group: &str,
        look: impl FnOnce(&Shard) -> R,
    ) -> Result<R, ErrorCode> {
        let slot = self.groups.slot_of(group).ok_or(ErrorCode::NOT_COORDINATOR)?;
        slot.read(look)
    }

    /// Whether a group's partition of the offsets topic is there, and what it says cannot be read.
    pub fn is_lost(&self, group: &str) -> bool {
        self.groups.slot_of(group).is_some_and(|slot| slot.is_closed())
    }

    /// Looks at all shards, one after the other. One that cannot be had is passed over, as Kafka does
    /// with those of other brokers.
    ///
    /// # Errors
    /// When one of them is not loaded yet.
    pub fn read_all_groups(&self, mut look: impl FnMut(&Shard)) -> Result<(), ErrorCode> {
        let slots = self.groups.slots();
        slots.iter().try_for_each(|slot| match slot.read(&mut look) {
            Err(ErrorCode::NOT_COORDINATOR) => Ok(()),
            looked => looked,
        })
    }

    /// The settings in force.
    pub fn group_settings(&self) -> Arc<Settings> {
        self.groups.settings()
    }

    /// The offsets topic is there: new, or found at the start.
    fn open_groups(&self, topic: &Topic, is_new: bool) {
        let open = |partition: &Arc<Partition>| Arc::new(Slot::new(partition.clone(), is_new));
        let slots: Arc<[Arc<Slot>]> = topic.partitions().iter().map(open).collect();
        *self.groups.slots.write().unwrap_or_else(PoisonError::into_inner) = slots;
        if !is_new {
            self.groups.tell(Job::Load);
        }
    }

    /// There is a new topic.
    pub(super) fn topic_made(&self, topic: &Topic) {
        self.topics_changed();
        if *topic.name == *OFFSETS_TOPIC {
            // It may have been made by hand, with settings of its own.
            self.apply_group_settings();
            self.open_groups(topic, true);
        }
    }

    /// A topic has more partitions than before.
    pub(super) fn topic_grown(&self, topic: &Topic, before: i32) {
        self.topics_changed();
        if *topic.name == *OFFSETS_TOPIC {
            ::log::warn!(
                topic = OFFSETS_TOPIC, partitions = topic.partitions().len(), before;
                "the topic of groups has more partitions now: from the next start on most groups \
                 are looked for in another one of them, without what they have committed (as in \
                 Kafka)"
            );
        }
    }

    fn topics_changed(&self) {
        self.groups.topics_version.fetch_add(1, Ordering::AcqRel);
    }

    /// A topic is gone, and with it the offsets of its partitions.
    pub(super) fn topic_gone(&self, topic: &Topic) {
        self.topics_changed();
        if *topic.name == *OFFSETS_TOPIC {
            self.close_groups();
        } else if self.groups.is_open() {
            self.groups.tell(Job::Gone(topic.name.clone(), topic.id));
        }
    }

    /// The offsets topic is gone, and with it all groups; who waits in them looks for them anew.
    fn close_groups(&self) {
        let mut slots = self.groups.slots.write().unwrap_or_else(PoisonError::into_inner);
        let closed = std::mem::replace(&mut *slots, Arc::from([]));
        drop(slots);
        closed.iter().for_each(|slot| slot.close(&self.groups));
        for worker in 0..self.worker_count() {
            self.tell_answer(worker, WorkerMessage::NoGroups);
        }
    }

    /// What a group's answers must wait for to be on the disk, if anything.
    pub fn unflushed_of(&self, group: &str) -> Option<Unflushed> {
        self.groups.slot_of(group)?.unflushed(0)
    }

    /// Starts the coordinator thread.
    pub(super) fn start_groups(self: &Arc<Self>) -> io::Result<()> {
        let (jobs, thread) = keeper::spawn(self.clone())?;
        let _ = self.groups.jobs.set(jobs);
        *self.groups.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        if let Some(topic) = self.topics.by_name(OFFSETS_TOPIC) {
            self.open_groups(&topic, false);
        }
        Ok(())
    }

    /// Ends the coordinator thread; nothing is appended by it any more.
    pub(super) fn stop_groups(&self) {
        self.groups.tell(Job::Stop);
        let thread = self.groups.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            ::log::error!("the coordinator thread ended with a panic");
        }
    }
}

/// The running topics as coordinators see them. What is seen may be newer than the version says, never
/// older: what changes meanwhile is looked at again.
pub struct RunningTopics<'s> {
    shared: &'s Shared,
    version: u64,
}

impl<'s> RunningTopics<'s> {
    /// As they are from now on.
    pub fn of(shared: &'s Shared) -> RunningTopics<'s> {
        let version = shared.groups.topics_version.load(Ordering::Acquire);
        RunningTopics { shared, version }
    }
}

impl TopicsView for RunningTopics<'_> {
    fn id(&self, name: &str) -> Option<Uuid> {
        self.shared.topics.by_name(name).map(|topic| topic.id)
    }

    fn name(&self, id: Uuid) -> Option<Arc<str>> {
        self.shared.topics.by_id(id).map(|topic| topic.name.clone())
    }

    fn partitions(&self, id: Uuid) -> Option<i32> {
        let topic = self.shared.topics.by_id(id)?;
        i32::try_from(topic.partitions().len()).ok()
    }

    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        self.shared.topics.all().iter().for_each(|topic| call(&topic.name));
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    #[test]
    fn groups_are_spread_as_kafka_spreads_them() {
        // What Java says of `Math.abs(name.hashCode()) % 50`; the last but one has the hash that has
        // no absolute value, the last is two units of UTF-16.
        let known = [("group", 47), ("a", 47), ("", 0), ("connect-cluster", 13)];
        let odd = [("test-group-7", 42), ("polygenelubricants", 0), ("\u{1f600}", 49)];
        for (name, partition) in known.into_iter().chain(odd) {
            assert_eq!(partition_of(name, 50), partition, "{name}");
        }
    }
}
