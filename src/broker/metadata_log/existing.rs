//! A metadata log that is there already: read as it is, and judged, before anything is changed.
//!
//! What cannot be carried on a single node is refused with its reason: a catalog that is only half
//! understood must not be written to.

use std::io;
use std::path::Path;

use super::quorum_state::QuorumState;
use super::replay::Replay;
use super::snapshot::{self, SnapshotId};
use super::snapshot_files;
use super::snapshots::Unsnapshotted;
use crate::broker::{StartError, partition_dir};
use crate::catalog::{Image, NodeView};
use crate::log::{Damage, Recovery, read_whole, reset_files};
use crate::wire::metadata_records::{METADATA_VERSION, NEWEST_LEVEL};
use crate::wire::records::Batch;
use crate::wire::uuid::Uuid;

/// The newest level of the quorum's protocol that is known here.
const NEWEST_KRAFT_VERSION: i16 = 1;
/// The epoch of the first start of all.
const FIRST_EPOCH: i32 = 1;

/// What the files of a metadata log say.
#[derive(Debug, Default)]
pub struct Existing {
    /// The image and the quorum at its end.
    pub replay: Replay,
    /// The offset that the next record gets.
    pub next_offset: i64,
    /// A transaction of metadata was begun and never ended.
    pub open_transaction: bool,
    /// Bytes of records after the latest snapshot.
    later_bytes: usize,
    /// The snapshot that the image began with.
    snapshot: Option<SnapshotId>,
    /// The log ends before the snapshot does: it is to begin anew where that ends.
    is_behind: bool,
    /// The voters that the `quorum-state` file names.
    state_voters: Vec<i32>,
    /// What a power cut has left of records that had not reached the disk.
    torn: Option<Damage>,
}

/// What is known of a metadata log before it is read.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    /// How it was left.
    pub recovery: Recovery,
    /// Everything below was on the disk, if a checkpoint says so.
    pub recovery_point: Option<i64>,
}

impl Existing {
    /// Reads snapshots, log and `quorum-state` below `dir`.
    ///
    /// # Errors
    /// When they cannot be read, are damaged, or contradict each other.
    pub fn read(dir: &Path, left: Left) -> Result<Self, StartError> {
        let broken = |why: String| StartError::Metadata(dir.to_owned(), why);
        let mut found = Self::default();
        found.read_snapshot(dir).map_err(broken)?;
        found.read_log(dir, left)?;
        // All of them would be of no topic that there is, and be moved away.
        if found.next_offset == 0 && has_partitions(dir) {
            let why = "it has no records, although there are partitions beside it";
            return Err(broken(why.to_owned()));
        }
        if let Some(state) = QuorumState::load(dir)? {
            found.replay.quorum.epoch = found.replay.quorum.epoch.max(state.epoch);
            found.state_voters = state.voter_ids;
        }
        found.open_transaction = found.replay.end();
        Ok(found)
    }

    /// Begins with the latest snapshot that is whole.
    fn read_snapshot(&mut self, dir: &Path) -> Result<(), String> {
        for id in snapshot_files::list(dir).map_err(|why| why.to_string())?.into_iter().rev() {
            let path = snapshot_files::path(dir, id);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let bytes = read_whole(&path, u64::MAX).map_err(|why| format!("{name}: {why}"))?;
            match snapshot::decode(&bytes) {
                Ok(replay) => {
                    (self.replay, self.snapshot) = (replay, Some(id));
                    self.replay.quorum.epoch = id.epoch;
                    self.next_offset = id.offset;
                    return Ok(());
                }
                Err(why) => {
                    ::log::warn!(path:% = path.display(), error:% = why; "a snapshot is not used")
                }
            }
        }
        Ok(())
    }

