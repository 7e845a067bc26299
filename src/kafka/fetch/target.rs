//! What a fetch asks for, resolved: its partitions, limits and session. Owned, so that it can wait.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::check_isolation;
use crate::broker::{SessionPartition, Shared, SharedSession, Tag, TopicKey};
use crate::catalog::{Partition, Topic, WaiterKey};
use crate::kafka::call::Call;
use crate::kafka::twice::all_differ;
use crate::wire::error::ErrorCode;
use crate::wire::messages::fetch::{FetchPartition, FetchRequest};
use crate::wire::uuid::Uuid;

/// From this version on topics are named by id.
const IDS_FROM: i16 = 13;
/// Partitions that one fetch may name: more than a broker holds.
const MAX_PARTITIONS: usize = 200_000;
/// The replica id of a consumer.
const CONSUMER: i32 = -1;
/// The replica id of a debugging consumer, which reads to the end of the log.
const DEBUG_CONSUMER: i32 = -2;
/// The epoch of a request that opens a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request without session, or one that ends it.
const FINAL_EPOCH: i32 = -1;

/// One partition of a fetch.
pub struct Target {
    /// What is asked.
    pub asked: SessionPartition,
    /// The topic's name; empty when only an unknown id was given.
    pub name: Arc<str>,
    /// The topic's id; zero when only an unknown name was given.
    pub topic_id: Uuid,
    /// The partition, or why there is none.
    pub partition: Result<Arc<Partition>, ErrorCode>,
    /// Its place among those who wait for the partition, while it does.
    pub waits: Option<WaiterKey>,
}

impl Target {
    /// What a session that begins knows of it.
    pub fn to_remember(&self, uses_ids: bool) -> SessionPartition {
        let mut asked = self.asked.clone();
        asked.known_as = (uses_ids && !self.name.is_empty()).then(|| self.name.clone());
        asked
    }

    /// Whether there is no log to ask; the other errors are found by asking it.
    pub fn is_unreadable(&self) -> bool {
        let of_log = [ErrorCode::INCONSISTENT_TOPIC_ID, ErrorCode::NOT_LEADER_OR_FOLLOWER];
        self.partition.as_ref().is_err_and(|code| !of_log.contains(code))
    }
}

/// The session side of a fetch.
pub enum Mode {
    /// No session: the answer holds every partition.
    Sessionless,
    /// A full fetch that opens a session with its answer, if the cache has room.
    Opening,
    /// An incremental fetch: the answer holds what is new.
    Incremental(SharedSession),
}

/// A fetch, resolved.
pub struct Fetch {
    /// What it is counted as.
    pub tag: Tag,
    /// The version of its request.
    pub version: i16,
    /// The id that ties the answer to it.
    pub correlation_id: i32,
    /// Its partitions, in the order of reading.
    pub targets: Vec<Target>,
    /// Its session.
    pub mode: Mode,
    /// Whether only committed transactions may be seen.
    pub read_committed: bool,
    /// A reader that sees the log to its end.
    pub to_log_end: bool,
    /// Bytes for which it is worth waiting.
    pub min_bytes: i64,
    /// Bytes that the answer may hold, but for a first batch; `None` for a negative number.
    pub max_bytes: Option<u32>,
    /// Until when it may wait; `None` when it must not.
    pub deadline: Option<Instant>,
    /// When it came.
    pub now: Instant,
    /// How often it was looked at after what it wants was brought into memory.
    pub warmed: u8,
    /// It may wait for the disk itself.
    pub may_block: bool,
}

impl Fetch {
    /// Resolves a request.
    ///
    /// # Errors
    /// The top-level errors of sessions and of an unknown isolation level.
    pub fn new(
        shared: &Shared,
        call: &Call<'_>,
        request: &FetchRequest<'_>,
        now: Instant,
    ) -> Result<Self, ErrorCode> {
        let read_committed = check_isolation(request.isolation_level)?;
        let count: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        if count > MAX_PARTITIONS {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let uses_ids = call.version() >= IDS_FROM;
        let replica = if call.version() >= 15 {
            request.replica_state.replica_id
        } else {
            request.replica_id
        };
        let follower = replica != CONSUMER && replica != DEBUG_CONSUMER;
        let mut names = Names { shared, uses_ids, follower, last: None };
        let (mut targets, mode) = open_mode(&mut names, request, count, now)?;
        // What cannot be read is told behind what can, as Kafka does.
        targets.sort_by_key(Target::is_unreadable);
        let limit = shared.config().fetch_max_bytes();
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        Ok(Self {
            tag: call.tag(),
            version: call.version(),
            correlation_id: call.header.correlation_id,
            targets,
            mode,
            read_committed,
            to_log_end: replica == DEBUG_CONSUMER,
            min_bytes: i64::from(request.min_bytes.min(request.max_bytes)),
            max_bytes: u32::try_from(request.max_bytes.min(limit)).ok(),
            deadline: (request.max_wait_ms > 0).then(|| now + wait),
            now,
            warmed: 0,
            may_block: false,
        })
    }
}

/// The partitions of a request that names so many, resolved, and its mode.
fn open_mode(
    names: &mut Names<'_>,
    request: &FetchRequest<'_>,
    count: usize,
    now: Instant,
) -> Result<(Vec<Target>, Mode), ErrorCode> {
    let (shared, uses_ids) = (names.shared, names.uses_ids);
    let (id, epoch) = (request.session_id, request.session_epoch);
    if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
        if id != 0 {
            shared.sessions.close(id);
        }
        let mode = if epoch == FINAL_EPOCH { Mode::Sessionless } else { Mode::Opening };
        let mut targets = Vec::with_capacity(count);
        each_asked(request, uses_ids, |asked| targets.push(names.resolve(asked)));
        return Ok((last_mentions(targets), mode));
    }
    let update = |session: &mut crate::broker::Session| {
        each_asked(request, uses_ids, |mut asked| {
            asked.known_as = names.name_of(&asked.topic);
            session.upsert(asked);
        });
        for topic in request.forgotten_topics_data.iter() {
            let key = topic_key(uses_ids, topic.topic, topic.topic_id);
            topic.partitions.iter().for_each(|index| session.forget(&key, index));
        }
    };
    match shared.sessions.resume(id, epoch, uses_ids, now, update)? {
        None => Ok((Vec::new(), Mode::Sessionless)),
        Some(session) => {
            let targets = {
                let session = session.lock().unwrap_or_else(PoisonError::into_inner);
                session.partitions().map(|asked| names.resolve(asked.clone())).collect()
            };
            Ok((targets, Mode::Incremental(session)))
        }
    }
}

