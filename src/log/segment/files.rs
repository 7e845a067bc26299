//! What is done with all files of a segment alike, when nobody writes to them any more.

use super::super::file::GrowingFile;
use super::SegmentFiles;
use std::io;

impl SegmentFiles {
    /// Cuts all reserves off.
    ///
    /// # Errors
    /// The first one; the others are tried all the same.
    pub(crate) fn trim(&self) -> io::Result<()> {
        self.all().map(GrowingFile::trim).into_iter().collect()
    }

    /// Waits until nobody makes pages for them any more, see [`GrowingFile::settle`].
    pub(crate) fn settle(&self) {
        self.all().into_iter().for_each(GrowingFile::settle);
    }

    fn all(&self) -> [&GrowingFile; 3] {
        [&self.log, &self.index, &self.time]
    }
}
