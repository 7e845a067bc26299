//! Control records of the metadata log and its snapshots: the quorum's own, beside the metadata.
//!
//! The key of a control record is two int16, a version and the type; the value is the message, in
//! version 0 (`ControlRecordUtils.java`, `ControlRecordType.java`). A type that is not known here is
//! no error: Kafka passes over it too.

use super::codec::{DecodeError, Message, Reader, Root, Writer};
use super::messages::Entry;

mod leader_change;
mod snapshot;
mod voters;

pub use leader_change::{LeaderChangeMessage, Voter as LeaderVoter};
pub use snapshot::{SnapshotFooterRecord, SnapshotHeaderRecord};
pub use voters::{Endpoint, KRaftVersionFeature, KRaftVersionRecord, Voter, VotersRecord};

/// The version that everything here is written in.
const VERSION: i16 = 0;

/// One line per control record.
macro_rules! control_records {
    ($($record:ident $(<$lt:lifetime>)?;)+) => {
        /// A control record.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum ControlRecord<'a> {
            $(
                #[doc = concat!("Type ", stringify!($record), ".")]
                $record($record $(<$lt>)?),
            )+
            /// Of a type that has no meaning here.
            Other(i16),
        }

        $(impl<'a> From<$record $(<$lt>)?> for ControlRecord<'a> {
            fn from(record: $record $(<$lt>)?) -> Self {
                ControlRecord::$record(record)
            }
        })+

        impl<'a> ControlRecord<'a> {
            /// Reads the key and the value of a record in a control batch.
            ///
            /// # Errors
            /// When one of them is cut short or says something impossible.
            pub fn decode(key: &[u8], value: &'a [u8]) -> Result<Self, DecodeError> {
                let mut r = Reader::new(key);
                r.read_i16()?;
                let kind = r.read_i16()?;
                $(if kind == $record::KEY {
                    return $record::decode(&mut Reader::new(value), VERSION).map(Self::$record);
                })+
                Ok(Self::Other(kind))
            }

            /// The key and the value; an unknown type has an empty value.
            pub fn to_key_and_value(&self) -> ([u8; 4], Vec<u8>) {
                let mut w = Writer::new();
                let kind = match self {
                    $(Self::$record(record) => {
                        record.encode(&mut w, VERSION);
                        $record::KEY
                    })+
                    Self::Other(kind) => *kind,
                };
                let [high, low] = kind.to_be_bytes();
                ([0, 0, high, low], w.into_bytes())
            }
        }

        /// Every control record that is declared here.
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

control_records! {
    LeaderChangeMessage<'a>;
    SnapshotHeaderRecord;
    SnapshotFooterRecord;
    KRaftVersionRecord;
    VotersRecord<'a>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kafkas() {
        let leader = [LeaderVoter { voter_id: 1, ..Default::default() }];
        let change = LeaderChangeMessage {
            leader_id: 1,
            voters: (&leader).into(),
            granting_voters: (&leader).into(),
            ..Default::default()
        };
        let (key, value) = ControlRecord::from(change).to_key_and_value();
        assert_eq!(key, [0, 0, 0, 2]);
        // As in a log that Kafka 4.3.1 wrote.
        assert_eq!(value, [0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0]);
        let footer = ControlRecord::from(SnapshotFooterRecord::default());
        assert_eq!(footer.to_key_and_value(), ([0, 0, 0, 4], vec![0, 0, 0]));
        assert_eq!(ControlRecord::decode(&[0, 0, 0, 4], &[0, 0, 0]), Ok(footer));
    }

    #[test]
    fn unknown_types_are_passed_over_and_short_ones_are_not() {
        assert_eq!(ControlRecord::decode(&[0, 0, 0, 99], &[]), Ok(ControlRecord::Other(99)));
        assert!(ControlRecord::decode(&[0, 0, 0], &[]).is_err());
        assert!(ControlRecord::decode(&[0, 0, 0, 5], &[0, 0, 0]).is_err());
    }
}
