//! The group coordinator: consumer groups of both protocols and committed offsets.
//!
//! ```text
//! request, timer, topics changed ──> Shard ──> Effects: records, answers
//!                                      ^            │
//!             replay, continuation ────┴── append ──┘   all or nothing; then the answers leave
//! ```
//!
//! A [`Shard`] is one partition of `__consumer_offsets`: all groups whose name hashes there. Each
//! event is for one group and asks for one append at most. What lives in records (offsets, groups
//! of the consumer protocol) changes only by [`Shard::replay`], after the append; what Kafka keeps
//! in memory only (who has joined, who waits) changes at once, and what follows from an append is
//! a continuation that is told how it went. An append that fails leaves the shard as if nothing
//! had been asked, and the asker gets Kafka's error for it.
//!
//! Laws, checked by the simulation after every event: generations and epochs only grow, a
//! partition has one owner per generation, every parked request is answered, every timer belongs
//! to something that is there, a replay of the log gives the same persistent state.
//!
//! Groups of kinds that are not served (share, streams) are kept as they are: see [`Foreign`].
//!
//! Rules: `GroupMetadataManager`, `OffsetMetadataManager` and `GroupCoordinatorShard` of Kafka 4.3.1.

pub mod admin;
mod any_group;
pub mod classic;
pub mod consumer;
#[cfg(test)]
mod delay_tests;
mod effects;
mod foreign;
pub mod java;
#[cfg(test)]
mod offer_tests;
pub mod offsets;
mod room;
#[cfg(test)]
mod room_tests;
mod settings;
mod shard;
mod timers;
mod world;

pub use any_group::Kind;
pub use consumer::is_regular_expression;
pub use effects::{
    AppendOutcome, Effects, JoinMember, JoinReply, LeaveReply, LeftMember, Record, Reply,
    SyncReply, Token,
};
pub use foreign::Foreign;
pub use room::NoRoom;
pub use settings::{ConsumerSettings, Settings};
pub use shard::Shard;
pub use timers::{Timer, Timers};
pub use world::{Caller, TopicsView, World};

/// The topic whose records are the coordinator's state.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
