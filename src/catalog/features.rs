//! The features that this broker serves: what ApiVersions advertises and a registration says (KIP-584).
//!
//! Others may be finalized in the metadata log, by Kafka or for it: they are kept, and not served.

use crate::wire::metadata_records::{METADATA_VERSION, NEWEST_LEVEL, OLDEST_LEVEL};

/// Name, lowest and highest level of each.
pub const SUPPORTED_FEATURES: [(&str, i16, i16); 2] =
    [(GROUP_VERSION, 0, 1), (METADATA_VERSION, OLDEST_LEVEL, NEWEST_LEVEL)];

/// The feature of the consumer protocol: groups have it from level 1 on (KIP-848).
pub const GROUP_VERSION: &str = "group.version";

/// The feature of partitions that keep eligible leader replicas (KIP-966).
pub const ELIGIBLE_REPLICAS: &str = "eligible.leader.replicas.version";
