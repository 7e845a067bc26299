//! Names of partition directories and `partition.metadata` in them (Kafka's
//! `PartitionMetadataFile`): which topic id the bytes belong to, so that a deleted topic's
//! left-overs are never taken for those of a new topic with the same name.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::log::{read_text, write_whole};
use crate::wire::uuid::Uuid;

/// Says in a partition's directory whose it is.
pub const METADATA: &str = "partition.metadata";
/// More than this the file never has.
const MAX_BYTES: u64 = 1 << 16;

/// The name of a partition's directory.
pub fn name(topic: &str, index: i32) -> String {
    format!("{topic}-{index}")
}

/// The directory of a partition.
pub fn path(data_dir: &Path, topic: &str, index: i32) -> PathBuf {
    data_dir.join(name(topic, index))
}

/// Splits a directory's name into topic and index; `None` for other directories.
pub fn parse(name: &str) -> Option<(&str, i32)> {
    let (topic, index) = name.rsplit_once('-')?;
    let digits = !index.is_empty() && index.bytes().all(|c| c.is_ascii_digit());
    if topic.is_empty() || !digits { None } else { Some((topic, index.parse().ok()?)) }
}

/// Says whose bytes these are.
///
/// # Errors
/// When the file cannot be written.
pub fn write_metadata(dir: &Path, topic_id: Uuid) -> io::Result<()> {
    write_whole(&dir.join(METADATA), format!("version: 0\ntopic_id: {topic_id}").as_bytes())
}

/// The topic id that a directory belongs to; `None` when it does not say: there is no such file, or
/// nothing in it, as a power cut leaves one that was just written.
///
/// # Errors
/// When the file is there but cannot be read, or says something else. Kafka then takes all of the
/// data directory offline.
pub fn read_metadata(dir: &Path) -> io::Result<Option<Uuid>> {
    let text = match read_text(&dir.join(METADATA), MAX_BYTES) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    if text.bytes().all(|byte| byte == 0) {
        return Ok(None);
    }
    let says = |key| text.lines().find_map(|line| Some(line.trim().strip_prefix(key)?.trim()));
    let id = says("topic_id:").and_then(|id| Uuid::from_str(id).ok());
    match id.filter(|&id| says("version:") == Some("0") && id != Uuid::ZERO) {
        Some(id) => Ok(Some(id)),
        None => {
            let why = "it does not say \"version: 0\" and \"topic_id: ...\"";
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_directory_says_whose_it_is_or_nothing_or_what_is_wrong() {
        let dir = std::env::temp_dir().join(format!("barnabas-whose-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join(METADATA);
        assert_eq!(read_metadata(&dir).unwrap(), None);
        let id = "AAAAAAAAAAAAAAAAAAAAAg";
        write_metadata(&dir, Uuid::from_str(id).unwrap()).unwrap();
        assert_eq!(read_metadata(&dir).unwrap().unwrap().to_string(), id);
        for nothing in ["", "\0\0\0\0"] {
            fs::write(&file, nothing).unwrap();
            assert_eq!(read_metadata(&dir).unwrap(), None, "{nothing:?}");
        }
        let none = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA";
        for bad in ["x", "version: 0\n", "topic_id: AAAAAAAAAAAAAAAAAAAAAg", "version: 1\n", none] {
            fs::write(&file, bad).unwrap();
            let kind = read_metadata(&dir).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::InvalidData, "{bad:?}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn directory_names_split_at_the_last_dash() {
        assert_eq!(parse("a-b-12"), Some(("a-b", 12)));
        assert_eq!(parse("t-0"), Some(("t", 0)));
        for other in ["t", "-3", "t-", "t-x", "t-1.abc-delete", "t-99999999999"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
