//! The image as records: what a snapshot holds (Kafka's `MetadataImage.write`).
//!
//! Replayed into an empty image they give this image again. The order is Kafka's: the level of
//! `metadata.version` first, since it decides how to read the rest.

use super::Image;
use crate::wire::metadata_records::{
    ConfigRecord, FeatureLevelRecord, METADATA_VERSION, MetadataRecord, ProducerIdsRecord,
    TopicRecord,
};

impl Image {
    /// Gives every record of the image, in Kafka's order.
    pub fn write(&self, mut emit: impl FnMut(&MetadataRecord<'_>)) {
        self.write_features(&mut emit);
        self.kept.nodes().for_each(|record| emit(&record));
        self.write_topics(&mut emit);
        self.write_configs(&mut emit);
        self.kept.quotas().for_each(|record| emit(&record));
        if self.next_producer_id > 0 {
            let next_producer_id = self.next_producer_id;
            let record = ProducerIdsRecord { broker_id: -1, broker_epoch: -1, next_producer_id };
            emit(&record.into());
        }
        self.kept.security().for_each(|record| emit(&record));
    }

    fn write_features(&self, emit: &mut impl FnMut(&MetadataRecord<'_>)) {
        let first = self.features.get_key_value(METADATA_VERSION);
        let others = self.features.iter().filter(|(name, _)| *name != METADATA_VERSION);
        for (name, &feature_level) in first.into_iter().chain(others) {
            emit(&FeatureLevelRecord { name, feature_level }.into());
        }
    }

    fn write_topics(&self, emit: &mut impl FnMut(&MetadataRecord<'_>)) {
        for topic in self.topics.values() {
            emit(&TopicRecord { name: &topic.name, topic_id: topic.id }.into());
            for (index, partition) in topic.partitions.iter().enumerate() {
                emit(&partition.record(topic.id, index).into());
            }
        }
    }

    fn write_configs(&self, emit: &mut impl FnMut(&MetadataRecord<'_>)) {
        for ((kind, resource_name), configs) in &self.configs {
            for (name, value) in configs {
                emit(
                    &ConfigRecord {
                        resource_type: *kind as i8,
                        resource_name,
                        name,
                        value: Some(value),
                    }
                    .into(),
                );
            }
        }
    }
}
