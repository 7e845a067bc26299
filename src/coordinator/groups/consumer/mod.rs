//! Groups of the consumer protocol (KIP-848): the coordinator assigns.
//!
//! ```text
//! heartbeat ── what the member says ──> group epoch ──> targets (assign) ──> what it has (reconcile)
//!                                           ^
//!      topics change, members go ───────────┘
//! ```
//!
//! All that these groups are is in records: a request is worked out against the state as it is, gives
//! records, and only their replay changes the state. So an append that fails has changed nothing.
//! Timers, too, are set when the records are written.
//!
//! Rules: `GroupMetadataManager` and the package `group.modern` of Kafka 4.3.1.

pub mod assign;
mod check;
mod classic_join;
mod classic_side;
mod convert;
mod embedded;
mod fence;
mod group;
mod hash;
mod heartbeat;
mod laws;
mod lookup;
mod member;
mod offsets;
mod plan;
mod reconcile;
mod records;
mod regex;
mod replay;
mod reply;
mod room;
mod subscribe;
mod target;
mod wishes;
mod work;

pub(super) use embedded::named_assignment;
pub(super) use fence::loaded;
pub use group::{Consumer, State};
pub use lookup::{Found, Lookup};
pub use member::{ClassicSide, Member, MemberState, Owned};
pub(super) use plan::{Plan, planned};
pub use regex::is_regular_expression;
pub(super) use replay::replay;
pub use reply::{ConsumerReply, Refusal};
pub use wishes::Resolved;
use wishes::Wishes;

#[cfg(test)]
mod tests;
