//! Barnabas: a message broker that speaks Apache Kafka's protocol.
//!
//! The crate's map. A room imports only from the rooms below it:
//!
//! ```text
//! http/     metrics, health, REST and the console; beside it
//! kafka/    one handler file per API family: what clients talk to
//! broker/   the running broker: threads, shared state, start and stop
//! coordinator/  consumer groups: pure state machines, no I/O, no clock
//! catalog/  topics, partitions, configs, ids: metadata as replayed records
//! log/      one partition's bytes on disk; knows records, not requests
//! net/      bytes <-> sockets; knows nothing of Kafka
//! wire/     Kafka's protocol; knows neither sockets nor disks
//! config/   every setting once: name, type, default, meaning
//! ```
//!
//! [`faces`] is no room: it says which of the two faces a connection belongs to.

pub mod broker;
pub mod catalog;
pub mod config;
pub mod coordinator;
pub mod faces;
pub mod http;
pub mod kafka;
pub mod log;
pub mod net;
pub mod wire;
