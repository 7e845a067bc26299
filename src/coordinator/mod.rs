//! Coordinators: pure state machines behind a shard's lock. They do no I/O, ask no clock, draw no
//! random number and know no thread: whoever runs them hands all of that in, so that a test drives
//! thousands of members through hours in a second, with a seed that replays any failure.
//!
//! Their state is rebuilt from the internal topics, whose records and partitioning are Kafka's.

pub mod groups;
