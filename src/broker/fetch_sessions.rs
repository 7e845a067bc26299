//! Incremental fetch sessions (KIP-227; Kafka's `FetchSession`, `FetchManager`).
//!
//! A session remembers which partitions a consumer reads and what it was last told about each, so
//! that a request names only what changed and an answer only what is new. Pure state: it neither
//! reads logs nor asks the clock.
//!
//! States of a session: *next epoch n* for n ≥ 1. A request with epoch n moves it to n + 1; any
//! other epoch is an error that changes nothing. A session without partitions is removed. The
//! cache holds a bounded number of sessions, see [`FetchSessions::open`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;

/// After this much time without use a session may be evicted (`MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICTION_AGE: Duration = Duration::from_secs(120);

/// Which topic a fetch means: by name below Fetch v13, by id from then on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TopicKey {
    /// By name.
    Name(Arc<str>),
    /// By id.
    Id(Uuid),
}

/// What a session knows of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPartition {
    /// The topic.
    pub topic: TopicKey,
    /// The partition's index.
    pub index: i32,
    /// The name that the topic's id stood for when the partition was added, if it was known.
    pub known_as: Option<Arc<str>>,
    /// From where the consumer reads.
    pub fetch_offset: i64,
    /// At most so many bytes of it.
    pub max_bytes: i32,
    /// The leader epoch that the consumer knows; negative for none.
    pub current_leader_epoch: i32,
    /// The epoch of the last record it has; negative for none.
    pub last_fetched_epoch: i32,
    /// The high watermark last told; −1 when it must be told again.
    told_high_watermark: i64,
    /// The log start offset last told; −1 when it must be told again.
    told_log_start: i64,
}

impl SessionPartition {
    /// A partition of which the consumer was told nothing yet.
    pub fn new(topic: TopicKey, index: i32, fetch_offset: i64, max_bytes: i32) -> Self {
        Self {
            topic,
            index,
            known_as: None,
            fetch_offset,
            max_bytes,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            told_high_watermark: -1,
            told_log_start: -1,
        }
    }
}

impl SessionPartition {
    fn note(&mut self, told: Told) {
        self.told_log_start = told.log_start;
        // After an error the watermark is said again, so that the client sees the recovery.
        self.told_high_watermark = if told.has_error { -1 } else { told.high_watermark };
    }
}

/// What an answer would say of a partition, as far as the session must know.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// Whether there are records.
    pub has_records: bool,
    /// Whether there is an error or a diverging epoch: said each time.
    pub has_error: bool,
    /// The high watermark.
    pub high_watermark: i64,
    /// The log start offset.
    pub log_start: i64,
}

/// One consumer's session.
#[derive(Debug)]
pub struct Session {
    /// Its id, never 0.
    pub id: i32,
    /// Whether topics are named by id.
    pub uses_ids: bool,
    epoch: i32,
    next_place: u64,
    order: BTreeMap<u64, SessionPartition>,
    places: HashMap<(TopicKey, i32), u64>,
}

impl Session {
    fn new(id: i32, uses_ids: bool) -> Self {
        Self {
            id,
            uses_ids,
            epoch: 1,
            next_place: 0,
            order: BTreeMap::new(),
            places: HashMap::new(),
        }
    }

    /// The epoch that the next request must carry.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The partitions, in the order in which they are to be read.
    pub fn partitions(&self) -> impl Iterator<Item = &SessionPartition> {
        self.order.values()
    }

    /// The number of partitions.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no partition is left.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds a partition, or changes what is asked of one.
    pub fn upsert(&mut self, new: SessionPartition) {
        let key = (new.topic.clone(), new.index);
        if let Some(known) = self.places.get(&key).and_then(|place| self.order.get_mut(place)) {
            let (high_watermark, log_start) = (known.told_high_watermark, known.told_log_start);
            *known = SessionPartition {
                told_high_watermark: high_watermark,
                told_log_start: log_start,
                ..new
            };
            return;
        }
        self.places.insert(key, self.next_place);
        self.order.insert(self.next_place, new);
        self.next_place += 1;
        assert_eq!(self.places.len(), self.order.len(), "each partition has one place");
    }

    /// Takes a partition out.
    pub fn forget(&mut self, topic: &TopicKey, index: i32) {
        if let Some(place) = self.places.remove(&(topic.clone(), index)) {
            self.order.remove(&place);
        }
    }

