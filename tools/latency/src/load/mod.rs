//! The load: one thread, one poll, all connections. It must cost less than whoever serves.
//!
//! A turn has three parts: what is due before `begin` warms up and does not count; what is due from there to
//! `end` counts; then nothing more is due, and what was due is waited for, for so long at most. What is not
//! answered by then, or not with a consumer, counts with the time that it has waited: a broker gains nothing
//! by not answering.

mod connection;
mod meter;
mod missing;
mod pace;
mod peer;
mod progress;
mod roles;

use crate::broker::Led;
use crate::frames::Batches;
use crate::outcome::Outcome;
use crate::plan::{Mode, Plan, Target};
use connection::Connection;
use meter::Meter;
use mio::{Events, Interest, Poll, Token};
use missing::Missing;
use pace::Pace;
use peer::{Common, Heard, Peer, Role};
use progress::Progress;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The system's timers are as coarse as this: what is due earlier is waited for without sleeping.
const COARSE: u64 = 1_100_000;

/// Nanoseconds of the load's clock.
type Nanos = u64;

struct Load<'p> {
    plan: &'p Plan,
    common: Common<'p>,
    peers: Vec<Peer>,
    poll: Poll,
    began: Instant,
    begin: Nanos,
    end: Nanos,
    /// Connections for which something will be due, by when.
    due: BinaryHeap<Reverse<(Nanos, usize)>>,
    outcome: Outcome,
    progress: Progress,
    meter: Meter,
    /// Of the records that were sent in the part that counts.
    missing: Missing,
}

/// One turn: what it came to, and why it ended early if it did.
///
/// # Errors
/// When it could not even begin.
pub fn run(
    plan: &Plan,
    target: &Target,
    topic: &str,
    led: &[Led],
) -> Result<(Outcome, Option<String>), String> {
    let mut load = Load::new(plan, target, topic, led)?;
    let ended = load.work().err();
    load.close();
    Ok((load.outcome, ended))
}

