//! The cache of incremental fetch sessions (KIP-227; Kafka's `FetchSessionCache`, `FetchManager`).
//!
//! Holds a bounded number of sessions; see [`FetchSessions::open`] for who gives way to whom. Time is
//! handed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fetch_session::{Session, SessionPartition};
use crate::wire::error::ErrorCode;

/// Partitions that all sessions together may remember.
const MAX_PARTITIONS: usize = 1_000_000;
/// After this much time without use a session may be evicted (`MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICTION_AGE: Duration = Duration::from_secs(120);

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
    /// Partitions that all sessions together may remember.
    partitions: usize,
    entries: Mutex<HashMap<i32, Entry>>,
}

impl FetchSessions {
    /// A cache for so many sessions; 0 turns sessions off.
    pub fn new(slots: i32) -> Self {
        let slots = usize::try_from(slots).unwrap_or(0);
        Self { slots, partitions: MAX_PARTITIONS, entries: Mutex::default() }
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
        if held(&entries).saturating_add(size) > self.partitions {
            return None; // The client goes on with full fetches.
        }
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
        if session.epoch() != epoch {
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
        let before = std::mem::replace(&mut entry.size, session.len());
        entry.last_used = now;
        // Looked at only where it matters: a session that stays as it is costs no sum.
        if session.len() > before && held(&entries) > self.partitions {
            entries.remove(&id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND); // On with full fetches.
        }
        drop(session);
        Ok(Some(shared))
    }
}

/// Partitions that these sessions remember.
fn held(entries: &HashMap<i32, Entry>) -> usize {
    entries.values().map(|entry| entry.size).sum()
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
    use super::super::fetch_session::TopicKey;
    use super::*;

    fn partition(index: i32) -> SessionPartition {
        SessionPartition::new(key(), index, 0, 100)
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
    fn a_session_without_partitions_ends() {
        let sessions = FetchSessions::new(10);
        let now = Instant::now();
        let id = sessions.open(false, false, [partition(0)], now).unwrap().lock().unwrap().id;
        let ended = sessions.resume(id, 1, false, now, |s| s.forget(&key(), 0)).unwrap();
        assert!(ended.is_none());
        assert!(sessions.is_empty());
    }

    #[test]
    fn all_sessions_together_remember_a_bounded_number_of_partitions() {
        let sessions = FetchSessions { partitions: 5, ..FetchSessions::new(10) };
        let now = Instant::now();
        let open = |n: i32| sessions.open(false, false, (0..n).map(partition), now);
        let id = open(3).unwrap().lock().unwrap().id;
        assert!(open(3).is_none(), "3 and 3 are more than 5");
        assert!(open(1).is_some());
        let grow = |epoch, index| {
            sessions.resume(id, epoch, false, now, |session| session.upsert(partition(index)))
        };
        assert!(grow(1, 3).unwrap().is_some(), "4 and 1 are 5");
        assert!(grow(2, 3).unwrap().is_some(), "nothing new");
        assert_eq!(grow(3, 4).unwrap_err(), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(sessions.len(), 1, "the one that grew too much is gone");
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
