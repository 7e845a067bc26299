//! Bytes to and from sockets; knows nothing of Kafka.
//!
//! A [`Service`] above it sees whole frames and gives replies. It never sees a socket, and nothing
//! above the driver knows of readiness:
//!
//! ```text
//! server     binds, starts and stops the threads       address, door  what a listener binds, and binding
//! acceptor   one thread: accepts and hands over        admission  who may come in
//! worker     N threads: the turn of the loop           timers     without a tick
//! engine     bytes -> frames -> service                core, patience  what a worker knows
//! driver     the seam; behind it epoll or uring        sys        system calls
//! connection pure: inbox (frames in place), outbox (replies in order)
//! ring, mirror, pool   circular buffers, mapped twice, lent while a frame is unfinished
//! mailbox    messages between threads; wakes only who sleeps   watch  ends that nobody ordered
//! region     ranges of files on their way to a socket     ip_text    an address as text
//! ```
//!
//! Every queue, buffer and table here has a limit; see [`Limits`].

mod acceptor;
mod address;
mod admission;
mod connection;
mod context;
mod core;
mod door;
mod driver;
mod engine;
mod epoll;
mod inbox;
mod ip_text;
mod lists;
pub mod mailbox;
mod mirror;
mod options;
mod outbox;
mod pace;
mod patience;
mod pool;
pub mod region;
mod report;
mod ring;
mod server;
mod service;
mod slab;
mod stats;
mod sys;
mod timers;
#[cfg(target_os = "linux")]
mod uring;
mod watch;
mod worker;

pub use address::resolve;
pub use admission::Doorkeeper;
pub use connection::{Connection, Input};
pub use context::Context;
pub use inbox::{Next, Starved};
pub use ip_text::push_ip;
pub use mailbox::{Bell, Mailbox, Received, Receiver, SendError, Sender, Wake};
pub use options::{DriverKind, Limits, Listen, Options};
pub use outbox::{Gather, Outbox, Output};
pub use pool::{Budget, Pool, WINDOW};
pub use region::{FileRange, Region};
pub use server::{Bound, Running, bind};
pub use service::{ConnId, Flow, Framing, Part, Peer, Service, Slot};
pub use stats::{Counter, Stats};
pub use sys::host_name;
pub use timers::TimerId;
