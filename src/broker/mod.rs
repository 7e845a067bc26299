//! The running broker: its shared state, its threads, start and stop.
//!
//! ```text
//! main ── opens ──> Broker ── owns ──> data directory (locked), controller thread, keeper threads
//!                     │
//!                  Shared <── read by workers (requests), written by the controller (metadata)
//! ```
//!
//! States: *open* (data directory locked, metadata replayed, partitions opened), *serving*
//! (workers attached), *closed* (all logs flushed and closed, the clean-shutdown marker written).
//! A broker that is dropped without [`Broker::close`] leaves what a crash leaves.

mod checker;
pub mod checkpoints;
mod cleaner;
mod cleaner_pace;
mod clients;
mod controller;
mod data_dir;
mod data_dir_error;
mod effects;
mod election;
mod fetch_session;
mod fetch_sessions;
mod groups;
mod janitor;
mod leftovers;
mod load;
mod log_starts;
mod meta_properties;
mod metadata_log;
mod meter;
mod opener;
mod partition_dir;
mod partition_files;
mod patience;
mod place;
mod producer_ids;
mod recovery;
mod registration;
mod settings;
mod shared;
mod snapshots;
mod warmer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::JoinHandle;
use std::{fmt, io};

pub use clients::{Asked, ClientInfo, Failure, Membership, WhoIsThere};
pub use controller::Controller;
pub use data_dir::{LOCK, PAGES, random_uuid};
pub use data_dir_error::DataDirError;
pub use fetch_session::{Session, SessionPartition, Told, TopicKey};
pub use fetch_sessions::{FetchSessions, SharedSession};
pub use groups::{Groups, Ran, RunningTopics, Unflushed};
pub use meta_properties::read_meta;
pub use metadata_log::{QuorumView, StoredSettings, stored_settings};
pub use meter::{Answered, Meter, Meters, Tag};
pub use place::Place;
pub use shared::{
    Endpoint, OffloadClaim, Offloaded, Page, Piece, Shared, Then, WorkerMessage, now_ms,
};
pub use warmer::ColdRead;

use crate::catalog::{CLUSTER_METADATA, Image, NodeView, Partition, Topics};
use crate::config::Config;
use crate::log::volume::is_full;
use crate::log::{AppendError, Keepers, LogError, Recovery};
use crate::net::mailbox::{Mailbox, Sender};
use checkpoints::{Checkpoints, Kind};
use controller::Job;
use data_dir::DataDir;
use leftovers::Removal;
use metadata_log::{Left, MetadataLog};

/// Jobs that may wait for the controller.
const CONTROLLER_QUEUE: usize = 100_000;

