//! What is known of a log without its records, made from them where it is missing: the producers'
//! state and the leader epochs (ProducerStateManager.java, LogLoader.java).
//!
//! The state begins with the latest snapshot that can be believed and takes in the batches after
//! it, by their headers. It never takes in a batch twice, nor one that was not looked at.

use super::epochs::LeaderEpochs;
use super::error::{LogError, StorageError};
use super::marker::marker_of;
use super::open::Loader;
use super::producers::Producers;
use super::scan::{Found, Scanner};
use super::whole_file::read_whole;
use super::{names, producer_snapshot};
use crate::wire::records::BatchHeader;
use std::fs::File;

/// The largest snapshot that is read: a million producers have 46 MB.
const MAX_SNAPSHOT: u64 = 256 << 20;

impl Loader<'_> {
    /// The producers' state and the leader epochs as of the end of the segments that are believed.
    /// Those of offsets that are checked yet come from what the check finds.
    pub(super) fn rebuild(&mut self, more_follows: bool) -> Result<(), LogError> {
        self.producers = self.latest_snapshot();
        self.snapshot_at = self.producers.end();
        if self.segments.is_empty() {
            return Ok(());
        }
        let stored = LeaderEpochs::load(self.dir).map(|mut epochs| {
            if more_follows {
                epochs.truncate_from_end(self.end);
            }
            epochs
        });
        let mut rebuilt = stored.is_none().then(LeaderEpochs::default);
        let from = if rebuilt.is_some() { i64::MIN } else { self.producers.end() };
        if from < self.end {
            self.may_read()?;
            self.replay(from, &mut rebuilt)?;
        }
        self.epochs = stored.or(rebuilt).unwrap_or_default();
        Ok(())
    }

    /// The producers' state of the latest snapshot that can be believed, or that of nobody.
    fn latest_snapshot(&self) -> Producers {
        let start = self.segments.first().map_or(self.end, |first| first.base);
        let of_this_log = |&&offset: &&i64| (start..=self.end).contains(&offset);
        let mut candidates = self.snapshots.iter().rev().filter(of_this_log);
        candidates
            .find_map(|&offset| self.read_snapshot(offset))
            .unwrap_or_else(|| Producers::starting_at(start))
    }

    fn read_snapshot(&self, offset: i64) -> Option<Producers> {
        let path = names::snapshot_file(self.dir, offset);
        let producers = producer_snapshot::decode(&read_whole(&path, MAX_SNAPSHOT).ok()?, offset);
        if producers.is_none() {
            ::log::warn!(
                path:% = path.display();
                "a snapshot of producers is damaged; it is not used"
            );
        }
        producers
    }

    /// Walks the batches from offset `from` on, for the producers and, if wanted, the epochs.
    fn replay(&mut self, from: i64, epochs: &mut Option<LeaderEpochs>) -> Result<(), StorageError> {
        let after = self.segments.partition_point(|segment| segment.base <= from);
        for segment in &self.segments[after.saturating_sub(1)..] {
            let path = names::log_file(self.dir, segment.base);
            let on = |doing| StorageError::on(doing, &path);
            let file = File::open(&path).map_err(on("open"))?;
            let mut scanner = Scanner::new(&file, segment.size(), segment.base, false);
            while let Some(Ok((found, bytes))) = scanner.next().map_err(on("read"))? {
                if let Some(epochs) = epochs {
                    note_epoch(epochs, &found.header);
                }
                account(&mut self.producers, &found, bytes);
            }
        }
        Ok(())
    }
}

/// Notes the epoch that a batch carries.
pub(super) fn note_epoch(epochs: &mut LeaderEpochs, header: &BatchHeader) {
    let epoch = header.partition_leader_epoch;
    if epoch >= 0 && epochs.latest().is_none_or(|latest| epoch > latest) {
        epochs.assign(epoch, header.base_offset);
    }
}

/// Accounts for a batch that the producers' state does not have yet.
pub(super) fn account(producers: &mut Producers, found: &Found, bytes: &[u8]) {
    if found.header.base_offset >= producers.end() {
        let is_control = found.header.attributes.is_control();
        let marker = is_control.then(|| marker_of(bytes)).flatten();
        producers.appended(&found.header, marker, None);
    }
}
