//! Metadata records about brokers.
//!
//! KIP-631; log directories since KIP-858, cordoned ones since KIP-1066.
//! Schemas: the files of the same names in Kafka's `metadata` module.

message! {
    metadata 0, versions 0..=4, flexible 0..;

    /// A broker registered.
    pub struct RegisterBrokerRecord<'a> {
        broker_id: i32,
        is_migrating_zk_broker: bool [2..],
        incarnation_id: uuid,
        broker_epoch: i64,
        end_points: [BrokerEndpoint<'a>],
        features: [BrokerFeature<'a>],
        rack: str nullable,
        fenced: bool = true,
        in_controlled_shutdown: bool [1..],
        log_dirs: [uuid] [3..] tag 0,
        cordoned_log_dirs: [uuid] [4..] nullable tag 1 = None,
    }

    /// Where it listens.
    pub struct BrokerEndpoint<'a> {
        name: str,
        host: str,
        port: u16,
        security_protocol: i16,
    }

    /// A feature and the levels that it can run.
    pub struct BrokerFeature<'a> {
        name: str,
        min_supported_version: i16,
        max_supported_version: i16,
    }
}

message! {
    metadata 1, versions 0..=0, flexible 0..;

    /// A broker is gone for good.
    pub struct UnregisterBrokerRecord {
        broker_id: i32,
        broker_epoch: i64,
    }
}

message! {
    metadata 7, versions 0..=0, flexible 0..;

    /// A broker is out of touch.
    pub struct FenceBrokerRecord {
        id: i32,
        epoch: i64,
    }
}

message! {
    metadata 8, versions 0..=0, flexible 0..;

    /// A broker is back in touch.
    pub struct UnfenceBrokerRecord {
        id: i32,
        epoch: i64,
    }
}

message! {
    metadata 17, versions 0..=3, flexible 0..;

    /// A registered broker changed. Zero means no change of that kind.
    pub struct BrokerRegistrationChangeRecord<'a> {
        broker_id: i32,
        broker_epoch: i64,
        /// -1 unfenced, 0 no change, 1 fenced.
        fenced: i8 tag 0,
        in_controlled_shutdown: i8 [1..] tag 1,
        log_dirs: [uuid] [2..] tag 2,
        cordoned_log_dirs: [uuid] [3..] nullable tag 3 = None,
    }
}
