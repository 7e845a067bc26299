//! What all workers' HTTP services share, and the desks: threads that make the pages that may take a
//! while. One is for what reads or writes records or asks the controller or workers, the other for the rest, so
//! that who asks how the broker is does not wait behind them. Each is there from the first such page on.
//!
//! They may block; who asks never does: where too many pages wait already, or too many bytes of pages that nobody
//! has taken, that is the answer. Nothing is made for a client that is gone, or once the workers stop.

use super::api::{self, Made};
use super::guard::Guard;
use super::places::Places;
use super::problem::{self, Problem};
use super::response::Response;
use super::route::Route;
use super::session::Request;
use super::tail::Reader;
use super::{MAX_HELD, MAX_JOBS};
use crate::broker::{Page, Piece, Shared, Then, WorkerMessage, now_ms};
use crate::net::{Slot, host_name};
use crate::wire::error::ErrorCode;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
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
    desks: [Mutex<Option<Desk>>; 2],
}

struct Desk {
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
            desks: [const { Mutex::new(None) }; 2],
        })
    }

    /// The workers stop: nothing more is made.
    pub(super) fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
    }

    /// Whether they do.
    pub(super) fn is_stopping(&self) -> bool {
        self.stops.load(Ordering::Relaxed) || self.shared.is_stopping()
    }

    /// Has something made at its desk; false if too much waits there.
    pub(super) fn ask(&self, job: Job) -> bool {
        let desk = &self.desks[usize::from(job.is_quick())];
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.is_none() {
            *desk = self.open_desk();
        }
        desk.as_ref().is_some_and(|desk| desk.jobs.try_send(job).is_ok())
    }

    fn open_desk(&self) -> Option<Desk> {
        let (jobs, queue) = sync_channel(MAX_JOBS);
        let clerk = Clerk {
            shared: self.shared.clone(),
            facts: self.facts.clone(),
            held: self.held.clone(),
            stops: self.stops.clone(),
        };
        let thread = std::thread::Builder::new().name("http".into());
        match thread.spawn(move || clerk.work(&queue)) {
            Ok(thread) => Some(Desk { jobs, thread }),
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
        self.stop();
        for desk in &mut self.desks {
            let desk = desk.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(Desk { jobs, thread }) = desk {
                drop(jobs);
                if thread.join().is_err() {
                    ::log::error!("a thread of the HTTP pages ended with a panic");
                }
            }
        }
    }
}

impl Job {
    /// It neither touches records nor waits for the controller or for workers.
    fn is_quick(&self) -> bool {
        matches!(self, Job::Page { request, .. } if request.route.is_quick())
    }
}

/// Who works at a desk.
struct Clerk {
    shared: Arc<Shared>,
    facts: Facts,
    held: Arc<AtomicUsize>,
    stops: Arc<AtomicBool>,
}

impl Clerk {
    fn work(&self, queue: &Receiver<Job>) {
        for job in queue {
            // Nobody waits for what is still there when the workers stop.
            if !self.stops.load(Ordering::Relaxed)
                && let Some((worker, message)) = self.done(job)
            {
                self.shared.tell_answer(worker, message);
            }
        }
    }

    /// The answer, and whose it is; nothing where nobody waits for it.
    fn done(&self, job: Job) -> Option<(usize, WorkerMessage)> {
        let shared = &self.shared;
        Some(match job {
            Job::Page { is_gone, .. } if is_gone.load(Ordering::Relaxed) => return None,
            Job::Page { request, worker, slot, .. } => {
                // Who does not read his pages must not make the broker look ill to others.
                let has_room = self.held.load(Ordering::Relaxed) < MAX_HELD;
                let page = match has_room || matches!(request.route, Route::Healthz { .. }) {
                    true => page(shared, &self.facts, &request, slot),
                    false => written(problem::BUSY.response().into(), &request, slot),
                };
                self.held.fetch_add(page.size, Ordering::Relaxed);
                (worker, WorkerMessage::Page(page))
            }
            Job::Open { reader, request, worker, key } => {
                (worker, WorkerMessage::Piece(first_piece(shared, &reader, &request, key)))
            }
            Job::Read { reader, worker, key } => {
                (worker, WorkerMessage::Piece(next_piece(shared, &reader, key, Vec::new())))
            }
        })
    }
}

fn page(shared: &Arc<Shared>, facts: &Facts, request: &Request, slot: Slot) -> Page {
    let made = match shared.is_stopping() {
        true => problem::STOPPING.response().into(),
        false => api::page(shared, facts, request),
    };
    written(made, request, slot)
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

fn first_piece(shared: &Shared, reader: &Reader, request: &Request, key: u64) -> Piece {
    match api::follow(shared, request) {
        Err(problem) => {
            let bytes = problem.response().write(request.manner, now_seconds());
            let then = if request.manner.keep_alive { Then::Resume } else { Then::End };
            Piece { key, bytes, then }
        }
        Ok(follow) => {
            let head = Response::stream("text/event-stream").write_head(now_seconds());
            if request.manner.without_body {
                return Piece { key, bytes: head, then: Then::End };
            }
            *reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(follow);
            next_piece(shared, reader, key, head)
        }
    }
}

fn next_piece(shared: &Shared, reader: &Reader, key: u64, mut bytes: Vec<u8>) -> Piece {
    let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
    let then = match &mut *reader {
        Some(follow) if !shared.is_stopping() => follow.read(shared, &mut bytes),
        _ => Then::End,
    };
    Piece { key, bytes, then }
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
