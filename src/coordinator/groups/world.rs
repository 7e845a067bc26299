//! What a shard may know of the world around it: the time, the settings, the topics, fresh ids.

use super::Settings;
use crate::wire::uuid::Uuid;
use std::sync::Arc;

/// The world at the moment of an event.
pub struct World<'a> {
    /// The wall clock, milliseconds since the epoch: for what is written down.
    pub now_ms: i64,
    /// A clock that never goes back, in milliseconds: for timers.
    pub tick_ms: i64,
    /// The settings in force.
    pub settings: &'a Settings,
    /// Bytes that the members of all other shards take.
    pub elsewhere: usize,
    /// The topics as they are now.
    pub topics: &'a dyn TopicsView,
    /// Gives an id that nobody has.
    pub new_id: &'a mut dyn FnMut() -> Uuid,
}

/// What a coordinator may ask of the catalog.
pub trait TopicsView {
    /// The id of a topic.
    fn id(&self, name: &str) -> Option<Uuid>;
    /// The name of a topic.
    fn name(&self, id: Uuid) -> Option<Arc<str>>;
    /// How many partitions a topic has.
    fn partitions(&self, id: Uuid) -> Option<i32>;
    /// Calls for the name of every topic, in no particular order.
    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>));
    /// Grows with every topic that is made, changed or deleted.
    fn version(&self) -> u64;
}

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The client id of the request's header, empty if it has none.
    pub client_id: &'a str,
    /// The client's address as Kafka writes it: `/127.0.0.1`.
    pub host: &'a str,
    /// The version of the request.
    pub version: i16,
}
