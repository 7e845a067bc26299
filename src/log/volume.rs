//! The volume that holds a directory: how much room it has, and flushing all of it at once.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Total and usable bytes of the volume that holds `path`, as far as an unprivileged process may
/// use it. May block on the disk.
///
/// # Errors
/// When the path does not exist or the volume cannot be asked.
pub fn bytes(path: &Path) -> io::Result<(i64, i64)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` is a C string and `stat` has room for what the call writes.
    if unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it has written the whole structure.
    let stat = unsafe { stat.assume_init() };
    let bytes =
        |blocks: u64| i64::try_from(blocks.saturating_mul(stat.f_frsize)).unwrap_or(i64::MAX);
    Ok((bytes(stat.f_blocks), bytes(stat.f_bavail)))
}

/// Brings everything that was written to the volume of `path` to the disk: for thousands of files
/// one call instead of thousands. Blocks.
///
/// # Errors
/// When the path cannot be opened or the disk fails.
pub fn sync(path: &Path) -> io::Result<()> {
    let directory = File::open(path)?;
    super::sync::volume(&directory, path)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_root_has_a_size() {
        let (total, usable) = super::bytes(std::path::Path::new("/")).unwrap();
        assert!(total > 0 && usable <= total);
        assert!(super::bytes(std::path::Path::new("/no/such/place")).is_err());
        assert!(super::sync(std::path::Path::new("/no/such/place")).is_err());
    }
}
