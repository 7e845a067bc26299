//! Parts of the metadata that nothing here acts upon yet: brokers, controllers, quotas, ACLs,
//! credentials, tokens.
//!
//! They are kept as they are, each as the frame of the record that would make it, so that a snapshot
//! does not lose them and Kafka finds them again (`ClusterDelta`, `ClientQuotasDelta`, `AclsDelta`,
//! `ScramDelta`, `DelegationTokenDelta`). The number of entries is bounded by the log.

use std::collections::BTreeMap;

use super::ReplayError;
use crate::wire::metadata_records::{
    BrokerRegistrationChangeRecord, ClientQuotaRecord, MetadataRecord, RegisterBrokerRecord,
    UserScramCredentialRecord,
};
use crate::wire::uuid::Uuid;

/// One record's frame.
type Frame = Box<[u8]>;
/// What a quota applies to, by entity type; a `None` is the default entity.
type Entity = Vec<(String, Option<String>)>;

/// In a [`BrokerRegistrationChangeRecord`].
const FENCE: i8 = 1;
const UNFENCE: i8 = -1;

/// The records that are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    brokers: BTreeMap<i32, Frame>,
    controllers: BTreeMap<i32, Frame>,
    quotas: BTreeMap<(Entity, String), Frame>,
    acls: BTreeMap<Uuid, Frame>,
    credentials: BTreeMap<(i8, String), Frame>,
    tokens: BTreeMap<String, Frame>,
}

impl Kept {
    /// Applies a record, if it is one of those that are kept here.
    pub(super) fn replay(&mut self, record: &MetadataRecord<'_>) -> Result<(), ReplayError> {
        use MetadataRecord as Record;
        let frame = || record.to_bytes().into_boxed_slice();
        match record {
            Record::RegisterBrokerRecord(it) => _ = self.brokers.insert(it.broker_id, frame()),
            Record::UnregisterBrokerRecord(it) => _ = self.brokers.remove(&it.broker_id),
            Record::FenceBrokerRecord(it) => return self.fence(it.id, FENCE),
            Record::UnfenceBrokerRecord(it) => return self.fence(it.id, UNFENCE),
            Record::BrokerRegistrationChangeRecord(it) => return self.change_broker(it),
            Record::RegisterControllerRecord(it) => {
                self.controllers.insert(it.controller_id, frame());
            }
            Record::ClientQuotaRecord(it) if it.remove => _ = self.quotas.remove(&quota_key(it)),
            Record::ClientQuotaRecord(it) => _ = self.quotas.insert(quota_key(it), frame()),
            Record::AccessControlEntryRecord(it) => _ = self.acls.insert(it.id, frame()),
            Record::RemoveAccessControlEntryRecord(it) => _ = self.acls.remove(&it.id),
            Record::UserScramCredentialRecord(it) => {
                self.credentials.insert((it.mechanism, it.name.to_owned()), frame());
            }
            Record::RemoveUserScramCredentialRecord(it) => {
                self.credentials.remove(&(it.mechanism, it.name.to_owned()));
            }
            Record::DelegationTokenRecord(it) => {
                self.tokens.insert(it.token_id.to_owned(), frame());
            }
            Record::RemoveDelegationTokenRecord(it) => _ = self.tokens.remove(it.token_id),
            _ => {}
        }
        Ok(())
    }

    /// The ids of all registered brokers.
    pub(super) fn broker_ids(&self) -> impl Iterator<Item = i32> {
        self.brokers.keys().copied()
    }

    /// A broker's registration.
    pub(super) fn broker(&self, id: i32) -> Option<RegisterBrokerRecord<'_>> {
        registration(self.brokers.get(&id)?)
    }

    /// Brokers and controllers: what comes before the topics in a snapshot.
    pub(super) fn nodes(&self) -> impl Iterator<Item = MetadataRecord<'_>> {
        decoded(self.brokers.values().chain(self.controllers.values()))
    }

    /// Quotas: what comes between configs and producer ids.
    pub(super) fn quotas(&self) -> impl Iterator<Item = MetadataRecord<'_>> {
        decoded(self.quotas.values())
    }

    /// The quotas themselves, those of one entity beside each other.
    pub(super) fn quota_records(&self) -> impl Iterator<Item = ClientQuotaRecord<'_>> {
        self.quotas().filter_map(|record| match record {
            MetadataRecord::ClientQuotaRecord(quota) => Some(quota),
            _ => None,
        })
    }

    /// The SCRAM credentials.
    pub(super) fn scram_credentials(&self) -> impl Iterator<Item = UserScramCredentialRecord<'_>> {
        decoded(self.credentials.values()).filter_map(|record| match record {
            MetadataRecord::UserScramCredentialRecord(credential) => Some(credential),
            _ => None,
        })
    }

    /// What comes last.
    pub(super) fn security(&self) -> impl Iterator<Item = MetadataRecord<'_>> {
        let acls = self.acls.values();
        decoded(acls.chain(self.credentials.values()).chain(self.tokens.values()))
    }

    fn fence(&mut self, broker_id: i32, fenced: i8) -> Result<(), ReplayError> {
        let change = BrokerRegistrationChangeRecord { broker_id, fenced, ..Default::default() };
        self.change_broker(&change)
    }

    fn change_broker(
        &mut self,
        change: &BrokerRegistrationChangeRecord<'_>,
    ) -> Result<(), ReplayError> {
        let id = change.broker_id;
        let unknown = || ReplayError(format!("broker {id} changes, but it is not registered"));
        let frame = self.brokers.get_mut(&id).ok_or_else(unknown)?;
        let before = frame.clone();
        let mut broker = registration(&before).ok_or_else(unknown)?;
        if change.fenced != 0 {
            broker.fenced = change.fenced > 0;
        }
        broker.in_controlled_shutdown |= change.in_controlled_shutdown > 0;
        if !change.log_dirs.is_empty() {
            broker.log_dirs = change.log_dirs;
        }
        broker.cordoned_log_dirs = change.cordoned_log_dirs.or(broker.cordoned_log_dirs);
        *frame = MetadataRecord::from(broker).to_bytes().into_boxed_slice();
        Ok(())
    }
}

fn registration(frame: &[u8]) -> Option<RegisterBrokerRecord<'_>> {
    match MetadataRecord::decode(frame) {
        Ok(MetadataRecord::RegisterBrokerRecord(broker)) => Some(broker),
        _ => None,
    }
}

fn decoded<'a>(
    frames: impl Iterator<Item = &'a Frame>,
) -> impl Iterator<Item = MetadataRecord<'a>> {
    frames.map(|frame| {
        let record = MetadataRecord::decode(frame);
        assert!(record.is_ok(), "a kept frame was encoded here: {record:?}");
        record.unwrap_or(MetadataRecord::NoOpRecord(Default::default()))
    })
}

/// Equal for two quotas of which the later one replaces the earlier.
fn quota_key(record: &ClientQuotaRecord<'_>) -> (Entity, String) {
    let part = |part: crate::wire::metadata_records::EntityData<'_>| {
        (part.entity_type.to_owned(), part.entity_name.map(str::to_owned))
    };
    let mut entity: Entity = record.entity.iter().map(part).collect();
    entity.sort();
    (entity, record.key.to_owned())
}
