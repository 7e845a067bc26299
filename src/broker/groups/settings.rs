//! The settings that the coordinator goes by: the broker's, those of single groups, and whether the cluster has
//! the consumer protocol at all.

use crate::catalog::{GROUP_VERSION, Image, ResourceKind};
use crate::config::{Config, GroupConfig};
use crate::coordinator::groups::{OFFSETS_TOPIC, Settings};
use std::sync::Arc;

/// As the metadata and the effective configuration say.
pub fn settings(image: &Image, config: &Config) -> Settings {
    let mut settings = Settings::of(config);
    let of_topic = crate::broker::load::resolve(image, config, OFFSETS_TOPIC);
    settings.max_append = usize::try_from(of_topic.max_message_bytes).unwrap_or(0);
    let level = image.features().get(GROUP_VERSION).copied().unwrap_or(0);
    settings.consumer.is_served &= level >= 1;
    let own = image.all_configs(ResourceKind::Group);
    let effective = own.map(|(group, own)| (group.clone(), GroupConfig::effective(own, config)));
    settings.consumer.own = Arc::new(effective.collect());
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::metadata_records::{ConfigRecord, FeatureLevelRecord, MetadataRecord};

    fn image(level: i16) -> Image {
        let mut image = Image::new();
        let feature = FeatureLevelRecord { name: GROUP_VERSION, feature_level: level };
        let config = ConfigRecord {
            resource_type: ResourceKind::Group as i8,
            resource_name: "g",
            name: "consumer.heartbeat.interval.ms",
            value: Some("7000"),
        };
        image.replay(&MetadataRecord::from(feature)).unwrap();
        image.replay(&MetadataRecord::from(config)).unwrap();
        image
    }

    #[test]
    fn the_protocol_takes_the_feature_and_the_setting() {
        let served = |level, pairs: &[_]| {
            let config = Config::from_pairs(pairs).unwrap();
            settings(&image(level), &config).consumer.is_served
        };
        assert!(served(1, &[]));
        assert!(!served(0, &[]));
        assert!(!served(1, &[("group.coordinator.rebalance.protocols", "classic")]));
        assert!(served(1, &[("group.coordinator.rebalance.protocols", "classic, consumer")]));
    }

    #[test]
    fn an_append_may_be_as_large_as_the_offsets_topic_says() {
        let config = Config::from_pairs(&[("message.max.bytes", "5000")]).unwrap();
        let mut image = image(1);
        assert_eq!(settings(&image, &config).max_append, 5000);
        let own = ConfigRecord {
            resource_type: ResourceKind::Topic as i8,
            resource_name: OFFSETS_TOPIC,
            name: "max.message.bytes",
            value: Some("700"),
        };
        image.replay(&MetadataRecord::from(own)).unwrap();
        assert_eq!(settings(&image, &config).max_append, 700);
    }

    #[test]
    fn a_group_may_have_its_own() {
        let of = settings(&image(1), &Config::default()).consumer;
        assert_eq!((of.heartbeat_interval("g"), of.heartbeat_interval("other")), (7000, 5000));
        assert_eq!((of.session_timeout("g"), of.assignment_interval("g")), (45_000, 1000));
    }
}
