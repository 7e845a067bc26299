//! Who has a place among HTTP's connections, and whose place a new one takes when all are taken.
//!
//! Who waits for (the rest of) a request makes room, the longest first: so nobody keeps others out by saying nothing,
//! and who asks how the broker is gets an answer. An answer that is under way is never cut short for another one, but
//! where it was given a while ago ([`LOOK`]) and its reader leaves it lying while [`SPARE`] others do. What may be under way
//! for long, at the desk, at the disk or as a tail, has a part of the places and not all ([`MAX_TAILS`], [`MAX_WAITS`]).
//!
//! A request costs two stores to its connection's own word. The lock is for who comes and who goes, and all places
//! are looked at only when a new one finds no room. The state machine:
//!
//! ```text
//! waiting ⇄ busy     a request is whole; its answer is given
//! waiting ─> leaving ─> cut     another one needs its place; still unsent, and yet others need theirs
//! leaving ─> busy     its request came whole before its worker heard of it: it stays
//! leaving, cut ─> waiting     so does one of which something has come that nobody has looked at
//! ```

use super::service::LOOK;
use super::{MAX_CONNECTIONS, MAX_TAILS, MAX_WAITS};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Connections that may take the rest of their answers while another one has their place already.
const SPARE: usize = MAX_CONNECTIONS / 4;
/// The most that there are, those included of which a worker has yet to hear that they shall go.
const MOST: usize = MAX_CONNECTIONS + 2 * SPARE;

/// The lower bits of a place's word; those above are the time since when it is so.
const BUSY: u64 = 0;
const WAITING: u64 = 1;
const LEAVING: u64 = 2;
const CUT: u64 = 3;
const STATE: u64 = 3;

/// One connection's place; as good as none until it is admitted.
#[derive(Debug, Default)]
pub(super) struct Place {
    word: AtomicU64,
    pub(super) worker: usize,
    pub(super) key: u64,
}

impl Place {
    /// A request is whole.
    pub(super) fn set_busy(&self) {
        self.word.store(BUSY, Ordering::Relaxed);
    }

    /// Its answer is given; the next request may come.
    pub(super) fn waits(&self, since: u64) {
        self.word.store(since << 2 | WAITING, Ordering::Relaxed);
    }

    /// Its last answer is given, and it goes when that is taken.
    pub(super) fn leaves(&self, since: u64) {
        self.word.store(since << 2 | LEAVING, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn is_leaving(&self) -> bool {
        self.state() == LEAVING
    }

    pub(super) fn is_to_go(&self) -> bool {
        self.state() >= LEAVING
    }

    pub(super) fn is_cut(&self) -> bool {
        self.state() == CUT
    }

    fn state(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & STATE
    }
}

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    open: Mutex<Vec<Arc<Place>>>,
    shares: Arc<Shares>,
    began: Instant,
}

/// What comes of a new connection.
#[derive(Debug, Default)]
pub(super) struct Seating {
    /// Its place, unless there is none.
    pub(super) place: Option<Arc<Place>>,
    /// Whose workers are to hear that they shall go.
    pub(super) parting: [Option<Arc<Place>>; 2],
    /// The same, while there are too many.
    pub(super) surplus: Option<Arc<Place>>,
}

impl Places {
    pub(super) fn new() -> Places {
        let (open, shares) = (Mutex::default(), Arc::default());
        Places { open, shares, began: Instant::now() }
    }

    /// A moment as places know it.
    pub(super) fn time(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Place>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a new connection a place, if need be that of another one.
    pub(super) fn admit(&self, worker: usize, key: u64, now: u64) -> Seating {
        let mut open = self.lock();
        let mut seating = Seating::default();
        if open.len() >= MAX_CONNECTIONS && !make_room(&open, (worker, now), &mut seating) {
            return seating;
        }
        let place = Arc::new(Place { word: AtomicU64::new(now << 2 | WAITING), worker, key });
        open.push(place.clone());
        seating.place = Some(place);
        seating
    }

    /// The connection is gone, or will be before anything else happens.
    pub(super) fn release(&self, place: &Arc<Place>) {
        let mut open = self.lock();
        if let Some(at) = open.iter().position(|one| Arc::ptr_eq(one, place)) {
            // In order: of those that came in the same moment the first is the one that waits longest.
            open.remove(at);
        }
    }

    /// Room for an answer that may be under way for long; nothing if too many are.
    pub(super) fn under_way(&self, is_tail: bool) -> Option<UnderWay> {
        let shares = &self.shares;
        let under_way = UnderWay { shares: shares.clone(), is_tail };
        let others = shares.all.fetch_add(1, Ordering::Relaxed);
        let tails = shares.tails.fetch_add(usize::from(is_tail), Ordering::Relaxed);
        (others < MAX_WAITS && !(is_tail && tails >= MAX_TAILS)).then_some(under_way)
    }
}

/// Whether there is room for one more, and who goes for that.
fn make_room(open: &[Arc<Place>], (worker, now): (usize, u64), seating: &mut Seating) -> bool {
    let leaving = open.iter().filter(|place| place.state() >= LEAVING).count();
    let is_crowded = leaving >= SPARE;
    let pick = |state: u64| {
        // Its own go at once. The others' workers may be behind with what they are told.
        let own = is_crowded.then(|| oldest(open, (state, now), |place| place.worker == worker));
        own.flatten().or_else(|| oldest(open, (state, now), |_| true))
    };
    let [parted, cut] = &mut seating.parting;
    if is_crowded {
        *cut = pick(LEAVING);
    }
    let (has_room, others) = (open.len() < MOST, open.len() - leaving);
    // Nobody goes for one that gets no place itself.
    if has_room && others >= MAX_CONNECTIONS {
        *parted = pick(WAITING);
        if parted.is_none() {
            return false;
        }
    }
    // Some were to go and had asked for something just then.
    if others > MAX_CONNECTIONS {
        seating.surplus = pick(WAITING);
    }
    has_room
}

/// Moves the one that has been in this state longest to the next. Who is to leave is left alone for a while: its answer
/// goes at the end of the turn, and another worker may have to hear of it first.
fn oldest(
    open: &[Arc<Place>],
    (state, now): (u64, u64),
    is_wanted: impl Fn(&Place) -> bool,
) -> Option<Arc<Place>> {
    let wanted = || open.iter().filter(|place| is_wanted(place));
    let least = if state == LEAVING { LOOK.as_nanos() as u64 } else { 0 };
    let is_due = |word: u64| word & STATE == state && (word >> 2).saturating_add(least) <= now;
    loop {
        let words = wanted().map(|place| (place.word.load(Ordering::Relaxed), place));
        let (word, place) =
            words.filter(|(word, _)| is_due(*word)).min_by_key(|(word, _)| *word)?;
        // Its worker may have got a request of it in this moment: then it is another one.
        let next = now << 2 | (state + 1);
        let moved = place.word.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() {
            return Some(place.clone());
        }
    }
}

#[derive(Debug, Default)]
struct Shares {
    tails: AtomicUsize,
    all: AtomicUsize,
}

/// An answer is under way for as long as this lives.
#[derive(Debug)]
pub(super) struct UnderWay {
    shares: Arc<Shares>,
    is_tail: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shares.all.fetch_sub(1, Ordering::Relaxed);
        self.shares.tails.fetch_sub(usize::from(self.is_tail), Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
