//! Where each leader epoch begins in the log (KIP-101; LeaderEpochFileCache.java).
//!
//! Entries grow strictly in both epoch and offset. The file holds no less than the memory does
//! while the process lives: a new epoch is written down before its first batch is appended.
//! Recovery rebuilds what a crash took, from the batches.

use super::checkpoint;
use super::error::StorageError;
use super::names;
use super::whole_file::read_text;
use std::path::Path;

/// More than this the file never has.
const MAX_BYTES: u64 = 64 << 20;

/// An epoch's first offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochEntry {
    pub(crate) epoch: i32,
    pub(crate) start: i64,
}

/// The leader epochs of one log. Limited by how often a partition changes its leader; entries
/// below the log start go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochs {
    /// Reads the checkpoint in `dir`; `None` if there is none that can be believed.
    pub(crate) fn load(dir: &Path) -> Option<LeaderEpochs> {
        let text = read_text(&names::leader_epoch_file(dir), MAX_BYTES).ok()?;
        let mut epochs = LeaderEpochs::default();
        for entry in checkpoint::parse(&text, parse_entry)? {
            epochs.assign(entry.epoch, entry.start);
        }
        Some(epochs)
    }

    /// Replaces the checkpoint in `dir`.
    pub(crate) fn store(&self, dir: &Path) -> Result<(), StorageError> {
        let lines = self.entries.iter().map(|entry| format!("{} {}", entry.epoch, entry.start));
        let path = names::leader_epoch_file(dir);
        checkpoint::replace(&path, checkpoint::render(lines).as_bytes())
            .map_err(StorageError::on("write", &path))
    }

    /// Notes that `epoch` begins at `start`; entries that this contradicts go. False if nothing
    /// changes: the epoch is the latest already.
    pub(crate) fn assign(&mut self, epoch: i32, start: i64) -> bool {
        let same = |last: &EpochEntry| last.epoch == epoch && start >= last.start;
        if epoch < 0 || start < 0 || self.entries.last().is_some_and(same) {
            return false;
        }
        while self.entries.last().is_some_and(|last| last.epoch >= epoch || last.start >= start) {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start });
        true
    }

    /// The epoch of the newest entry.
    pub(crate) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The epoch in which the record at `offset` was appended.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|entry| entry.start <= offset);
        self.entries[..after].last().map(|entry| entry.epoch)
    }

    /// The largest known epoch that is not larger than `epoch`, and where it ends; (-1, -1) if
    /// nothing is known.
    pub(crate) fn end_offset_for(&self, epoch: i32, log_end: i64) -> (i32, i64) {
        if epoch == -1 {
            return (-1, -1); // The client knows no epoch.
        }
        if self.latest() == Some(epoch) {
            return (epoch, log_end);
        }
        let after = self.entries.partition_point(|entry| entry.epoch <= epoch);
        match (self.entries[..after].last(), self.entries.get(after)) {
            (_, None) => (-1, -1),
            // Older than anything here: its data is gone, the log begins with the next epoch.
            (None, Some(next)) => (epoch, next.start),
            (Some(entry), Some(next)) => (entry.epoch, next.start),
        }
    }

    /// Forgets epochs that begin at or beyond the end of the log. True if any did.
    pub(crate) fn truncate_from_end(&mut self, log_end: i64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.start < log_end);
        self.entries.len() != before
    }

    /// Forgets epochs that end at or below `log_start`; the one that goes on begins there. True if
    /// anything changed.
    pub(crate) fn truncate_from_start(&mut self, log_start: i64) -> bool {
        let after = self.entries.partition_point(|entry| entry.start <= log_start);
        let Some(going_on) = after.checked_sub(1) else { return false };
        let changed = going_on > 0 || self.entries[going_on].start != log_start;
        self.entries.drain(..going_on);
        self.entries[0].start = log_start;
        changed
    }
}

fn parse_entry(line: &str) -> Option<EpochEntry> {
    let (epoch, start) = line.split_once(' ')?;
    let entry = EpochEntry { epoch: epoch.parse().ok()?, start: start.parse().ok()? };
    (entry.epoch >= 0 && entry.start >= 0).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for &(epoch, start) in entries {
            epochs.assign(epoch, start);
        }
        epochs
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next() {
        let epochs = epochs(&[(2, 10), (4, 25), (5, 40)]);
        let cases = [
            (-1, (-1, -1)),
            (1, (1, 10)),
            (2, (2, 25)),
            (3, (2, 25)),
            (4, (4, 40)),
            (5, (5, 99)),
            (6, (-1, -1)),
        ];
        for (asked, answer) in cases {
            assert_eq!(epochs.end_offset_for(asked, 99), answer, "epoch {asked}");
        }
        assert_eq!(LeaderEpochs::default().end_offset_for(0, 99), (-1, -1));
    }

    #[test]
    fn entries_that_contradict_a_new_one_go() {
        assert_eq!(epochs(&[(1, 0), (3, 10), (2, 5)]), epochs(&[(1, 0), (2, 5)]));
        assert_eq!(epochs(&[(1, 10), (2, 10)]), epochs(&[(2, 10)]));
        assert_eq!(epochs(&[(1, 10), (1, 20)]), epochs(&[(1, 10)]));
        assert_eq!(epochs(&[(1, 10), (1, 5)]), epochs(&[(1, 5)]));
    }

    #[test]
    fn truncation_keeps_what_the_log_still_has() {
        let mut cut = epochs(&[(1, 0), (2, 10), (3, 20)]);
        assert!(cut.truncate_from_end(20));
        assert_eq!(cut, epochs(&[(1, 0), (2, 10)]));
        assert!(!cut.truncate_from_end(11));
        assert!(cut.truncate_from_start(15));
        assert_eq!(cut, epochs(&[(2, 15)]));
        assert!(!cut.truncate_from_start(15));
        assert!(!cut.truncate_from_start(3));
        assert_eq!((cut.epoch_of(15), cut.epoch_of(14)), (Some(2), None));
    }

    #[test]
    fn the_file_is_kafkas_and_damage_is_not_believed() {
        let dir = std::env::temp_dir().join(format!("barnabas-epochs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = names::leader_epoch_file(&dir);
        let some = epochs(&[(0, 0), (7, 1234)]);
        some.store(&dir).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\n0 0\n7 1234\n");
        assert_eq!(LeaderEpochs::load(&dir), Some(some));
        for bad in ["", "0\n1\n0\n", "0\n1\n-1 0\n", "0\n2\n0 0\n", "\0\0\0"] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(LeaderEpochs::load(&dir), None, "{bad:?}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
