//! A mapping of a file's first bytes, guarded against pages that are not there (see [`super::fault`]).
//!
//! Only addresses come from here; what may be read and written through them, and when, is the
//! affair of [`super::GrowingFile`].

use super::PAGE;
use super::fault::Guard;
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The kernel has no MADV_POPULATE_WRITE (before 5.14): pages are touched instead.
static NO_POPULATE: AtomicBool = AtomicBool::new(false);

/// Mappings that there are at the moment, and the addresses that they take.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// How many mappings files of segments have, in all logs.
pub(crate) fn mappings() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// How many addresses they take.
pub(crate) fn mapped_bytes() -> u64 {
    BYTES.load(Ordering::Relaxed)
}

/// A guarded mapping.
pub(super) struct Mapping {
    /// First, so that it goes first: the guard must not outlive the mapping.
    guard: Guard,
    raw: MmapRaw,
    writable: bool,
}

impl Mapping {
    /// Maps `len` bytes of the file, whether it has them or not.
    pub(super) fn new(file: &File, len: usize, writable: bool) -> io::Result<Mapping> {
        let mut options = MmapOptions::new();
        let options = options.len(len);
        let raw = match writable {
            true => options.map_raw(file)?,
            false => options.map_raw_read_only(file)?,
        };
        let guard = Guard::new(raw.as_ptr(), len)?;
        COUNT.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(len as u64, Ordering::Relaxed);
        Ok(Mapping { guard, raw, writable })
    }

    /// The first byte of it that could not be had, if there is one: see [`Guard::fault`].
    #[inline]
    pub(super) fn fault(&self) -> Option<u64> {
        self.guard.fault()
    }

    pub(super) fn as_ptr(&self) -> *const u8 {
        self.raw.as_ptr()
    }

    pub(super) fn as_mut_ptr(&self) -> *mut u8 {
        self.raw.as_mut_ptr()
    }

    /// Maps the pages writable without changing a byte, so that an append is a memcpy. Only an
    /// optimisation: what fails here is faulted in later.
    pub(super) fn populate(&self, from: u64, to: u64) {
        // Where nothing may be written the kernel says the same as one that cannot do it.
        if !self.writable || NO_POPULATE.load(Ordering::Relaxed) {
            return;
        }
        let (from, to) = (from / PAGE * PAGE, to.next_multiple_of(PAGE));
        if let Err(error) = self.make_writable(from as usize, (to - from) as usize)
            && error.raw_os_error() == Some(libc::EINVAL)
        {
            NO_POPULATE.store(true, Ordering::Relaxed);
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn make_writable(&self, from: usize, len: usize) -> io::Result<()> {
        self.raw.advise_range(memmap2::Advice::PopulateWrite, from, len)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn make_writable(&self, _from: usize, _len: usize) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// Takes pages out of the mapping that are about to be written to the disk. The kernel protects each from further
    /// stores before that, and lets every processor that runs a thread of ours forget it, one page after the
    /// other; of what is not mapped it knows that nobody stores to it. What is taken out is taken by thousands at a
    /// time. Whoever reads there again finds the same bytes and maps them anew.
    pub(super) fn let_go(&self, from: u64, to: u64) {
        debug_assert!(from.is_multiple_of(PAGE) && from <= to, "pages of {from} to {to}");
        let (from, len) = (from as usize, (to - from) as usize);
        // SAFETY: the mapping is shared and of a file: only entries of the page table go, no byte. The range lies in
        // it. What cannot be taken out stays, and costs more.
        let _ = unsafe {
            self.raw.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, len)
        };
    }

    /// Whether [`Mapping::sync`] does anything: for the mapping of a file that was opened for reading
    /// the kernel does nothing and reports success.
    pub(super) fn can_sync(&self) -> bool {
        self.writable && cfg!(any(target_os = "linux", target_os = "android"))
    }

    /// Brings the first `len` bytes to the disk, and all that is needed to find them: Linux gives the
    /// range to the file system's fsync, as for data. Errors are those of the open file, as fdatasync
    /// would tell them.
    pub(super) fn sync(&self, len: u64) -> io::Result<()> {
        assert!(self.can_sync(), "a sync of this mapping would be none");
        self.raw.flush_range(0, len as usize)
    }

    /// What [`Mapping::populate`] does, for kernels that cannot: writes a zero to each page of a range that is not yet
    /// published as reserve, where nobody else writes or reads. Needs the lock on growth.
    pub(super) fn touch(&self, from: u64, to: u64) {
        if !NO_POPULATE.load(Ordering::Relaxed) {
            return;
        }
        for at in (from.next_multiple_of(PAGE)..to).step_by(PAGE as usize) {
            // SAFETY: inside the mapping and inside the file (it was reserved up to `to`), beyond
            // the published reserve: the tail does not write here yet and readers never look.
            unsafe { self.raw.as_mut_ptr().add(at as usize).write_volatile(0) };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
        BYTES.fetch_sub(self.raw.len() as u64, Ordering::Relaxed);
    }
}
