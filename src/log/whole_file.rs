//! Small files that are read whole. What lies in a file's place may be anything: a pipe or a device
//! must not hold up a thread, and a file that grew without end must not fill the memory.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file for reading; anything else is an error, at once.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
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
        assert_eq!(read_whole(&pipe, 6).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
