//! What was set on this broker while it ran, read from its metadata log beside whoever has that open.
//!
//! Nothing is locked, changed or cut: a broker that runs goes on appending, takes snapshots and removes
//! old files meanwhile. So a read that stumbles is made again, and an end that is not whole yet does
//! not count. A directory that is not this node's has nothing to say; whether a broker could start on one
//! that is, is not judged here.

use std::collections::BTreeMap;
use std::path::Path;

use super::existing::{Existing, Left};
use super::{DIRECTORY, check_new};
use crate::broker::StartError;
use crate::broker::data_dir::DataDir;
use crate::catalog::ResourceKind;
use crate::log::Recovery;

/// How often somebody else may get in the way of a read.
const ATTEMPTS: usize = 5;

/// Dynamic settings of brokers, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredSettings {
    /// Those of all brokers.
    pub cluster: BTreeMap<String, String>,
    /// Those of this broker alone.
    pub node: BTreeMap<String, String>,
}

/// Reads the dynamic settings of broker `node_id` in a data directory, which may be in use. A
/// directory that is new or empty has none.
///
/// # Errors
/// When the directory is another node's or no broker's, or what is there cannot be read or makes no sense.
pub fn stored_settings(data_dir: &Path, node_id: i32) -> Result<StoredSettings, StartError> {
    DataDir::check(data_dir, node_id).map_err(StartError::DataDir)?;
    let dir = data_dir.join(DIRECTORY);
    match dir.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            check_new(data_dir)?;
            return Ok(StoredSettings::default());
        }
        Err(why) => return Err(StartError::Io(dir, why)),
    }
    let left = Left { recovery: Recovery::Unclean, recovery_point: None };
    let mut attempt = 1;
    let found = loop {
        match Existing::read(&dir, left) {
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            outcome => break outcome?,
        }
    };
    let of = |name: &str| found.replay.image.configs(ResourceKind::Broker, name).clone();
    Ok(StoredSettings { cluster: of(""), node: of(&node_id.to_string()) })
}
