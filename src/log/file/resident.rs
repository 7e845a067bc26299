//! Whether bytes of a file can be had without a disk, and having them read in.
//!
//! What is asked of the page cache is true of the moment only; it may be told wrong, in the direction of
//! "it is there", where the system cannot be asked. So it may decide who reads, never what is read.

use std::fs::File;
use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::PAGE;
use super::growing::GrowingFile;

/// Bytes that are read at once, to be thrown away.
const SCRATCH: usize = 64 * 1024;
/// One byte is asked for in so many where pages cannot be counted: what the kernel reads ahead or drops comes in
/// pieces that are rarely smaller. And no more bytes than that, for each takes a call.
const PROBE: u64 = 64 * 1024;
const PROBES: u64 = 32;
/// The system does not have cachestat: nobody asks again.
#[cfg(any(target_os = "linux", target_os = "android"))]
static NO_CACHESTAT: AtomicBool = AtomicBool::new(false);

impl GrowingFile {
    /// Whether the bytes in `from..to` can be had without a disk.
    pub(crate) fn is_resident(&self, from: u64, to: u64) -> bool {
        // Of nothing it is known without the file.
        from >= to || self.file_to_read().is_ok_and(|file| is_resident(&file, from, to))
    }

    /// Has the kernel begin to read the bytes in `from..to`, as far as there are any, and does not wait for them.
    pub(crate) fn begin_to_read(&self, from: u64, to: u64) -> io::Result<()> {
        let to = to.min(self.len());
        if from < to {
            advise(&*self.file_to_read()?, from, to);
        }
        Ok(())
    }

    /// Reads the bytes in `from..to` into memory, as far as there are any.
    pub(crate) fn bring_in(&self, from: u64, to: u64) -> io::Result<()> {
        bring_in(&*self.file_to_read()?, from, to.min(self.len()))
    }
}

/// Whether all pages of the range are in memory and hold the file's bytes.
fn is_resident(file: &File, from: u64, to: u64) -> bool {
    if from >= to {
        return true;
    }
    match are_cached(file, from, to) {
        // What is being read in counts as cached. It is read from the front to the back as a rule, so the last page
        // tells whether that is over. Where several requests are on their way a worker may wait for the rest of one.
        Some(are_cached) => are_cached && is_up_to_date(file, to - 1),
        None => probe(file, from, to),
    }
}

/// The same, told by a byte of each piece.
fn probe(file: &File, from: u64, to: u64) -> bool {
    let step = PROBE.max((to - from).div_ceil(PROBES));
    let mut places = (from..to).step_by(step as usize).chain([to - 1]);
    places.all(|at| is_up_to_date(file, at))
}

/// Reads the range from the disk into the page cache, as far as it is not there.
fn bring_in(file: &File, from: u64, to: u64) -> io::Result<()> {
    if from >= to {
        return Ok(());
    }
    advise(file, from, to);
    // Where the kernel has begun to read all of it, it is waited for by a byte of each piece: that costs a tenth of copying.
    if are_cached(file, from, to) == Some(true) {
        let mut byte = [0];
        for at in (from..to).step_by(PROBE as usize).chain([to - 1]) {
            read(file, &mut byte, at)?;
        }
        return Ok(());
    }
    let mut scratch = vec![0; SCRATCH];
    let mut at = from;
    while at < to {
        let wanted = (to - at).min(SCRATCH as u64) as usize;
        match read(file, &mut scratch[..wanted], at)? {
            0 => return Ok(()), // A hole in the promise of its length is for the reader to find.
            n => at += n as u64,
        }
    }
    Ok(())
}

fn read(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(into, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            told => return told,
        }
    }
}

/// The kernel may begin to read it, all at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn advise(file: &File, from: u64, to: u64) {
    let (Ok(from), Ok(len)) = (i64::try_from(from), i64::try_from(to - from)) else { return };
    // SAFETY: a plain system call on a file that is open for as long as it is borrowed. Advice may
    // be refused without harm.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), from, len, libc::POSIX_FADV_WILLNEED) };
}

