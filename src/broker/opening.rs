//! The first steps of a start: the keepers, and the metadata log with what it says.

use super::checkpoints::{Checkpoints, Kind};
use super::controller;
use super::data_dir::DataDir;
use super::metadata_log::{self, Left, MetadataLog};
use super::{Place, StartError};
use crate::catalog::{CLUSTER_METADATA, Image};
use crate::config::Config;
use crate::log::{AppendError, Keepers, Recovery};

/// How the last stop left the data directory.
pub fn recovery_of(data_dir: &DataDir) -> Recovery {
    if data_dir.was_clean() { Recovery::Clean } else { Recovery::Unclean }
}

/// The threads that do what nobody shall wait for.
///
/// # Errors
/// When the system gives no thread.
pub fn start_keepers(
    data_dir: &DataDir,
    place: Place,
    config: &Config,
) -> Result<Keepers, StartError> {
    let keepers =
        Keepers::spawn().map_err(|why| StartError::Io(data_dir.path().to_owned(), why))?;
    match place {
        Place::Temporary => keepers.flusher.switch_off(),
        Place::Kept => keepers.flusher.set_pace(config.flush_ms(), config.flush_bytes()),
    }
    keepers.flusher.set_data_dir(data_dir.path());
    Ok(keepers)
}

/// The metadata log and what it says. The data directory is in use from here on.
///
/// # Errors
/// See [`StartError`].
pub fn open_metadata(
    data_dir: &DataDir,
    config: &Config,
    checkpoints: &Checkpoints,
    keepers: &Keepers,
) -> Result<(MetadataLog, Image), StartError> {
    let recovery = recovery_of(data_dir);
    let recovery_point = checkpoints.get(Kind::RecoveryPoint, CLUSTER_METADATA, 0);
    let left = Left { recovery, recovery_point };
    let (mut metadata, mut image) = MetadataLog::open(data_dir, config, left, keepers.clone())?;
    data_dir.mark_in_use().map_err(StartError::DataDir)?;
    // A marker that comes back after a power cut would have files trusted that it found.
    keepers.flusher.note_names();
    metadata.guard(&keepers.flusher);
    if recovery == Recovery::Unclean {
        let directory = || data_dir.path().join(metadata_log::DIRECTORY);
        let failed = |why: AppendError| StartError::Election(directory(), why.to_string());
        metadata.flush().map_err(failed)?;
    }
    let first = metadata.lead(&image, config)?;
    controller::replay_plan(&mut image, &first);
    Ok((metadata, image))
}
