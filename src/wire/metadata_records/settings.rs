//! Metadata records about settings, features, quotas and producer ids.
//!
//! KIP-631, KIP-584; a null value or a level of zero removes.
//! Schemas: the files of the same names in Kafka's `metadata` module.

message! {
    metadata 4, versions 0..=0, flexible 0..;

    /// A dynamic setting; a null value removes it.
    pub struct ConfigRecord<'a> {
        /// 2 topic, 4 broker, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: str,
        name: str,
        value: str nullable,
    }
}

message! {
    metadata 12, versions 0..=0, flexible 0..;

    /// The level of a feature.
    pub struct FeatureLevelRecord<'a> {
        name: str,
        /// 0 removes it.
        feature_level: i16,
    }
}

message! {
    metadata 14, versions 0..=0, flexible 0..;

    /// A quota.
    pub struct ClientQuotaRecord<'a> {
        entity: [EntityData<'a>],
        key: str,
        value: f64,
        remove: bool,
    }

    /// What a quota applies to, in one dimension.
    pub struct EntityData<'a> {
        entity_type: str,
        entity_name: str nullable,
    }
}

message! {
    metadata 15, versions 0..=0, flexible 0..;

    /// Producer ids up to a number have been given out.
    pub struct ProducerIdsRecord {
        broker_id: i32,
        broker_epoch: i64 = -1,
        /// The first one that has not been given out.
        next_producer_id: i64,
    }
}