    /// Remembers what a full answer tells of a partition.
    pub fn remember(&mut self, topic: &TopicKey, index: i32, told: Told) {
        let place = self.places.get(&(topic.clone(), index));
        if let Some(partition) = place.and_then(|place| self.order.get_mut(place)) {
            partition.note(told);
        }
    }

    /// Whether an incremental answer must hold this partition; remembers what is told. A partition
    /// with records goes to the end of the order, so that the others get their turn.
    pub fn must_tell(&mut self, topic: &TopicKey, index: i32, told: Told) -> bool {
        let key = (topic.clone(), index);
        let Some(place) = self.places.get(&key).copied() else { return true };
        let Some(partition) = self.order.get_mut(&place) else { return true };
        let news = partition.told_high_watermark != told.high_watermark
            || partition.told_log_start != told.log_start;
        partition.note(told);
        if told.has_records
            && let Some(partition) = self.order.remove(&place)
        {
            self.order.insert(self.next_place, partition);
            self.places.insert(key, self.next_place);
            self.next_place += 1;
        }
        told.has_records || told.has_error || news
    }

    fn advance(&mut self) {
        self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
    }
}

/// A session shared between the cache and the request that uses it.
pub type SharedSession = Arc<Mutex<Session>>;

struct Entry {
    session: SharedSession,
    last_used: Instant,
    size: usize,
    privileged: bool,
}

/// All sessions of the broker.
pub struct FetchSessions {
    slots: usize,
    entries: Mutex<HashMap<i32, Entry>>,
}

