//! Opening one partition's log: whose directory it is, what the checkpoints say of it, and what to
//! tell the operator.
//!
//! At a start after a crash all logs are opened by [`super::recovery`]; after a clean stop each one
//! when it is first needed, by a worker then, which is why no more is looked at than must be. A log
//! that cannot be opened takes its partition offline, and nothing else; for want of room, descriptors or
//! memory only until somebody asks again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::{fmt, fs};

use super::checkpoints::Kind;
use super::load::make_log;
use super::shared::{Shared, now_ms};
use super::{leftovers, partition_dir};
use crate::catalog::{Opened, Opener, Outline, Partition, Topic};
use crate::log::{Log, LogError, Opening, Recovery, RecoveryReport, is_a_lack};

/// Opens logs when they are first needed.
pub struct LazyOpener {
    /// Partitions are part of what is shared.
    pub shared: Weak<Shared>,
}

impl Opener for LazyOpener {
    fn open(&self, partition: &Partition) -> Opened {
        let Some(shared) = self.shared.upgrade() else { return Opened::Later };
        // A topic that is being deleted: its partition is retired in a moment.
        let Some(topic) = shared.topics.by_name(&partition.topic) else { return Opened::Later };
        if shared.checker.is_at(partition) {
            return Opened::Later;
        }
        let quick = Opening { quick: true, ..Opening::from(Recovery::Clean) };
        let opened = match shared.recovery {
            Recovery::Clean => shared.open_log(&topic, partition.index, quick),
            // The start has not got to the end of it.
            Recovery::Unclean => Err(NotOpened::Slow),
        };
        if matches!(opened, Err(NotOpened::Slow)) {
            shared.checker.check(&shared, &topic, partition.index);
            return Opened::Later;
        }
        opened.map_or_else(|why| why.told(partition), |log| Opened::Ready(Box::new(log)))
    }

    fn opened(&self, partition: &Partition, log: &Log) {
        let Some(shared) = self.shared.upgrade() else { return };
        if let Some(topic) = shared.topics.by_name(&partition.topic) {
            log.set_config(topic.config());
        }
        log.set_producer_expiration(i64::from(shared.config().producer_id_expiration_ms()));
    }

    fn outline(&self, partition: &Partition) -> Outline {
        let Some(shared) = self.shared.upgrade() else { return Outline::default() };
        let dir = partition_dir::path(&shared.data_dir, &partition.topic, partition.index);
        let (mut outline, mut first) = (Outline::default(), None::<i64>);
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let base = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
            let Some(base) = base else { continue };
            first = Some(first.map_or(base, |first| first.min(base)));
            outline.bytes += entry.metadata().map_or(0, |meta| meta.len());
            outline.segments += 1;
        }
        let get = |kind| shared.checkpoints.get(kind, &partition.topic, partition.index);
        // After a clean stop it ends at its recovery point.
        if shared.recovery == Recovery::Clean
            && let (Some(first), Some(end)) = (first, get(Kind::RecoveryPoint))
        {
            let start = first.max(get(Kind::LogStart).unwrap_or(0));
            outline.ends = (start <= end).then_some((start, end));
        }
        outline
    }
}

/// Why a partition's log is not open.
#[derive(Debug)]
pub enum NotOpened {
    /// It has to be read, and there was no time for that.
    Slow,
    /// For want of something that may be there later.
    Lacking(String),
    /// It cannot be used.
    Offline {
        /// What to mend.
        why: String,
        /// The offset that it had reached.
        reached: i64,
        /// Its directory.
        dir: PathBuf,
    },
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow => f.write_str("the log has to be checked"),
            Self::Lacking(why) => write!(f, "it cannot be opened for now: {why}"),
            Self::Offline { why, .. } => f.write_str(why),
        }
    }
}

impl NotOpened {
    /// Tells the operator, and says what becomes of the partition.
    pub(super) fn told(self, partition: &Partition) -> Opened {
        match &self {
            Self::Slow => Opened::Later,
            Self::Lacking(why) => {
                if partition.may_report(now_ms()) {
                    ::log::error!(
                        partition:% = partition.name(), error:% = why;
                        "partition cannot be opened for now"
                    );
                }
                Opened::Later
            }
            Self::Offline { why, reached, dir } => {
                ::log::error!(
                    partition:% = partition.name(), reached, dir:% = dir.display(), error:% = why;
                    "partition is offline: mend that and start again, or move its directory away to \
                     begin it anew"
                );
                Opened::Offline
            }
        }
    }
}

