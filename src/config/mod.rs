//! Every setting once: name, type, default, range, meaning; and what follows from it.
//!
//! The table (`table/`) is the only place where a setting is described. From it come the parsing of files
//! and flags, validation in Kafka's words, the broker's and the topics' effective values, DescribeConfigs'
//! entries and docs/CONFIGURATION.md. This room knows no other room; only `sources` reads a file.

mod address;
mod broker;
mod check;
mod commands;
mod compaction;
mod cross;
mod describe;
mod dynamic;
mod effective;
mod environment;
mod error;
pub mod flags;
mod given;
mod group;
mod http;
mod layers;
mod listeners;
mod nearest;
mod properties;
mod protocols;
mod reset;
mod scalar;
mod setting;
mod sift;
mod sources;
mod stored;
mod support;
mod synonyms;
mod table;
mod together;
#[cfg(feature = "toml")]
mod toml_file;
mod topic;
mod units;
mod value;

pub use broker::{Config, Source, topic_default};
pub use describe::{
    Described, Synonym, describe_broker, describe_cluster, describe_group, describe_own,
    describe_topic,
};
pub use dynamic::check_dynamic_broker;
pub use effective::{Shown, effective};
pub use environment::{Family, Variable, variables};
pub use error::{ConfigError, ConfigErrors, Origin};
pub use group::{GroupConfig, check_group};
pub use listeners::Endpoint;
pub use nearest::{nearest, nearest_of_topics};
pub use setting::{Check, Kind, Mode, Setting, Standing};
pub use sources::{FlagValues, Sourced, Sources, check_name, from_sources};
pub use stored::LeftOut;
pub use support::without_effect;
pub use synonyms::{group_default_name, topic_default_names};
pub use table::{
    broker_setting, broker_settings, group_setting, group_settings, own_settings, topic_setting,
    topic_settings, unlisted_settings,
};
pub use topic::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
pub use value::{InvalidConfig, Value, parse};
