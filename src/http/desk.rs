//! What all workers' HTTP services share, and the desks: threads that make the pages that may take a
//! while. Who asks how the broker is does not wait behind those who read records, who reads a page of them not behind
//! tails that have much to look through, and who writes behind none of them ([`Desk`]). Each is there from the first
//! such page on.
//!
//! They may block; who asks never does: where too many pages wait already, or too many bytes of pages that nobody
//! has taken ([`MAX_HELD`]), that is the answer. Nothing is made for a client that is gone. While the workers stop, what
//! was asked before is answered: of records only that the broker stops.

use super::api::{self, Made, Opened};
use super::guard::Guard;
use super::places::Places;
use super::problem::{self, Problem};
use super::response::{Response, in_pieces};
use super::route::Route;
use super::session::Request;
use super::tail::Reader;
use super::{MAX_HELD, MAX_JOBS, SMALL};
use crate::broker::{Page, Piece, Shared, Then, WorkerMessage, now_ms};
use crate::net::{Slot, host_name};
use crate::wire::error::ErrorCode;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the broker says of itself and the shared state does not know.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The port of the first listener.
    pub port: u16,
    /// The port that pages are served on.
    pub http_port: u16,
    /// How sockets are driven.
    pub driver: &'static str,
    /// Since when it runs.
    pub started: Instant,
}

/// Who makes a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    /// What neither touches records nor waits for the controller or for workers.
    Overviews,
    /// Pages of records.
    Records,
    /// Answers that go on.
    Tails,
    /// What changes something, and what asks workers.
    Others,
}

/// How many there are.
const DESKS: usize = 4;

/// How long batches are kept open for who goes on in them.
const KEPT_OPEN: Duration = Duration::from_secs(2);

/// What is asked for, and by whom.
pub(super) enum Job {
    /// A page, unless its client is gone.
    Page { request: Request, worker: usize, slot: Slot, is_gone: Arc<AtomicBool> },
    /// The first piece of an answer that goes on.
    Open { reader: Reader, request: Request, worker: usize, key: u64 },
    /// The next piece of it.
    Read { reader: Reader, worker: usize, key: u64 },
}

/// See the module's comment.
pub struct Http {
    pub(super) shared: Arc<Shared>,
    pub(super) facts: Facts,
    pub(super) guard: Guard,
    pub(super) places: Places,
    /// How long who is too slow is waited for.
    pub(super) patience: Duration,
    /// Bytes of pages that were made and that nobody has taken, as far as is known.
    pub(super) held: Arc<AtomicUsize>,
    /// The workers stop.
    stops: Arc<AtomicBool>,
    /// They have ended.
    ended: Arc<AtomicBool>,
    desks: [Mutex<Option<Manned>>; DESKS],
}

/// A desk with somebody at it.
struct Manned {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Http {
    /// For a broker whose listeners are bound.
    pub fn new(shared: Arc<Shared>, facts: Facts) -> Arc<Http> {
        let guard = Guard::new(names(&shared));
        let patience = shared.config().http_timeout();
        Arc::new(Http {
            shared,
            facts,
            guard,
            places: Places::new(),
            patience,
            held: Arc::default(),
            stops: Arc::default(),
            ended: Arc::default(),
            desks: [const { Mutex::new(None) }; DESKS],
        })
    }

    /// The workers stop: no more records are read.
    pub(super) fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
    }

    /// Whether they do.
    pub(super) fn is_stopping(&self) -> bool {
        self.stops.load(Ordering::Relaxed) || self.shared.is_stopping()
    }

    /// Has something made at its desk; false if too much waits there.
    pub(super) fn ask(&self, job: Job) -> bool {
        let desk = &self.desks[job.desk() as usize];
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.is_none() {
            *desk = self.open_desk();
        }
        desk.as_ref().is_some_and(|desk| desk.jobs.try_send(job).is_ok())
    }

    /// Whether messages may be read for an answer.
    pub(super) fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) < MAX_HELD
    }

    /// Counts bytes no longer.
    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn open_desk(&self) -> Option<Manned> {
        let (jobs, queue) = sync_channel(MAX_JOBS);
        let clerk = Clerk {
            shared: self.shared.clone(),
            facts: self.facts.clone(),
            held: self.held.clone(),
            stops: self.stops.clone(),
            ended: self.ended.clone(),
        };
        let thread = std::thread::Builder::new().name("http".into());
        match thread.spawn(move || clerk.work(&queue)) {
            Ok(thread) => Some(Manned { jobs, thread }),
            Err(why) => {
                ::log::warn!(error:% = why; "no thread for HTTP pages");
                None
            }
        }
    }
}

impl Drop for Http {
    /// The last worker has ended: nobody waits for a page.
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for desk in &mut self.desks {
            let desk = desk.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(Manned { jobs, thread }) = desk {
                drop(jobs);
                if thread.join().is_err() {
                    ::log::error!("a thread of the HTTP pages ended with a panic");
                }
            }
        }
    }
}

impl Job {
    fn desk(&self) -> Desk {
        match self {
            Job::Page { request, .. } => request.route.desk(),
            Job::Open { .. } | Job::Read { .. } => Desk::Tails,
        }
    }
}

