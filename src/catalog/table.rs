//! The table of running topics, asked by every produce and fetch: by name or id, behind 64 locks.
//!
//! A topic is replaced as a whole when it gets more partitions; whoever holds the old value goes on
//! with the partitions that it knows.
//!
//! Names are hashed with a fast hash whose keys are random and differ from table to table. Clients choose names, and
//! must not be able to choose many that meet: what the hashes are shows nowhere, not even in the order in which topics
//! are told ([`Topics::all`]), and a name costs whoever makes it a topic.

use foldhash::quality::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::traffic::{Counts, Traffic};
use super::{Partition, name};
use crate::config::TopicConfig;
use crate::wire::uuid::Uuid;

const SHARDS: usize = 64;

/// A running topic.
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Whether the broker writes it itself (`__consumer_offsets` and the like).
    pub internal: bool,
    config: RwLock<Arc<TopicConfig>>,
    partitions: Vec<Arc<Partition>>,
    traffic: Arc<Traffic>,
}

impl Topic {
    /// A topic with all its partitions, in the order of their indexes. If it had some before, what was counted of it
    /// goes on.
    pub fn new(
        name: Arc<str>,
        id: Uuid,
        config: Arc<TopicConfig>,
        partitions: Vec<Arc<Partition>>,
    ) -> Self {
        let internal = name::is_internal(&name);
        let known = partitions.iter().find_map(|partition| partition.traffic());
        let traffic = known.cloned().unwrap_or_default();
        partitions.iter().for_each(|partition| partition.join(&traffic));
        Self { name, id, internal, config: RwLock::new(config), partitions, traffic }
    }

    /// What went through it since the start; nothing if nothing did.
    pub fn counts(&self) -> Option<Counts> {
        self.traffic.sum()
    }

    /// The partition with this index.
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// All partitions, in the order of their indexes.
    pub fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    /// The effective settings.
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts new settings in force, in the logs too.
    pub fn set_config(&self, config: Arc<TopicConfig>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config.clone();
        for log in self.partitions.iter().filter_map(|partition| partition.log_if_open()) {
            log.set_config(config.clone());
        }
    }
}

/// A topic, and what went through it, if anything did.
pub type Counted = (Arc<Topic>, Option<Counts>);

type ByName = RwLock<HashMap<Arc<str>, Arc<Topic>, RandomState>>;
type ById = RwLock<HashMap<Uuid, Arc<Topic>, foldhash::fast::RandomState>>;

/// All running topics.
pub struct Topics {
    hasher: RandomState,
    by_name: [ByName; SHARDS],
    by_id: [ById; SHARDS],
    /// What went through topics that are gone. Held while one goes.
    gone: Mutex<Counts>,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            by_name: std::array::from_fn(|_| RwLock::default()),
            by_id: std::array::from_fn(|_| RwLock::default()),
            gone: Mutex::default(),
        }
    }
}

impl Topics {
    fn name_shard(&self, name: &str) -> &ByName {
        &self.by_name[self.hasher.hash_one(name) as usize % SHARDS]
    }

    fn id_shard(&self, id: Uuid) -> &ById {
        &self.by_id[usize::from(id.as_bytes()[15]) % SHARDS]
    }

    /// The topic with this name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Topic>> {
        self.name_shard(name).read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The topic with this id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.id_shard(id).read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Puts a topic in, in the place of an earlier value with the same name.
    pub fn insert(&self, topic: Arc<Topic>) {
        let by_id = self.id_shard(topic.id);
        by_id.write().unwrap_or_else(PoisonError::into_inner).insert(topic.id, topic.clone());
        let by_name = self.name_shard(&topic.name);
        by_name.write().unwrap_or_else(PoisonError::into_inner).insert(topic.name.clone(), topic);
    }

    /// Takes a topic out.
    pub fn remove(&self, name: &str) -> Option<Arc<Topic>> {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let topic =
            self.name_shard(name).write().unwrap_or_else(PoisonError::into_inner).remove(name)?;
        self.id_shard(topic.id).write().unwrap_or_else(PoisonError::into_inner).remove(&topic.id);
        topic.partitions.iter().for_each(|partition| partition.leave());
        // What requests that are on their way still do to it is not counted any more: a sum that was told never
        // becomes less.
        *gone += topic.counts().unwrap_or_default();
        Some(topic)
    }

    /// All topics, by name, and what went through topics since the start, those that are gone included.
    pub fn counted(&self) -> (Vec<Counted>, Counts) {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = *gone;
        let topics = self.all().into_iter().map(|topic| {
            let counts = topic.counts();
            sum += counts.unwrap_or_default();
            (topic, counts)
        });
        (topics.collect(), sum)
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        let shard = |shard: &ByName| {
            shard
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .cloned()
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.by_name.iter().flat_map(shard).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }
}