fn each_asked(request: &FetchRequest<'_>, uses_ids: bool, mut take: impl FnMut(SessionPartition)) {
    for topic in request.topics.iter() {
        let key = topic_key(uses_ids, topic.topic, topic.topic_id);
        topic.partitions.iter().for_each(|asked| take(session_partition(key.clone(), &asked)));
    }
}

fn topic_key(uses_ids: bool, name: &str, id: Uuid) -> TopicKey {
    if uses_ids { TopicKey::Id(id) } else { TopicKey::Name(Arc::from(name)) }
}

fn session_partition(topic: TopicKey, asked: &FetchPartition) -> SessionPartition {
    let mut partition = SessionPartition::new(
        topic,
        asked.partition,
        asked.fetch_offset,
        asked.partition_max_bytes,
    );
    partition.current_leader_epoch = asked.current_leader_epoch;
    partition.last_fetched_epoch = asked.last_fetched_epoch;
    partition
}

/// A partition that is named twice counts once, as it is named last (Kafka keeps a map).
fn last_mentions(mut unique: Vec<Target>) -> Vec<Target> {
    let named = unique.iter().map(|target| (&target.asked.topic, target.asked.index));
    if unique.len() > 1 && !all_differ(named) {
        let mut seen: HashMap<(TopicKey, i32), usize> = HashMap::with_capacity(unique.len());
        let mut kept: Vec<Target> = Vec::with_capacity(unique.len());
        for target in unique {
            match seen.entry((target.asked.topic.clone(), target.asked.index)) {
                std::collections::hash_map::Entry::Occupied(place) => kept[*place.get()] = target,
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(kept.len());
                    kept.push(target);
                }
            }
        }
        unique = kept;
    }
    unique
}

/// Topics, looked up once for partitions of one that follow each other.
struct Names<'a> {
    shared: &'a Shared,
    uses_ids: bool,
    /// The reader is a replica, of which there is none.
    follower: bool,
    last: Option<Arc<Topic>>,
}

impl Names<'_> {
    fn topic(&mut self, key: &TopicKey) -> Option<&Arc<Topic>> {
        let is_it = |topic: &Arc<Topic>| match key {
            TopicKey::Name(name) => topic.name == *name,
            TopicKey::Id(id) => topic.id == *id,
        };
        if !self.last.as_ref().is_some_and(is_it) {
            self.last = match key {
                TopicKey::Name(name) => self.shared.topics.by_name(name),
                TopicKey::Id(id) => self.shared.topics.by_id(*id),
            };
        }
        self.last.as_ref()
    }

    /// What an id stands for, if it is known.
    fn name_of(&mut self, key: &TopicKey) -> Option<Arc<str>> {
        match key {
            TopicKey::Name(_) => None,
            TopicKey::Id(_) => self.topic(key).map(|topic| topic.name.clone()),
        }
    }

    fn resolve(&mut self, asked: SessionPartition) -> Target {
        let follower = self.follower;
        let unknown = if self.uses_ids {
            ErrorCode::UNKNOWN_TOPIC_ID
        } else {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        };
        let Some(topic) = self.topic(&asked.topic) else {
            let (name, topic_id) = match &asked.topic {
                TopicKey::Name(name) => (name.clone(), Uuid::ZERO),
                TopicKey::Id(id) => (Arc::from(""), *id),
            };
            // The name goes on with another id: the topic was deleted and created again.
            let successor =
                asked.known_as.as_ref().and_then(|name| self.shared.topics.by_name(name));
            let code = if successor.is_some() { ErrorCode::INCONSISTENT_TOPIC_ID } else { unknown };
            return Target { asked, name, topic_id, partition: Err(code), waits: None };
        };
        // A node id that is not a replica's: there are no followers on a single node.
        let partition = match topic.partition(asked.index) {
            Some(_) if follower => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Some(partition) => Ok(partition.clone()),
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        };
        let (name, topic_id) = (topic.name.clone(), topic.id);
        Target { asked, name, topic_id, partition, waits: None }
    }
}