/// Why the broker did not start or stop as it should.
#[derive(Debug)]
pub enum StartError {
    /// The data directory cannot be used.
    DataDir(DataDirError),
    /// A log cannot be opened.
    Log(LogError),
    /// The metadata log cannot be understood.
    Metadata(PathBuf, String),
    /// The metadata log is of a cluster that this node cannot be alone.
    Foreign(PathBuf, String),
    /// The metadata log takes no new leader epochs.
    Election(PathBuf, String),
    /// A system call failed.
    Io(PathBuf, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataDir(why) => write!(f, "{why}"),
            Self::Log(why) => write!(f, "{why}"),
            Self::Metadata(path, why) => write!(
                f,
                "{}: the metadata log cannot be replayed: {why}; restore the directory from a copy",
                path.display()
            ),
            Self::Foreign(path, why) => {
                write!(f, "{}: this cluster cannot be taken over: {why}", path.display())
            }
            Self::Election(path, why) => write!(
                f,
                "{}: the leader epochs that this start needs cannot be written: {why}",
                path.display()
            ),
            Self::Io(path, why) if is_full(why) => write!(
                f,
                "{}: cannot be written, there is no room on its disk: {why}; make room and start again",
                path.display()
            ),
            Self::Io(path, why) => write!(
                f,
                "{}: {why}; check the disk and the rights on it, or restore it from a copy",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StartError {}

/// A broker whose data is open.
pub struct Broker {
    shared: Arc<Shared>,
    data_dir: DataDir,
    controller: Option<JoinHandle<Result<i64, LogError>>>,
    removal: Option<Removal>,
    keepers: Keepers,
}

impl Broker {
    /// Opens the data directory, replays the metadata, opens all partitions, starts the keepers.
    ///
    /// # Errors
    /// See [`StartError`]. A data directory that is refused is not touched.
    pub fn open(config: Arc<Config>, place: Place) -> Result<Self, StartError> {
        let data_dir = DataDir::of(&config, place).map_err(StartError::DataDir)?;
        let config = place.told(config, data_dir.path());
        let keepers = spawn_keepers(&data_dir, &config)?;
        let recovery = if data_dir.was_clean() { Recovery::Clean } else { Recovery::Unclean };
        let checkpoints = Checkpoints::load(data_dir.path());
        let (metadata, image) = open_metadata(&data_dir, &config, &checkpoints, &keepers)?;
        let effective = Arc::new(settings::at_start(&image, &config));
        metadata.set_flush(effective.topic_defaults().flush_messages);
        let node = NodeView {
            node_id: data_dir.meta().node_id,
            directory_id: data_dir.meta().directory_id,
        };
        let (controller, jobs) = Mailbox::for_thread(CONTROLLER_QUEUE);
        let shared = Arc::new(Shared {
            topics: Topics::default(),
            meters: Meters::new(config.workers(), config.listeners().len()),
            groups: Groups::new(groups::settings(&image, &effective)),
            sessions: FetchSessions::new(effective.max_incremental_fetch_session_cache_slots()),
            producer_ids: producer_ids::ProducerIds::default(),
            node,
            cluster_id: data_dir.meta().cluster_id.clone(),
            data_dir: data_dir.path().to_owned(),
            checkpoints,
            recovery,
            checker: Default::default(),
            keepers: keepers.clone(),
            image: RwLock::new(image),
            metadata_end: AtomicI64::new(metadata.next_offset()),
            config: RwLock::new(effective),
            controller,
            workers: OnceLock::new(),
            endpoints: OnceLock::new(),
            doorkeeper: OnceLock::new(),
            offloaded: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            warmer: Default::default(),
            creating: Mutex::default(),
            chores: janitor::Chores::default(),
            static_config: config,
        });
        let removal = load::load(&shared, recovery)?;
        let mut state = Controller::new(shared.clone(), metadata);
        state.elect_leaders(data_dir.was_clean())?;
        let thread = std::thread::Builder::new().name("controller".into());
        let thread = thread.spawn(move || state.run(jobs));
        let thread = thread.map_err(|why| {
            // After a clean stop nothing has been appended yet: it still counts.
            if data_dir.was_clean() && shared.offline().is_none() {
                let _ = data_dir.mark_clean(-1);
            }
            StartError::Io(data_dir.path().to_owned(), why)
        })?;
        let started = shared.start_groups();
        started.map_err(|why| StartError::Io(data_dir.path().to_owned(), why))?;
        shared.watch_changes();
        if !shared.topics.all().is_empty() {
            shared.watch_partitions();
        }
        Ok(Self { shared, data_dir, controller: Some(thread), removal, keepers })
    }

    /// What the broker's threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Connects the workers, before they start.
    pub fn attach(&self, workers: Vec<Sender<WorkerMessage>>, endpoints: Vec<Endpoint>) {
        let wakes = workers.clone();
        self.keepers.flusher.set_delivery(Box::new(move |worker, keys| {
            if let Some(worker) = wakes.get(worker) {
                shared::send_for_sure(worker, WorkerMessage::Wake(keys));
            }
        }));
        let registered = endpoints.clone();
        let attached = self.shared.workers.set(workers).is_ok()
            && self.shared.endpoints.set(endpoints).is_ok();
        assert!(attached, "workers are attached once");
        // The first job, hence done before any that a client asks for.
        let _ = self.shared.on_controller(move |controller| controller.register(&registered));
    }

    /// Brings the directory's own files to the disk, behind the start.
    pub fn settle(&self) {
        if let Err(why) = self.data_dir.sync() {
            ::log::warn!(
                dir:% = self.data_dir.path().display(), error:% = why;
                "cannot sync the directory"
            );
        }
    }

    /// Closes everything cleanly; call it after the workers have ended.
    ///
    /// # Errors
    /// When a log could not be closed. The next start recovers then.
    pub fn close(mut self) -> Result<(), StartError> {
        // The flag first: when the queue has no room for the order, there are jobs, and the thread
        // looks at the flag before each.
        self.shared.stopping.store(true, Ordering::Release);
        let _ = self.shared.controller.send(Job::Stop);
        let mut ended = Ok(-1);
        if let Some(thread) = self.controller.take() {
            ended = thread.join().unwrap_or(Ok(-1)).map_err(StartError::Log);
        }
        self.shared.stop_groups();
        self.shared.warmer.stop();
        // No segment goes while logs are closed.
        self.keepers.janitor.stop();
        self.shared.chores.cleaner.join();
        if let Some(removal) = self.removal.take() {
            removal.stop();
        }
        let closed = self.close_logs();
        self.keepers.stop();
        let broker_epoch = ended.and_then(|epoch| closed.map(|()| epoch))?;
        if let Some(offline) = self.shared.offline() {
            // Its files may need the recovery that a clean stop spares all of them.
            ::log::warn!(partition:% = offline; "partition is offline: the next start checks all");
            return Ok(());
        }
        let path = self.data_dir.path().to_owned();
        self.data_dir.mark_clean(broker_epoch).map_err(|why| StartError::Io(path, why))
    }
}

/// Opens the metadata log, takes the directory in use and begins to lead.
fn open_metadata(
    data_dir: &DataDir,
    config: &Config,
    checkpoints: &Checkpoints,
    keepers: &Keepers,
) -> Result<(MetadataLog, Image), StartError> {
    let recovery = if data_dir.was_clean() { Recovery::Clean } else { Recovery::Unclean };
    let recovery_point = checkpoints.get(Kind::RecoveryPoint, CLUSTER_METADATA, 0);
    let left = Left { recovery, recovery_point };
    let (mut metadata, mut image) = MetadataLog::open(data_dir, config, left, keepers.clone())?;
    data_dir.mark_in_use().map_err(StartError::DataDir)?;
    checkpoints.make_room();
    // A marker that comes back after a power cut would have files trusted that it found.
    keepers.flusher.note_names();
    metadata.guard(&keepers.flusher);
    // A new directory has nothing to bring there, and no time for it.
    if recovery == Recovery::Unclean && metadata.next_offset() > 0 {
        // What comes before an epoch is on the disk: a later start tells damage from a torn end by it.
        let directory = || data_dir.path().join(metadata_log::DIRECTORY);
        let failed = |why: AppendError| StartError::Election(directory(), why.to_string());
        metadata.flush().map_err(failed)?;
    }
    let first = metadata.lead(&image, config)?;
    controller::replay_plan(&mut image, &first);
    Ok((metadata, image))
}

impl Broker {
    /// Closes all partitions that are open; the others are as a clean stop left them. Few are flushed
    /// one by one, many with one call for the volume: a stop must not take a disk's time per
    /// partition. Those that are about to be removed are left as they are: a flush of the whole
    /// volume is the business of others there.
    fn close_logs(&self) -> Result<(), StartError> {
        const FEW: usize = 16;
        if self.data_dir.is_temporary() {
            return Ok(());
        }
        let partitions: Vec<_> =
            self.shared.topics.all().iter().flat_map(|topic| topic.partitions().to_vec()).collect();
        let open = || partitions.iter().filter_map(|partition| partition.log_if_open());
        let few = !crate::log::volume::CAN_SYNC || open().count() <= FEW;
        let mut outcome = Ok(());
        for log in open() {
            if let Err(why) = if few { log.close() } else { log.seal() } {
                outcome = Err(StartError::Log(why));
            }
        }
        if !few {
            let directory = &self.shared.data_dir;
            let synced = crate::log::volume::sync(directory);
            synced.map_err(|why| StartError::Io(directory.clone(), why))?;
            for log in open() {
                outcome = outcome.and(log.close_flushed().map_err(StartError::Log));
            }
        }
        // What is on the disk need not be checked again, whatever became of the others.
        outcome.and(self.write_checkpoints())
    }

    /// Writes down where the logs are, for the next start.
    fn write_checkpoints(&self) -> Result<(), StartError> {
        for kind in [Kind::RecoveryPoint, Kind::LogStart, Kind::HighWatermark] {
            let written = self.shared.checkpoints.write(kind, &self.shared.topics);
            let path = || self.shared.data_dir.join(kind.file_name());
            written.map_err(|why| StartError::Io(path(), why))?;
        }
        Ok(())
    }
}

/// The keepers of a data directory, at the pace that the settings say.
fn spawn_keepers(data_dir: &DataDir, config: &Config) -> Result<Keepers, StartError> {
    let keepers =
        Keepers::spawn().map_err(|why| StartError::Io(data_dir.path().to_owned(), why))?;
    let flusher = &keepers.flusher;
    match data_dir.is_temporary() {
        true => flusher.switch_off(),
        false => {
            flusher.set_pace(config.flush_ms(), config.flush_bytes());
            flusher.set_limit(unwritten_limit(config));
        }
    }
    flusher.set_data_dir(data_dir.path());
    Ok(keepers)
}

/// Where producers are slowed down. Nowhere if nothing is flushed by its time: the rest of a log that nobody
/// writes to any more would be waited for in vain.
fn unwritten_limit(config: &Config) -> Option<u64> {
    if config.flush_ms() < 0 {
        return None;
    }
    match u64::try_from(config.unwritten_bytes()) {
        Ok(0) => Some(crate::log::background_limit()),
        limit => limit.ok(),
    }
}

impl Shared {
    /// The name of a partition that cannot be used, or was not checked, if there is any.
    fn offline(&self) -> Option<String> {
        // After a crash a log that is not open has not been checked.
        let unchecked = |partition: &Partition| {
            self.recovery == Recovery::Unclean && partition.log_if_open().is_none()
        };
        self.partitions_where(1, unchecked).pop()
    }

    /// The names of partitions that cannot be used, so many at most.
    pub fn offline_partitions(&self, most: usize) -> Vec<String> {
        let mut found = self.partitions_where(most, |_| false);
        let lost = self.groups.lost().into_iter().filter(|one| !found.contains(one));
        found.extend(lost.take(most - found.len()).collect::<Vec<_>>());
        found
    }

    fn partitions_where(&self, most: usize, also: impl Fn(&Partition) -> bool) -> Vec<String> {
        let topics = self.topics.all();
        let partitions = topics.iter().flat_map(|topic| topic.partitions());
        let found = partitions.filter(|one| one.is_offline() || also(one)).take(most);
        found.map(|one| format!("{}-{}", one.topic, one.index)).collect()
    }
}
