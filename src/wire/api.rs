//! The catalogue of requests: every key of Kafka 4.3.1, its versions, its header versions.
//!
//! One table; the key that a request carries is looked up here before anything else is read. It
//! says what the protocol has, not what this broker answers: that list is the broker's own.
//! Rules: `ApiKeys.java`, `ApiMessageTypeGenerator.java`; versions are those of the JSON schemas.

use std::fmt;
use std::ops::RangeInclusive;

/// One line per request: name, key, first and last version, first flexible version.
macro_rules! apis {
    ($($name:ident = $key:literal: $min:literal ..= $max:literal $(, flexible $flexible:literal ..)?
        $(, stable ..= $stable:literal)?;)+) => {
        /// A kind of request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("Key ", stringify!($key), ".")]
                $name = $key,
            )+
        }

        impl ApiKey {
            /// Every key, in ascending order and without gaps.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$name),+];
        }

        static TABLE: &[Entry] = &[$(Entry {
            name: stringify!($name),
            min: $min,
            max: $max,
            flexible: or!([$($flexible)?] i16::MAX),
            stable: or!([$($stable)?] $max),
        }),+];
    };
}

struct Entry {
    name: &'static str,
    min: i16,
    max: i16,
    flexible: i16,
    stable: i16,
}

apis! {
    Produce = 0: 3..=13, flexible 9..;
    Fetch = 1: 4..=18, flexible 12..;
    ListOffsets = 2: 1..=11, flexible 6..;
    Metadata = 3: 0..=13, flexible 9..;
    LeaderAndIsr = 4: 0..=-1;
    StopReplica = 5: 0..=-1;
    UpdateMetadata = 6: 0..=-1;
    ControlledShutdown = 7: 0..=-1;
    OffsetCommit = 8: 2..=10, flexible 8..;
    OffsetFetch = 9: 1..=10, flexible 6..;
    FindCoordinator = 10: 0..=6, flexible 3..;
    JoinGroup = 11: 0..=9, flexible 6..;
    Heartbeat = 12: 0..=4, flexible 4..;
    LeaveGroup = 13: 0..=5, flexible 4..;
    SyncGroup = 14: 0..=5, flexible 4..;
    DescribeGroups = 15: 0..=6, flexible 5..;
    ListGroups = 16: 0..=5, flexible 3..;
    SaslHandshake = 17: 0..=1;
    ApiVersions = 18: 0..=4, flexible 3..;
    CreateTopics = 19: 2..=7, flexible 5..;
    DeleteTopics = 20: 1..=6, flexible 4..;
    DeleteRecords = 21: 0..=2, flexible 2..;
    InitProducerId = 22: 0..=6, flexible 2.., stable ..=5;
    OffsetForLeaderEpoch = 23: 2..=4, flexible 4..;
    AddPartitionsToTxn = 24: 0..=5, flexible 3..;
    AddOffsetsToTxn = 25: 0..=4, flexible 3..;
    EndTxn = 26: 0..=5, flexible 3..;
    WriteTxnMarkers = 27: 1..=2, flexible 1..;
    TxnOffsetCommit = 28: 0..=5, flexible 3..;
    DescribeAcls = 29: 1..=3, flexible 2..;
    CreateAcls = 30: 1..=3, flexible 2..;
    DeleteAcls = 31: 1..=3, flexible 2..;
    DescribeConfigs = 32: 1..=4, flexible 4..;
    AlterConfigs = 33: 0..=2, flexible 2..;
    AlterReplicaLogDirs = 34: 1..=2, flexible 2..;
    DescribeLogDirs = 35: 1..=5, flexible 2..;
    SaslAuthenticate = 36: 0..=2, flexible 2..;
    CreatePartitions = 37: 0..=3, flexible 2..;
    CreateDelegationToken = 38: 1..=3, flexible 2..;
    RenewDelegationToken = 39: 1..=2, flexible 2..;
    ExpireDelegationToken = 40: 1..=2, flexible 2..;
    DescribeDelegationToken = 41: 1..=3, flexible 2..;
    DeleteGroups = 42: 0..=2, flexible 2..;
    ElectLeaders = 43: 0..=2, flexible 2..;
    IncrementalAlterConfigs = 44: 0..=1, flexible 1..;
    AlterPartitionReassignments = 45: 0..=1, flexible 0..;
    ListPartitionReassignments = 46: 0..=0, flexible 0..;
    OffsetDelete = 47: 0..=0;
    DescribeClientQuotas = 48: 0..=1, flexible 1..;
    AlterClientQuotas = 49: 0..=1, flexible 1..;
    DescribeUserScramCredentials = 50: 0..=0, flexible 0..;
    AlterUserScramCredentials = 51: 0..=0, flexible 0..;
    Vote = 52: 0..=2, flexible 0..;
    BeginQuorumEpoch = 53: 0..=1, flexible 1..;
    EndQuorumEpoch = 54: 0..=1, flexible 1..;
    DescribeQuorum = 55: 0..=2, flexible 0..;
    AlterPartition = 56: 2..=3, flexible 0..;
    UpdateFeatures = 57: 0..=2, flexible 0..;
    Envelope = 58: 0..=0, flexible 0..;
    FetchSnapshot = 59: 0..=1, flexible 0..;
    DescribeCluster = 60: 0..=2, flexible 0..;
    DescribeProducers = 61: 0..=0, flexible 0..;
    BrokerRegistration = 62: 0..=4, flexible 0..;
    BrokerHeartbeat = 63: 0..=2, flexible 0..;
    UnregisterBroker = 64: 0..=0, flexible 0..;
    DescribeTransactions = 65: 0..=0, flexible 0..;
    ListTransactions = 66: 0..=2, flexible 0..;
    AllocateProducerIds = 67: 0..=0, flexible 0..;
    ConsumerGroupHeartbeat = 68: 0..=1, flexible 0..;
    ConsumerGroupDescribe = 69: 0..=1, flexible 0..;
    ControllerRegistration = 70: 0..=0, flexible 0..;
    GetTelemetrySubscriptions = 71: 0..=0, flexible 0..;
    PushTelemetry = 72: 0..=0, flexible 0..;
    AssignReplicasToDirs = 73: 0..=0, flexible 0..;
    ListConfigResources = 74: 0..=1, flexible 0..;
    DescribeTopicPartitions = 75: 0..=0, flexible 0..;
    ShareGroupHeartbeat = 76: 1..=1, flexible 0..;
    ShareGroupDescribe = 77: 1..=1, flexible 0..;
    ShareFetch = 78: 1..=2, flexible 0..;
    ShareAcknowledge = 79: 1..=2, flexible 0..;
    AddRaftVoter = 80: 0..=1, flexible 0..;
    RemoveRaftVoter = 81: 0..=0, flexible 0..;
    UpdateRaftVoter = 82: 0..=0, flexible 0..;
    InitializeShareGroupState = 83: 0..=0, flexible 0..;
    ReadShareGroupState = 84: 0..=0, flexible 0..;
    WriteShareGroupState = 85: 0..=1, flexible 0..;
    DeleteShareGroupState = 86: 0..=0, flexible 0..;
    ReadShareGroupStateSummary = 87: 0..=1, flexible 0..;
    StreamsGroupHeartbeat = 88: 0..=0, flexible 0..;
    StreamsGroupDescribe = 89: 0..=0, flexible 0..;
    DescribeShareGroupOffsets = 90: 0..=1, flexible 0..;
    AlterShareGroupOffsets = 91: 0..=0, flexible 0..;
    DeleteShareGroupOffsets = 92: 0..=0, flexible 0..;
}

