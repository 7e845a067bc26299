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
mod slot;

pub use slot::{Ran, Unflushed};

use super::Shared;
use crate::catalog::{Partition, Topic, Waiter};
use crate::coordinator::groups::{Effects, OFFSETS_TOPIC, Settings, Shard, TopicsView, World};
use crate::net::mailbox::Sender;
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;
use keeper::Job;
use slot::Slot;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
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

    fn slot_of(&self, group: &str) -> Option<Arc<Slot>> {
        let slots = self.slots();
        slots.get(partition_of(group, slots.len())).cloned()
    }

    fn tell(&self, job: Job) {
        if let Some(jobs) = self.jobs.get() {
            let _ = jobs.send(job);
        }
    }
}

/// The partition of the offsets topic that a group belongs to: Java's hash of its name.
pub fn partition_of(group: &str, partitions: usize) -> usize {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's `Utils.abs`: of the smallest number it is 0.
    let positive = hash.checked_abs().unwrap_or(0);
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

    /// Looks at all shards, one after the other.
    ///
    /// # Errors
    /// When one of them is not loaded yet.
    pub fn read_all_groups(&self, mut look: impl FnMut(&Shard)) -> Result<(), ErrorCode> {
        let slots = self.groups.slots();
        slots.iter().try_for_each(|slot| slot.read(&mut look))
    }

    /// The settings in force.
    pub fn group_settings(&self) -> Arc<Settings> {
        self.groups.settings()
    }

    /// The offsets topic is there: new, or found at the start.
    pub(super) fn open_groups(&self, topic: &Topic, is_new: bool) {
        let open = |partition: &Arc<Partition>| Arc::new(Slot::new(partition.clone(), is_new));
        let slots: Arc<[Arc<Slot>]> = topic.partitions().iter().map(open).collect();
        *self.groups.slots.write().unwrap_or_else(PoisonError::into_inner) = slots;
        if !is_new {
            self.groups.tell(Job::Load);
        }
    }

    /// A topic has come, has changed, or has gone: `gone`.
    pub(super) fn topic_changed(&self, topic: &Topic, gone: bool) {
        self.groups.topics_version.fetch_add(1, Ordering::AcqRel);
        if *topic.name == *OFFSETS_TOPIC {
            if gone {
                let mut slots = self.groups.slots.write().unwrap_or_else(PoisonError::into_inner);
                *slots = Arc::from([]);
            }
        } else if gone && self.groups.is_open() {
            self.groups.tell(Job::Gone(topic.name.clone(), topic.id));
        }
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

/// The running topics as coordinators see them.
pub struct RunningTopics<'s>(pub &'s Shared);

impl TopicsView for RunningTopics<'_> {
    fn id(&self, name: &str) -> Option<Uuid> {
        self.0.topics.by_name(name).map(|topic| topic.id)
    }

    fn name(&self, id: Uuid) -> Option<Arc<str>> {
        self.0.topics.by_id(id).map(|topic| topic.name.clone())
    }

    fn partitions(&self, id: Uuid) -> Option<i32> {
        let topic = self.0.topics.by_id(id)?;
        i32::try_from(topic.partitions().len()).ok()
    }

    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        self.0.topics.all().iter().for_each(|topic| call(&topic.name));
    }

    fn version(&self) -> u64 {
        self.0.groups.topics_version.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    #[test]
    fn groups_are_spread_as_kafka_spreads_them() {
        // `"name".hashCode()` in Java: 98629247, 97, 0, and the smallest number of all.
        assert_eq!(partition_of("group", 50), 98_629_247 % 50);
        assert_eq!(partition_of("a", 50), 47);
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        // Negative: -1524582912. Outside of the basic plane two units count.
        assert_eq!(partition_of("connect-cluster", 50), partition_of("connect-cluster", 50));
        assert_eq!(partition_of("\u{1f600}", 1 << 30), (0xd83d * 31 + 0xde00) % (1 << 30));
    }
}