impl Shared {
    /// Opens the log of a partition of this topic: what the checkpoints say is added to what is
    /// known of it.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub(super) fn open_log(
        &self,
        topic: &Topic,
        index: i32,
        opening: Opening,
    ) -> Result<Log, NotOpened> {
        let dir = partition_dir::path(&self.data_dir, &topic.name, index);
        let get = |kind| self.checkpoints.get(kind, &topic.name, index);
        let offline = |why: String| NotOpened::Offline {
            why,
            reached: get(Kind::HighWatermark).or(get(Kind::RecoveryPoint)).unwrap_or(0),
            dir: dir.clone(),
        };
        let lacking = NotOpened::Lacking;
        if is_of_another_topic(&dir, topic, &lacking, &offline)? {
            let to = leftovers::set_aside(&dir).map_err(|why| {
                offline(format!("it is that of an earlier topic and cannot be moved: {why}"))
            })?;
            ::log::warn!(
                dir:% = dir.display(), to:% = to.display();
                "it is that of an earlier topic with the same name; it is moved, remove that if \
                 it is not needed"
            );
            return make_log(&dir, topic.id, &topic.config(), &self.config(), &self.keepers)
                .map_err(offline);
        }
        let opening = Opening {
            recovery_point: get(Kind::RecoveryPoint),
            log_start: get(Kind::LogStart),
            compacted: get(Kind::Cleaner).is_some(),
            ..opening
        };
        let opened = Log::open(dir.clone(), topic.config(), opening, self.keepers.clone());
        let (log, report) = opened.map_err(|why| match &why {
            LogError::Slow(_) => NotOpened::Slow,
            LogError::Storage(error) if error.is_a_lack() => lacking(why.to_string()),
            why => offline(why.to_string()),
        })?;
        ::log::debug!(
            partition:% = format_args!("{}-{}", topic.name, index), report:? = report;
            "log opened"
        );
        tell_losses(&dir, &report);
        log.set_producer_expiration(i64::from(self.config().producer_id_expiration_ms()));
        log.advance_high_watermark(log.offsets().log_end);
        Ok(log)
    }
}

/// Whether the bytes are those of an earlier topic with the same name. A directory that does not say
/// is taken for the partition's, and says it from now on: a crash fell between making it and writing
/// the id. One that cannot be asked is nobody's until somebody has looked: records must never be
/// served as those of another topic.
fn is_of_another_topic(
    dir: &Path,
    topic: &Topic,
    lacking: &dyn Fn(String) -> NotOpened,
    offline: &dyn Fn(String) -> NotOpened,
) -> Result<bool, NotOpened> {
    match partition_dir::read_metadata(dir) {
        Ok(Some(id)) => Ok(id != topic.id),
        Ok(None) => {
            if let Err(why) = partition_dir::write_metadata(dir, topic.id) {
                ::log::debug!(dir:% = dir.display(), error:% = why; "cannot write whose it is");
            }
            Ok(false)
        }
        Err(why) => {
            let file = dir.join(partition_dir::METADATA);
            let file = file.display();
            if is_a_lack(&why) {
                return Err(lacking(format!("{file} cannot be read: {why}")));
            }
            Err(offline(format!(
                "{file} cannot be read, so it is not known whose records these are: {why} (remove \
                 that file if they are those of topic id {})",
                topic.id
            )))
        }
    }
}

/// Tells the operator what opening a log has cut off.
pub fn tell_losses(dir: &Path, report: &RecoveryReport) {
    if report.has_losses() {
        let (dir, end) = (dir.display(), report.log_end);
        ::log::warn!(dir:%, end, losses:% = report.losses(); "records were lost");
    }
}

/// A way to open logs later.
pub fn lazy(shared: &Arc<Shared>) -> Arc<dyn Opener> {
    Arc::new(LazyOpener { shared: Arc::downgrade(shared) })
}
