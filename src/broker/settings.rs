//! Which settings are in force: those that the broker was started with, and over them those of the image,
//! whenever it has changed.

use std::sync::{Arc, PoisonError};

use super::shared::Shared;
use super::{groups, load};
use crate::catalog::{Image, ResourceKind};
use crate::config::{Config, LeftOut, TopicConfig};
use crate::net::Doorkeeper;

impl Shared {
    /// The effective settings of a topic.
    pub(crate) fn resolve(&self, topic: &str) -> TopicConfig {
        load::resolve(&self.image(), &self.config(), topic)
    }

    /// Puts the dynamic broker settings of the image in force, in all topics too.
    pub(crate) fn apply_dynamic_config(self: &Arc<Self>) {
        let effective = Arc::new(dynamic(&self.image(), &self.static_config).0);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = effective;
        self.tell_idle_cleaner();
        self.apply_connection_limits();
        for topic in self.topics.all() {
            topic.set_config(Arc::new(self.resolve(&topic.name)));
            let expiration = i64::from(self.config().producer_id_expiration_ms());
            for log in topic.partitions().iter().filter_map(|partition| partition.log_if_open()) {
                log.set_producer_expiration(expiration);
            }
        }
        self.apply_group_settings();
    }

    /// Tells who lets connections in how many there may be, now and whenever that changes.
    pub fn limit_connections(&self, doorkeeper: Doorkeeper) {
        assert!(self.doorkeeper.set(doorkeeper).is_ok(), "there is one");
        self.apply_connection_limits();
    }

    /// Puts the limits on connections in force, for who comes from now on.
    fn apply_connection_limits(&self) {
        let Some(doorkeeper) = self.doorkeeper.get() else { return };
        // Held meanwhile: no older limits are put over newer ones.
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        let limit = |value: i32| usize::try_from(value).unwrap_or(usize::MAX);
        doorkeeper
            .set_limits(limit(config.max_connections()), limit(config.max_connections_per_ip()));
    }

    /// Puts the settings of a topic in force.
    pub(crate) fn apply_topic_config(&self, name: &str) {
        if let Some(topic) = self.topics.by_name(name) {
            topic.set_config(Arc::new(self.resolve(name)));
        }
        if name == crate::coordinator::groups::OFFSETS_TOPIC {
            self.apply_group_settings();
        }
    }

    /// Puts the settings of the group coordinator in force, those of single groups with them.
    pub(crate) fn apply_group_settings(&self) {
        let settings = groups::settings(&self.image(), &self.config());
        self.groups.set_settings(settings);
    }
}

/// The settings of this broker with the dynamic ones of the image.
fn dynamic(image: &Image, fixed: &Config) -> (Config, Vec<LeftOut>) {
    let default = image.configs(ResourceKind::Broker, "");
    let node = image.configs(ResourceKind::Broker, &fixed.node_id().to_string());
    fixed.with_stored(default, node)
}

/// Says that nobody is let in, and how that can be changed: Kafka takes 0 at a start, where there is another
/// listener that it keeps open for itself.
fn tell_closed_door(config: &Config) {
    const NAME: &str = "max.connections";
    if config.max_connections() > 0 {
        return;
    }
    let way = match config.http_listener() {
        _ if config.is_from_flag(NAME) => "start it without the flag",
        Some(_) => "over HTTP, PATCH /v1/broker/configs {\"max.connections\":\"1000\"}",
        None => "start it with another value",
    };
    ::log::warn!(setting = NAME, value = 0, way; "no client of Kafka's protocol is let in");
}

/// The same at start: says which of the image's settings are not in force.
pub(super) fn at_start(image: &Image, fixed: &Config) -> Config {
    let (config, left_out) = dynamic(image, fixed);
    for one in left_out {
        ::log::error!(
            setting:% = one.name, value:% = one.shown(), of:% = one.owner(),
            error:% = one.why.message;
            "a stored setting is not in force"
        );
    }
    for one in config.outdone() {
        ::log::warn!(
            setting:% = one.name, value:% = one.shown(), of:% = one.owner(),
            reason:% = one.why.message;
            "a stored setting is not in force"
        );
    }
    tell_closed_door(&config);
    config
}
