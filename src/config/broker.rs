//! The effective configuration of a broker: what was set, where it was set, and typed values.
//!
//! Three layers as in Kafka's `DynamicBrokerConfig`: this broker's dynamic values win over the
//! cluster's dynamic defaults, these over what was set at start, that over the table's defaults. A
//! `Config` never changes: a dynamic update makes a new one. Pure: files and flags are read in `sources`.

use std::collections::BTreeMap;

use super::layers::Layers;
use super::listeners::{Endpoint, Endpoints};
use super::scalar::Scalar;
use super::setting::Setting;
use super::table;
use super::together;
use super::topic::TopicConfig;
use super::value::{self, InvalidConfig, Value};

/// Where a value comes from. The numbers are DescribeConfigs' `config_source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Source {
    /// The topic's own setting.
    Topic = 1,
    /// Set on this broker while it runs.
    DynamicBroker = 2,
    /// Set for all brokers while they run.
    DynamicDefault = 3,
    /// Set at start: flag, `--set`, file, or what Barnabas sets where Kafka demands a value.
    StaticBroker = 4,
    /// The table's default.
    Default = 5,
    /// The group's own setting.
    Group = 8,
}

impl Source {
    /// The number that DescribeConfigs uses.
    #[must_use]
    pub fn id(self) -> i8 {
        self as i8
    }
}

/// The effective configuration of a broker.
#[derive(Debug, Clone)]
pub struct Config {
    layers: Layers,
    typed: Typed,
    topics: TopicConfig,
    endpoints: Endpoints,
}

/// What Kafka demands and Barnabas brings along: the values of a single node that is its own controller.
const BROUGHT: &[(&str, &str)] = &[
    ("controller.listener.names", "CONTROLLER"),
    ("listeners", "PLAINTEXT://localhost:9092"),
    ("log.dirs", "./data"),
    ("node.id", "1"),
    ("process.roles", "broker,controller"),
];

