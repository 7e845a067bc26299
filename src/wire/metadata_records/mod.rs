//! Records of the metadata log, and the frame that each is stored in.
//!
//! A frame is a uvarint frame version (always 1), a uvarint record type, a uvarint record version
//! and the body; it is the value of a record in a batch of `__cluster_metadata-0`. Rule:
//! `AbstractApiMessageSerde.java` and `MetadataRecordSerde.java`. A record of an unknown type is an
//! error: metadata that is only half understood must not be applied.

use super::codec::{DecodeError, Message, Reader, Reason, Root, Writer};
use super::messages::Entry;
use super::schema::Schema;

mod brokers;
mod control;
mod levels;
mod security;
mod settings;
mod topics;

pub use brokers::*;
pub use control::*;
pub use levels::*;
pub use security::*;
pub use settings::*;
pub use topics::*;

/// The version of the frame.
const FRAME: u32 = 1;

/// One line per record type.
macro_rules! records {
    ($($record:ident $(<$lt:lifetime>)?;)+) => {
        /// Any metadata record.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum MetadataRecord<'a> {
            $(
                #[doc = concat!("Type ", stringify!($record), ".")]
                $record($record $(<$lt>)?),
            )+
        }

        $(impl<'a> From<$record $(<$lt>)?> for MetadataRecord<'a> {
            fn from(record: $record $(<$lt>)?) -> Self {
                MetadataRecord::$record(record)
            }
        })+

        impl<'a> MetadataRecord<'a> {
            fn read_body(r: &mut Reader<'a>, key: u32, version: i16) -> Result<Self, DecodeError> {
                $(if key == $record::KEY as u32 {
                    return $record::decode(r, version).map(Self::$record);
                })+
                Err(r.error(Reason::UnknownRecordType(key)))
            }

            /// What kind of record it is.
            pub fn schema(&self) -> &'static Schema {
                match self {
                    $(Self::$record(_) => $record::SCHEMA,)+
                }
            }

            fn write_body(&self, w: &mut Writer, version: i16) {
                match self {
                    $(Self::$record(record) => record.encode(w, version),)+
                }
            }
        }

        /// Every record that is declared here.
        pub static ALL: &[Entry] = &[$(Entry {
            schema: $record::SCHEMA,
            transcode: |bytes, version, w| {
                let mut r = Reader::new(bytes);
                $record::decode(&mut r, version)?.encode(w, version);
                Ok(r.position())
            },
            encode_default: |version, w| $record::default().encode(w, version),
        }),+];
    };
}

records! {
    RegisterBrokerRecord<'a>;
    UnregisterBrokerRecord;
    TopicRecord<'a>;
    PartitionRecord<'a>;
    ConfigRecord<'a>;
    PartitionChangeRecord<'a>;
    FenceBrokerRecord;
    UnfenceBrokerRecord;
    RemoveTopicRecord;
    DelegationTokenRecord<'a>;
    UserScramCredentialRecord<'a>;
    FeatureLevelRecord<'a>;
    ClientQuotaRecord<'a>;
    ProducerIdsRecord;
    BrokerRegistrationChangeRecord<'a>;
    AccessControlEntryRecord<'a>;
    RemoveAccessControlEntryRecord;
    NoOpRecord;
    ZkMigrationStateRecord;
    RemoveUserScramCredentialRecord<'a>;
    BeginTransactionRecord<'a>;
    EndTransactionRecord;
    AbortTransactionRecord<'a>;
    RemoveDelegationTokenRecord<'a>;
    RegisterControllerRecord<'a>;
    ClearElrRecord<'a>;
}

impl<'a> MetadataRecord<'a> {
    /// Reads a frame and what is in it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let start = r.clone();
        let frame = r.read_uvarint()?;
        if frame != FRAME {
            return Err(start.error(Reason::UnknownFrameVersion(frame)));
        }
        let key = r.read_uvarint()?;
        let version = i16::try_from(r.read_uvarint()?).unwrap_or(i16::MAX);
        Self::read_body(&mut r, key, version)
    }

    /// The frame with the record as Kafka 4.3 writes it at its own level.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_at(NEWEST_LEVEL)
    }

    /// Writes the frame with the record in some version.
    pub fn encode(&self, w: &mut Writer, version: i16) {
        w.write_uvarint(FRAME);
        w.write_uvarint(self.schema().key as u32);
        w.write_uvarint(version as u32);
        self.write_body(w, version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::uuid::Uuid;

    #[test]
    fn frame_is_kafkas() {
        let record = MetadataRecord::from(TopicRecord { name: "foo", topic_id: Uuid::ONE });
        let bytes = record.to_bytes();
        assert_eq!(bytes[..8], [1, 2, 0, 4, b'f', b'o', b'o', 0]);
        assert_eq!((bytes[22], bytes[23], bytes.len()), (1, 0, 24));
        assert_eq!(MetadataRecord::decode(&bytes), Ok(record));
    }

    #[test]
    fn newest_versions_are_those_of_kafka() {
        let version = |record: MetadataRecord<'_>| record.to_bytes()[2];
        assert_eq!(version(PartitionRecord::default().into()), 2);
        assert_eq!(version(PartitionChangeRecord::default().into()), 2);
        assert_eq!(version(RegisterBrokerRecord::default().into()), 4);
        assert_eq!(version(ConfigRecord::default().into()), 0);
    }

    #[test]
    fn foreign_frames_types_and_versions_are_refused() {
        let reason = |bytes: &[u8]| MetadataRecord::decode(bytes).unwrap_err().reason;
        assert_eq!(reason(&[0, 2, 0]), Reason::UnknownFrameVersion(0));
        assert_eq!(reason(&[2, 2, 0]), Reason::UnknownFrameVersion(2));
        assert_eq!(reason(&[1, 6, 0, 0]), Reason::UnknownRecordType(6));
        assert_eq!(reason(&[1, 0xff, 0xff, 3, 0, 0]), Reason::UnknownRecordType(65535));
        assert_eq!(reason(&[1, 2, 1, 0]), Reason::UnknownVersion(1));
        assert_eq!(reason(&[1]), Reason::Truncated { needed: 1, left: 0 });
    }

    #[test]
    fn types_are_distinct() {
        let mut keys: Vec<_> = ALL.iter().map(|entry| entry.schema.key).collect();
        assert_eq!(keys.len(), 26);
        keys.dedup();
        assert_eq!(keys.len(), 26);
        assert!(keys.is_sorted());
    }
}
