//! What all threads of the running broker share.
//!
//! Read by every request, so each part has its own narrow lock and hot parts are sharded. Metadata
//! is written by the controller thread alone.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::checker::Checker;
use super::checkpoints::Checkpoints;
use super::clients::WhoIsThere;
use super::controller::{Controller, Job};
use super::fetch_sessions::FetchSessions;
use super::groups::{Groups, Unflushed};
use super::janitor::Chores;
use super::meter::{Meters, Tag};
use super::producer_ids::ProducerIds;
use super::warmer::{ColdRead, Warmer};
use crate::catalog::{ApiError, Image, NodeView, Topics};
use crate::config::Config;
use crate::coordinator::groups::{Reply, Token};
use crate::log::{Keepers, Recovery};
use crate::net::mailbox::{SendError, Sender};
use crate::net::{Doorkeeper, Slot, push_ip};
use crate::wire::codec::{Told, Writer};
use crate::wire::error::ErrorCode;

/// What other threads tell a worker.
pub enum WorkerMessage {
    /// Parked requests, by their keys, whose data has come.
    Wake(Vec<u64>),
    /// Answers of groups to parked requests, and what must be on the disk first.
    Groups(Vec<(Token, Reply)>, Option<Unflushed>),
    /// There are no groups any more: nobody may wait for one.
    NoGroups,
    /// A request that was worked on elsewhere is answered by this frame and its connection goes on,
    /// or it could not be read and its connection ends, for this reason.
    Answer(Slot, Tag, Result<Offloaded, String>),
    /// The same for a connection of HTTP's.
    Page(Page),
    /// A part of an answer that goes on.
    Piece(Piece),
    /// Another connection needs the place of this one of HTTP's.
    Part(u64),
    /// Who is connected to it.
    Clients(WhoIsThere),
    /// Whether the worker lives; it says so by adding one.
    Ping(Arc<AtomicUsize>),
}

/// An answer that was made elsewhere.
#[derive(Default)]
pub struct Offloaded {
    /// All of it.
    pub frame: Vec<u8>,
    /// The errors that it tells.
    pub errors: Vec<Told>,
}

impl From<Writer> for Offloaded {
    fn from(mut out: Writer) -> Offloaded {
        let errors = out.take_errors();
        Offloaded { frame: out.into_bytes(), errors }
    }
}

/// A part of an answer to an HTTP request that goes on.
pub struct Piece {
    /// By what its worker knows it.
    pub key: u64,
    /// What there is of it, in pieces of its own.
    pub pieces: Vec<Vec<u8>>,
    /// How many bytes that are.
    pub size: usize,
    /// What is to follow.
    pub then: Then,
}

/// What follows a part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// There is more to read.
    More,
    /// There will be, when more has come.
    Wait,
    /// Nothing, and the connection ends.
    End,
    /// Nothing, and the connection goes on with its next request.
    Resume,
}

/// An answer to an HTTP request that was made elsewhere.
pub struct Page {
    /// Where it belongs.
    pub slot: Slot,
    /// All of it, in pieces.
    pub pieces: Vec<Vec<u8>>,
    /// How many bytes that are.
    pub size: usize,
    /// The connection goes on behind it.
    pub keep_alive: bool,
    /// What must be on the disk before it leaves.
    pub due: Vec<Unflushed>,
    /// What is said instead where that has failed.
    pub otherwise: Vec<Vec<u8>>,
    /// How long it waits, for who has asked outruns the disk.
    pub delay: Duration,
}

/// Where clients reach a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The host name or address that is told to clients.
    pub host: String,
    /// The port that is told to clients.
    pub port: u16,
}

/// Bytes of requests that may wait for the controller, all together.
const MAX_OFFLOADED: usize = 64 << 20;

/// A request of so many bytes need not wait for room.
const SMALL: usize = 16 << 10;
/// Topics that may wait to be created because clients asked for them; the others ask again.
const MAX_CREATING: usize = 100;

/// The state of the running broker.
pub struct Shared {
    /// The running topics.
    pub topics: Topics,
    /// What workers have answered.
    pub meters: Meters,
    /// Incremental fetch sessions.
    pub sessions: FetchSessions,
    /// Blocks of producer ids.
    pub producer_ids: ProducerIds,
    /// The node's ids.
    pub node: NodeView,
    /// The cluster's id.
    pub cluster_id: String,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The group coordinator.
    pub groups: Groups,
    /// The data directory's checkpoint files.
    pub checkpoints: Checkpoints,
    /// How the last broker ended: so are logs opened.
    pub(super) recovery: Recovery,
    pub(super) checker: Checker,
    pub(super) keepers: Keepers,
    pub(super) image: RwLock<Image>,
    /// Where the records end that the image is made of; changes while the image is held for writing.
    pub(super) metadata_end: AtomicI64,
    pub(super) config: RwLock<Arc<Config>>,
    pub(super) controller: Sender<Job>,
    pub(super) workers: OnceLock<Vec<Sender<WorkerMessage>>>,
    pub(super) endpoints: OnceLock<Vec<Endpoint>>,
    pub(super) doorkeeper: OnceLock<Doorkeeper>,
    pub(super) offloaded: AtomicUsize,
    pub(super) stopping: AtomicBool,
    pub(super) warmer: Warmer,
    /// Names of topics that the controller is asked to create because clients asked for them.
    pub(super) creating: Mutex<HashSet<String>>,
    pub(super) chores: Chores,
    pub(super) static_config: Arc<Config>,
}

