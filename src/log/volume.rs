//! The volume that holds a directory: how much room it has, flushing all of it at once, and what
//! can be written when it is full.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
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
        |blocks: i128| i64::try_from(blocks * i128::from(stat.f_frsize)).unwrap_or(i64::MAX);
    Ok((bytes(i128::from(stat.f_blocks)), bytes(i128::from(stat.f_bavail))))
}

/// Whether [`sync`] can be had on this system.
pub const CAN_SYNC: bool = super::sync::KNOWS_VOLUMES;

/// Brings everything that was written to the volume of `path` to the disk: for thousands of files
/// one call instead of thousands. Blocks.
///
/// # Errors
/// When the path cannot be opened or the disk fails.
pub fn sync(path: &Path) -> io::Result<()> {
    let directory = File::open(path)?;
    super::sync::volume(&directory, path)
}

/// Whether the error says that there is no room on the volume.
pub fn is_full(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [libc::ENOSPC, libc::EDQUOT].into_iter().any(|full| code == Some(full))
}

/// Writes a small file anew, within the blocks that it has: on a full volume there is no room to
/// write it beside and rename it, and what has to be noted may be what makes room. A crash of the
/// machine in the middle of it can leave a file of both, which is then not believed.
///
/// # Errors
/// When there is no such file, or it has too few blocks; it is as before then.
pub fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || bytes.len() as u64 > meta.blocks() * 512 {
        return Err(io::Error::from_raw_os_error(libc::ENOSPC));
    }
    file.write_all_at(bytes, 0)?;
    file.set_len(bytes.len() as u64)?;
    super::sync::file(&file, path).map_err(|error| error.source)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_is_written_anew_within_its_blocks() {
        let name = format!("barnabas-overwrite-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        assert!(super::overwrite(&path, b"new").is_err(), "there is none");
        std::fs::write(&path, b"the old one").unwrap();
        super::overwrite(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let too_much = super::overwrite(&path, &[7; 1 << 20]).unwrap_err();
        assert!(super::is_full(&too_much));
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_root_has_a_size() {
        let (total, usable) = super::bytes(std::path::Path::new("/")).unwrap();
        assert!(total > 0 && usable <= total);
        assert!(super::bytes(std::path::Path::new("/no/such/place")).is_err());
        assert!(super::sync(std::path::Path::new("/no/such/place")).is_err());
    }
}
