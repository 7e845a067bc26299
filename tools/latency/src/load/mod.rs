//! The load: one thread, one poll, all connections. It must cost less than whoever serves.
//!
//! A turn has three parts: what is due before `begin` warms up and does not count; what is due from there to
//! `end` counts; then nothing more is due, and what was due is waited for, for so long at most. What is not
//! answered by then counts with the time that it has waited: a broker gains nothing by not answering.

mod connection;
mod pace;
mod peer;
mod progress;

use crate::broker::Led;
use crate::frames::Batches;
use crate::outcome::Outcome;
use crate::plan::{Mode, Plan, Target};
use crate::usage::{self, Usage};
use connection::Connection;
use mio::{Events, Interest, Poll, Token};
use pace::Pace;
use peer::{Common, Heard, Peer, Place, Role};
use progress::Progress;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long what was due is waited for after the end.
const DRAIN: Duration = Duration::from_secs(30);
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
    /// Records that were sent in the part that counts, and of these the ones that consumers still lack.
    missing: u64,
}

/// One turn: what it came to, and why it ended early if it did.
///
/// # Errors
/// When it could not even begin.
pub fn run(
    plan: &Plan,
    target: &Target,
    topic: &str,
    led: &[(Led, (i64, i64))],
) -> Result<(Outcome, Option<String>), String> {
    let mut load = Load::new(plan, topic, led)?;
    let mut usage = UsageOf { pid: target.pid, before: None, own: None };
    let ended = load.work(&mut usage).err();
    load.close();
    Ok((load.outcome, ended))
}

/// What broker and load use in the part that counts.
struct UsageOf {
    pid: Option<u32>,
    before: Option<Usage>,
    own: Option<Usage>,
}

impl<'p> Load<'p> {
    fn new(plan: &'p Plan, topic: &'p str, led: &[(Led, (i64, i64))]) -> Result<Load<'p>, String> {
        let poll = Poll::new().map_err(|why| format!("no poll: {why}"))?;
        let common = Common {
            topic,
            acks: plan.acks,
            records: plan.batch as u64,
            fetch_bytes: plan.fetch_bytes,
            batches: Batches::new(plan.size, plan.batch, plan.codec),
            scratch: Vec::new(),
        };
        let mut peers = Vec::new();
        for (address, role) in roles(plan, led) {
            peers.push(Peer::new(Connection::to(address)?, role, None));
        }
        for (at, peer) in peers.iter_mut().enumerate() {
            let both = Interest::READABLE | Interest::WRITABLE;
            let registered = poll.registry().register(&mut peer.connection.stream, Token(at), both);
            registered.map_err(|why| format!("no poll: {why}"))?;
        }
        let nanos = |length: Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
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
            missing: 0,
        })
    }

    fn now(&self) -> Nanos {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn window(&self) -> usize {
        match self.plan.mode {
            // Where the next one begins is known when this one is here.
            Mode::Fetch => 1,
            Mode::Produce | Mode::EndToEnd => self.plan.in_flight,
        }
    }

    fn work(&mut self, usage: &mut UsageOf) -> Result<(), String> {
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
                (usage.before, usage.own) =
                    (usage.pid.and_then(usage::of), usage::of(std::process::id()));
                counts = true;
            }
            if now >= self.end && usage.own.is_some() {
                self.note_usage(usage);
            }
            if self.is_over(now) {
                return Ok(());
            }
            self.send_what_is_due(now)?;
            self.progress.tell(now.saturating_sub(self.begin), counts);
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
        let limit = u64::try_from(DRAIN.as_nanos()).unwrap_or(u64::MAX);
        let late = now >= self.end.saturating_add(limit);
        let busy = |peer: &Peer| {
            let owes = peer.pace.is_some_and(|pace| pace.due() < self.end);
            !peer.is_consumer() && (owes || peer.on_the_way() > 0)
        };
        late || (!self.peers.iter().any(busy) && self.missing == 0)
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
                self.missing += self.common.records * self.plan.consumers as u64;
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
                        note(outcome, progress, (begin..end).contains(&due), now - due.min(now));
                        progress.count(records, bytes);
                    }
                }
                Heard::Consumed { due, records } => {
                    let counts = (begin..end).contains(&due);
                    note(outcome, progress, counts, now - due.min(now));
                    progress.count(records, 0);
                    outcome.records += u64::from((begin..end).contains(&now)) * records;
                    *missing = missing.saturating_sub(u64::from(counts) * records);
                }
            };
            while self.peers[at].answer(&mut self.common, &mut heard)? {}
            if !more {
                return Ok(());
            }
        }
    }

    fn note_usage(&mut self, usage: &mut UsageOf) {
        let wall = self.now().saturating_sub(self.begin) as f64;
        if let (Some(before), Some(after)) = (usage.own.take(), usage::of(std::process::id())) {
            self.outcome.load_share = after.cpu_ns.saturating_sub(before.cpu_ns) as f64 / wall;
        }
        let after = usage.pid.and_then(usage::of);
        if let (Some(before), Some(after)) = (usage.before, after) {
            self.outcome.used = Some((after.cpu_ns.saturating_sub(before.cpu_ns), after.resident));
        }
    }

    /// What was due and is not done counts as well.
    fn close(&mut self) {
        let now = self.now();
        let measured = now.min(self.end).saturating_sub(self.begin);
        self.outcome.seconds = measured as f64 / 1e9;
        let until = self.end.min(now);
        let counts = self.begin..until;
        for peer in self.peers.iter_mut().filter(|peer| !peer.is_consumer()) {
            let mut late: Vec<Nanos> = peer.unanswered().collect();
            while let Some(pace) = peer.pace.as_mut().filter(|pace| pace.due() < until) {
                late.push(pace.due());
                pace.advance();
            }
            for due in late.into_iter().filter(|due| counts.contains(due)) {
                self.outcome.unanswered += 1;
                if self.plan.mode != Mode::EndToEnd {
                    self.outcome.latency.saturating_record(now - due);
                }
            }
        }
        self.outcome.missing = self.missing;
    }
}

fn note(outcome: &mut Outcome, progress: &mut Progress, counts: bool, latency: Nanos) {
    progress.record(latency);
    if counts {
        outcome.latency.saturating_record(latency);
    }
}

/// Who connects where, and for what.
fn roles(plan: &Plan, led: &[(Led, (i64, i64))]) -> Vec<(SocketAddr, Role)> {
    let mut by_leader: BTreeMap<SocketAddr, Vec<Place>> = BTreeMap::new();
    for (led, (start, end)) in led {
        let place = Place { partition: led.partition, next: *start, start: *start, end: *end };
        by_leader.entry(led.leader).or_default().push(place);
    }
    let leaders: Vec<(SocketAddr, Vec<Place>)> = by_leader.into_iter().collect();
    let mut roles = Vec::new();
    for (at, (leader, places)) in
        leaders.iter().cycle().take(plan.connections.max(leaders.len())).enumerate()
    {
        let at = at / leaders.len();
        let role = match plan.mode {
            Mode::Fetch => Role::Fetches { places: places.clone(), at },
            Mode::Produce | Mode::EndToEnd => {
                let partitions = places.iter().map(|place| place.partition).collect();
                Role::Produces { partitions, at }
            }
        };
        roles.push((*leader, role));
    }
    if plan.mode == Mode::EndToEnd {
        for _ in 0..plan.consumers {
            for (leader, places) in &leaders {
                let tail = |place: &Place| Place { next: place.end, ..*place };
                let places = places.iter().map(tail).collect();
                roles.push((*leader, Role::Consumes { places }));
            }
        }
    }
    roles
}
