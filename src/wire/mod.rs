//! Kafka's wire protocol: bytes to messages and back.
//!
//! Every message is declared once (`messages`, `metadata_records`, `quorum_records`) in a table that reads like
//! Kafka's own schema; the decoder, the encoder, the defaults and a description for tests come from
//! that one declaration. This room knows neither sockets nor disks and holds no state.
//!
//! It must never panic on, read past, or allocate in proportion to what a peer sent.

#[macro_use]
mod declare;

pub mod api;
pub mod codec;
pub mod error;
pub mod group_records;
pub mod header;
pub mod messages;
pub mod metadata_records;
pub mod quorum_records;
pub mod records;
pub mod schema;
pub mod uuid;
