//! The loop of one worker.
//!
//! A turn: handle what was left over, wait (no longer than to the earliest timer, and for ever if
//! there is none), receive and handle, then messages, timers, the service's end of turn, and at
//! last one write per connection for all that the turn has answered. It must never block anywhere
//! but in its wait, and each of these parts is short: see [`super::pace`].

use super::admission::Admission;
use super::core::{Alarm, Core, Entry, Why};
use super::driver::{Driver, Farewell};
use super::engine::Engine;
use super::mailbox::{Bell, Receiver};
use super::service::{ConnId, Peer, Service};
use super::sys;
use super::timers::TimerId;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long nothing must have happened before unused memory is given back.
const TRIM_AFTER: Duration = Duration::from_secs(1);

/// Turns in which a stop receives what had come, at most: so many, and one for so many connections, for a wait
/// brings a few dozen. And they end after so long. Peers who send on never end.
const LAST_RECEIVES: usize = 100;
const RECEIVES_A_TURN: usize = 8;
const LAST_RECEIVE: Duration = Duration::from_secs(5);

/// What the rest of the room tells a worker.
pub(crate) enum Control {
    /// A connection that was accepted for it.
    Newcomer { socket: TcpStream, peer: Peer, admission: Admission },
    /// Answer what has come, write it out for so long at most, and end.
    Stop(Duration),
}

/// A worker's mailboxes and the bell that they ring.
pub(crate) struct Mail<M> {
    pub(crate) bell: Arc<Bell>,
    pub(crate) control: Receiver<Control>,
    pub(crate) messages: Receiver<M>,
}

/// How far a stop has come.
#[derive(PartialEq, Eq)]
enum Stage {
    Running,
    /// Told to stop.
    Ordered,
    /// Whom a turn has left to the next one is served: from here on a turn serves all who are there.
    CatchUp,
    /// What had come by then is received, in so many more turns at most.
    LastReceive(usize),
    /// Nothing is received; what is parked is answered, output is written.
    Draining,
    Done,
}

/// One worker: a driver, an engine, mail.
pub(crate) struct Worker<S: Service, D: Driver> {
    driver: D,
    /// Dropped by hand, if the driver has let go of the memory that it was lent.
    engine: ManuallyDrop<Engine<S>>,
    mail: Mail<S::Message>,
    stage: Stage,
    /// Until when a stop receives, and for how long it writes then.
    receive_until: Instant,
    patience: Duration,
    trim: Option<TimerId>,
    /// When bytes last moved, and the system calls that had moved some by then.
    busy: Instant,
    moves: u64,
    /// The time at the end of the last turn, if it was asked for and nothing was done since.
    turned: Option<Instant>,
    /// What has come, and was not come to yet.
    control: VecDeque<Control>,
    messages: VecDeque<S::Message>,
    /// A list that is kept for its memory.
    ids: Vec<ConnId>,
}

impl<S: Service, D: Driver> Worker<S, D> {
    pub(crate) fn new(core: Core, service: S, driver: D, mail: Mail<S::Message>) -> Self {
        Worker {
            busy: core.now,
            receive_until: core.now,
            patience: Duration::ZERO,
            moves: 0,
            engine: ManuallyDrop::new(Engine::new(core, service)),
            driver,
            mail,
            stage: Stage::Running,
            trim: None,
            turned: None,
            ids: Vec::new(),
            control: VecDeque::new(),
            messages: VecDeque::new(),
        }
    }

