//! The thread that owns the listening sockets.
//!
//! It accepts until nobody waits and hands each connection to the worker that has the fewest.
//! It must never take the descriptors that the rest of the process needs, nor spin on a listener that
//! stays readable. When [`super::Limits::max_open`] or [`super::Limits::max_connections`] are open, the next ones
//! stay in the kernel's queue, as with Kafka's `max.connections` (ConnectionQuotas waits for a place): to close
//! them would only have them come again at once. A connection that ends wakes it. Where descriptors are
//! lacking all the same it says so and tries again a moment later.

use super::admission::{Admissions, Share};
use super::door::Door;
use super::mailbox::{Bell, Receiver, Sender};
use super::options::Options;
use super::report::Reporter;
use super::service::Peer;
use super::worker::Control;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long accepting rests when the process or the machine has run out of something.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two lines that say that no more are accepted.
const TELL_EVERY: Duration = Duration::from_secs(10);
pub(crate) const WAKE: Token = Token(usize::MAX);

/// What an acceptor is told.
pub(crate) enum Order {
    Stop,
    /// There is a place again.
    Place,
}

struct Listener {
    socket: TcpListener,
    /// See [`Peer::listener`].
    index: usize,
    /// Somebody may be waiting.
    ready: bool,
    share: Share,
}

pub(crate) struct Acceptor {
    poll: Poll,
    bell: Arc<Bell>,
    orders: Receiver<Order>,
    /// For those who have something to tell.
    sender: Sender<Order>,
    listeners: Vec<Listener>,
    workers: Vec<Sender<Control>>,
    admissions: Arc<Admissions>,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    reporter: Reporter,
    /// Accepting rests until then.
    paused: Option<Instant>,
    /// When it was said last that all places are taken.
    told: Option<Instant>,
    /// Connections handed over so far.
    accepted: u64,
}

impl Acceptor {
    pub(crate) fn new(
        poll: Poll,
        bell: Arc<Bell>,
        (sender, orders): (Sender<Order>, Receiver<Order>),
        doors: Vec<Door>,
        workers: Vec<Sender<Control>>,
        admissions: Arc<Admissions>,
        options: &Options,
    ) -> io::Result<Acceptor> {
        let mut listeners = Vec::new();
        for (at, Door { mut socket, listener: index, .. }) in doors.into_iter().enumerate() {
            poll.registry().register(&mut socket, Token(at), Interest::READABLE)?;
            listeners.push(Listener { socket, index, ready: false, share: share(options, index) });
        }
        Ok(Acceptor {
            poll,
            bell,
            orders,
            sender,
            listeners,
            workers,
            admissions,
            send_buffer: options.send_buffer,
            receive_buffer: options.receive_buffer,
            reporter: Reporter::new(Instant::now()),
            paused: None,
            told: None,
            accepted: 0,
        })
    }

