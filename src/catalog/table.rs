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
use std::sync::{Arc, PoisonError, RwLock};

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
}

impl Topic {
    /// A topic with all its partitions, in the order of their indexes.
    pub fn new(
        name: Arc<str>,
        id: Uuid,
        config: Arc<TopicConfig>,
        partitions: Vec<Arc<Partition>>,
    ) -> Self {
        let internal = name::is_internal(&name);
        Self { name, id, internal, config: RwLock::new(config), partitions }
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

type ByName = RwLock<HashMap<Arc<str>, Arc<Topic>, RandomState>>;
type ById = RwLock<HashMap<Uuid, Arc<Topic>, foldhash::fast::RandomState>>;

/// All running topics.
pub struct Topics {
    hasher: RandomState,
    by_name: [ByName; SHARDS],
    by_id: [ById; SHARDS],
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            by_name: std::array::from_fn(|_| RwLock::default()),
            by_id: std::array::from_fn(|_| RwLock::default()),
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
        let topic =
            self.name_shard(name).write().unwrap_or_else(PoisonError::into_inner).remove(name)?;
        self.id_shard(topic.id).write().unwrap_or_else(PoisonError::into_inner).remove(&topic.id);
        Some(topic)
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
