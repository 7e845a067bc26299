//! Retention: which segments are old enough to go (UnifiedLog.deleteOldSegments and what it calls).
//!
//! Three rules, one after the other, each from the oldest segment on while it holds: what lies
//! wholly below the log start offset; and where `cleanup.policy` has delete, what is beyond
//! `retention.bytes`, and what is older than `retention.ms` by its records' largest timestamp.
//! Nothing at or beyond the high watermark goes. If the active segment must go, a new one is rolled
//! first, so that the log keeps one segment and its end.

use super::Log;
use super::delete::Deleted;
use super::error::{LogError, StorageError};
use super::offsets::Position;
use super::segment::Segment;
use super::{names, rest};
use crate::config::TopicConfig;
use crate::wire::records::NO_TIMESTAMP;
use std::fs;
use std::time::UNIX_EPOCH;

/// Why segments go.
#[derive(Clone, Copy, Debug)]
enum Reason {
    LogStart(i64),
    Size(i64),
    Time(i64),
}

impl Log {
    /// Deletes the segments that the log's settings let go, and says so in the broker's log.
    /// `now_ms` is the wall clock. May block; appends and reads go on meanwhile. Does nothing while
    /// somebody else works on the segments: the next check is for it.
    ///
    /// # Errors
    /// When a file cannot be renamed or written, or a segment's timestamps cannot be read.
    pub fn delete_old_segments(&self, now_ms: i64) -> Result<Deleted, LogError> {
        let Some(_upkeep) = self.try_lock_upkeep() else { return Ok(Deleted::default()) };
        let config = self.lock_writer().config.clone();
        let mut deleted = self.delete_below_log_start(now_ms)?;
        if config.cleanup_policy.delete {
            deleted += self.delete_beyond_size(&config, now_ms)?;
            deleted += self.delete_expired(&config, now_ms)?;
        }
        self.give_space_back();
        Ok(deleted)
    }

    /// Gives the space back that was reserved for what did not come since the last check.
    fn give_space_back(&self) {
        let mut writer = self.lock_writer();
        let Some(tails) = &writer.active.tails else { return };
        match tails.log.shared().give_back() {
            Ok(true) => {
                self.next.discard();
                writer.active.forget_next();
            }
            Ok(false) => {}
            Err(error) => ::log::debug!(partition = self.name(), error:%; "cannot give space back"),
        }
    }

    /// The first of the rules alone: deletes the segments that lie wholly below the log start, for
    /// after records were deleted.
    ///
    /// # Errors
    /// When a file cannot be renamed or written.
    pub fn delete_segments_below_log_start(&self, now_ms: i64) -> Result<Deleted, LogError> {
        match self.try_lock_upkeep() {
            Some(_upkeep) => self.delete_below_log_start(now_ms),
            None => Ok(Deleted::default()),
        }
    }

    /// Whether there are segments that lie wholly below the log start.
    pub fn has_segments_below_log_start(&self) -> bool {
        let log_start = self.marks.get().log_start;
        self.segments().get(1).is_some_and(|second| second.base <= log_start)
    }

    fn delete_below_log_start(&self, now_ms: i64) -> Result<Deleted, LogError> {
        let log_start = self.marks.get().log_start;
        let below = |_: &Segment, next: Option<i64>| Ok(next.is_some_and(|next| next <= log_start));
        self.delete_while(Reason::LogStart(log_start), now_ms, below)
    }

    fn delete_beyond_size(&self, config: &TopicConfig, now_ms: i64) -> Result<Deleted, LogError> {
        let Ok(keep) = u64::try_from(config.retention_bytes) else { return Ok(Deleted::default()) };
        let Some(mut beyond) = self.size().checked_sub(keep) else { return Ok(Deleted::default()) };
        self.delete_while(Reason::Size(config.retention_bytes), now_ms, |segment, _| {
            let left = beyond.checked_sub(segment.size());
            beyond = left.unwrap_or(beyond);
            Ok(left.is_some())
        })
    }

