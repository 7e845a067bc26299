//! The process's limit on open files: a partition that is written to holds two, a connection one.
//!
//! The usual soft limit of 1,024 is for programs that use `select`; the hard limit is what the
//! administrator allows. A broker takes all of it, once, when it starts.

use std::io;
use std::sync::OnceLock;

/// Descriptors of an open segment.
const FILES: u64 = 3;
/// The kernel allows 65,530 mappings, of which an open segment has up to three.
const MOST: u64 = 10_000;
const FEWEST: u64 = 32;

/// How many segments may be open for writing at once, and how many more for reading: each a
/// quarter of the process's descriptors, so that half are left to connections.
pub(super) fn open_segments() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let descriptors = raise_open_files().unwrap_or(0);
        (descriptors / 4 / FILES).clamp(FEWEST, MOST) as usize
    })
}

/// Raises the soft limit on open files to the hard one; gives how many may be open now.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a plain system call that writes to the value it is given.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: a plain system call that reads the value it is given.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one_and_stays() {
        let now = raise_open_files().unwrap();
        assert!(now >= 256, "{now}");
        assert_eq!(raise_open_files().unwrap(), now);
    }
}