impl Config {
    /// A configuration of these settings at start, over the defaults. For tests and tools.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<Config, InvalidConfig> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Config::from_static(pairs.collect(), BTreeMap::new())
    }

    /// A configuration of what was set at start, by name. Every name must be in the table. `flags` says of
    /// what the command line gave how it did.
    pub(super) fn from_static(
        mut set: BTreeMap<String, String>,
        flags: BTreeMap<String, String>,
    ) -> Result<Config, InvalidConfig> {
        together::same_id(&mut set)?;
        complete(&mut set);
        together::same_id(&mut set)?;
        for (name, text) in &set {
            let Some(setting) = table::broker_setting(name) else {
                return Err(InvalidConfig::because(name, format!("Unknown setting {name}")));
            };
            value::parse(setting, text)?;
        }
        Config::build(Layers { fixed: set, flags, ..Layers::default() })
    }

    /// The same with word of where what was set at start was given.
    pub(super) fn with_origins(mut self, origins: BTreeMap<String, String>) -> Config {
        self.layers.origins = origins;
        self
    }

    /// The effective value of a setting that is a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.layers.value(name)?.as_i64()
    }

    /// The same broker with its data here.
    #[must_use]
    pub fn with_data_in(&self, directory: &std::path::Path) -> Config {
        let mut config = self.clone();
        for (name, text) in &mut config.layers.fixed {
            if matches!(name.as_str(), "log.dir" | "log.dirs") {
                *text = directory.to_string_lossy().into_owned();
                config.layers.origins.insert(name.clone(), "--ephemeral".to_owned());
            }
        }
        config
    }

    /// The same broker with these dynamic values: the cluster's defaults and this node's own. What
    /// [`Config::with_stored`] names is left out.
    #[must_use]
    pub fn with_dynamic(
        &self,
        cluster: &BTreeMap<String, String>,
        node: &BTreeMap<String, String>,
    ) -> Config {
        self.with_stored(cluster, node).0
    }

    /// Like [`Config::with_dynamic`], but refuses contradictions.
    pub(super) fn try_dynamic(
        &self,
        cluster: BTreeMap<String, String>,
        node: BTreeMap<String, String>,
    ) -> Result<Config, InvalidConfig> {
        Config::build(Layers { node, cluster, ..self.layers.clone() })
    }

    fn build(layers: Layers) -> Result<Config, InvalidConfig> {
        let typed = Typed::read(&layers)?;
        let topics = TopicConfig::inherit(&|name| layers.value(name))?;
        if let Some(first) = together::problems(&layers, &|_| false).into_iter().next() {
            return Err(first);
        }
        let endpoints = together::endpoints(&layers).map_err(|mut all| all.swap_remove(0))?;
        Ok(Config { layers, typed, topics, endpoints })
    }

    /// Everything that is wrong with what was set at start, beyond each value by itself; `is_bad` tells whose
    /// values are wrong by themselves.
    pub(super) fn problems(
        mut set: BTreeMap<String, String>,
        is_bad: &dyn Fn(&str) -> bool,
    ) -> Vec<InvalidConfig> {
        set.retain(|name, _| !is_bad(name));
        let differ = together::same_id(&mut set).err();
        complete(&mut set);
        let layers = Layers { fixed: set, ..Layers::default() };
        differ.into_iter().chain(together::problems(&layers, is_bad)).collect()
    }

    /// The text of a setting, as set or by default; `None` is Kafka's null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.layers.text(name) {
            Some((text, _)) => Some(text),
            None => table::broker_setting(name)?.default,
        }
    }

    /// Whether a setting has been given the value that Barnabas brings where Kafka demands one.
    pub(super) fn is_brought(&self, name: &str) -> bool {
        let fixed = self.layers.fixed.get(name).map(String::as_str);
        BROUGHT.iter().any(|(brought, text)| *brought == name && fixed == Some(text))
    }

    /// Where a setting's value comes from.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        self.layers.text(name).map_or(Source::Default, |(_, source)| source)
    }

    /// The effective value of a setting; `None` is Kafka's null.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        self.layers.value(name)
    }

    pub(super) fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The settings of a topic without any of its own.
    #[must_use]
    pub fn topic_defaults(&self) -> &TopicConfig {
        &self.topics
    }

    /// The addresses to bind; never empty.
    #[must_use]
    pub fn listeners(&self) -> &[Endpoint] {
        &self.endpoints.listeners
    }

    /// What to tell clients, one for each of [`Config::listeners`] in the same order. An empty host stands for
    /// the address that the client reached.
    #[must_use]
    pub fn advertised_listeners(&self) -> &[Endpoint] {
        &self.endpoints.advertised
    }

    /// The listeners of the controller role, which are not opened.
    #[must_use]
    pub fn controller_listeners(&self) -> &[Endpoint] {
        &self.endpoints.controllers
    }

    /// The directory of all data: the only entry of `log.dirs`.
    #[must_use]
    pub fn data_dir(&self) -> &std::path::Path {
        std::path::Path::new(self.get("log.dirs").unwrap_or("./data").trim())
    }

    /// How many worker threads to run: `barnabas.workers`, or one per core; at least 1.
    #[must_use]
    pub fn workers(&self) -> usize {
        together::worker_count(self.value("barnabas.workers"))
    }

    /// What is logged: `barnabas.log.level`.
    #[must_use]
    pub fn log_level(&self) -> ::log::LevelFilter {
        let text = self.get("barnabas.log.level").unwrap_or("info");
        text.trim().parse().unwrap_or(::log::LevelFilter::Info)
    }

    /// Whether each line of the log is a JSON object: `barnabas.log.format`.
    #[must_use]
    pub fn log_is_json(&self) -> bool {
        self.get("barnabas.log.format").is_some_and(|text| text.trim().eq_ignore_ascii_case("json"))
    }

    /// The rack this broker stands in, if it was told. (A default, which is none, takes longer to ask for.)
    #[must_use]
    pub fn broker_rack(&self) -> Option<&str> {
        self.layers.text("broker.rack").map(|(text, _)| text)
    }

    /// The id of the cluster for a data directory that has none: `barnabas.cluster.id`.
    #[must_use]
    pub fn cluster_id(&self) -> Option<&str> {
        self.layers.text("barnabas.cluster.id").map(|(text, _)| text.trim())
    }
}

impl Default for Config {
    /// Kafka's defaults, with what Barnabas brings along.
    fn default() -> Config {
        // The table's own defaults are valid: a test holds them to that.
        Config::from_pairs(&[]).unwrap_or_else(|error| unreachable!("the defaults: {error}"))
    }
}

/// Adds what Kafka demands and nobody has set.
fn complete(set: &mut BTreeMap<String, String>) {
    // A single `log.dir` counts as `log.dirs`, which has no default.
    if let (false, Some(dir)) = (set.contains_key("log.dirs"), set.get("log.dir")) {
        let dir = dir.clone();
        set.insert("log.dirs".to_owned(), dir);
    }
    for (name, text) in BROUGHT {
        set.entry((*name).to_owned()).or_insert_with(|| (*text).to_owned());
    }
}

/// The value that a topic takes for a setting of which it has none of its own, as DescribeConfigs shows it.
#[must_use]
pub fn topic_default(name: &str, config: &Config) -> Option<String> {
    let setting: &Setting = table::topic_setting(name)?;
    super::topic::inherited(setting, &|name| config.value(name)).ok().map(|value| value.to_string())
}

