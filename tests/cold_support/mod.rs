//! Files that are on the disk only.
#![allow(clippy::unwrap_used)] // Only tests call this.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// A directory on a disk. Not one for temporary files: those may be in memory only.
pub fn on_disk(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

/// Drops the files under a directory from the page cache; nobody may have them mapped.
pub fn drop_from_memory(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        file.sync_all().unwrap();
        // SAFETY: a plain system call on an open file.
        let dropped =
            unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        assert_eq!(dropped, 0);
    }
}
