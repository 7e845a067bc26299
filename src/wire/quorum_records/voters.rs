//! Who makes up the quorum, and by which rules.
//!
//! KIP-853. Schemas: `KRaftVersionRecord.json`, `VotersRecord.json`.

message! {
    control 5, versions 0..=0, flexible 0..;

    /// The level of the quorum's protocol; from 1 on the voters stand in the log.
    pub struct KRaftVersionRecord {
        version: i16,
        k_raft_version: i16,
    }
}

message! {
    control 6, versions 0..=0, flexible 0..;

    /// The voters from here on.
    pub struct VotersRecord<'a> {
        version: i16,
        voters: [Voter<'a>],
    }

    /// One voter.
    pub struct Voter<'a> {
        voter_id: i32,
        voter_directory_id: uuid,
        endpoints: [Endpoint<'a>],
        k_raft_version_feature: KRaftVersionFeature,
    }

    /// Where it can be reached by the other controllers.
    pub struct Endpoint<'a> {
        name: str,
        host: str,
        port: u16,
    }

    /// The levels of the quorum's protocol that it knows.
    pub struct KRaftVersionFeature {
        min_supported_version: i16,
        max_supported_version: i16,
    }
}
