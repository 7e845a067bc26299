//! The quorum of the metadata log, as it can be told: one of this node alone.

use super::{MetadataLog, snapshot};
use crate::broker::controller::Controller;
use crate::wire::uuid::Uuid;

/// The state of the quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuorumView {
    /// The only voter, which leads.
    pub node_id: i32,
    /// The directory by which the voters' record knows it; zero in a quorum of the old kind, whose
    /// voters have none.
    pub directory_id: Uuid,
    /// The epoch of its leadership.
    pub epoch: i32,
    /// Where what is committed ends.
    pub high_watermark: i64,
    /// Where the log ends.
    pub log_end: i64,
}

impl Controller {
    /// The state of the metadata quorum.
    pub fn quorum(&self) -> QuorumView {
        self.metadata.quorum_view()
    }
}

impl MetadataLog {
    fn quorum_view(&self) -> QuorumView {
        let offsets = self.log.offsets();
        let (high_watermark, log_end) = (offsets.high_watermark, offsets.log_end);
        assert!(high_watermark <= log_end, "what is committed is in the log");
        QuorumView {
            node_id: self.node.node_id,
            directory_id: self.voter_directory(),
            epoch: self.quorum.epoch,
            high_watermark,
            log_end,
        }
    }

    fn voter_directory(&self) -> Uuid {
        let named = self.quorum.kraft_version.is_some_and(|level| level > 0);
        let record = snapshot::voters(&self.quorum).filter(|_| named);
        let mut voters = record.iter().flat_map(|record| record.voters.iter());
        let this = voters.find(|voter| voter.voter_id == self.node.node_id);
        this.map_or(Uuid::ZERO, |voter| voter.voter_directory_id)
    }
}
