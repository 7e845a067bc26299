//! The first and the last record of a snapshot.
//!
//! KIP-630. Schemas: `SnapshotHeaderRecord.json`, `SnapshotFooterRecord.json`.

message! {
    control 3, versions 0..=0, flexible 0..;

    /// A snapshot begins.
    pub struct SnapshotHeaderRecord {
        version: i16,
        /// When the last record that the snapshot stands for was appended.
        last_contained_log_timestamp: i64,
    }
}

message! {
    control 4, versions 0..=0, flexible 0..;

    /// A snapshot is complete.
    pub struct SnapshotFooterRecord {
        version: i16,
    }
}