impl FetchSessions {
    /// A cache for so many sessions; 0 turns sessions off.
    pub fn new(slots: i32) -> Self {
        Self { slots: usize::try_from(slots).unwrap_or(0), entries: Mutex::default() }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<i32, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there are no sessions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends a session.
    pub fn close(&self, id: i32) {
        self.entries().remove(&id);
    }

    /// Opens a session with these partitions, unless the cache is full of sessions that were used
    /// lately and are not smaller; followers (`privileged`) go before consumers.
    pub fn open(
        &self,
        uses_ids: bool,
        privileged: bool,
        partitions: impl IntoIterator<Item = SessionPartition>,
        now: Instant,
    ) -> Option<SharedSession> {
        let mut session = Session::new(0, uses_ids);
        partitions.into_iter().for_each(|partition| session.upsert(partition));
        let size = session.len();
        let mut entries = self.entries();
        if entries.len() >= self.slots {
            let victim = pick_victim(&entries, privileged, size, now)?;
            entries.remove(&victim);
        }
        let id = fresh_id(&entries);
        session.id = id;
        let session = Arc::new(Mutex::new(session));
        entries.insert(id, Entry { session: session.clone(), last_used: now, size, privileged });
        assert!(entries.len() <= self.slots.max(1), "the session cache keeps its bound");
        Some(session)
    }

    /// Finds the session of an incremental request and moves it to the next epoch, after `update`
    /// has changed its partitions. `Ok(None)`: no partition is left and the session is gone.
    ///
    /// # Errors
    /// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
    pub fn resume(
        &self,
        id: i32,
        epoch: i32,
        uses_ids: bool,
        now: Instant,
        update: impl FnOnce(&mut Session),
    ) -> Result<Option<SharedSession>, ErrorCode> {
        let mut entries = self.entries();
        let entry = entries.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        let shared = entry.session.clone();
        let mut session = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_ids != uses_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        update(&mut session);
        if session.is_empty() {
            entries.remove(&id);
            return Ok(None);
        }
        session.advance();
        (entry.last_used, entry.size) = (now, session.len());
        drop(session);
        Ok(Some(shared))
    }
}

fn pick_victim(
    entries: &HashMap<i32, Entry>,
    privileged: bool,
    size: usize,
    now: Instant,
) -> Option<i32> {
    let age = |entry: &Entry| now.saturating_duration_since(entry.last_used);
    let oldest = entries.iter().max_by_key(|(_, entry)| age(entry))?;
    if age(oldest.1) > EVICTION_AGE {
        return Some(*oldest.0);
    }
    let least = entries.iter().min_by_key(|(_, entry)| (entry.privileged, entry.size))?;
    let smaller = (least.1.privileged, least.1.size) < (privileged, size);
    smaller.then_some(*least.0)
}

fn fresh_id(entries: &HashMap<i32, Entry>) -> i32 {
    loop {
        let id = getrandom::u32().map_or(1, |random| (random >> 1) as i32);
        if id != 0 && !entries.contains_key(&id) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(index: i32) -> SessionPartition {
        SessionPartition::new(TopicKey::Name(Arc::from("t")), index, 0, 100)
    }

    fn told(high_watermark: i64) -> Told {
        Told { has_records: false, has_error: false, high_watermark, log_start: 0 }
    }

    fn key() -> TopicKey {
        TopicKey::Name(Arc::from("t"))
    }

    #[test]
    fn epochs_advance_and_wrong_ones_change_nothing() {
        let sessions = FetchSessions::new(10);
        let now = Instant::now();
        let id = sessions.open(false, false, [partition(0)], now).unwrap().lock().unwrap().id;
        let resume = |epoch, ids| sessions.resume(id, epoch, ids, now, |_| {}).map(|s| s.is_some());
        assert_eq!(resume(2, false), Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH));
        assert_eq!(resume(1, true), Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR));
        assert_eq!(resume(1, false), Ok(true));
        assert_eq!(resume(1, false), Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH));
        assert_eq!(resume(2, false), Ok(true));
        let unknown = sessions.resume(id ^ 1, 3, false, now, |_| {});
        assert_eq!(unknown.unwrap_err(), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn the_epoch_wraps_to_one() {
        let mut session = Session::new(1, false);
        session.epoch = i32::MAX;
        session.advance();
        assert_eq!(session.epoch(), 1);
    }

    #[test]
    fn a_session_without_partitions_ends() {
        let sessions = FetchSessions::new(10);
        let now = Instant::now();
        let id = sessions.open(false, false, [partition(0)], now).unwrap().lock().unwrap().id;
        let ended = sessions.resume(id, 1, false, now, |s| s.forget(&key(), 0)).unwrap();
        assert!(ended.is_none());
        assert!(sessions.is_empty());
    }

    #[test]
    fn only_news_is_told_and_errors_every_time() {
        let mut session = Session::new(1, false);
        session.upsert(partition(0));
        assert!(session.must_tell(&key(), 0, told(5)));
        assert!(!session.must_tell(&key(), 0, told(5)));
        assert!(session.must_tell(&key(), 0, told(6)));
        assert!(session.must_tell(&key(), 0, Told { log_start: 3, ..told(6) }));
        let error = Told { has_error: true, ..told(-1) };
        assert!(session.must_tell(&key(), 0, error));
        assert!(session.must_tell(&key(), 0, error));
        assert!(
            session.must_tell(&key(), 0, told(6)),
            "the watermark is said again after an error"
        );
        session.upsert(SessionPartition { fetch_offset: 9, ..partition(0) });
        assert!(
            !session.must_tell(&key(), 0, Told { log_start: 0, ..told(6) }),
            "a new offset is no news"
        );
    }

    #[test]
    fn partitions_with_records_go_last() {
        let mut session = Session::new(1, false);
        (0..3).for_each(|index| session.upsert(partition(index)));
        session.must_tell(&key(), 0, Told { has_records: true, ..told(5) });
        let order: Vec<i32> = session.partitions().map(|p| p.index).collect();
        assert_eq!(order, [1, 2, 0]);
    }

    #[test]
    fn the_cache_is_bounded_and_prefers_big_then_privileged_then_old() {
        let sessions = FetchSessions::new(2);
        let now = Instant::now();
        let open = |n: i32, privileged, at| {
            let session = sessions.open(false, privileged, (0..n).map(partition), at);
            session.map(|session| session.lock().unwrap().id)
        };
        let small = open(1, false, now).unwrap();
        open(2, false, now).unwrap();
        assert_eq!(open(1, false, now), None, "equal ones stay");
        assert!(open(2, false, now).is_some(), "a bigger one evicts the smallest");
        assert!(sessions.resume(small, 1, false, now, |_| {}).is_err());
        assert!(open(1, true, now).is_some(), "a follower goes before consumers");
        assert!(
            open(1, false, now + EVICTION_AGE + Duration::from_millis(1)).is_some(),
            "old ones go"
        );
        assert_eq!(sessions.len(), 2);
    }
}
