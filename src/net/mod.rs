//! Bytes to and from sockets; knows nothing of Kafka.
//!
//! What is here: pure connections, the loops that move their bytes, timers, and the mailboxes
//! between threads. A service above it sees whole frames and gives replies; it never sees a
//! socket, and nothing above the driver knows of readiness.

pub mod mailbox;
pub mod region;

pub use mailbox::{Bell, Mailbox, Received, Receiver, SendError, Sender, Wake};
pub use region::{FileRange, Region};