/// Who works at a desk.
struct Clerk {
    shared: Arc<Shared>,
    facts: Facts,
    held: Arc<AtomicUsize>,
    stops: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Clerk {
    fn work(&self, queue: &Receiver<Job>) {
        let mut opened = Opened::default();
        while let Some(job) = next(queue, &mut opened) {
            // Nobody waits for what is still there when the workers have ended.
            if !self.ended.load(Ordering::Relaxed)
                && let Some((worker, message)) = self.done(job, &mut opened)
            {
                self.shared.tell_answer(worker, message);
            }
        }
    }

    /// The answer, and whose it is; nothing where nobody waits for it.
    fn done(&self, job: Job, opened: &mut Opened) -> Option<(usize, WorkerMessage)> {
        let (worker, size, message) = match job {
            Job::Page { is_gone, .. } if is_gone.load(Ordering::Relaxed) => return None,
            Job::Page { request, worker, slot, .. } => {
                let page = self.page(&request, slot, opened);
                (worker, page.size, WorkerMessage::Page(page))
            }
            Job::Open { reader, request, worker, key } => {
                let piece = self.first_piece(&reader, &request, key, opened);
                (worker, piece.size, WorkerMessage::Piece(piece))
            }
            Job::Read { reader, worker, key } => {
                let piece = self.next_piece(&reader, key, Vec::new(), opened);
                (worker, piece.size, WorkerMessage::Piece(piece))
            }
        };
        self.held.fetch_add(size, Ordering::Relaxed);
        Some((worker, message))
    }

    fn page(&self, request: &Request, slot: Slot, opened: &mut Opened) -> Page {
        let held = || self.held.load(Ordering::Relaxed);
        let busy = || Made::from(problem::BUSY.response());
        let made = match request.route {
            Route::Healthz { .. } if self.shared.is_stopping() => api::stopping().into(),
            _ if self.shared.is_stopping() => problem::STOPPING.response().into(),
            Route::Messages(..) if self.stops.load(Ordering::Relaxed) => {
                problem::STOPPING.response().into()
            }
            // Messages are not even read.
            Route::Messages(..) if held() >= MAX_HELD => busy(),
            _ => api::page(&self.shared, &self.facts, request, opened),
        };
        let page = written(made, request, slot);
        // The health is told whatever is; so is what became of a change.
        let is_free = matches!(request.route, Route::Healthz { .. })
            || (request.route.desk() == Desk::Others && page.size <= SMALL);
        let most = if page.size > SMALL { 2 * MAX_HELD } else { 3 * MAX_HELD };
        match is_free || held() < most {
            true => page,
            false => written(busy(), request, slot),
        }
    }

    fn first_piece(
        &self,
        reader: &Reader,
        request: &Request,
        key: u64,
        opened: &mut Opened,
    ) -> Piece {
        let followed = match self.stops.load(Ordering::Relaxed) {
            true => Err(problem::STOPPING),
            false => api::follow(&self.shared, request),
        };
        match followed {
            Err(problem) => {
                let bytes = problem.response().write(request.manner, now_seconds());
                let then = if request.manner.keep_alive { Then::Resume } else { Then::End };
                piece(key, bytes, then)
            }
            Ok(follow) => {
                let head = Response::stream("text/event-stream").write_head(now_seconds());
                if request.manner.without_body {
                    return piece(key, head, Then::End);
                }
                *reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(follow);
                self.next_piece(reader, key, head, opened)
            }
        }
    }

    fn next_piece(
        &self,
        reader: &Reader,
        key: u64,
        mut bytes: Vec<u8>,
        opened: &mut Opened,
    ) -> Piece {
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        let then = match &mut *reader {
            Some(_) if self.stops.load(Ordering::Relaxed) => Then::End,
            // Its worker looks again in a while.
            Some(_) if self.held.load(Ordering::Relaxed) >= MAX_HELD => Then::More,
            Some(follow) => follow.read(&self.shared, opened, &mut bytes),
            None => Then::End,
        };
        piece(key, bytes, then)
    }
}

/// The next job, if one will come. While there is none for long, nothing is kept open.
fn next(queue: &Receiver<Job>, opened: &mut Opened) -> Option<Job> {
    if !opened.is_empty() {
        match queue.recv_timeout(KEPT_OPEN) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => opened.clear(),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    queue.recv().ok()
}

fn written(Made { response, due, delay }: Made, request: &Request, slot: Slot) -> Page {
    let written = |response: Response| response.pieces(request.manner, now_seconds());
    let otherwise = match due.is_empty() {
        true => Vec::new(),
        false => written(Problem::from(ErrorCode::KAFKA_STORAGE_ERROR).response()),
    };
    let (pieces, keep_alive) = (written(response), request.manner.keep_alive);
    let size = pieces.iter().map(Vec::len).sum();
    Page { slot, pieces, size, keep_alive, due, otherwise, delay }
}

fn piece(key: u64, bytes: Vec<u8>, then: Then) -> Piece {
    let size = bytes.len();
    Piece { key, pieces: in_pieces(bytes), size, then }
}

pub(super) fn now_seconds() -> u64 {
    u64::try_from(now_ms() / 1000).unwrap_or(0)
}

/// The names that the configuration says this broker has, and its machine's.
fn names(shared: &Shared) -> Vec<String> {
    let config = shared.config();
    let advertised = config.advertised_listeners().iter().map(|one| one.host.clone());
    let listener = config.http_listener().map(|one| one.host);
    let all = advertised.chain(listener).chain(config.http_hosts()).chain(host_name());
    all.filter(|name| name.parse::<IpAddr>().is_err()).collect()
}