    /// Goes on with the log, from where the snapshot ends.
    fn read_log(&mut self, dir: &Path, left: Left) -> Result<(), StartError> {
        let from = self.next_offset;
        let (mut first, mut end, mut problem) = (None, None, None);
        let mut epoch = None;
        let damage = Damage::find(dir, &mut |bytes| {
            let Ok((batch, _)) = Batch::parse(bytes) else { return };
            first.get_or_insert(batch.base_offset());
            end = Some(batch.next_offset());
            if epoch.is_none_or(|(latest, _)| batch.partition_leader_epoch() > latest) {
                epoch = Some((batch.partition_leader_epoch(), batch.base_offset()));
            }
            if batch.base_offset() < from || problem.is_some() {
                return;
            }
            if !batch.attributes().is_control() {
                self.later_bytes += bytes.len();
            }
            problem = self.replay.batch(bytes).err();
        });
        let broken = |why: String| StartError::Metadata(dir.to_owned(), why);
        if let Some(damage) = damage.map_err(StartError::Log)? {
            // Each start has the log on the disk before its own epoch begins.
            let flushed = epoch.map(|(_, begin)| begin.max(from));
            let flushed = flushed.map(|begin| begin.max(left.recovery_point.unwrap_or(begin)));
            let is_of_last_start = epoch.is_some_and(|(latest, _)| damage.latest_epoch() <= latest);
            let is_torn =
                is_of_last_start && flushed.is_some_and(|flushed| damage.offset() >= flushed);
            // The first start of all has nothing on the disk that its log follows, nor that follows it.
            let is_new = damage.offset() == 0
                && damage.latest_epoch() <= FIRST_EPOCH
                && left.recovery_point.is_none()
                && !has_partitions(dir);
            if left.recovery == Recovery::Clean || !(is_torn || is_new) {
                return Err(broken(damage.to_string()));
            }
            self.torn = Some(damage);
        }
        if let Some(why) = problem {
            return Err(broken(why));
        }
        if let Some(first) = first.filter(|&first| first > from) {
            let why = format!("it begins at offset {first}, and no whole snapshot goes that far");
            return Err(broken(why));
        }
        self.is_behind = end.is_some_and(|end| end < from) || (end.is_none() && from > 0);
        self.next_offset = end.unwrap_or(from).max(from);
        // A bad end, or a file that was cut, with nothing whole behind it is no damage by itself.
        if let Some(point) = left.recovery_point.filter(|&point| self.next_offset < point) {
            let end = self.next_offset;
            let why = format!(
                "it ends at offset {end}, and all before offset {point} was on the disk: records are lost or \
                 damaged"
            );
            return Err(broken(why));
        }
        Ok(())
    }

    /// What the next snapshot has to stand for.
    pub(super) fn unsnapshotted(&self) -> Unsnapshotted {
        let mut unsnapshotted = Unsnapshotted::default();
        if self.later_bytes > 0 {
            unsnapshotted.add(self.later_bytes);
        }
        unsnapshotted
    }

    /// Whether this node alone can go on with it; else why not, in words for the operator.
    pub fn check(&self, node: NodeView) -> Result<(), String> {
        let (image, quorum) = (&self.replay.image, &self.replay.quorum);
        let level = image.features().get(METADATA_VERSION).copied().unwrap_or(NEWEST_LEVEL);
        if level > NEWEST_LEVEL {
            return Err(format!(
                "its metadata.version is {level}, and {NEWEST_LEVEL} is the newest known here"
            ));
        }
        if let Some(level) = quorum.kraft_version.filter(|level| *level > NEWEST_KRAFT_VERSION) {
            return Err(format!(
                "its kraft.version is {level}, and {NEWEST_KRAFT_VERSION} is the newest known here"
            ));
        }
        let mut voters = quorum.voter_ids.iter().chain(&self.state_voters);
        if let Some(other) = voters.find(|id| **id != node.node_id) {
            return Err(format!(
                "node {other} has a vote in its quorum; only a cluster of node {} alone can be \
                 taken over",
                node.node_id
            ));
        }
        check_replicas(image, node)
    }

    /// Makes the files fit what was read: to be called once they were accepted.
    ///
    /// # Errors
    /// When a file cannot be removed or made.
    pub fn prepare(&self, dir: &Path) -> io::Result<()> {
        snapshot_files::sweep(dir);
        if let Some(torn) = &self.torn {
            let copy = torn.keep_copy(dir)?.unwrap_or_default();
            ::log::warn!(
                dir:% = dir.display(), dropped:% = torn, copy:%;
                "the end had not reached the disk for certain when it was left without a clean \
                 stop, so it is cut; the file as it was is kept"
            );
        }
        if self.is_behind {
            let from = self.next_offset;
            ::log::warn!(
                dir:% = dir.display(), offset = from;
                "it ends before its snapshot and begins anew"
            );
            reset_files(dir, from)?;
        }
        Ok(())
    }
}

/// Every partition must be here, and only here.
fn check_replicas(image: &Image, node: NodeView) -> Result<(), String> {
    let ours = [Uuid::ZERO, Uuid::ONE, node.directory_id];
    for topic in image.topics() {
        for (index, partition) in topic.partitions.iter().enumerate() {
            let name = &topic.name;
            if partition.replicas != [node.node_id] {
                let replicas = &partition.replicas;
                return Err(format!(
                    "partition {name}-{index} has the replicas {replicas:?}; move it to node {} alone first",
                    node.node_id
                ));
            }
            if let Some(other) = partition.directories.iter().find(|id| !ours.contains(id)) {
                return Err(format!(
                    "partition {name}-{index} is in the log directory {other}, and this one is {}; \
                     move it here first",
                    node.directory_id
                ));
            }
        }
    }
    Ok(())
}

/// Whether there is a partition beside the metadata log in `dir`; where it cannot be told there is.
fn has_partitions(dir: &Path) -> bool {
    let Some(entries) = dir.parent().and_then(|data| std::fs::read_dir(data).ok()) else {
        return true;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| name != super::DIRECTORY && partition_dir::parse(&name).is_some())
}
