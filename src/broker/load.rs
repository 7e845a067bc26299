//! From the metadata image to running partitions, at the start.
//!
//! The catalog says which partitions exist; the directories only hold their bytes. A directory that
//! the catalog does not know, or that belongs to an earlier topic with the same name, is moved
//! aside as `…-stray` (Kafka does the same) and never read; a missing one is made anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::data_dir::random_uuid;
use super::metadata_log::DIRECTORY as METADATA_DIRECTORY;
use super::{StartError, partition_dir};
use crate::catalog::{Image, Partition, ResourceKind, Topic, TopicImage, Topics};
use crate::config::{Config, TopicConfig};
use crate::log::{Keepers, Log, Recovery, RecoveryReport, aside_dir_name};
use crate::wire::uuid::Uuid;

/// What is needed to open partitions.
pub struct Loader<'a> {
    /// The data directory.
    pub data_dir: &'a Path,
    /// The effective broker settings.
    pub config: &'a Config,
    /// Whether logs must be checked.
    pub recovery: Recovery,
    /// The keeper that logs need.
    pub keepers: &'a Keepers,
}

impl Loader<'_> {
    /// Opens all partitions of the image.
    ///
    /// # Errors
    /// When the data directory cannot be listed. A partition that cannot be opened is offline.
    pub fn load(&self, image: &Image, topics: &Topics) -> Result<(), StartError> {
        self.clear_away(image)?;
        for topic in image.topics() {
            topics.insert(Arc::new(self.open_topic(image, topic)));
        }
        Ok(())
    }

    fn open_topic(&self, image: &Image, topic: &TopicImage) -> Topic {
        let config = Arc::new(resolve(image, self.config, &topic.name));
        let open = |(index, registered): (usize, &crate::catalog::PartitionImage)| {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            let log = self.open_log(topic, index, &config);
            let log = log.inspect_err(|why| {
                ::log::error!("partition {}-{index} is offline: {why}", topic.name);
            });
            Arc::new(Partition::new(topic.name.clone(), index, registered.leader_epoch, log.ok()))
        };
        let partitions = topic.partitions.iter().enumerate().map(open).collect();
        Topic::new(topic.name.clone(), topic.id, config, partitions)
    }

    fn open_log(
        &self,
        topic: &TopicImage,
        index: i32,
        config: &Arc<TopicConfig>,
    ) -> Result<Log, String> {
        let dir = partition_dir::path(self.data_dir, &topic.name, index);
        if !dir.exists() {
            ::log::warn!("{}: the directory is missing; the partition starts empty", dir.display());
            return make_log(&dir, topic.id, config, self.config, self.keepers);
        }
        let opened = Log::open(dir.clone(), config.clone(), self.recovery, self.keepers.clone());
        let (log, report) = opened.map_err(|why| why.to_string())?;
        ::log::debug!("{}-{index}: {report:?}", topic.name);
        tell_losses(&dir, &report);
        log.set_producer_expiration(i64::from(self.config.producer_id_expiration_ms()));
        log.advance_high_watermark(log.offsets().log_end);
        Ok(log)
    }

    fn clear_away(&self, image: &Image) -> Result<(), StartError> {
        let entries = fs::read_dir(self.data_dir);
        for entry in entries.map_err(|why| StartError::Io(self.data_dir.to_owned(), why))?.flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with("-delete") && entry.path().is_dir() {
                if let Err(why) = fs::remove_dir_all(entry.path()) {
                    ::log::warn!(
                        "{}: cannot remove what a deleted topic left: {why}",
                        entry.path().display()
                    );
                }
                continue;
            }
            if name != METADATA_DIRECTORY && self.is_stray(image, &name) {
                set_aside(&entry.path());
            }
        }
        Ok(())
    }

    fn is_stray(&self, image: &Image, name: &str) -> bool {
        let Some((topic, index)) = partition_dir::parse(name) else { return false };
        let dir = self.data_dir.join(name);
        if !dir.is_dir() {
            return false;
        }
        let written: Option<Uuid> = partition_dir::read_metadata(&dir).unwrap_or_default();
        let known = image
            .topic(topic)
            .filter(|t| usize::try_from(index).is_ok_and(|i| i < t.partitions.len()));
        // A crash can fall between making the directory and writing the id: empty, so no loss.
        known.is_none_or(|topic| written.is_some_and(|id| id != topic.id))
    }
}

/// Tells the operator what opening a log has cut off.
pub fn tell_losses(dir: &Path, report: &RecoveryReport) {
    if report.has_losses() {
        let (dir, end) = (dir.display(), report.log_end);
        ::log::warn!("{dir}: records were lost, it ends at offset {end} now: {}", report.losses());
    }
}

fn set_aside(dir: &Path) {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let to = dir.with_file_name(aside_dir_name(&name, &random_uuid().to_string(), "-stray"));
    match fs::rename(dir, &to) {
        Ok(()) => ::log::warn!(
            "{}: no topic of the catalog owns it; moved to {}, remove that if it is not needed",
            dir.display(),
            to.display()
        ),
        Err(why) => {
            ::log::error!("{}: no topic owns it, and it cannot be moved: {why}", dir.display())
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
                ::log::error!("topic {topic}: {name} is ignored: {why}");
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
