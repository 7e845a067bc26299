//! What the log says of settings that somebody has just changed: which they are, and which of them do nothing here.
//!
//! Kafka's protocol has no room to tell the client of the latter, and a broker that took them without a word would let
//! their owner believe that they hold. What is relied on (`Standing::Refused`) does not come this far.

use crate::catalog::ResourceKind;
use crate::config::{broker_setting, group_setting, topic_setting, without_effect};

/// Whose settings they are, in words.
fn owner(kind: ResourceKind, name: &str) -> String {
    match kind {
        ResourceKind::Topic => format!("topic {name}"),
        ResourceKind::Broker if name.is_empty() => "the cluster's default".to_owned(),
        ResourceKind::Broker => format!("broker {name}"),
        ResourceKind::Group => format!("group {name}"),
        _ => format!("resource {name}"),
    }
}

/// Names what was set, changed or taken away, without the values: they may be secrets.
pub(super) fn changed<'s>(kind: ResourceKind, name: &str, settings: impl Iterator<Item = &'s str>) {
    let names: Vec<&str> = settings.collect();
    ::log::info!(of:% = owner(kind, name), settings:% = names.join(", "); "settings are changed");
}

/// Says what has no effect of the values that a topic, this broker or the cluster's default was given.
pub(super) fn tell<'s>(
    kind: ResourceKind,
    name: &str,
    given: impl Iterator<Item = (&'s str, &'s str)>,
) {
    let row = match kind {
        ResourceKind::Topic => topic_setting as fn(&str) -> _,
        ResourceKind::Broker => broker_setting,
        ResourceKind::Group => group_setting,
        _ => return,
    };
    for (how, names) in without_effect(given.filter_map(|(key, text)| Some((row(key)?, text)))) {
        let owner = owner(kind, name);
        ::log::warn!(of:% = owner, settings:% = names, how; "configs without effect");
    }
}
