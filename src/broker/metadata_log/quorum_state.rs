//! `quorum-state`: the epoch that the quorum has reached and who leads it (`FileQuorumStateStore`,
//! `QuorumStateData.json`).
//!
//! The log's own batches bear epochs too, so that a lost file costs nothing on a single node; Kafka
//! must find one that fits the quorum's level (data version 0 names the voters, 1 does not).

use std::path::Path;
use std::{fs, io};

use crate::broker::StartError;
use crate::log::{read_text, volume, write_whole};
use crate::wire::uuid::Uuid;

const NAME: &str = "quorum-state";
/// More than this the file never has.
const MAX_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumState {
    /// The epoch.
    pub epoch: i32,
    /// The voters, where the file names them.
    pub voter_ids: Vec<i32>,
}

impl QuorumState {
    /// Reads the file; `None` when there is none that can be understood.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn load(dir: &Path) -> Result<Option<Self>, StartError> {
        let path = dir.join(NAME);
        match read_text(&path, MAX_BYTES) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) if why.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(why) => Err(StartError::Io(path, why)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let epoch = numbers(text, "leaderEpoch").next()?;
        Some(Self { epoch, voter_ids: numbers(text, "voterId").collect() })
    }
}

/// Replaces the file: `node` leads in `epoch`. On a full disk in place; and where there is no room for
/// that either the old one stays: the log's epochs are later, and count, here and with Kafka.
///
/// # Errors
/// When it cannot be written.
pub fn store(dir: &Path, kraft_version: i16, epoch: i32, node: i32) -> Result<(), StartError> {
    let text = match kraft_version {
        0 => format!(
            "{{\"clusterId\":\"\",\"leaderId\":{node},\"leaderEpoch\":{epoch},\"votedId\":-1,\
             \"appliedOffset\":0,\"currentVoters\":[{{\"voterId\":{node}}}],\"data_version\":0}}"
        ),
        _ => format!(
            "{{\"leaderId\":{node},\"leaderEpoch\":{epoch},\"votedId\":-1,\
             \"votedDirectoryId\":\"{}\",\"data_version\":1}}",
            Uuid::ZERO
        ),
    };
    let (beside, path) = (dir.join(format!("{NAME}.tmp")), dir.join(NAME));
    let written = write_whole(&beside, text.as_bytes());
    let Err(why) = written.and_then(|()| fs::rename(&beside, &path)) else { return Ok(()) };
    if !volume::is_full(&why) {
        let at =
            if fs::metadata(&beside).is_ok_and(|there| !there.is_file()) { beside } else { path };
        return Err(StartError::Io(at, why));
    }
    let _ = fs::remove_file(&beside);
    match volume::overwrite(&path, text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(_) if path.exists() => {
            let path = path.display();
            ::log::warn!(
                path:%, epoch;
                "no room to write the epoch: that stands in the log alone"
            );
            Ok(())
        }
        Err(_) => Err(StartError::Io(path, why)),
    }
}

/// The numbers that a key has in a JSON text, wherever it stands.
fn numbers<'t>(text: &'t str, key: &str) -> impl Iterator<Item = i32> + 't {
    let quoted = format!("\"{key}\"");
    let places: Vec<usize> =
        text.match_indices(&quoted).map(|(at, found)| at + found.len()).collect();
    places.into_iter().filter_map(move |at| {
        let value = text.get(at..)?.trim_start().strip_prefix(':')?.trim_start();
        let end = value.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(value.len());
        value[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_kafkas() {
        let dir = std::env::temp_dir().join(format!("barnabas-quorum-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        assert_eq!(QuorumState::load(&dir).unwrap(), None);
        // As Kafka 4.3.1 wrote them.
        let texts = [
            r#"{"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#,
            r#"{"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#,
        ];
        for (version, text) in (0..).zip(texts) {
            store(&dir, version, 2, 1).unwrap();
            assert_eq!(fs::read_to_string(dir.join(NAME)).unwrap(), text);
            let voter_ids = if version == 0 { vec![1] } else { Vec::new() };
            let state = QuorumState { epoch: 2, voter_ids };
            assert_eq!(QuorumState::load(&dir).unwrap(), Some(state));
        }
        let several =
            texts[0].replace("[{\"voterId\":1}]", "[ {\"voterId\" : 1}, {\"voterId\":2} ]");
        assert_eq!(QuorumState::parse(&several).map(|state| state.voter_ids), Some(vec![1, 2]));
        for damaged in ["", "{}", "{\"leaderEpoch\":}", "\"leaderEpoch\":x", "\0\0"] {
            assert_eq!(QuorumState::parse(damaged), None, "{damaged}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
