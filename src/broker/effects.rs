//! Names the settings that somebody has just changed and that do nothing here, in one line of the log.
//!
//! Kafka's protocol has no room to tell the client, and a broker that took them without a word would let
//! their owner believe that they hold. What is relied on (`Standing::Refused`) does not come this far.

use crate::catalog::ResourceKind;
use crate::config::{broker_setting, group_setting, topic_setting, without_effect};

/// Says what has no effect of the values that a topic, this broker or the cluster's default was given.
pub(super) fn tell<'s>(
    kind: ResourceKind,
    name: &str,
    given: impl Iterator<Item = (&'s str, &'s str)>,
) {
    let (row, owner) = match kind {
        ResourceKind::Topic => (topic_setting as fn(&str) -> _, format!("topic {name}")),
        ResourceKind::Broker if name.is_empty() => {
            (broker_setting as fn(&str) -> _, "the cluster's default".to_owned())
        }
        ResourceKind::Broker => (broker_setting as fn(&str) -> _, format!("broker {name}")),
        ResourceKind::Group => (group_setting as fn(&str) -> _, format!("group {name}")),
        _ => return,
    };
    for (how, names) in without_effect(given.filter_map(|(key, text)| Some((row(key)?, text)))) {
        ::log::warn!(of:% = owner, settings:% = names, how; "configs without effect");
    }
}
