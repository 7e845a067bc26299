//! One incremental fetch session (KIP-227; Kafka's `FetchSession`).
//!
//! It remembers which partitions a consumer reads and what it was last told about each, so
//! that a request names only what changed and an answer only what is new. Pure state: it neither
//! reads logs nor asks the clock.
//!
//! States of a session: *next epoch n* for n ≥ 1. A request with epoch n moves it to n + 1; any
//! other epoch is an error that changes nothing. A session without partitions is over.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::wire::uuid::Uuid;

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
    pub(super) fn new(id: i32, uses_ids: bool) -> Self {
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

    pub(super) fn advance(&mut self) {
        self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
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
    fn the_epoch_wraps_to_one() {
        let mut session = Session::new(1, false);
        session.epoch = i32::MAX;
        session.advance();
        assert_eq!(session.epoch(), 1);
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
}
