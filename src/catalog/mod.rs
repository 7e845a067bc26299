//! The catalog: which topics, partitions, configs and producer ids exist.
//!
//! Two halves that must not be confused. [`Image`] is the metadata, a plain value that changes only
//! by replaying metadata records (`image`), made by pure planning functions (`plan`). [`Topics`] is
//! the table of what runs: for each topic its live partitions with their logs, found by name or id
//! through sharded locks, because every produce and fetch asks it.
//!
//! Nothing here knows requests, sockets or threads.

mod append;
mod features;
mod image;
mod name;
mod partition;
mod plan;
mod table;
#[cfg(test)]
mod tests;
mod traffic;
mod waiters;

pub use features::{ELIGIBLE_REPLICAS, GROUP_VERSION, SUPPORTED_FEATURES};
pub use image::{Image, PartitionImage, ReplayError, ResourceKind, TopicImage};
pub use name::{
    CLUSTER_METADATA, InvalidName, collision_key, is_internal, validate as validate_topic_name,
};
pub use partition::{Opened, Opener, Outline, Partition};
pub use plan::{
    ApiError, ConfigChange, ConfigOp, CreatePartitionsSpec, Created, Elected, NewTopic, NodeView,
    Plan, create_partitions, create_topic, delete_topic, elect_leaders_on_start,
    incremental_alter_configs, replace_configs, resign_on_stop,
};
pub use table::{Counted, Topic, Topics};
pub use traffic::{Counts, Traffic, make_lanes, take_lane};
pub use waiters::{Waiter, WaiterKey, Waiters};
