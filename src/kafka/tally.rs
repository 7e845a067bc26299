//! What a worker has answered in this turn, until the turn's end, when its meter is told how long it took.
//!
//! Requests of one turn are mostly alike and came at once: they are counted as one entry. Nothing here locks or looks
//! at the clock. Kafka counts a request when its answer is sent (`RequestChannel.updateRequestMetrics`), so one that
//! waits is not there yet, and one whose connection has ended never is.

use super::call::Call;
use super::service::KafkaService;
use super::trace;
use crate::broker::{Meter, Tag};
use crate::net::Slot;
use crate::wire::codec::Told;
use std::time::Instant;

/// Entries that memory is kept for.
const KEPT: usize = 1024;

/// Requests that were answered, and how many were alike.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answered: Vec<(Tag, u64)>,
}

impl Tally {
    #[inline]
    fn add(&mut self, tag: Tag) {
        match self.answered.last_mut() {
            Some((last, count)) if *last == tag => *count += 1,
            _ => self.answered.push((tag, 1)),
        }
    }

    /// Nothing was answered.
    pub(super) fn is_empty(&self) -> bool {
        self.answered.is_empty()
    }

    fn settle(&mut self, meter: &Meter, now: Instant) {
        for (tag, count) in &self.answered {
            meter.answered(tag, *count, now);
        }
        self.answered.clear();
        if self.answered.capacity() > KEPT {
            self.answered = Vec::new();
        }
    }
}

impl Call<'_> {
    /// What it is counted as when it is answered.
    pub(super) fn tag(&self) -> Tag {
        Tag { api: self.api, version: self.version(), received: self.received }
    }
}

impl KafkaService {
    /// A request was answered with what is in `out`.
    #[inline]
    pub(super) fn note(&mut self, slot: Slot, tag: Tag) {
        // What is empty costs nothing to take.
        let errors = self.out.take_errors();
        self.note_made(slot, tag, &errors);
    }

    /// A request was answered with what was made elsewhere.
    #[inline]
    pub(super) fn note_made(&mut self, slot: Slot, tag: Tag, errors: &[Told]) {
        self.tally.add(tag);
        if ::log::log_enabled!(::log::Level::Debug) {
            self.trace(slot, &tag, errors);
        }
        if !errors.is_empty() {
            self.note_errors(slot, &tag, errors);
        }
    }

    #[cold]
    fn trace(&self, slot: Slot, tag: &Tag, errors: &[Told]) {
        if let Some(conn) = self.clients.number(slot.conn()) {
            trace::answered(conn, slot, tag, errors);
        }
    }

    #[cold]
    fn note_errors(&mut self, slot: Slot, tag: &Tag, errors: &[Told]) {
        if let Some(meter) = self.shared.meters.of(self.worker) {
            meter.failed(tag.api, errors);
        }
        self.clients.failed(slot.conn(), tag, errors);
    }

    /// The turn is over.
    pub(super) fn settle(&mut self, now: Instant) {
        if let Some(meter) = self.shared.meters.of(self.worker) {
            self.tally.settle(meter, now);
        }
    }

    /// A connection has come to a listener, or one of those has gone.
    pub(super) fn count_connection(&self, listener: usize, has_come: bool) {
        let meter = self.shared.meters.of(self.worker);
        if let Some(arrivals) = meter.and_then(|meter| meter.arrivals(listener)) {
            if has_come { &arrivals.opened } else { &arrivals.closed }.add(1);
        }
    }
}
