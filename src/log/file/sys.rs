//! System calls on files: reserving space and starting write-back.
//!
//! Reserving must never report success without the space: pages of a mapping that have no blocks
//! behind them turn a full disk into a SIGBUS.

use super::FOLIO;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::MOST_BATCHES;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file system was met that gives blocks only to what is written.
static NO_FALLOCATE: AtomicBool = AtomicBool::new(false);

/// As many are written with one call, at most.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MOST_PARTS: usize = 2 * MOST_BATCHES;

/// Zeros to write.
pub(super) static ZEROS: [u8; FOLIO as usize] = [0; FOLIO as usize];

/// Makes the file hold at least `to` bytes, those from `from` on backed by blocks and zero.
pub(super) fn reserve(file: &File, from: u64, to: u64) -> io::Result<()> {
    debug_assert!(from < to, "nothing to reserve from {from} to {to}");
    match fallocate(file, from, to - from) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {
            NO_FALLOCATE.store(true, Ordering::Relaxed);
            zero(file, from, to)
        }
        answer => answer,
    }
}

/// [`reserve`] may write all that it reserves.
pub(super) fn reserves_by_writing() -> bool {
    NO_FALLOCATE.load(Ordering::Relaxed)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn fallocate(file: &File, from: u64, len: u64) -> io::Result<()> {
    let (from, len) = (as_off_t(from)?, as_off_t(len)?);
    loop {
        // SAFETY: a plain system call on a file that is open for as long as it is borrowed.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, from, len) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fallocate(_file: &File, _from: u64, _len: u64) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
}

/// Bytes that the file's file system has for who is not root; all there are where it has no bound.
pub(super) fn free_space(file: &File) -> io::Result<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a plain system call on a file that is open for as long as it is borrowed; it fills what it is given.
    if unsafe { libc::fstatvfs(file.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has succeeded.
    let stat = unsafe { stat.assume_init() };
    // How wide these are differs from system to system.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let bytes = (stat.f_bavail as u64).saturating_mul(stat.f_frsize as u64);
    Ok(if stat.f_blocks == 0 { u64::MAX } else { bytes })
}

/// Makes the pages of a range in memory, zero as it is already, in folios of [`FOLIO`] bytes. A page fault would make
/// them in folios of up to a huge page, and look for that much memory in one piece: where memory is in pieces it
/// costs ten times as much. What fails is left to a fault.
pub(super) fn make_pages(file: &File, from: u64, to: u64) {
    let mut at = from;
    while at < to {
        let end = (at / FOLIO * FOLIO + FOLIO).min(to);
        if file.write_all_at(&ZEROS[..(end - at) as usize], at).is_err() {
            return;
        }
        at = end;
    }
}

/// Writes these one behind the other at that place, and zeros behind them, with one call where it takes them all. Says
/// whether the zeros are there: if they are not, that is no error.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn write_with_zeros<'b>(
    file: &File,
    parts: impl Iterator<Item = &'b [u8]> + Clone,
    zeros: usize,
    at: u64,
) -> io::Result<bool> {
    let mut slices = [io::IoSlice::new(&[]); MOST_PARTS + 1];
    let all = parts.clone().chain([&ZEROS[..zeros]]);
    let count = slices.iter_mut().zip(all).map(|(slice, part)| *slice = io::IoSlice::new(part));
    let count = count.count() as libc::c_int;
    debug_assert!(parts.clone().count() <= MOST_PARTS, "some would take calls of their own");
    // SAFETY: an `IoSlice` is an `iovec` (std says so), and readable for as long as it is borrowed; the kernel does not
    // write to it. There are as many as said.
    let written =
        unsafe { libc::pwritev(file.as_raw_fd(), slices.as_ptr().cast(), count, as_off_t(at)?) };
    // What went wrong or is left out is told or done by these.
    let written = usize::try_from(written).unwrap_or(0);
    let mut len = 0;
    for part in parts {
        let done = written.saturating_sub(len).min(part.len());
        if done < part.len() {
            file.write_all_at(&part[done..], at + (len + done) as u64)?;
        }
        len += part.len();
    }
    Ok(written == len + zeros)
}

/// The same with a call for each, and without zeros: elsewhere nobody knows what they would bring.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn write_with_zeros<'b>(
    file: &File,
    parts: impl Iterator<Item = &'b [u8]> + Clone,
    zeros: usize,
    at: u64,
) -> io::Result<bool> {
    let mut at = at;
    for part in parts {
        file.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(zeros == 0)
}

/// What `fallocate` does, by writing: for file systems that do not have it.
pub(super) fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let len = (to - at).min(ZEROS.len() as u64) as usize;
        file.write_all_at(&ZEROS[..len], at)?;
        at += len as u64;
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn as_off_t(value: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(value).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Starts to write the range to the disk, without waiting for it and without a promise. It keeps
/// the dirty pages few, so that neither the kernel's throttling nor a later flush comes as a
/// surprise. Must be called behind the tail only: write-back write-protects the pages again.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn start_write_back(file: &File, from: u64, to: u64) -> io::Result<()> {
    let (from, len) = (as_off_t(from)?, as_off_t(to.saturating_sub(from))?);
    // SAFETY: a plain system call on a file that is open for as long as it is borrowed.
    let answer =
        unsafe { libc::sync_file_range(file.as_raw_fd(), from, len, libc::SYNC_FILE_RANGE_WRITE) };
    match answer {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Writes the range to the disk and waits for it: without the file's size and places, so no flush.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn write_out(file: &File, from: u64, to: u64) -> io::Result<()> {
    let (from, len) = (as_off_t(from)?, as_off_t(to.saturating_sub(from))?);
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: a plain system call on a file that is open for as long as it is borrowed.
    match unsafe { libc::sync_file_range(file.as_raw_fd(), from, len, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Elsewhere the flush that follows does all of it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn write_out(_file: &File, _from: u64, _to: u64) -> io::Result<()> {
    Ok(())
}

/// What went wrong with a write-back of this file since somebody asked last, through this
/// descriptor. Waits for the first page only: the call is made for what it tells.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn write_back_error(file: &File) -> io::Result<()> {
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE;
    // SAFETY: a plain system call on a file that is open for as long as it is borrowed.
    match unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 1, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Other systems are asked by flushing the file again.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn write_back_error(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// As on Linux; other systems decide for themselves when to write back.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn start_write_back(_file: &File, _from: u64, _to: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> (std::path::PathBuf, File) {
        let path = std::env::temp_dir().join(format!("barnabas-sys-{}-{name}", std::process::id()));
        let mut options = File::options();
        (
            path.clone(),
            options.read(true).write(true).create(true).truncate(true).open(&path).unwrap(),
        )
    }

    #[test]
    fn reserving_grows_the_file_with_zeros_and_keeps_what_is_there() {
        for (name, how) in [("falloc", reserve as fn(&File, u64, u64) -> _), ("zero", zero)] {
            let (path, file) = scratch(name);
            file.write_all_at(b"here", 0).unwrap();
            how(&file, 4, 200_000).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len(), 200_000);
            assert_eq!(&bytes[..4], b"here");
            assert!(bytes[4..].iter().all(|&byte| byte == 0));
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn write_back_of_a_range_is_accepted() {
        let (path, file) = scratch("write-back");
        file.write_all_at(&[7; 8192], 0).unwrap();
        start_write_back(&file, 0, 8192).unwrap();
        std::fs::remove_file(path).unwrap();
    }
}
