//! A file that one process alone may use: locked in both of the ways that there are.
//!
//! `flock` and POSIX record locks do not see each other. Apache Kafka takes the second kind (Java's
//! `FileChannel.tryLock`), so both are taken: whichever broker comes second is turned away. The
//! POSIX one belongs to the open file, not to the process, where the system has that: else it would
//! go as soon as this process closes any other descriptor of the same file.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::AsRawFd;

#[cfg(any(target_os = "linux", target_os = "android"))]
const SET_LOCK: libc::c_int = libc::F_OFD_SETLK;
#[cfg(any(target_os = "linux", target_os = "android"))]
const GET_LOCK: libc::c_int = libc::F_OFD_GETLK;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SET_LOCK: libc::c_int = libc::F_SETLK;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const GET_LOCK: libc::c_int = libc::F_GETLK;

/// Locks a file that is open for writing, until it is closed; false if somebody else has it.
///
/// # Errors
/// When the system cannot lock files there.
pub fn lock_exclusively(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(why)) => return Err(why),
    }
    match call(file, SET_LOCK) {
        Ok(_) => Ok(true),
        Err(why) if matches!(why.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(why) => Err(why),
    }
}

/// Whether another process has locked a file. It is only asked: whoever is about to lock it is not disturbed.
///
/// # Errors
/// When the system cannot lock files there.
pub fn is_locked(file: &File) -> io::Result<bool> {
    Ok(call(file, GET_LOCK)?.l_type != libc::F_UNLCK as libc::c_short)
}

/// Asks for all of a file, for itself alone; what the system says of it.
fn call(file: &File, what: libc::c_int) -> io::Result<libc::flock> {
    // SAFETY: all fields are integers, and zero is the whole file from its beginning.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    lock.l_whence = libc::SEEK_SET as _;
    // SAFETY: a plain system call on a file that is open for as long as it is borrowed; it reads and
    // writes the structure, which outlives the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), what, &raw mut lock) } {
        0 => Ok(lock),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_user() {
        let name = format!("barnabas-exclusive-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let open = || File::options().create(true).append(true).open(&path).unwrap();
        let first = open();
        // Elsewhere a process is not told of its own locks.
        let is_told = cfg!(any(target_os = "linux", target_os = "android"));
        assert!(!is_told || !is_locked(&File::open(&path).unwrap()).unwrap());
        assert!(lock_exclusively(&first).unwrap());
        // Who asks may be one that may only read it.
        assert!(!is_told || is_locked(&File::open(&path).unwrap()).unwrap());
        assert!(!lock_exclusively(&open()).unwrap());
        // The one that was turned away is closed by now, and the first still has it.
        assert!(!lock_exclusively(&open()).unwrap());
        drop(first);
        assert!(lock_exclusively(&open()).unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
