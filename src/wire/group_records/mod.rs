//! Records of the offsets topic (`__consumer_offsets`): groups and committed offsets.
//!
//! A key is an int16 type and a struct, a value an int16 version and a struct; a record without a
//! value is a tombstone. Rule: `GroupCoordinatorRecordSerde.java`, `GroupCoordinatorRecordHelpers.java`.
//! Of share groups and streams groups only the keys are read: whose record it is. A type that is not known
//! here at all is no error: the record stays in the log, and the next Kafka finds it there.

use super::codec::{DecodeError, Message, Reader, Root, Writer};
use super::messages::Entry;

mod classic;
mod consumer;
mod foreign;
mod offset_commit;

pub use classic::*;
pub use consumer::*;
pub use foreign::*;
pub use offset_commit::*;

/// The type under which offsets were committed long ago. It is read as type 1 is.
const LEGACY_OFFSET_COMMIT: i16 = 0;
/// Bytes of memory to begin a key or a value with: most take no more.
const USUAL: usize = 96;

/// One line per type: its name, its key, its value and the version that is written.
macro_rules! group_records {
    ($($(#[$meta:meta])* $name:ident: $key:ident, $value:ident $(<$lt:lifetime>)?, $version:literal;)+) => {
        /// The key of a record.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum GroupKey<'a> {
            $($(#[$meta])* $name($key<'a>),)+
            /// Of a group of a kind that is not served here.
            Foreign(ForeignKey<'a>),
            /// Of a type that has no meaning here.
            Other(i16),
        }

        impl<'a> GroupKey<'a> {
            /// Reads a key.
            ///
            /// # Errors
            /// When it is cut short or says something impossible.
            pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                let mut r = Reader::new(bytes);
                let kind = match r.read_i16()? {
                    LEGACY_OFFSET_COMMIT => OffsetCommitKey::KEY,
                    kind => kind,
                };
                $(if kind == $key::KEY {
                    return $key::decode(&mut r, 0).map(Self::$name);
                })+
                let foreign = ForeignKey::decode(kind, &mut r)?;
                Ok(foreign.map_or(Self::Other(kind), Self::Foreign))
            }

            /// The key with its type; of an unknown one only that.
            pub fn to_bytes(&self) -> Vec<u8> {
                let mut w = Writer::with_capacity(USUAL);
                match self {
                    $(Self::$name(key) => {
                        w.write_i16($key::KEY);
                        key.encode(&mut w, 0);
                    })+
                    Self::Foreign(key) => key.encode(&mut w),
                    Self::Other(kind) => w.write_i16(*kind),
                }
                w.into_bytes()
            }
        }

        $(impl<'a> $value $(<$lt>)? {
            /// Reads a value with its version.
            ///
            /// # Errors
            /// When it is cut short, or of a version that is not known.
            pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                let mut r = Reader::new(bytes);
                let version = r.read_i16()?;
                Self::decode(&mut r, version)
            }

            /// The value as Kafka 4.3 writes it, with its version.
            pub fn to_bytes(&self) -> Vec<u8> {
                self.to_bytes_at($version)
            }

            /// The value in some version.
            pub fn to_bytes_at(&self, version: i16) -> Vec<u8> {
                let mut w = Writer::with_capacity(USUAL);
                w.write_i16(version);
                self.encode(&mut w, version);
                w.into_bytes()
            }
        })+

        /// Every key and value that is declared here.
        pub static ALL: &[Entry] = &[$(
            Entry {
                schema: $key::SCHEMA,
                transcode: |bytes, version, w| {
                    let mut r = Reader::new(bytes);
                    $key::decode(&mut r, version)?.encode(w, version);
                    Ok(r.position())
                },
                encode_default: |version, w| $key::default().encode(w, version),
            },
            Entry {
                schema: $value::SCHEMA,
                transcode: |bytes, version, w| {
                    let mut r = Reader::new(bytes);
                    $value::decode(&mut r, version)?.encode(w, version);
                    Ok(r.position())
                },
                encode_default: |version, w| $value::default().encode(w, version),
            },
        )+];
    };
}

group_records! {
    /// A committed offset. With an expiry of its own it is written in version 1, which alone has one.
    OffsetCommit: OffsetCommitKey, OffsetCommitValue<'a>, 4;
    /// A group of the classic protocol.
    GroupMetadata: GroupMetadataKey, GroupMetadataValue<'a>, 3;
    /// A group of the consumer protocol.
    ConsumerGroupMetadata: ConsumerGroupMetadataKey, ConsumerGroupMetadataValue, 0;
    /// Obsolete: only tombstones are written.
    ConsumerGroupPartitionMetadata:
        ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue<'a>, 0;
    /// A member and what it subscribes to.
    ConsumerGroupMemberMetadata:
        ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue<'a>, 0;
    /// The epoch of the target assignment.
    ConsumerGroupTargetAssignmentMetadata:
        ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue, 0;
    /// What a member is to have.
    ConsumerGroupTargetAssignmentMember:
        ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue<'a>, 0;
    /// What a member has.
    ConsumerGroupCurrentMemberAssignment:
        ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue<'a>, 0;
    /// The topics that a regular expression stands for.
    ConsumerGroupRegularExpression:
        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue<'a>, 0;
}

impl<'a> GroupKey<'a> {
    /// The group whose record it is.
    pub fn group(&self) -> Option<&'a str> {
        Some(match self {
            GroupKey::OffsetCommit(key) => key.group,
            GroupKey::GroupMetadata(key) => key.group,
            GroupKey::ConsumerGroupMetadata(key) => key.group_id,
            GroupKey::ConsumerGroupPartitionMetadata(key) => key.group_id,
            GroupKey::ConsumerGroupMemberMetadata(key) => key.group_id,
            GroupKey::ConsumerGroupTargetAssignmentMetadata(key) => key.group_id,
            GroupKey::ConsumerGroupTargetAssignmentMember(key) => key.group_id,
            GroupKey::ConsumerGroupCurrentMemberAssignment(key) => key.group_id,
            GroupKey::ConsumerGroupRegularExpression(key) => key.group_id,
            GroupKey::Foreign(key) => key.group_id,
            GroupKey::Other(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::{Array, Reason};

    #[test]
    fn keys_are_kafkas() {
        let key = GroupKey::OffsetCommit(OffsetCommitKey { group: "g", topic: "t", partition: 7 });
        let bytes = [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 7];
        assert_eq!(key.to_bytes(), bytes);
        assert_eq!(GroupKey::decode(&bytes), Ok(key));
        let legacy = [&[0, 0], &bytes[2..]].concat();
        assert_eq!(GroupKey::decode(&legacy), Ok(key));
        assert_eq!(GroupKey::decode(&[0, 18, 1, 2]), Ok(GroupKey::Other(18)));
    }

    /// The types are those of Kafka 4.3's schemas: 16 is a regular expression, 18 was given up.
    #[test]
    fn keys_of_kinds_that_are_not_served_say_whose_they_are() {
        let kinds = [(ForeignKind::Share, 10..=15_i16), (ForeignKind::Streams, 17..=23)];
        for (kind, record) in kinds.into_iter().flat_map(|(kind, all)| all.map(move |r| (kind, r)))
        {
            let of_member = matches!(record, 10 | 13 | 14 | 19 | 21 | 22);
            let member = if of_member { &b"\0\x01m"[..] } else { &[] };
            let bytes = [&record.to_be_bytes(), &b"\0\x02sh"[..], member].concat();
            let member_id = of_member.then_some("m");
            let key = GroupKey::Foreign(ForeignKey { kind, record, group_id: "sh", member_id });
            if record == 18 {
                assert_eq!(GroupKey::decode(&bytes), Ok(GroupKey::Other(18)));
                continue;
            }
            assert_eq!(GroupKey::decode(&bytes), Ok(key), "{record}");
            assert_eq!((key.to_bytes(), key.group()), (bytes.clone(), Some("sh")), "{record}");
            assert!(GroupKey::decode(&bytes[..bytes.len() - 1]).is_err(), "{record} is cut short");
        }
    }

    /// The bytes are those of Kafka's `ConsumerGroupMemberMetadataValue`.
    #[test]
    fn a_tagged_struct_has_a_null_of_its_own() {
        let topics = ["t"];
        let value = ConsumerGroupMemberMetadataValue {
            instance_id: Some("i0"),
            rack_id: None,
            client_id: "c",
            client_host: "/h",
            subscribed_topic_names: Array::from(&topics),
            subscribed_topic_regex: Some(""),
            rebalance_timeout_ms: 1000,
            server_assignor: None,
            classic_member_metadata: None,
        };
        let bytes = value.to_bytes();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "0000036930000263032f6802027401000003e80001000100");
        let read = ConsumerGroupMemberMetadataValue::from_bytes(&bytes).unwrap();
        assert_eq!(read.classic_member_metadata, None);
    }

    #[test]
    fn values_are_written_as_kafka_does() {
        assert_eq!(OffsetCommitValue::default().to_bytes()[..2], [0, 4]);
        assert_eq!(GroupMetadataValue::default().to_bytes()[..2], [0, 3]);
        let value = OffsetCommitValue { offset: 5, expire_timestamp: 9, ..Default::default() };
        let bytes = value.to_bytes_at(1);
        assert_eq!(OffsetCommitValue::from_bytes(&bytes), Ok(value));
        let unknown = OffsetCommitValue::from_bytes(&[0, 5]).unwrap_err();
        assert_eq!(unknown.reason, Reason::UnknownVersion(5));
    }
}
