//! Groups of the consumer protocol (KIP-848): the coordinator assigns.
//!
//! All that these groups are is in records: a request is worked out against the state as it is, gives
//! records, and only their replay changes the state. So an append that fails has changed nothing.
//!
//! Rules: `GroupMetadataManager` and the package `group.modern` of Kafka 4.3.1.

pub mod assign;
