//! Which version of a record each `metadata.version` writes.
//!
//! Rule: `MetadataVersion.java` of Kafka 4.3 (`registerBrokerRecordVersion` and the like). A log that
//! an older Kafka shall still read must not hold newer versions than its level allows.

use super::MetadataRecord;
use crate::wire::codec::Writer;

/// The name of the feature.
pub const METADATA_VERSION: &str = "metadata.version";
/// The first level with KRaft that Kafka 4 still reads (3.3-IV3).
pub const OLDEST_LEVEL: i16 = 7;
/// The level of Kafka 4.3 (4.3-IV0).
pub const NEWEST_LEVEL: i16 = 30;
/// Metadata transactions can be aborted from this level on (3.6-IV1).
pub const TRANSACTION_LEVEL: i16 = 13;

impl MetadataRecord<'_> {
    /// The version that this record is written in at a level of `metadata.version`.
    pub fn version_at(&self, level: i16) -> i16 {
        let since = |levels: &[i16]| levels.iter().filter(|&&from| level >= from).count() as i16;
        match self {
            Self::RegisterBrokerRecord(_) => since(&[7, 8, 17, 30]),
            Self::PartitionRecord(_) | Self::PartitionChangeRecord(_) => since(&[17, 23]),
            // Whatever the level: the oldest one that can say it.
            Self::BrokerRegistrationChangeRecord(record) => match record {
                record if record.cordoned_log_dirs.is_some() => 3,
                record if !record.log_dirs.is_empty() => 2,
                record if record.in_controlled_shutdown != 0 => 1,
                _ => 0,
            },
            _ => self.schema().versions.max,
        }
    }

    /// The frame with the record in the version that a level of `metadata.version` writes.
    pub fn to_bytes_at(&self, level: i16) -> Vec<u8> {
        let mut w = Writer::new();
        self.encode(&mut w, self.version_at(level));
        w.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use crate::wire::uuid::Uuid;

    #[test]
    fn versions_follow_the_level() {
        // What Kafka 4.3.1's MetadataVersion says.
        for (level, register, partition) in [
            (7, 1, 0),
            (8, 2, 0),
            (16, 2, 0),
            (17, 3, 1),
            (22, 3, 1),
            (23, 3, 2),
            (29, 3, 2),
            (30, 4, 2),
        ] {
            let version = |record: MetadataRecord<'_>| record.version_at(level);
            assert_eq!(version(RegisterBrokerRecord::default().into()), register, "{level}");
            assert_eq!(version(PartitionRecord::default().into()), partition, "{level}");
            assert_eq!(version(PartitionChangeRecord::default().into()), partition, "{level}");
            assert_eq!(version(TopicRecord::default().into()), 0, "{level}");
        }
    }

    #[test]
    fn a_registration_changes_in_the_oldest_version_that_can_say_it() {
        let version = |record: BrokerRegistrationChangeRecord<'_>| {
            MetadataRecord::from(record).to_bytes_at(NEWEST_LEVEL)[2]
        };
        let plain = BrokerRegistrationChangeRecord { fenced: 1, ..Default::default() };
        assert_eq!(version(plain), 0);
        let stopping = BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..plain };
        assert_eq!(version(stopping), 1);
        let dirs = [Uuid::ONE];
        let moved = BrokerRegistrationChangeRecord { log_dirs: (&dirs).into(), ..plain };
        assert_eq!(version(moved), 2);
        let cordoned = BrokerRegistrationChangeRecord {
            cordoned_log_dirs: Some((&[]).into()),
            ..Default::default()
        };
        assert_eq!(version(cordoned), 3);
    }
}
