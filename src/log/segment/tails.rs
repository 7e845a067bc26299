//! The writing halves of a segment's files: made, opened, given back and sealed together.

use super::SegmentFiles;
use crate::log::at_hand::AtHand;
use crate::log::error::StorageError;
use crate::log::file::{GrowingFile, Tail};
use crate::log::home::Home;
use crate::log::names::{self, SegmentPaths};
use crate::log::verified::Verified;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The writing halves of a segment's files.
pub(crate) struct Tails {
    pub(crate) log: Tail,
    pub(crate) index: Tail,
    pub(crate) time: Tail,
}

/// The address space of a segment's files: what they may grow to. It costs nothing until a file is
/// mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacities {
    pub(crate) log: u64,
    pub(crate) index: u64,
    pub(crate) time: u64,
}

impl Tails {
    pub(super) fn files(&self, base: i64, verified: Arc<Verified>) -> SegmentFiles {
        let [log, index, time] =
            [&self.log, &self.index, &self.time].map(|tail| tail.shared().clone());
        let (txn, seen) = (OnceLock::new(), AtHand::default());
        SegmentFiles { base, log, index, time, txn, verified, seen, counted: false }
    }

    /// New, empty files at these paths, where none may be.
    pub(crate) fn create(
        paths: &SegmentPaths,
        capacities: Capacities,
    ) -> Result<Tails, StorageError> {
        let create = |path: &Path, capacity| {
            let mut options = File::options();
            let file = options.read(true).write(true).create_new(true).open(path);
            file.and_then(|file| Tail::new(file, 0, capacity))
                .map_err(StorageError::on("create", path))
        };
        let discard = |path: &Path| {
            let _ = fs::remove_file(path);
        };
        let log = create(&paths.log, capacities.log)?;
        let index = create(&paths.index, capacities.index).inspect_err(|_| discard(&paths.log))?;
        let time = create(&paths.time, capacities.time).inspect_err(|_| {
            discard(&paths.log);
            discard(&paths.index);
        })?;
        Ok(Tails { log, index, time })
    }

    /// What they can grow to.
    pub(crate) fn capacities(&self) -> Capacities {
        let [log, index, time] =
            [&self.log, &self.index, &self.time].map(|tail| tail.shared().capacity());
        Capacities { log, index, time }
    }

    /// Gives all their descriptors back: they are the files of the segment that begins at `base`.
    pub(super) fn go_lean(&self, home: &Home, base: i64) -> io::Result<()> {
        let [log, index, time] = names::files_to_append_to(base);
        self.log.shared().go_lean(home, &log)?;
        self.index.shared().go_lean(home, &index)?;
        self.time.shared().go_lean(home, &time)
    }

    /// Whether any of them is not lean.
    pub(crate) fn have_descriptors(&self) -> bool {
        [&self.log, &self.index, &self.time].iter().any(|tail| tail.shared().opened().is_some())
    }

    /// Gets all of them again.
    pub(crate) fn retrieve(&self) -> io::Result<()> {
        [&self.log, &self.index, &self.time].iter().try_for_each(|tail| tail.shared().retrieve())
    }

    /// Ends writing to all of them.
    pub(crate) fn seal(self) -> [Arc<GrowingFile>; 3] {
        [self.log, self.index, self.time].map(Tail::seal)
    }
}