impl ApiKey {
    fn entry(self) -> &'static Entry {
        // The discriminants are the table's indices; a test holds that.
        &TABLE[self as usize]
    }

    /// The request with this key, also when Kafka has given up all of its versions.
    #[inline]
    pub fn from_i16(key: i16) -> Option<ApiKey> {
        ApiKey::ALL.get(usize::try_from(key).ok()?).copied()
    }

    /// The number.
    #[inline]
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The versions that Kafka has; empty for requests that are gone.
    #[inline]
    pub fn valid_versions(self) -> RangeInclusive<i16> {
        self.entry().min..=self.entry().max
    }

    /// The last version that is not still in the making; what to advertise.
    #[inline]
    pub fn latest_stable_version(self) -> i16 {
        self.entry().stable
    }

    /// True when the last version may still change: not to be advertised.
    pub fn latest_version_unstable(self) -> bool {
        self.entry().stable < self.entry().max
    }

    /// The first version with compact forms and tagged fields.
    pub fn flexible_from(self) -> Option<i16> {
        Some(self.entry().flexible).filter(|from| *from < i16::MAX)
    }

    /// The version of the header before a request of this version, also for versions that do not
    /// exist: ApiVersions is answered at any.
    #[inline]
    pub fn request_header_version(self, version: i16) -> i16 {
        if version >= self.entry().flexible { 2 } else { 1 }
    }

    /// The version of the header before a response. ApiVersions stays at 0, so that a client can
    /// read the error of a server that does not know its version (KIP-511).
    #[inline]
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != ApiKey::ApiVersions && version >= self.entry().flexible)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_indices() {
        assert_eq!(ApiKey::ALL.len(), 93);
        for (i, key) in ApiKey::ALL.iter().enumerate() {
            assert_eq!(key.key() as usize, i);
            assert_eq!(ApiKey::from_i16(i as i16), Some(*key));
            assert_eq!(format!("{key:?}"), key.name());
        }
        assert_eq!([-1, 93, i16::MIN, i16::MAX].map(ApiKey::from_i16), [None; 4]);
    }

    #[test]
    fn versions_and_headers() {
        assert_eq!(ApiKey::Fetch.valid_versions(), 4..=18);
        assert!(ApiKey::StopReplica.valid_versions().is_empty());
        assert_eq!(ApiKey::InitProducerId.latest_stable_version(), 5);
        assert!(ApiKey::InitProducerId.latest_version_unstable());
        assert_eq!(ApiKey::SaslHandshake.flexible_from(), None);
        assert_eq!([8, 9].map(|v| ApiKey::Produce.request_header_version(v)), [1, 2]);
        assert_eq!([8, 9].map(|v| ApiKey::Produce.response_header_version(v)), [0, 1]);
        assert_eq!([2, 3, 99].map(|v| ApiKey::ApiVersions.request_header_version(v)), [1, 2, 2]);
        assert_eq!([2, 3, 99].map(|v| ApiKey::ApiVersions.response_header_version(v)), [0, 0, 0]);
    }
}
