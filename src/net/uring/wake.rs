//! What ends a worker's wait from outside: an eventfd that its ring always has a read on.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

/// See the module's comment.
pub(crate) struct Waker(File);

impl Waker {
    pub(super) fn new() -> io::Result<Waker> {
        // SAFETY: no memory is involved; the descriptor that comes is nobody else's.
        unsafe {
            match libc::eventfd(0, libc::EFD_CLOEXEC) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(Waker(File::from_raw_fd(fd))),
            }
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Ends the wait, or the next one.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn wake(&self) -> io::Result<()> {
        // It would block at 2^64 wakes that nobody has read.
        (&self.0).write_all(&1u64.to_ne_bytes())
    }
}