impl<'p> Load<'p> {
    fn new(
        plan: &'p Plan,
        target: &Target,
        topic: &'p str,
        led: &[Led],
    ) -> Result<Load<'p>, String> {
        // Keys of a hash are as random as this has to be: another run's records begin otherwise.
        let run = RandomState::new().hash_one(topic);
        let poll = Poll::new().map_err(|why| format!("no poll: {why}"))?;
        let common = Common {
            topic,
            acks: plan.acks,
            records: plan.batch as u64,
            fetch_bytes: plan.fetch_bytes,
            run,
            batches: Batches::new(plan.size, plan.batch, plan.codec, run),
            scratch: Vec::new(),
        };
        let mut peers = Vec::new();
        for (address, role) in roles::roles(plan, led) {
            peers.push(Peer::new(Connection::to(address, PATIENCE)?, role, None));
        }
        for (at, peer) in peers.iter_mut().enumerate() {
            let both = Interest::READABLE | Interest::WRITABLE;
            let registered = poll.registry().register(&mut peer.connection.stream, Token(at), both);
            registered.map_err(|why| format!("no poll: {why}"))?;
        }
        let begin = nanos(plan.warmup);
        Ok(Load {
            plan,
            common,
            peers,
            poll,
            began: Instant::now(),
            begin,
            end: begin.saturating_add(nanos(plan.duration)),
            due: BinaryHeap::new(),
            outcome: Outcome::new(),
            progress: Progress::new(plan.quiet),
            meter: Meter::new(target.pid),
            missing: Missing::default(),
        })
    }

    fn now(&self) -> Nanos {
        nanos(self.began.elapsed())
    }

    fn window(&self) -> usize {
        match self.plan.mode {
            // Where the next one begins is known when this one is here.
            Mode::Fetch => 1,
            Mode::Produce | Mode::EndToEnd => self.plan.in_flight,
        }
    }

    fn work(&mut self) -> Result<(), String> {
        self.began = Instant::now();
        let active = self.peers.iter().filter(|peer| !peer.is_consumer()).count();
        let rate = self.plan.rate.map(|rate| rate / self.plan.records() as f64);
        let producing = self.peers.iter_mut().filter(|peer| !peer.is_consumer());
        for (nth, peer) in producing.enumerate() {
            peer.pace = rate.map(|rate| Pace::open(0, rate, nth, active));
        }
        (0..self.peers.len()).try_for_each(|at| self.send(at))?;
        let mut events = Events::with_capacity(1024);
        let mut counts = false;
        loop {
            let now = self.now();
            if !counts && now >= self.begin {
                self.meter.begin(now);
                self.progress.clear();
                counts = true;
            }
            if now >= self.end {
                self.meter.end(now, &mut self.outcome);
            }
            if self.is_over(now) {
                return Ok(());
            }
            self.send_what_is_due(now)?;
            let elapsed = now.saturating_sub(self.begin);
            if self.progress.is_due(elapsed) {
                self.meter.sample(&mut self.outcome);
                self.progress.tell(elapsed);
            }
            let timeout = self.timeout(now);
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
                polled => polled.map_err(|why| format!("no poll: {why}"))?,
            }
            for event in &events {
                let at = event.token().0;
                self.receive(at)?;
                self.send(at)?;
            }
        }
    }

    /// Nothing more is due, and what was due is answered, or has had its time.
    fn is_over(&self, now: Nanos) -> bool {
        if now < self.end {
            return false;
        }
        let late = now >= self.end.saturating_add(nanos(self.plan.patience));
        let busy = |peer: &Peer| {
            let owes = peer.pace.is_some_and(|pace| pace.due() < self.end);
            !peer.is_consumer() && (owes || peer.on_the_way() > 0)
        };
        late || (!self.peers.iter().any(busy) && self.missing.is_empty())
    }

    fn timeout(&self, now: Nanos) -> Duration {
        let next = self.due.peek().map_or(u64::MAX, |Reverse((due, _))| *due);
        let edge = if now < self.begin { self.begin } else { self.end };
        let edge = if now >= self.end { now + 50_000_000 } else { edge };
        let wait = next.min(edge).min(now + 200_000_000).saturating_sub(now);
        match wait.checked_sub(COARSE) {
            // The rest is waited for without sleeping: a millisecond late is not on time.
            Some(rest) => Duration::from_nanos(rest),
            None => Duration::ZERO,
        }
    }

    fn send_what_is_due(&mut self, now: Nanos) -> Result<(), String> {
        while let Some(Reverse((due, at))) = self.due.peek().copied() {
            if due > now {
                return Ok(());
            }
            self.due.pop();
            self.peers[at].is_scheduled = false;
            self.send(at)?;
        }
        Ok(())
    }

    /// Sends all that a connection may send now.
    fn send(&mut self, at: usize) -> Result<(), String> {
        let window = self.window();
        loop {
            let now = self.now();
            let peer = &mut self.peers[at];
            let is_consumer = peer.is_consumer();
            let window = if is_consumer { 1 } else { window };
            if peer.on_the_way() >= window {
                break;
            }
            let due = match &mut peer.pace {
                Some(pace) if pace.due() >= self.end => break,
                Some(pace) if pace.due() > now => {
                    if !peer.is_scheduled {
                        self.due.push(Reverse((pace.due(), at)));
                        peer.is_scheduled = true;
                    }
                    break;
                }
                Some(pace) => {
                    let due = pace.due();
                    pace.advance();
                    due
                }
                None if now >= self.end && !is_consumer => break,
                None => now,
            };
            let counts = (self.begin..self.end).contains(&due);
            if counts
                && matches!(peer.role, Role::Produces { .. })
                && self.plan.mode == Mode::EndToEnd
            {
                self.missing.add(due, self.common.records * self.plan.consumers as u64);
            }
            peer.request(due, &mut self.common)?;
        }
        self.peers[at].connection.flush()
    }

    fn receive(&mut self, at: usize) -> Result<(), String> {
        loop {
            let more = self.peers[at].connection.fill()?;
            let now = self.now();
            let (begin, end) = (self.begin, self.end);
            let (outcome, progress, missing) =
                (&mut self.outcome, &mut self.progress, &mut self.missing);
            let end_to_end = self.plan.mode == Mode::EndToEnd;
            let mut heard = |heard: Heard| match heard {
                Heard::Done { due, records, bytes } => {
                    if (begin..end).contains(&now) {
                        outcome.requests += 1;
                        outcome.bytes += bytes;
                        outcome.records += if end_to_end { 0 } else { records };
                    }
                    if !end_to_end {
                        note(outcome, progress, (begin..end).contains(&due), now - due.min(now), 1);
                    }
                    progress.count(if end_to_end { 0 } else { records }, bytes);
                }
                Heard::Consumed { due, records } => {
                    let counts = missing.remove(due, records);
                    note(outcome, progress, counts, now - due.min(now), records);
                    progress.count(records, 0);
                    outcome.records += u64::from((begin..end).contains(&now)) * records;
                }
            };
            while self.peers[at].answer(&mut self.common, &mut heard)? {}
            if !more {
                return Ok(());
            }
        }
    }

    /// What was due and is not done counts as well.
    fn close(&mut self) {
        let now = self.now();
        self.meter.end(now, &mut self.outcome);
        let measured = now.min(self.end).saturating_sub(self.begin);
        self.outcome.seconds = measured as f64 / 1e9;
        let until = self.end.min(now);
        let counts = self.begin..until;
        let end_to_end = self.plan.mode == Mode::EndToEnd;
        let records = self.common.records * self.plan.consumers as u64;
        let (outcome, missing) = (&mut self.outcome, &self.missing);
        for peer in self.peers.iter_mut().filter(|peer| !peer.is_consumer()) {
            for due in peer.unanswered().filter(|due| counts.contains(due)) {
                outcome.unanswered += 1;
                if !end_to_end {
                    outcome.latency.saturating_record(now - due);
                }
            }
            // What was never sent: no answer, and in no consumer's hands either.
            while let Some(pace) = peer.pace.as_mut().filter(|pace| pace.due() < until) {
                let due = pace.due();
                pace.advance();
                if counts.contains(&due) {
                    outcome.unanswered += 1;
                    outcome.missing += if end_to_end { records } else { 0 };
                    let times = if end_to_end { records } else { 1 };
                    outcome.latency.saturating_record_n(now - due, times);
                }
            }
        }
        for (due, records) in missing.iter() {
            outcome.missing += records;
            outcome.latency.saturating_record_n(now - due, records);
        }
    }
}

fn nanos(length: Duration) -> Nanos {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

fn note(outcome: &mut Outcome, progress: &mut Progress, counts: bool, latency: Nanos, times: u64) {
    progress.record(latency, times);
    if counts {
        outcome.latency.saturating_record_n(latency, times);
    }
}
