//! How the net room is set up: addresses, threads, and a limit on everything.

use std::net::SocketAddr;
use std::time::Duration;

/// What moves the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DriverKind {
    /// Readiness: epoll, kqueue.
    #[default]
    Mio,
    /// Completion: io_uring. Where it is not to be had, [`DriverKind::Mio`] with one line that says so.
    Uring,
}

impl DriverKind {
    /// What the system calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DriverKind::Uring => "io_uring",
            DriverKind::Mio if cfg!(target_os = "linux") => "epoll",
            DriverKind::Mio => "kqueue",
        }
    }
}

/// One listener: its addresses, with one port on all of them. Port 0 takes one that is free on all.
/// Of several addresses those that this machine does not have are left out, with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Never empty; all with the same port.
    pub addresses: Vec<SocketAddr>,
    /// Where it cannot be opened it is left out, with a line; else that is an error.
    pub optional: bool,
    /// So many of [`Limits::max_open`] places are for its connections alone. If there are any,
    /// [`Limits::max_connections`] and [`Limits::max_connections_per_ip`] are not about them.
    pub keeps: usize,
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Listen {
        Listen { addresses: vec![address], optional: false, keeps: 0 }
    }
}

/// The setup of [`super::bind`].
#[derive(Clone, Debug)]
pub struct Options {
    /// What to listen on.
    pub listeners: Vec<Listen>,
    /// Worker threads.
    pub workers: usize,
    /// Limits on what peers may use.
    pub limits: Limits,
    /// What moves the bytes.
    pub driver: DriverKind,
    /// io_uring only: a thread of the kernel's for each worker looks for what there is to do, and takes a
    /// core while there is something.
    pub sqpoll: bool,
    /// Each worker stays on a core of its own, as far as there are that many.
    pub pinned: bool,
    /// The kernel's send buffer per connection; `None` leaves it to the kernel's own tuning, which
    /// costs least per byte.
    pub send_buffer: Option<usize>,
    /// The kernel's receive buffer per connection; `None` as above.
    pub receive_buffer: Option<usize>,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listeners: Vec::new(),
            workers: 1,
            limits: Limits::default(),
            driver: DriverKind::Mio,
            sqpoll: false,
            pinned: false,
            send_buffer: None,
            receive_buffer: None,
            backlog: 1024,
        }
    }
}

/// Limits on what peers may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest frame.
    pub max_frame: usize,
    /// A connection with more unsent bytes is not read.
    pub max_unsent: usize,
    /// A connection with more unanswered requests is not read; what is handled together counts as one.
    pub max_slots: usize,
    /// Memory for unfinished frames and unsent answers, of all connections together. What goes
    /// beyond it is at most one receive window and one frame per worker and, per connection, the answers of what
    /// is handled together ([`super::Context::take`]).
    pub max_memory: usize,
    /// Connections at once. Who comes beyond it waits in the kernel's queue until one of them is closed.
    pub max_connections: usize,
    /// Connections at once from one address. Who comes beyond it is turned away.
    pub max_connections_per_ip: usize,
    /// Connections at once for which there are descriptors. Who comes beyond it waits too.
    pub max_open: usize,
    /// A connection on which nothing moves for so long is closed.
    pub idle_timeout: Duration,
    /// Bytes received from one connection before the others have their turn.
    pub turn_bytes: usize,
    /// Frames of one connection that are handled before the others have their turn.
    pub turn_frames: usize,
    /// Bytes of answers that are made for one connection before the others have their turn: what an answer
    /// takes to be made grows with it.
    pub turn_made: usize,
    /// Bytes written to one connection before the others have their turn.
    pub turn_written: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_frame: 100 * 1024 * 1024,
            max_unsent: 4 * 1024 * 1024,
            max_slots: 1024,
            max_memory: 512 * 1024 * 1024,
            max_connections: usize::MAX,
            max_connections_per_ip: usize::MAX,
            max_open: usize::MAX,
            idle_timeout: Duration::from_secs(600),
            turn_bytes: 256 * 1024,
            turn_frames: 1024,
            turn_made: 64 * 1024,
            turn_written: 1024 * 1024,
        }
    }
}
