//! This node in the metadata: registered at each start, fenced at a clean stop
//! (`ClusterControlManager.java`, KIP-631, KIP-966).
//!
//! Nothing here depends on it; a Kafka on the same directory does. It takes a broker that is not
//! fenced for alive and waits for its session to expire; and it believes that the data are whole only if
//! the epoch in `.kafka_cleanshutdown` is that of the last registration.

use super::controller::Controller;
use super::data_dir::random_uuid;
use super::shared::Endpoint;
use crate::catalog::{Plan, SUPPORTED_FEATURES, resign_on_stop};
use crate::wire::metadata_records::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, MetadataRecord,
    RegisterBrokerRecord,
};

/// The security protocol of a listener without TLS and without SASL (`SecurityProtocol.java`).
const PLAINTEXT: i16 = 0;
/// In a [`BrokerRegistrationChangeRecord`].
const FENCE: i8 = 1;

impl Controller {
    /// Registers this node with the listeners that serve now. Its epoch is the offset of the record.
    pub(super) fn register(&mut self, endpoints: &[Endpoint]) {
        let broker_epoch = self.metadata.next_offset();
        let plan = self.registration(broker_epoch, endpoints);
        match self.commit(&plan) {
            Ok(()) => self.broker_epoch = Some(broker_epoch),
            Err(why) => ::log::error!(error:% = why; "this node is not registered"),
        }
    }

    fn registration(&self, broker_epoch: i64, endpoints: &[Endpoint]) -> Plan {
        let config = &self.shared.static_config;
        let named = config.listeners().iter().zip(endpoints);
        let endpoints: Vec<BrokerEndpoint<'_>> = named
            .map(|(listener, endpoint)| BrokerEndpoint {
                name: &listener.name,
                // An empty host stands for whatever the client used.
                host: if endpoint.host.is_empty() { "localhost" } else { &endpoint.host },
                port: endpoint.port,
                security_protocol: PLAINTEXT,
            })
            .collect();
        let feature = |&(name, min_supported_version, max_supported_version): &_| BrokerFeature {
            name,
            min_supported_version,
            max_supported_version,
        };
        let features: Vec<BrokerFeature<'_>> = SUPPORTED_FEATURES.iter().map(feature).collect();
        let mut plan = Plan::over(&self.shared.image());
        plan.push(&MetadataRecord::from(RegisterBrokerRecord {
            broker_id: self.shared.node.node_id,
            incarnation_id: random_uuid(),
            broker_epoch,
            end_points: (&endpoints).into(),
            features: (&features).into(),
            rack: config.broker_rack(),
            fenced: false,
            log_dirs: (&[self.shared.node.directory_id]).into(),
            ..Default::default()
        }));
        plan
    }

    /// Says that this node serves no more. Gives the epoch of its registration.
    pub(super) fn fence(&mut self) -> i64 {
        let Some(broker_epoch) = self.broker_epoch else { return -1 };
        let broker_id = self.shared.node.node_id;
        let mut plan = resign_on_stop(&self.shared.image(), self.shared.node);
        plan.push(&MetadataRecord::from(BrokerRegistrationChangeRecord {
            broker_id,
            broker_epoch,
            fenced: FENCE,
            ..Default::default()
        }));
        if let Err(why) = self.commit(&plan) {
            ::log::warn!(
                error:% = why;
                "a Kafka on this directory will wait for this node for a while"
            );
        }
        broker_epoch
    }
}
