//! Records of the metadata log, and the frame that each is stored in.
//!
//! A frame is a uvarint frame version (always 1), a uvarint record type, a uvarint record version
//! and the body; it is the value of a record in a batch of `__cluster_metadata-0`. Rule:
//! `AbstractApiMessageSerde.java` and `MetadataRecordSerde.java`. A record of an unknown type is an
//! error: metadata that is only half understood must not be applied.

use super::codec::{DecodeError, Message, Reader, Reason, Root, Writer};
use super::messages::Entry;

mod brokers;
mod control;
mod security;
mod settings;
mod topics;

pub use brokers::*;
pub use control::*;
pub use security::*;
pub use settings::*;
pub use topics::*;

/// The version of the frame.
const FRAME: u32 = 1;

/// One line per record type.
macro_rules! records {
    ($($variant:ident: $record:ident $(<$lt:lifetime>)?;)+) => {
        /// Any metadata record.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum MetadataRecord<'a> {
            $(
                #[doc = concat!("See [`", stringify!($record), "`].")]
                $variant($record $(<$lt>)?),
            )+
        }

        $(impl<'a> From<$record $(<$lt>)?> for MetadataRecord<'a> {
            fn from(record: $record $(<$lt>)?) -> Self {
                MetadataRecord::$variant(record)
            }
        })+

        impl<'a> MetadataRecord<'a> {
            fn decode_body(r: &mut Reader<'a>, key: u32, version: i16) -> Result<Self, DecodeError> {
                $(if key == $record::KEY as u32 {
                    return $record::decode(r, version).map(Self::$variant);
                })+
                Err(r.error(Reason::UnknownRecordType(key)))
            }

            /// Writes the frame and the body.
            pub fn encode(&self, w: &mut Writer, version: i16) {
                match self {
                    $(Self::$variant(record) => {
                        write_frame(w, $record::KEY, version);
                        record.encode(w, version);
                    })+
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
        }),+];
    };
}

records! {
    RegisterBroker: RegisterBrokerRecord<'a>;
    UnregisterBroker: UnregisterBrokerRecord;
    Topic: TopicRecord<'a>;
    Partition: PartitionRecord<'a>;
    Config: ConfigRecord<'a>;
    PartitionChange: PartitionChangeRecord<'a>;
    FenceBroker: FenceBrokerRecord;
    UnfenceBroker: UnfenceBrokerRecord;
    RemoveTopic: RemoveTopicRecord;
    DelegationToken: DelegationTokenRecord<'a>;
    UserScramCredential: UserScramCredentialRecord<'a>;
    FeatureLevel: FeatureLevelRecord<'a>;
    ClientQuota: ClientQuotaRecord<'a>;
    ProducerIds: ProducerIdsRecord;
    BrokerRegistrationChange: BrokerRegistrationChangeRecord<'a>;
    AccessControlEntry: AccessControlEntryRecord<'a>;
    RemoveAccessControlEntry: RemoveAccessControlEntryRecord;
    NoOp: NoOpRecord;
    ZkMigrationState: ZkMigrationStateRecord;
    RemoveUserScramCredential: RemoveUserScramCredentialRecord<'a>;
    BeginTransaction: BeginTransactionRecord<'a>;
    EndTransaction: EndTransactionRecord;
    AbortTransaction: AbortTransactionRecord<'a>;
    RemoveDelegationToken: RemoveDelegationTokenRecord<'a>;
    RegisterController: RegisterControllerRecord<'a>;
    ClearElr: ClearElrRecord<'a>;
}

impl<'a> MetadataRecord<'a> {
    /// Reads a frame and its body; the version comes with it.
    pub fn decode(r: &mut Reader<'a>) -> Result<(Self, i16), DecodeError> {
        let start = r.clone();
        let frame = r.read_uvarint()?;
        if frame != FRAME {
            return Err(start.error(Reason::UnknownFrameVersion(frame)));
        }
        let key = r.read_uvarint()?;
        let version = i16::try_from(r.read_uvarint()?).unwrap_or(i16::MAX);
        Ok((Self::decode_body(r, key, version)?, version))
    }
}

fn write_frame(w: &mut Writer, key: i16, version: i16) {
    w.write_uvarint(FRAME);
    w.write_uvarint(key as u32);
    w.write_uvarint(version as u32);
}