macro_rules! accessors {
    ($( $(#[$doc:meta])* $field:ident: $type:ty = $name:literal; )*) => {
        #[derive(Debug, Clone, Copy)]
        struct Typed { $( $field: $type, )* }

        impl Typed {
            fn read(layers: &Layers) -> Result<Typed, InvalidConfig> {
                Ok(Typed { $( $field: scalar(layers, $name)?, )* })
            }
        }

        impl Config {
            $( $(#[$doc])* #[must_use] pub fn $field(&self) -> $type { self.typed.$field } )*
        }
    };
}

fn scalar<T: Scalar>(layers: &Layers, name: &str) -> Result<T, InvalidConfig> {
    layers.value(name).as_ref().and_then(T::from_value).ok_or_else(|| {
        let message =
            format!("Missing required configuration \"{name}\" which has no default value.");
        InvalidConfig::because(name, message)
    })
}

accessors! {
    /// `auto.create.topics.enable`
    auto_create_topics_enable: bool = "auto.create.topics.enable";
    /// `barnabas.connection.max.requests`
    connection_max_requests: i32 = "barnabas.connection.max.requests";
    /// `barnabas.connection.max.unsent.bytes`
    connection_max_unsent_bytes: i32 = "barnabas.connection.max.unsent.bytes";
    /// `barnabas.flush.bytes`; -1: as the system does
    flush_bytes: i64 = "barnabas.flush.bytes";
    /// `barnabas.flush.ms`; -1: as the system does
    flush_ms: i64 = "barnabas.flush.ms";
    /// `barnabas.io.sqpoll`
    io_sqpoll: bool = "barnabas.io.sqpoll";
    /// `barnabas.unwritten.bytes`; -1: producers are never slowed down; 0: by the system's limit
    unwritten_bytes: i64 = "barnabas.unwritten.bytes";
    /// `barnabas.workers.pinned`
    workers_pinned: bool = "barnabas.workers.pinned";
    /// `connections.max.idle.ms`; negative: never closed for being idle
    connections_max_idle_ms: i64 = "connections.max.idle.ms";
    /// `default.replication.factor`
    default_replication_factor: i32 = "default.replication.factor";
    /// `delete.topic.enable`
    delete_topic_enable: bool = "delete.topic.enable";
    /// `fetch.max.bytes`
    fetch_max_bytes: i32 = "fetch.max.bytes";
    /// `log.cleaner.backoff.ms`
    log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms";
    /// `log.cleaner.dedupe.buffer.size`
    log_cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size";
    /// `log.cleaner.enable`
    log_cleaner_enable: bool = "log.cleaner.enable";
    /// `log.cleaner.io.buffer.load.factor`
    log_cleaner_io_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor";
    /// `log.cleaner.io.max.bytes.per.second`
    log_cleaner_io_max_bytes_per_second: f64 = "log.cleaner.io.max.bytes.per.second";
    /// `log.cleaner.threads`
    log_cleaner_threads: i32 = "log.cleaner.threads";
    /// `log.flush.offset.checkpoint.interval.ms`
    log_flush_offset_checkpoint_interval_ms: i32 = "log.flush.offset.checkpoint.interval.ms";
    /// `log.flush.start.offset.checkpoint.interval.ms`
    log_flush_start_offset_checkpoint_interval_ms: i32 =
        "log.flush.start.offset.checkpoint.interval.ms";
    /// `log.initial.task.delay.ms`
    log_initial_task_delay_ms: i64 = "log.initial.task.delay.ms";
    /// `log.retention.check.interval.ms`
    log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms";
    /// `max.connections`
    max_connections: i32 = "max.connections";
    /// `max.connections.per.ip`
    max_connections_per_ip: i32 = "max.connections.per.ip";
    /// `max.incremental.fetch.session.cache.slots`
    max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots";
    /// `max.request.partition.size.limit`
    max_request_partition_size_limit: i32 = "max.request.partition.size.limit";
    /// `message.max.bytes`
    message_max_bytes: i32 = "message.max.bytes";
    /// `node.id`
    node_id: i32 = "node.id";
    /// `num.partitions`
    num_partitions: i32 = "num.partitions";
    /// `num.recovery.threads.per.data.dir`
    num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir";
    /// `offsets.topic.compression.codec`: its number
    offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec";
    /// `producer.id.expiration.check.interval.ms`
    producer_id_expiration_check_interval_ms: i32 = "producer.id.expiration.check.interval.ms";
    /// `producer.id.expiration.ms`
    producer_id_expiration_ms: i32 = "producer.id.expiration.ms";
    /// `queued.max.request.bytes`; -1: as built in
    queued_max_request_bytes: i64 = "queued.max.request.bytes";
    /// `replica.high.watermark.checkpoint.interval.ms`
    replica_high_watermark_checkpoint_interval_ms: i64 =
        "replica.high.watermark.checkpoint.interval.ms";
    /// `socket.listen.backlog.size`
    socket_listen_backlog_size: i32 = "socket.listen.backlog.size";
    /// `socket.receive.buffer.bytes`; -1: the system's default
    socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes";
    /// `socket.request.max.bytes`
    socket_request_max_bytes: i32 = "socket.request.max.bytes";
    /// `socket.send.buffer.bytes`; -1: the system's default
    socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes";
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