    /// Accepts until it is told to stop. An error is why it ended before.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while self.turn(&mut events)? {}
        Ok(())
    }

    /// Waits until there is something to do, and does it; false: it is to stop. Orders are taken after
    /// the wait and before all listeners are looked at: one that comes later ends the next wait.
    fn turn(&mut self, events: &mut Events) -> io::Result<bool> {
        self.wait(events)?;
        if self.is_stopped() {
            return Ok(false);
        }
        for event in events.iter() {
            if let Some(listener) = self.listeners.get_mut(event.token().0) {
                listener.ready = true;
            }
        }
        let now = Instant::now();
        if self.paused.is_none_or(|until| until <= now) {
            self.paused = None;
            (0..self.listeners.len()).for_each(|at| self.accept_all(at, now));
        }
        Ok(true)
    }

    fn is_stopped(&mut self) -> bool {
        while let Some(order) = self.orders.try_recv() {
            match order {
                Order::Stop => return true,
                Order::Place => {} // All listeners are looked at in each turn.
            }
        }
        false
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let mut timeout = self.paused.map(|until| until.saturating_duration_since(Instant::now()));
        self.bell.about_to_sleep();
        if !self.orders.is_empty() {
            timeout = Some(Duration::ZERO);
        }
        let result = self.poll.poll(events, timeout);
        self.bell.awake();
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Accepts from one listener until nobody waits or something has run out.
    fn accept_all(&mut self, at: usize, now: Instant) {
        while self.listeners[at].ready && self.paused.is_none() && self.has_place(at, now) {
            match self.listeners[at].socket.accept() {
                Ok((socket, remote)) => {
                    self.hand_over(socket, canonical(remote), at, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.listeners[at].ready = false;
                }
                // That peer has gone already, or a signal came: on to the next.
                Err(error) if is_passing(error.kind()) => {}
                Err(error) => {
                    self.reporter.warn(now, |suppressed| {
                        ::log::warn!(
                            target: "barnabas::net", error:%, suppressed;
                            "cannot accept connections for now"
                        );
                    });
                    self.paused = Some(now + PAUSE);
                }
            }
        }
    }

    /// Whether there is a place for one more. If not, this thread is woken when there is.
    fn has_place(&mut self, at: usize, now: Instant) -> bool {
        let Err(lack) = self.admissions.place(self.listeners[at].share, &self.sender) else {
            return true;
        };
        if self.told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY) {
            self.told = Some(now);
            ::log::warn!(
                target: "barnabas::net", reason:% = lack;
                "connections wait for a place"
            );
        }
        false
    }

    fn hand_over(&mut self, socket: TcpStream, remote: SocketAddr, at: usize, now: Instant) {
        let Listener { index: listener, share, .. } = self.listeners[at];
        let admission = match self.admissions.admit(remote.ip(), share) {
            Ok(admission) => admission,
            Err(refusal) => {
                return self.turned_away(remote, &refusal, now);
            }
        };
        let local = match self.prepare(&socket) {
            Ok(local) => local,
            // It can only have been reset already.
            Err(error) => {
                ::log::debug!(target: "barnabas::net", remote:%, error:%; "lost a connection");
                return;
            }
        };
        let worker = admission.worker();
        self.accepted += 1;
        let peer = Peer { remote, local, listener, number: self.accepted };
        let newcomer = Control::Newcomer { socket, peer, admission };
        if let Err(error) = self.workers[worker].send(newcomer) {
            self.turned_away(remote, &error, now);
        }
    }

    fn turned_away(&mut self, remote: SocketAddr, reason: &dyn fmt::Display, now: Instant) {
        self.reporter.warn(now, |suppressed| {
            ::log::warn!(
                target: "barnabas::net", remote:%, reason:%, suppressed;
                "turned a connection away"
            );
        });
    }

    /// Sets the options of an accepted socket; returns our address as the peer knows it.
    fn prepare(&self, socket: &TcpStream) -> io::Result<SocketAddr> {
        socket.set_nodelay(true)?;
        let options = SockRef::from(socket);
        options.set_keepalive(true)?;
        if let Some(bytes) = self.send_buffer {
            options.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.receive_buffer {
            options.set_recv_buffer_size(bytes)?;
        }
        socket.local_addr().map(canonical)
    }
}

/// What a listener may take; it leaves others never more than half of all places.
fn share(options: &Options, index: usize) -> Share {
    let others = options.listeners.iter().enumerate().filter(|(other, _)| *other != index);
    let kept: usize = others.map(|(_, listen)| listen.keeps).sum();
    Share {
        spares: kept.min(options.limits.max_open / 2),
        is_limited: options.listeners[index].keeps == 0,
    }
}

/// An address as people and clients write it: who comes over IPv4 to a listener of both families has
/// an IPv6 address that stands for the IPv4 one, and a client with IPv4 only could not use that.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address, // with its scope
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::ConnectionAborted)
}

#[cfg(test)]
mod tests {
    use super::super::door;
    use super::super::mailbox::Mailbox;
    use super::super::options::Limits;
    use super::*;
    use std::net::Ipv4Addr;

    /// A place that is given back after the last look at the listeners and before the next wait.
    #[test]
    fn a_place_is_taken_whenever_it_is_given_back() {
        let limits = Limits { max_open: 1, ..Limits::default() };
        let listeners = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()];
        let options = Options { listeners, limits, ..Options::default() };
        let doors = door::open_all(&options).unwrap();
        let address = doors[0].address;
        let poll = Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), WAKE).unwrap();
        let bell = Bell::new(move || waker.wake().unwrap());
        let orders = Mailbox::with_bell(bell.clone(), 16);
        let (worker, mut given) = Mailbox::for_thread(16);
        let admissions = Admissions::new(&options.limits, 1);
        let mut acceptor =
            Acceptor::new(poll, bell, orders, doors, vec![worker], admissions, &options).unwrap();

        let mut events = Events::with_capacity(8);
        for _ in 0..2 {
            let _client = std::net::TcpStream::connect(address).unwrap();
        }
        assert!(acceptor.turn(&mut events).unwrap());
        drop(given.try_recv().expect("there was a place"));
        assert!(given.is_empty());
        assert!(acceptor.turn(&mut events).unwrap(), "or it waits for ever");
        assert!(given.try_recv().is_some());
    }
}
