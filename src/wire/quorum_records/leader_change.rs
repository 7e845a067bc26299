//! The first record of a leader's epoch.
//!
//! KIP-595; Kafka 4.3 writes version 0. Schema: `LeaderChangeMessage.json`.

message! {
    control 2, versions 0..=1, flexible 0..;

    /// A new leader.
    pub struct LeaderChangeMessage<'a> {
        version: i16,
        leader_id: i32,
        voters: [Voter],
        granting_voters: [Voter],
    }

    /// Who may vote.
    pub struct Voter {
        voter_id: i32,
        voter_directory_id: uuid [1..],
    }
}
