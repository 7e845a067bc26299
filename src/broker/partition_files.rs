//! The directories of partitions that come and go with the metadata: made before the record that tells of them,
//! given up after the one that ends them. The controller alone calls this, and it may block. Rule: whatever a crash
//! leaves between the two is a stray that the next start clears away, never a topic that cannot be written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::controller::Controller;
use super::load::make_log;
use super::{leftovers, partition_dir};
use crate::catalog::{ApiError, Partition};
use crate::config::TopicConfig;
use crate::log::LogError;
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;

impl Controller {
    pub(super) fn make_partitions(
        &self,
        topic: &Arc<str>,
        id: Uuid,
        indexes: std::ops::Range<i32>,
        config: &Arc<TopicConfig>,
    ) -> Result<Vec<Arc<Partition>>, ApiError> {
        self.metadata.be_there().map_err(|why| {
            ::log::error!(topic:%, error:% = why; "cannot make partitions: metadata log");
            ApiError::new(ErrorCode::KAFKA_STORAGE_ERROR, why.to_string())
        })?;
        // What the checkpoints say is of an earlier topic with this name.
        self.shared.checkpoints.forget(topic, indexes.clone()).map_err(|why| {
            ::log::error!(topic:%, error:% = why; "cannot make partitions: checkpoints");
            ApiError::new(ErrorCode::KAFKA_STORAGE_ERROR, why.to_string())
        })?;
        let mut partitions = Vec::with_capacity(indexes.len());
        for index in indexes {
            if self.shared.is_stopping() {
                // Thousands of them must not hold up a stop.
                self.remove_logs(&partitions);
                return Err(ApiError::new(
                    ErrorCode::REQUEST_TIMED_OUT,
                    "The broker stops; the partitions were not made.",
                ));
            }
            let dir = partition_dir::path(&self.shared.data_dir, topic, index);
            // Only what this call makes may it take away again.
            let begun =
                std::fs::create_dir(&dir).map_err(|why| format!("{}: {why}", dir.display()));
            let is_ours = begun.is_ok();
            let made = begun.and_then(|()| {
                make_log(&dir, id, config, &self.shared.config(), &self.shared.keepers)
            });
            let led = made
                .and_then(|log| log.assign_epoch(0).map(|()| log).map_err(|why| why.to_string()));
            match led {
                Ok(log) => {
                    partitions.push(Arc::new(Partition::new(topic.clone(), index, 0, Some(log))))
                }
                Err(why) => {
                    ::log::error!(
                        partition:% = format_args!("{}-{}", topic, index), error:% = why;
                        "cannot make a partition"
                    );
                    self.remove_logs(&partitions);
                    if is_ours {
                        self.give_up_directory(&dir);
                    }
                    return Err(ApiError::new(ErrorCode::KAFKA_STORAGE_ERROR, why));
                }
            }
        }
        Ok(partitions)
    }

    /// Takes a directory out of the way of a retry. To rename it needs nothing that may be what was lacking: to
    /// remove it takes a descriptor.
    fn give_up_directory(&self, dir: &Path) {
        match leftovers::rename_deleted(dir) {
            Ok(dir) => {
                let dirs = dir.into_iter().collect();
                self.shared.keepers.janitor.remove(dirs, Duration::ZERO);
            }
            Err(why) => ::log::error!(error:% = why; "cannot take a directory out of the way"),
        }
    }

    /// Takes the files of partitions away that nobody has used yet.
    pub(super) fn remove_logs(&self, partitions: &[Arc<Partition>]) {
        self.give_up_logs(partitions, Duration::ZERO);
    }

    /// Renames the directories of partitions at once, so that there can be new ones of the same
    /// names, and has them removed after a delay; what is still being sent from them stays readable.
    pub(super) fn give_up_logs(&self, partitions: &[Arc<Partition>], delay: Duration) {
        for partition in partitions {
            let log = partition.retire();
            if !self.shared.checker.give_up(partition, || self.shared.is_stopping()) {
                // The next start finds it without a topic, and sets it aside.
                continue;
            }
            let renamed = match log {
                Some(log) => log.mark_deleted().map(|()| Some(log.dir().to_path_buf())),
                None => {
                    let (data_dir, topic) = (&self.shared.data_dir, &partition.topic);
                    let dir = partition_dir::path(data_dir, topic, partition.index);
                    leftovers::rename_deleted(&dir).map_err(LogError::from)
                }
            };
            match renamed {
                Ok(dir) => self.shared.keepers.janitor.remove(dir.into_iter().collect(), delay),
                Err(why) => {
                    ::log::error!(
                        partition:% = partition.name(), error:% = why;
                        "cannot remove a partition"
                    );
                }
            }
        }
    }
}
