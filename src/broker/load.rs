//! From the metadata image to running partitions, at the start.
//!
//! The catalog says which partitions exist; the directories only hold their bytes. After a clean
//! stop no partition's directory is looked into: logs are opened when they are first needed. After
//! anything else all of them are opened and checked before the broker serves. A directory that is
//! missing is made anew (Kafka does the same).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use super::leftovers::{Found, Removal};
use super::shared::Shared;
use super::{StartError, opener, partition_dir, recovery};
use crate::catalog::{Image, Partition, ResourceKind, Topic, TopicImage};
use crate::config::{Config, TopicConfig};
use crate::log::{Keepers, Log, Recovery};
use crate::wire::uuid::Uuid;

/// Fills the table of running topics from the image. What interrupted deletions left is removed
/// behind the start.
///
/// # Errors
/// When the data directory cannot be listed. A partition that cannot be opened is offline.
pub fn load(shared: &Arc<Shared>, recovery: Recovery) -> Result<Option<Removal>, StartError> {
    let image = shared.image();
    let mut found = Found::list(&shared.data_dir, &image)
        .map_err(|why| StartError::Io(shared.data_dir.clone(), why))?;
    found.set_aside();
    let opener = opener::lazy(shared);
    let config = shared.config();
    let mut missing = Missing::default();
    for topic in image.topics() {
        let settings = Arc::new(resolve(&image, &config, &topic.name));
        let partition = |(index, registered): (usize, &crate::catalog::PartitionImage)| {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            let (name, epoch) = (topic.name.clone(), registered.leader_epoch);
            if found.partitions.contains(OsStr::new(&partition_dir::name(&name, index))) {
                return Partition::unopened(name, index, epoch, opener.clone());
            }
            let log = missing.make(shared, topic, index, &settings);
            Partition::new(name, index, epoch, log)
        };
        let partitions = topic.partitions.iter().enumerate().map(partition).map(Arc::new).collect();
        shared.topics.insert(Arc::new(Topic::new(
            topic.name.clone(),
            topic.id,
            settings,
            partitions,
        )));
    }
    missing.tell();
    drop(image);
    if recovery == Recovery::Unclean {
        recovery::recover(shared);
    }
    Ok(Removal::spawn(found.deleted))
}

/// Partitions without a directory.
#[derive(Default)]
struct Missing {
    count: usize,
    first: String,
}

impl Missing {
    fn make(
        &mut self,
        shared: &Shared,
        topic: &TopicImage,
        index: i32,
        settings: &Arc<TopicConfig>,
    ) -> Option<Log> {
        let name = partition_dir::name(&topic.name, index);
        let dir = shared.data_dir.join(&name);
        // What is noted of the lost log does not hold for the new one.
        let forgotten = shared.checkpoints.forget(&topic.name, index..index.saturating_add(1));
        let made = forgotten
            .map_err(|why| why.to_string())
            .and_then(|()| make_log(&dir, topic.id, settings, &shared.config(), &shared.keepers));
        self.count += 1;
        if self.first.is_empty() {
            self.first.clone_from(&name);
        }
        made.inspect_err(|why| {
            ::log::error!(
                partition:% = name, error:% = why;
                "partition is offline: it has no directory, and none can be made"
            );
        })
        .ok()
    }

    fn tell(&self) {
        if self.count > 0 {
            let (count, first) = (self.count, &self.first);
            ::log::warn!(
                partitions = count, first:%;
                "partitions had no directory: they start empty"
            );
        }
    }
}

/// Makes the log of a new partition and notes whose it is.
pub fn make_log(
    dir: &Path,
    topic_id: Uuid,
    topic_config: &Arc<TopicConfig>,
    config: &Config,
    keepers: &Keepers,
) -> Result<Log, String> {
    let log = Log::create(dir.to_owned(), topic_config.clone(), keepers.clone());
    let log = log.map_err(|why| why.to_string())?;
    log.set_producer_expiration(i64::from(config.producer_id_expiration_ms()));
    let noted = partition_dir::write_metadata(dir, topic_id);
    noted.map_err(|why| format!("{}: {why}", dir.display()))?;
    Ok(log)
}

/// The effective settings of a topic. Overrides were checked when they were set; one that the table
/// refuses now, or that contradicts those before it, is left out rather than keeping the broker down.
pub fn resolve(image: &Image, config: &Config, topic: &str) -> TopicConfig {
    let overrides = image.configs(ResourceKind::Topic, topic);
    TopicConfig::resolve(overrides, config).unwrap_or_else(|_| {
        let mut usable = BTreeMap::new();
        for (name, value) in overrides {
            usable.insert(name.clone(), value.clone());
            if let Err(why) = TopicConfig::resolve(&usable, config) {
                ::log::error!(
                    topic, setting:% = name, error:% = why;
                    "a setting of a topic is ignored"
                );
                usable.remove(name);
            }
        }
        TopicConfig::resolve(&usable, config).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::metadata_records::{ConfigRecord, MetadataRecord};

    #[test]
    fn only_the_overrides_that_cannot_be_used_are_left_out() {
        let mut image = Image::new();
        for (name, value) in [
            ("cleanup.policy", "shred"),
            ("max.message.bytes", "7000"),
            // The two lags contradict each other: the first one stays.
            ("max.compaction.lag.ms", "10"),
            ("min.compaction.lag.ms", "20"),
            ("no.such.setting", "1"),
            ("retention.ms", "-1"),
        ] {
            let record = ConfigRecord {
                resource_type: ResourceKind::Topic as i8,
                resource_name: "t",
                name,
                value: Some(value),
            };
            image.replay(&MetadataRecord::ConfigRecord(record)).unwrap();
        }
        let defaults = TopicConfig::default();
        let expected = TopicConfig {
            max_message_bytes: 7000,
            max_compaction_lag_ms: 10,
            retention_ms: -1,
            ..defaults
        };
        assert_eq!(resolve(&image, &Config::default(), "t"), expected);
    }
}
