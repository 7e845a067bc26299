//! What a worker knows of each of its HTTP connections besides the session: when to look at it, and what it holds.

use super::desk::Http;
use super::pace::Pace;
use super::service::LINGER;
use super::session::Progress;
use crate::net::{ConnId, TimerId};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A connection that is looked at from time to time.
pub(super) struct Watched {
    pub(super) conn: ConnId,
    pub(super) progress: Rc<Progress>,
    pub(super) timer: TimerId,
    /// What was seen the last time: requests, whether one had begun, unsent bytes; and since when it is so.
    pub(super) seen: (u64, bool, u64),
    pub(super) since: Instant,
    /// Bytes that were made for it, and that it had not taken when they were last looked at.
    pub(super) held: usize,
    pub(super) pace: Pace,
}

/// How long a new connection is left alone, and since when it says nothing. One that has no place is told so if it asks
/// soon, and goes if it does not: nobody counts how many of them there are.
pub(super) fn first_look(
    is_refused: bool,
    now: Instant,
    patience: Duration,
) -> (Duration, Instant) {
    match is_refused {
        true => (LINGER.min(patience), now.checked_sub(patience).unwrap_or(now)),
        false => (patience, now),
    }
}

impl Watched {
    /// One of which nothing was seen since then.
    pub(super) fn new(
        conn: ConnId,
        progress: Rc<Progress>,
        timer: TimerId,
        since: Instant,
    ) -> Watched {
        let (seen, pace) = ((0, false, 0), Pace::default());
        Watched { conn, progress, timer, seen, since, held: 0, pace }
    }

    /// It was given what was made for it.
    pub(super) fn holds(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Counts no longer what it has taken.
    pub(super) fn recount(&mut self, http: &Http, unsent: u64) {
        let left = self.held.min(usize::try_from(unsent).unwrap_or(usize::MAX));
        http.release(std::mem::replace(&mut self.held, left) - left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When it is looked at first, it has said nothing for as long as anybody may.
    #[test]
    fn who_has_no_place_is_given_up_at_the_first_look() {
        let now = Instant::now() + Duration::from_secs(60);
        let patience = Duration::from_secs(30);
        assert_eq!(first_look(true, now, patience), (LINGER, now - patience));
        assert_eq!(first_look(false, now, patience), (patience, now));
        let short = LINGER / 2;
        assert_eq!(first_look(true, now, short), (short, now - short));
    }
}
