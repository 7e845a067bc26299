//! The process's limit on open files: a partition that is written to holds two, a connection one.
//!
//! The usual soft limit of 1,024 is for programs that use `select`; the hard limit is what the
//! administrator allows. A broker takes all of it, once, when it starts.

use std::io;

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
