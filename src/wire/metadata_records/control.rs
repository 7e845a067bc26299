//! Metadata records about the controllers and the log itself.
//!
//! KIP-919 for registrations, KIP-868 for transactions of metadata, KIP-835 for the no-op.
//! Schemas: the files of the same names in Kafka's `metadata` module.

message! {
    metadata 27, versions 0..=0, flexible 0..;

    /// A controller registered.
    pub struct RegisterControllerRecord<'a> {
        controller_id: i32,
        incarnation_id: uuid,
        zk_migration_ready: bool,
        end_points: [ControllerEndpoint<'a>],
        features: [ControllerFeature<'a>],
    }

    /// Where it listens.
    pub struct ControllerEndpoint<'a> {
        name: str,
        host: str,
        port: u16,
        security_protocol: i16,
    }

    /// A feature and the levels that it can run.
    pub struct ControllerFeature<'a> {
        name: str,
        min_supported_version: i16,
        max_supported_version: i16,
    }
}

message! {
    metadata 20, versions 0..=0, flexible 0..;

    /// Nothing; keeps the log moving.
    pub struct NoOpRecord {}
}

message! {
    metadata 23, versions 0..=0, flexible 0..;

    /// A group of metadata records that count together begins.
    pub struct BeginTransactionRecord<'a> {
        name: str nullable tag 0 = None,
    }
}

message! {
    metadata 24, versions 0..=0, flexible 0..;

    /// A group of metadata records is complete.
    pub struct EndTransactionRecord {}
}

message! {
    metadata 25, versions 0..=0, flexible 0..;

    /// A group of metadata records is void.
    pub struct AbortTransactionRecord<'a> {
        reason: str nullable tag 0 = None,
    }
}

message! {
    metadata 21, versions 0..=0, flexible 0..;

    /// How far a migration from ZooKeeper got.
    pub struct ZkMigrationStateRecord {
        zk_migration_state: i8,
    }
}
