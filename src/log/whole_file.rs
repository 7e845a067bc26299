//! Files whose place anything may have taken, and small ones that are read or written whole. A pipe or a
//! device must not hold up a thread, and a file that grew without end must not fill the memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file for reading; anything else is an error, at once.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    regular(opened, path)
}

/// Opens a regular file for writing, empty; makes it where there is nothing. Anything else is an error,
/// at once.
pub fn create_regular(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).custom_flags(libc::O_NONBLOCK);
    regular(options.open(path), path)
}

/// What is no regular file is called that, whatever the system says of it.
fn regular(opened: io::Result<File>, path: &Path) -> io::Result<File> {
    let not_one = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(not_one()),
        Err(_) if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) => Err(not_one()),
        Err(why) => Err(why),
    }
}

/// Writes a regular file whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_regular(path)?.write_all(bytes)
}

/// The bytes of a regular file that has at most `max` of them.
pub fn read_whole(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let why = format!("it has more than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(bytes)
}

/// The same as text.
pub fn read_text(path: &Path, max: u64) -> io::Result<String> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text");
    String::from_utf8(read_whole(path, max)?).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_fitting_size_are_read() {
        let dir = std::env::temp_dir().join(format!("barnabas-whole-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("file");
        std::fs::write(&path, "seven!!").unwrap();
        assert_eq!(read_text(&path, 7).unwrap(), "seven!!");
        assert_eq!(read_whole(&path, 6).unwrap_err().kind(), io::ErrorKind::InvalidData);
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 7).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let missing = read_whole(&dir.join("none"), 6).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(read_whole(&dir, 6).is_err());
        let pipe = dir.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let socket = dir.join("socket");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        for other in [&pipe, &socket, &dir, Path::new("/dev/null")] {
            assert_eq!(read_whole(other, 6).unwrap_err().kind(), io::ErrorKind::InvalidInput);
            assert_eq!(write_whole(other, b"x").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        for text in ["longer than before", "new"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(read_text(&path, 20).unwrap(), text);
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