impl Shared {
    /// The effective broker settings, dynamic ones included.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The metadata, for reading; hold it briefly.
    pub fn image(&self) -> RwLockReadGuard<'_, Image> {
        self.image.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offset of the last metadata record; the one of an image while that is held.
    pub fn metadata_offset(&self) -> i64 {
        self.metadata_end.load(Ordering::Relaxed) - 1
    }

    /// Where a client that came to the listener with this index, at our address `local`, shall
    /// reach us.
    pub fn endpoint(&self, listener: usize, local: SocketAddr) -> Endpoint {
        let endpoints = self.endpoints.get().map_or(&[][..], Vec::as_slice);
        match endpoints.get(listener) {
            Some(endpoint) if !endpoint.host.is_empty() => endpoint.clone(),
            endpoint => {
                let mut host = String::new();
                push_ip(&mut host, local.ip());
                Endpoint { host, port: endpoint.map_or(local.port(), |endpoint| endpoint.port) }
            }
        }
    }

    /// Hands a message to a worker, unless it is gone or far behind: a wake-up that is lost is made
    /// up for by the waiter's own timer.
    pub fn tell(&self, worker: usize, message: WorkerMessage) {
        if let Some(sender) = self.workers.get().and_then(|workers| workers.get(worker)) {
            let _ = sender.send(message);
        }
    }

    /// Hands an answer to a worker, waiting for room: lost, it would hold its connection for ever.
    /// For keepers only, since it may block.
    pub fn tell_answer(&self, worker: usize, message: WorkerMessage) {
        let Some(sender) = self.workers.get().and_then(|workers| workers.get(worker)) else {
            return;
        };
        send_for_sure(sender, message);
    }

    /// Asks every worker to add one, and says how many there are. May block for as long as one does not look
    /// at what it is told.
    pub fn ask_workers(&self, answers: &Arc<AtomicUsize>) -> usize {
        let workers = self.workers.get().map_or(&[][..], |workers| workers);
        for sender in workers {
            send_for_sure(sender, WorkerMessage::Ping(answers.clone()));
        }
        workers.len()
    }

    /// Has what a fetch wants read into memory by who may wait for the disk, and then wakes what
    /// `worker` has parked under `key`. False if that cannot be done: then nobody is woken.
    pub fn warm(self: &Arc<Self>, reads: Vec<ColdRead>, worker: usize, key: u64) -> bool {
        self.warmer.warm(self, reads, worker, key)
    }

    /// The time for which a connection that has brought so many bytes of records is not to be read.
    pub fn price_of(&self, bytes: u64) -> Duration {
        self.keepers.flusher.price_of(bytes)
    }

    /// Whether the broker stops: nothing new is begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Creates a topic because a client asked for it, some time soon; or not, when too many wait.
    pub fn create_soon(&self, name: &str) {
        let mut creating = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        if creating.len() >= MAX_CREATING || !creating.insert(name.to_owned()) {
            return;
        }
        let owned = name.to_owned();
        let job = move |controller: &mut Controller| {
            controller.create_automatically(&owned);
            let shared = controller.shared();
            shared.creating.lock().unwrap_or_else(PoisonError::into_inner).remove(&owned);
        };
        if self.on_controller(job).is_err() {
            creating.remove(name);
        }
    }

    /// The number of workers.
    pub fn worker_count(&self) -> usize {
        self.workers.get().map_or(0, Vec::len)
    }

    /// Accounts for a request of so many bytes that is copied for the controller; `None` when too
    /// many bytes wait already. What arrives on sockets is bounded elsewhere, copies are here.
    pub fn claim_offloaded(self: &Arc<Self>, bytes: usize) -> Option<OffloadClaim> {
        let fits = |waiting: usize| {
            let sum = waiting.checked_add(bytes)?;
            // Small ones are bounded by the number of connections.
            (bytes <= SMALL || sum <= MAX_OFFLOADED).then_some(sum)
        };
        let claimed = self.offloaded.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        claimed.ok().map(|_| OffloadClaim { shared: self.clone(), bytes })
    }

    /// Runs a job on the controller thread, which may block and changes the metadata.
    ///
    /// # Errors
    /// When too many jobs wait already, or the broker stops.
    pub fn on_controller(
        &self,
        job: impl FnOnce(&mut Controller) + Send + 'static,
    ) -> Result<(), ApiError> {
        self.controller.send(Job::Run(Box::new(job))).map_err(|_| {
            ApiError::new(
                ErrorCode::REQUEST_TIMED_OUT,
                "The controller is overloaded or stopping; try again.",
            )
        })
    }
}

/// Bytes of an offloaded request, given back when it is dropped.
pub struct OffloadClaim {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Drop for OffloadClaim {
    fn drop(&mut self) {
        let before = self.shared.offloaded.fetch_sub(self.bytes, Ordering::AcqRel);
        assert!(before >= self.bytes, "no more is given back than was claimed");
    }
}

/// Sends a message that must not be lost, waiting for room. For keepers only.
pub(super) fn send_for_sure(sender: &Sender<WorkerMessage>, message: WorkerMessage) {
    let mut undelivered = sender.send(message);
    while let Err(SendError::Full(message)) = undelivered {
        std::thread::yield_now(); // A million messages wait: the worker is at them.
        undelivered = sender.send(message);
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
