//! What all workers' HTTP services share, and the desk: a thread that makes the pages that may take a
//! while. It is there from the first such page on.
//!
//! It may block; who asks never does: where too many pages wait already, that is the answer.

use super::MAX_JOBS;
use super::api::{self, Made};
use super::guard::Guard;
use super::problem::{self, Problem};
use super::response::Response;
use super::session::Request;
use super::tail::Reader;
use crate::broker::{Page, Piece, Shared, Then, WorkerMessage, now_ms};
use crate::net::Slot;
use crate::wire::error::ErrorCode;
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
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
    /// A page.
    Page { request: Request, worker: usize, slot: Slot },
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
    pub(super) connections: AtomicUsize,
    /// How long who is too slow is waited for.
    pub(super) patience: Duration,
    desk: Mutex<Option<Desk>>,
}

struct Desk {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Http {
    /// For a broker whose listeners are bound.
    pub fn new(shared: Arc<Shared>, facts: Facts) -> Arc<Http> {
        let guard = Guard::new(names(&shared));
        let (connections, desk) = (AtomicUsize::new(0), Mutex::new(None));
        let patience = shared.config().http_timeout();
        Arc::new(Http { shared, facts, guard, connections, patience, desk })
    }

    /// Has something made at the desk; false if too much waits there.
    pub(super) fn ask(&self, job: Job) -> bool {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.is_none() {
            *desk = self.open_desk();
        }
        desk.as_ref().is_some_and(|desk| desk.jobs.try_send(job).is_ok())
    }

    fn open_desk(&self) -> Option<Desk> {
        let (jobs, queue) = sync_channel(MAX_JOBS);
        let (shared, facts) = (self.shared.clone(), self.facts.clone());
        let thread = std::thread::Builder::new().name("http".into());
        match thread.spawn(move || work(&shared, &facts, &queue)) {
            Ok(thread) => Some(Desk { jobs, thread }),
            Err(why) => {
                ::log::warn!("no thread for HTTP pages: {why}");
                None
            }
        }
    }
}

impl Drop for Http {
    /// The last worker has ended: nobody waits for a page.
    fn drop(&mut self) {
        let desk = self.desk.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Desk { jobs, thread }) = desk {
            drop(jobs);
            if thread.join().is_err() {
                ::log::error!("the thread of the HTTP pages ended with a panic");
            }
        }
    }
}

fn work(shared: &Arc<Shared>, facts: &Facts, queue: &Receiver<Job>) {
    for job in queue {
        let (worker, message) = match job {
            Job::Page { request, worker, slot } => {
                (worker, WorkerMessage::Page(page(shared, facts, &request, slot)))
            }
            Job::Open { reader, request, worker, key } => {
                (worker, WorkerMessage::Piece(first_piece(shared, &reader, &request, key)))
            }
            Job::Read { reader, worker, key } => {
                (worker, WorkerMessage::Piece(next_piece(shared, &reader, key, Vec::new())))
            }
        };
        shared.tell_answer(worker, message);
    }
}

fn page(shared: &Arc<Shared>, facts: &Facts, request: &Request, slot: Slot) -> Page {
    let Made { response, due } = match shared.is_stopping() {
        true => problem::STOPPING.response().into(),
        false => api::page(shared, facts, request),
    };
    let written = |response: &Response| response.write(request.manner, now_seconds());
    let otherwise = match due.is_empty() {
        true => Vec::new(),
        false => written(&Problem::from(ErrorCode::KAFKA_STORAGE_ERROR).response()),
    };
    let (bytes, keep_alive) = (written(&response), request.manner.keep_alive);
    Page { slot, bytes, keep_alive, due, otherwise }
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

/// The names that the configuration says this broker has.
fn names(shared: &Shared) -> Vec<String> {
    let config = shared.config();
    let advertised = config.advertised_listeners().iter().map(|one| one.host.clone());
    let listener = config.http_listener().map(|one| one.host);
    let all = advertised.chain(listener).chain(config.http_hosts());
    all.filter(|name| name.parse::<IpAddr>().is_err()).collect()
}
