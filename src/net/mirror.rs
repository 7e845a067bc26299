//! One memory range mapped twice, back to back.
//!
//! A byte at `i` is also at `i + capacity`, so that any stretch of a circular buffer is one slice,
//! wherever it begins. Only the mapping is here: what is in it, and which part is whose, is the
//! ring's business. Where the kernel does not give one (no memfd, no free mappings), the ring does
//! without.

use std::io;
use std::ptr::NonNull;

/// The twice mapped range. Its pages cost nothing until they are written to.
pub(crate) struct Mirror {
    base: NonNull<u8>,
    capacity: usize,
}

// SAFETY: the range belongs to this value alone; access goes through `&self` and `&mut self`.
unsafe impl Send for Mirror {}

impl Mirror {
    /// Maps `capacity` bytes, a multiple of the page size, twice.
    #[cfg(target_os = "linux")]
    pub(crate) fn new(capacity: usize) -> io::Result<Mirror> {
        use std::os::fd::AsRawFd;
        assert!(capacity > 0 && capacity <= isize::MAX as usize / 2, "{capacity} bytes");
        let file = memory_file(capacity)?;
        let (shared, fd) = (libc::MAP_SHARED, file.as_raw_fd());
        let none = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new range anywhere; nothing that exists is touched.
        let base = unsafe { map(std::ptr::null_mut(), capacity * 2, libc::PROT_NONE, none, -1)? };
        let mirror = Mirror { base, capacity }; // unmaps both halves if what follows fails
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        for half in [0, capacity] {
            // SAFETY: both halves lie in the range that was just mapped for this value.
            unsafe {
                let at = base.as_ptr().add(half).cast();
                map(at, capacity, writable, shared | libc::MAP_FIXED, fd)?;
            }
        }
        Ok(mirror)
    }

    /// Not made here: the ring does without.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new(_capacity: usize) -> io::Result<Mirror> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// `len` bytes from `at` on, across the seam if need be.
    pub(crate) fn slice(&self, at: usize, len: usize) -> &[u8] {
        self.check(at, len);
        // SAFETY: in bounds by the check; initialised, since a memfd's pages are zeroed; nobody
        // writes while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(at), len) }
    }

    /// The same, to be written to. At most `capacity` bytes, so no byte is in it twice.
    pub(crate) fn slice_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        self.check(at, len);
        // SAFETY: as above; `self` is borrowed mutably and no address in the slice aliases another.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(at), len) }
    }

    fn check(&self, at: usize, len: usize) {
        assert!(at < self.capacity && len <= self.capacity, "{len} at {at} of {}", self.capacity);
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `new` mapped; all borrows of it have ended.
        let result = unsafe { libc::munmap(self.base.as_ptr().cast(), self.capacity * 2) };
        debug_assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

#[cfg(target_os = "linux")]
fn memory_file(len: usize) -> io::Result<std::fs::File> {
    use std::os::fd::FromRawFd;
    // SAFETY: the name is a C string; the descriptor that comes back is nobody else's.
    let file = unsafe {
        match libc::memfd_create(c"ring".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(io::Error::last_os_error()),
            fd => std::fs::File::from_raw_fd(fd),
        }
    };
    file.set_len(len as u64)?;
    Ok(file)
}

/// # Safety
/// With `MAP_FIXED`, `at..at + len` must be a mapping of the caller's that nothing refers to.
#[cfg(target_os = "linux")]
unsafe fn map(
    at: *mut libc::c_void,
    len: usize,
    protection: i32,
    flags: i32,
    fd: i32,
) -> io::Result<NonNull<u8>> {
    // SAFETY: by the caller's promise nothing that is in use is replaced.
    let range = unsafe { libc::mmap(at, len, protection, flags, fd, 0) };
    if range == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(range.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