    /// Turns until it is told to stop and all is answered or the deadline has passed. An error is
    /// why it ended before.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        while self.stage != Stage::Done && result.is_ok() {
            result = self.turn();
        }
        let all: Vec<_> = self.engine.core.conns.keys().map(ConnId).collect();
        all.iter().for_each(|id| self.engine.core.abort(*id, Why::ordinary("we are stopping")));
        self.engine.core.stopping = true; // All are closed at once.
        self.close_doomed();
        self.engine.core.note();
        result
    }

    fn turn(&mut self) -> io::Result<()> {
        self.feed_leftovers();
        self.wait()?;
        self.read_mail();
        self.fire_timers();
        self.engine.end_of_turn();
        self.write();
        self.tell_time();
        self.advance_stop();
        self.close_doomed();
        self.plan_trim();
        self.engine.core.note();
        self.engine.core.stats.turns.add(1);
        Ok(())
    }

    /// Frames that were left in their connections' own buffers.
    fn feed_leftovers(&mut self) {
        self.engine.core.pace.begin();
        // Not those that are left over once more.
        for _ in 0..self.engine.core.ready.len() {
            let Some(id) = self.engine.core.pop_ready() else { return };
            self.turned = None;
            self.engine.pump(id, &[]);
            self.driver.receive(id);
            if self.engine.core.is_late() {
                return;
            }
        }
    }

    /// Tells the service when the turn was over, if it wants to know. The wait that follows is measured from there,
    /// so that the clock is looked at no more often for it.
    fn tell_time(&mut self) {
        if self.engine.service.wants_the_time() {
            let now = Instant::now();
            self.engine.service.turned(now);
            self.turned = Some(now);
        }
    }

    /// Waits, unless there is something to do, and receives.
    fn wait(&mut self) -> io::Result<()> {
        self.engine.core.pace.begin();
        // First: it may leave work, or set the timer of those that wait for memory.
        self.driver.prepare(&mut *self.engine);
        let mut timeout = self.timeout();
        if timeout != Some(Duration::ZERO) {
            self.mail.bell.about_to_sleep();
            if !self.mail.control.is_empty() || !self.mail.messages.is_empty() {
                timeout = Some(Duration::ZERO);
            } else {
                self.engine.core.stats.sleeps.add(1);
            }
        }
        let result = self.driver.wait(&mut *self.engine, timeout);
        self.mail.bell.awake();
        result
    }

    /// How long to wait; `None` is for ever.
    fn timeout(&mut self) -> Option<Duration> {
        let turned = self.turned.take();
        let is_short = matches!(self.stage, Stage::CatchUp | Stage::LastReceive(_));
        if self.has_work() || is_short {
            return Some(Duration::ZERO);
        }
        let next = self.engine.core.timers.next()?;
        Some(next.saturating_duration_since(turned.unwrap_or_else(Instant::now)))
    }

    /// Something is left to do that needs no waiting.
    fn has_work(&self) -> bool {
        let has_mail = !(self.control.is_empty() && self.messages.is_empty());
        let Engine { core, service, .. } = &*self.engine;
        core.has_work() || service.has_work() || self.driver.has_work() || has_mail
    }

    fn read_mail(&mut self) {
        self.engine.core.pace.begin();
        // Only when what was taken before is done: else a mailbox would never be full.
        if self.control.is_empty() {
            self.mail.control.take(&mut self.control);
        }
        while let Some(control) = self.control.pop_front() {
            match control {
                Control::Newcomer { socket, peer, admission } => {
                    self.take_over(socket, peer, admission);
                }
                Control::Stop(patience) => {
                    let now = Instant::now();
                    self.stage = Stage::Ordered;
                    self.receive_until = now + LAST_RECEIVE;
                    self.patience = patience;
                    self.engine.core.stopping = true;
                    self.driver.stopping();
                    if patience.is_zero() {
                        self.engine.core.timers.set(now, Alarm::Stop);
                    }
                }
            }
            if !self.control.is_empty() && self.engine.core.is_enough() {
                break;
            }
        }
        if self.messages.is_empty() {
            self.mail.messages.take(&mut self.messages);
        }
        while let Some(message) = self.messages.pop_front() {
            self.engine.message(message, &self.driver);
            if !self.messages.is_empty() && self.engine.core.is_enough() {
                break;
            }
        }
    }

    fn take_over(&mut self, socket: TcpStream, peer: Peer, admission: Admission) {
        if self.stage != Stage::Running {
            return;
        }
        let id = self.engine.open(peer, admission, &self.driver);
        if let Err(error) = self.driver.add(id, socket) {
            let why = format!("its socket could not be registered: {error}");
            self.engine.core.abort(id, Why::bad(why));
        }
    }

    fn fire_timers(&mut self) {
        let now = self.engine.core.now;
        self.engine.core.pace.begin();
        // Those that are due end the next wait.
        while let Some(alarm) = self.engine.core.timers.pop(now) {
            match alarm {
                Alarm::Stop => self.stage = Stage::Done,
                Alarm::Trim => self.trim(),
                alarm => self.engine.alarm(alarm, &self.driver),
            }
            if self.engine.core.is_enough() {
                break;
            }
        }
    }

    /// Writes what the turn has answered.
    fn write(&mut self) {
        let mut ids = std::mem::take(&mut self.ids);
        self.engine.core.take_dirty(&mut ids);
        for id in &ids {
            self.driver.send(*id);
        }
        self.engine.core.pace.begin();
        self.driver.flush(&mut *self.engine);
        for id in ids.drain(..) {
            self.engine.core.close_if_finished(id);
        }
        self.ids = ids;
    }

    /// Closes connections; what their sessions' ends cause is left for the next turn.
    fn close_doomed(&mut self) {
        let mut ids = std::mem::take(&mut self.ids);
        ids.append(&mut self.engine.core.doomed);
        self.engine.core.pace.begin();
        for id in ids.drain(..) {
            if self.engine.core.is_late() {
                self.engine.core.doomed.push(id);
                continue;
            }
            self.engine.close_session(id);
            let entry = self.engine.core.conns.get(id.0);
            let how = entry.map_or(Farewell::Plain, Entry::farewell);
            self.driver.close(&mut *self.engine, id, how);
            self.engine.core.pace.did();
        }
        self.ids = ids;
    }

    /// One step of stopping.
    fn advance_stop(&mut self) {
        match self.stage {
            Stage::Running | Stage::Done => return,
            Stage::Ordered => {
                self.stage = Stage::CatchUp;
                return;
            }
            // A further turn receives what had come when the stop was ordered.
            Stage::CatchUp => {
                let turns = LAST_RECEIVES + self.engine.core.conns.len() / RECEIVES_A_TURN;
                self.stage = Stage::LastReceive(turns);
                return;
            }
            Stage::LastReceive(more) if more > 0 && self.may_receive() => {
                self.stage = Stage::LastReceive(more - 1);
                return;
            }
            Stage::LastReceive(_) => {
                self.stage = Stage::Draining;
                let core = &mut self.engine.core;
                core.timers.set(core.now + self.patience, Alarm::Stop);
                core.deaf = true;
                self.engine.drain();
            }
            Stage::Draining => {}
        }
        self.close_quiet();
    }

    /// Whether a stop goes on receiving.
    fn may_receive(&self) -> bool {
        self.engine.core.now < self.receive_until && self.driver.owes_receives()
    }

    /// Closes the connections that are owed nothing.
    fn close_quiet(&mut self) {
        let core = &mut self.engine.core;
        let quiet: Vec<_> = core.conns.keys().map(ConnId).collect();
        for id in quiet {
            let is_quiet = core.live(id).is_some_and(|entry| {
                entry.conn.outbox.is_empty() && !entry.conn.inbox.may_have_frame()
            });
            if is_quiet {
                core.abort(id, Why::ordinary("we are stopping"));
            }
        }
        if core.conns.len() == core.doomed.len() {
            self.stage = Stage::Done;
        }
    }

    /// Sees to it that unused memory is given back when nothing happens for a while; where there
    /// is none, no timer is set.
    fn plan_trim(&mut self) {
        let core = &mut self.engine.core;
        let moves = core.stats.receives.get() + core.stats.sends.get();
        if moves != std::mem::replace(&mut self.moves, moves) {
            self.busy = core.now;
        }
        if self.trim.is_none() && !(core.is_trimmed() && self.driver.is_trimmed()) {
            self.trim = Some(core.timers.set(core.now + TRIM_AFTER, Alarm::Trim));
        }
    }

    fn trim(&mut self) {
        self.trim = None;
        let core = &mut self.engine.core;
        let due = self.busy + TRIM_AFTER;
        if due > core.now {
            core.pool.age();
            self.trim = Some(core.timers.set(due, Alarm::Trim));
            return;
        }
        self.engine.trim();
        self.driver.trim();
        self.control.shrink_to_fit();
        self.messages.shrink_to_fit();
        self.ids.shrink_to_fit();
        sys::trim_heap();
    }
}

impl<S: Service, D: Driver> Drop for Worker<S, D> {
    fn drop(&mut self) {
        if self.driver.let_go() {
            // SAFETY: nobody uses it after this, and by the driver's word nobody writes to it.
            unsafe { ManuallyDrop::drop(&mut self.engine) };
        }
    }
}

#[cfg(test)]
#[path = "completion_tests.rs"]
mod completion_tests;
#[cfg(test)]
#[path = "seam_tests.rs"]
mod seam_tests;