    fn delete_expired(&self, config: &TopicConfig, now_ms: i64) -> Result<Deleted, LogError> {
        let keep = config.retention_ms;
        if keep < 0 {
            return Ok(Deleted::default());
        }
        self.delete_while(Reason::Time(keep), now_ms, |segment, _| {
            let largest = self.largest_timestamp(segment)?;
            if largest > now_ms {
                ::log::warn!(
                    partition = self.name(), segment = segment.base, largest;
                    "a segment has records of the future; it and what follows is not deleted by \
                     age before that time"
                );
            }
            let is_old = |timestamp: i64| now_ms.saturating_sub(timestamp) > keep;
            Ok(is_old(largest) && is_old(self.newest_batch(segment)?))
        })
    }

    /// Deletes segments from the oldest on while `goes` holds, told of each segment and of where
    /// the next one begins.
    fn delete_while(
        &self,
        reason: Reason,
        now_ms: i64,
        mut goes: impl FnMut(&Segment, Option<i64>) -> Result<bool, StorageError>,
    ) -> Result<Deleted, LogError> {
        let segments = self.segments();
        let published = self.marks.get();
        let mut going = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let next = segments.get(at + 1).map(|next| next.base);
            let end = next.unwrap_or(published.log_end.offset);
            let last_and_empty = next.is_none() && segment.size() == 0;
            let replicated = published.high_watermark.offset >= end;
            if last_and_empty || !replicated || !goes(segment, next)? {
                break;
            }
            going.push(segment.clone());
        }
        if going.len() == segments.len() && !self.roll_for_deletion(published.log_end, now_ms)? {
            going.pop();
        }
        let deleted = self.delete_oldest(&going)?;
        if deleted.segments > 0 && rest::is_too_much_open() {
            // What was rolled stays open until it is flushed. A failure is told, and kept, by the flush.
            let _ = self.flush();
        }
        if deleted.segments > 0 {
            self.tell(reason, deleted);
        }
        Ok(deleted)
    }

    /// Begins a new segment at the end of the log because all there is goes; false if something was
    /// appended since the log ended at `end`.
    fn roll_for_deletion(&self, end: Position, now_ms: i64) -> Result<bool, StorageError> {
        let mut writer = self.lock_writer();
        if self.marks.get().log_end != end || writer.closed {
            return Ok(false);
        }
        self.roll_now(&mut writer, now_ms)?;
        Ok(true)
    }

    /// The largest timestamp that the batches themselves have: the time index has no checksum, and
    /// records do not go on its word alone. What cannot be read to its end is not old.
    fn newest_batch(&self, segment: &Segment) -> Result<i64, StorageError> {
        let files = self.files_of(segment)?;
        let size = files.size();
        let (mut newest, mut end) = (NO_TIMESTAMP, 0);
        for found in files.headers(0, size)? {
            newest = newest.max(found.header.max_timestamp);
            end = found.end();
        }
        files.intact()?;
        if end == size {
            return Ok(newest);
        }
        ::log::warn!(
            partition = self.name(), segment = segment.base, position = end;
            "the segment is not deleted by age: its log does not end at the end of a batch. \
             Delete its records with kafka-delete-records, or restore the file"
        );
        Ok(i64::MAX)
    }

    /// The largest timestamp of a segment's records; where they have none, when its file was
    /// written to.
    pub(super) fn largest_timestamp(&self, segment: &Segment) -> Result<i64, StorageError> {
        let dir = self.dir();
        let timestamp = segment.max_timestamp(&dir)?;
        if timestamp >= 0 {
            return Ok(timestamp);
        }
        let path = names::log_file(&dir, segment.base);
        let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let written = written.map_err(StorageError::on("look at", &path))?;
        let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// One line for the operator: what went and why.
    fn tell(&self, reason: Reason, Deleted { segments, bytes }: Deleted) {
        let (reason, limit) = match reason {
            Reason::LogStart(offset) => ("log start offset", offset),
            Reason::Size(limit) => ("retention.bytes", limit),
            Reason::Time(limit) => ("retention.ms", limit),
        };
        let offsets = self.offsets();
        ::log::info!(
            partition = self.name(), segments, bytes, reason, limit, log_start = offsets.log_start,
            log_end = offsets.log_end;
            "old segments are deleted"
        );
    }
}
