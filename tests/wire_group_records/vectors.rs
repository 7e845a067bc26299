//! The vectors, and what is asked of every one of them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use barnabas::wire::codec::DecodeError;
use barnabas::wire::group_records::*;

/// What all values can do.
pub trait Written<'a>: PartialEq + Debug + Sized {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError>;
    fn written(&self) -> Vec<u8>;
    fn written_at(&self, version: i16) -> Vec<u8>;
}

macro_rules! values {
    ($($name:ident: $value:ident $(<$lt:lifetime>)?;)+) => {
        $(impl<'a> Written<'a> for $value $(<$lt>)? {
            fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                $value::from_bytes(bytes)
            }

            fn written(&self) -> Vec<u8> {
                self.to_bytes()
            }

            fn written_at(&self, version: i16) -> Vec<u8> {
                self.to_bytes_at(version)
            }
        })+

        /// Reads a value of the type that its key says; how it would be written.
        pub fn reread(key: &GroupKey<'_>, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
            match key {
                $(GroupKey::$name(_) => $value::from_bytes(bytes).map(|value| value.to_bytes()),)+
                GroupKey::Foreign(key) => panic!("a value of {key:?}"),
                GroupKey::Other(kind) => panic!("a value of type {kind}"),
            }
        }
    };
}

values! {
    OffsetCommit: OffsetCommitValue<'a>;
    GroupMetadata: GroupMetadataValue<'a>;
    ConsumerGroupMetadata: ConsumerGroupMetadataValue;
    ConsumerGroupPartitionMetadata: ConsumerGroupPartitionMetadataValue<'a>;
    ConsumerGroupMemberMetadata: ConsumerGroupMemberMetadataValue<'a>;
    ConsumerGroupTargetAssignmentMetadata: ConsumerGroupTargetAssignmentMetadataValue;
    ConsumerGroupTargetAssignmentMember: ConsumerGroupTargetAssignmentMemberValue<'a>;
    ConsumerGroupCurrentMemberAssignment: ConsumerGroupCurrentMemberAssignmentValue<'a>;
    ConsumerGroupRegularExpression: ConsumerGroupRegularExpressionValue<'a>;
}

/// The key's and the value's bytes by the name of the record.
pub struct Vectors(pub BTreeMap<&'static str, (Vec<u8>, Option<Vec<u8>>)>);

impl Vectors {
    pub fn read() -> Vectors {
        let lines = include_str!("vectors.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        Vectors(
            lines
                .map(|line| {
                    let mut words = line.split(' ');
                    let name = words.next().unwrap();
                    let (key, value) = (words.next().unwrap(), words.next().unwrap());
                    (name, (bytes(key), (value != "-").then(|| bytes(value))))
                })
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> (&[u8], Option<&[u8]>) {
        let (key, value) = self.0.get(name).unwrap_or_else(|| panic!("no {name}"));
        (key, value.as_deref())
    }

    pub fn check_key(&self, name: &str, key: GroupKey<'_>) {
        assert_eq!(GroupKey::decode(self.get(name).0), Ok(key), "{name}");
        assert_eq!(key.to_bytes(), self.get(name).0, "{name}");
    }

    /// The record is this one, and is written as Kafka wrote it.
    pub fn check<'a, T: Written<'a>>(&'a self, name: &str, key: GroupKey<'_>, value: T) {
        self.check_key(name, key);
        let bytes = self.get(name).1.unwrap();
        assert_eq!(T::read(bytes).as_ref(), Ok(&value), "{name}");
        assert_eq!(value.written(), bytes, "{name}");
    }

    /// The record takes the key's value away.
    pub fn check_tombstone(&self, name: &str, key: GroupKey<'_>) {
        self.check_key(name, key);
        assert_eq!(self.get(name).1, None, "{name}");
    }

    /// The value is this one, and is written as Kafka wrote it when it is asked for that version.
    pub fn check_version<'a, T: Written<'a>>(&'a self, name: &str, version: i16, value: T) {
        let bytes = self.get(name).1.unwrap();
        assert_eq!(T::read(bytes).as_ref(), Ok(&value), "{name}");
        assert_eq!(T::read(bytes).unwrap().written_at(version), bytes, "{name}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}
