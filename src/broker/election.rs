//! Who leads from now on: at each start, before the first request.

use std::sync::Arc;

use super::{Controller, StartError, metadata_log};
use crate::catalog::{ApiError, Partition, Topic, elect_leaders_on_start};
use crate::log::LogError;

/// Leaders that one batch of metadata elects: Kafka reads batches of up to 8 MiB.
const MAX_ELECTED: usize = 50_000;

impl Controller {
    /// New leader epochs: for all partitions after an unclean stop, else for those that have another
    /// leader or none, as after a stop of Kafka. A partition that cannot note its own is offline.
    pub(super) fn elect_leaders(&mut self, clean: bool) -> Result<(), StartError> {
        let elected = elect_leaders_on_start(&self.shared.image(), self.shared.node, !clean);
        let directory = self.shared.data_dir.join(metadata_log::DIRECTORY);
        for plan in elected.plan.split(MAX_ELECTED) {
            let election = |why: ApiError| StartError::Election(directory.clone(), why.to_string());
            self.commit(&plan).map_err(election)?;
        }
        let image = self.shared.image();
        for id in elected.topics {
            let Some(topic) = image.topic_by_id(id) else { continue };
            let Some(running) = self.shared.topics.by_id(id) else { continue };
            let partitions: Vec<Arc<Partition>> = running
                .partitions()
                .iter()
                .zip(&topic.partitions)
                .map(|(partition, registered)| led(partition, registered.leader_epoch))
                .collect();
            let (name, id, config) = (running.name.clone(), running.id, running.config());
            self.shared.topics.insert(Arc::new(Topic::new(name, id, config, partitions)));
        }
        Ok(())
    }
}

/// The partition under its new epoch, or one in its place that is offline.
fn led(partition: &Arc<Partition>, epoch: i32) -> Arc<Partition> {
    let Err(why) = partition.lead(epoch) else { return partition.clone() };
    if matches!(&why, LogError::Storage(why) if why.is_out_of_space()) {
        // It can be read; the first append notes the epoch, when there is room for one.
        ::log::warn!(
            partition:% = partition.name(), error:% = why;
            "the new epoch cannot be noted for now"
        );
        return partition.clone();
    }
    ::log::error!(partition:% = partition.name(), error:% = why; "partition is offline");
    Arc::new(Partition::new(partition.topic.clone(), partition.index, epoch, None))
}