/// Other systems read ahead as they see fit.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn advise(_file: &File, _from: u64, _to: u64) {}

/// cachestat(2), Linux 6.5: whether the page cache has all pages of a range. Nothing where the system does not have
/// the call, or a sandbox does not let it through.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn are_cached(file: &File, from: u64, to: u64) -> Option<bool> {
    /// The same on every architecture.
    const SYS_CACHESTAT: libc::c_long = 451;
    #[repr(C)]
    struct Range {
        off: u64,
        len: u64,
    }
    #[repr(C)]
    #[derive(Default)]
    struct Pages {
        cached: u64,
        dirty: u64,
        write_back: u64,
        evicted: u64,
        recently_evicted: u64,
    }
    if NO_CACHESTAT.load(Ordering::Relaxed) {
        return None;
    }
    let range = Range { off: from, len: to - from };
    let mut pages = Pages::default();
    let (fd, range, told) = (file.as_raw_fd(), &raw const range, &raw mut pages);
    // SAFETY: the call reads `range` and writes `pages`, both of the layout that cachestat(2) gives
    // and alive until it returns; the file is open for as long as it is borrowed.
    let answer = unsafe { libc::syscall(SYS_CACHESTAT, fd, range, told, 0) };
    if answer != 0 {
        // Other errors may be about this file alone, as EPERM is of one that is another user's.
        if io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
            NO_CACHESTAT.store(true, Ordering::Relaxed);
        }
        return None;
    }
    Some(pages.cached >= to.div_ceil(PAGE) - from / PAGE)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn are_cached(_file: &File, _from: u64, _to: u64) -> Option<bool> {
    None
}

/// Whether a byte can be read without waiting. Where that cannot be asked (some file systems), it can.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_up_to_date(file: &File, at: u64) -> bool {
    let Ok(at) = i64::try_from(at) else { return true };
    let mut byte = 0_u8;
    let buffer = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: the call writes the one byte that the one buffer names; both are alive until it
    // returns, and the file is open for as long as it is borrowed.
    let read =
        unsafe { libc::preadv2(file.as_raw_fd(), &raw const buffer, 1, at, libc::RWF_NOWAIT) };
    read >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EAGAIN)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_up_to_date(_file: &File, _at: u64) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file on the disk, without a name. The test's own directory is on one, a temporary one may be in memory only.
    fn file(name: &str, size: u64) -> File {
        let path = std::env::current_exe().unwrap();
        let path = path.with_file_name(format!("{name}-{}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all_at(&vec![7; size as usize], 0).unwrap();
        file.sync_all().unwrap();
        file
    }

    /// Linux drops clean pages when it is told that they are not needed.
    #[test]
    fn what_was_dropped_is_not_resident_until_it_is_read_in() {
        let size = 1 << 20;
        let file = file("resident", size);
        assert!(is_resident(&file, 0, size));
        // SAFETY: a plain system call on an open file.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        assert!(!is_resident(&file, 0, size));
        assert!(!is_resident(&file, 500_000, 500_001));
        bring_in(&file, 400_000, 600_000).unwrap();
        assert!(is_resident(&file, 400_000, 600_000));
        assert!(is_resident(&file, 10, 10), "nothing is always there");
        bring_in(&file, 0, size + 5_000).unwrap();
        assert!(is_resident(&file, 0, size));
    }

    /// As where cachestat is not to be had.
    #[test]
    fn a_hole_in_the_middle_is_found_by_probes() {
        let size = 4 << 20;
        let file = file("probed", size);
        assert!(probe(&file, 0, size));
        // SAFETY: a plain system call on an open file.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        bring_in(&file, 0, 1 << 20).unwrap();
        bring_in(&file, 3 << 20, size).unwrap();
        assert!(probe(&file, 0, 1 << 20) && probe(&file, 3 << 20, size));
        assert!(!probe(&file, 100, size - 100));
        bring_in(&file, 1 << 20, 3 << 20).unwrap();
        assert!(probe(&file, 0, size));
    }
}
