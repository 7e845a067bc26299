//! Kafka's error codes, with their names, their default texts and whether a client may try again.
//!
//! Codes and texts are those of Kafka 4.3.1's `Errors.java`, letter for letter: clients and tools
//! print the texts. "Retriable" is Java's class hierarchy, which decides what clients do; answer a
//! retriable code only where a retry can help.

use std::fmt;

use super::codec::{DecodeError, Form, Reader, Value, Writer};
use super::schema::Type;

/// An error as the protocol carries it: a number, of which a peer may send any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

struct Entry {
    code: i16,
    name: &'static str,
    retriable: bool,
    message: &'static str,
}

/// One line per code: its name, its number, what a client may do, Kafka's text.
macro_rules! errors {
    ($($name:ident = $code:literal, $retriable:ident, $message:literal;)+) => {
        impl ErrorCode {
            $(
                #[doc = $message]
                pub const $name: ErrorCode = ErrorCode($code);
            )+

            /// Every code that Kafka has, in ascending order.
            pub const KNOWN: &'static [ErrorCode] = &[$(ErrorCode::$name),+];
        }

        static TABLE: &[Entry] = &[$(Entry {
            code: $code,
            name: stringify!($name),
            retriable: retriable!($retriable),
            message: $message,
        }),+];
    };
}

macro_rules! retriable {
    (retry) => {
        true
    };
    (fatal) => {
        false
    };
}

errors! {
    UNKNOWN_SERVER_ERROR = -1, fatal, "The server experienced an unexpected error when processing the request.";
    NONE = 0, fatal, "NONE";
    OFFSET_OUT_OF_RANGE = 1, fatal, "The requested offset is not within the range of offsets maintained by the server.";
    CORRUPT_MESSAGE = 2, retry, "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt.";
    UNKNOWN_TOPIC_OR_PARTITION = 3, retry, "This server does not host this topic-partition.";
    INVALID_FETCH_SIZE = 4, fatal, "The requested fetch size is invalid.";
    LEADER_NOT_AVAILABLE = 5, retry, "There is no leader for this topic-partition as we are in the middle of a leadership election.";
    NOT_LEADER_OR_FOLLOWER = 6, retry, "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.";
    REQUEST_TIMED_OUT = 7, retry, "The request timed out.";
    BROKER_NOT_AVAILABLE = 8, fatal, "The broker is not available.";
    REPLICA_NOT_AVAILABLE = 9, retry, "The replica is not available for the requested topic-partition. Produce/Fetch requests and other requests intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the topic-partition.";
    MESSAGE_TOO_LARGE = 10, fatal, "The request included a message larger than the max message size the server will accept.";
    STALE_CONTROLLER_EPOCH = 11, fatal, "The controller moved to another broker.";
    OFFSET_METADATA_TOO_LARGE = 12, fatal, "The metadata field of the offset request was too large.";
    NETWORK_EXCEPTION = 13, retry, "The server disconnected before a response was received.";
    COORDINATOR_LOAD_IN_PROGRESS = 14, retry, "The coordinator is loading and hence can't process requests.";
    COORDINATOR_NOT_AVAILABLE = 15, retry, "The coordinator is not available.";
    NOT_COORDINATOR = 16, retry, "This is not the correct coordinator.";
    INVALID_TOPIC_EXCEPTION = 17, fatal, "The request attempted to perform an operation on an invalid topic.";
    RECORD_LIST_TOO_LARGE = 18, fatal, "The request included message batch larger than the configured segment size on the server.";
    NOT_ENOUGH_REPLICAS = 19, retry, "Messages are rejected since there are fewer in-sync replicas than required.";
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, retry, "Messages are written to the log, but to fewer in-sync replicas than required.";
    INVALID_REQUIRED_ACKS = 21, fatal, "Produce request specified an invalid value for required acks.";
    ILLEGAL_GENERATION = 22, fatal, "Specified group generation id is not valid.";
    INCONSISTENT_GROUP_PROTOCOL = 23, fatal, "The group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list.";
    INVALID_GROUP_ID = 24, fatal, "The group id is invalid.";
    UNKNOWN_MEMBER_ID = 25, fatal, "The coordinator is not aware of this member.";
    INVALID_SESSION_TIMEOUT = 26, fatal, "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms).";
    REBALANCE_IN_PROGRESS = 27, fatal, "The group is rebalancing, so a rejoin is needed.";
    INVALID_COMMIT_OFFSET_SIZE = 28, fatal, "The committing offset data size is not valid.";
    TOPIC_AUTHORIZATION_FAILED = 29, fatal, "Topic authorization failed.";
    GROUP_AUTHORIZATION_FAILED = 30, fatal, "Group authorization failed.";
    CLUSTER_AUTHORIZATION_FAILED = 31, fatal, "Cluster authorization failed.";
    INVALID_TIMESTAMP = 32, fatal, "The timestamp of the message is out of acceptable range.";
    UNSUPPORTED_SASL_MECHANISM = 33, fatal, "The broker does not support the requested SASL mechanism.";
    ILLEGAL_SASL_STATE = 34, fatal, "Request is not valid given the current SASL state.";
    UNSUPPORTED_VERSION = 35, fatal, "The version of API is not supported.";
    TOPIC_ALREADY_EXISTS = 36, fatal, "Topic with this name already exists.";
    INVALID_PARTITIONS = 37, fatal, "Number of partitions is below 1.";
    INVALID_REPLICATION_FACTOR = 38, fatal, "Replication factor is below 1 or larger than the number of available brokers.";
    INVALID_REPLICA_ASSIGNMENT = 39, fatal, "Replica assignment is invalid.";
    INVALID_CONFIG = 40, fatal, "Configuration is invalid.";
    NOT_CONTROLLER = 41, retry, "This is not the correct controller for this cluster.";
    INVALID_REQUEST = 42, fatal, "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, fatal, "The message format version on the broker does not support the request.";
    POLICY_VIOLATION = 44, fatal, "Request parameters do not satisfy the configured policy.";
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, fatal, "The broker received an out of order sequence number.";
    DUPLICATE_SEQUENCE_NUMBER = 46, fatal, "The broker received a duplicate sequence number.";
    INVALID_PRODUCER_EPOCH = 47, fatal, "Producer attempted to produce with an old epoch.";
    INVALID_TXN_STATE = 48, fatal, "The producer attempted a transactional operation in an invalid state.";
    INVALID_PRODUCER_ID_MAPPING = 49, fatal, "The producer attempted to use a producer id which is not currently assigned to its transactional id.";
    INVALID_TRANSACTION_TIMEOUT = 50, fatal, "The transaction timeout is larger than the maximum value allowed by the broker (as configured by transaction.max.timeout.ms).";
    CONCURRENT_TRANSACTIONS = 51, retry, "The producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing.";
    TRANSACTION_COORDINATOR_FENCED = 52, fatal, "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer.";
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, fatal, "Transactional Id authorization failed.";
    SECURITY_DISABLED = 54, fatal, "Security features are disabled.";
    OPERATION_NOT_ATTEMPTED = 55, fatal, "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in the batch failed, causing the broker to respond without trying the rest.";
    KAFKA_STORAGE_ERROR = 56, retry, "Disk error when trying to access log file on the disk.";
    LOG_DIR_NOT_FOUND = 57, fatal, "The user-specified log directory is not found in the broker config.";
    SASL_AUTHENTICATION_FAILED = 58, fatal, "SASL Authentication failed.";
    UNKNOWN_PRODUCER_ID = 59, fatal, "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question. This could happen if, for instance, the producer's records were deleted because their retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is removed from the broker, and future appends by the producer will return this exception.";
    REASSIGNMENT_IN_PROGRESS = 60, fatal, "A partition reassignment is in progress.";
    DELEGATION_TOKEN_AUTH_DISABLED = 61, fatal, "Delegation Token feature is not enabled.";
    DELEGATION_TOKEN_NOT_FOUND = 62, fatal, "Delegation Token is not found on server.";
    DELEGATION_TOKEN_OWNER_MISMATCH = 63, fatal, "Specified Principal is not valid Owner/Renewer.";
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64, fatal, "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated channels.";
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65, fatal, "Delegation Token authorization failed.";
    DELEGATION_TOKEN_EXPIRED = 66, fatal, "Delegation Token is expired.";
    INVALID_PRINCIPAL_TYPE = 67, fatal, "Supplied principalType is not supported.";
    NON_EMPTY_GROUP = 68, fatal, "The group is not empty.";
    GROUP_ID_NOT_FOUND = 69, fatal, "The group id does not exist.";
    FETCH_SESSION_ID_NOT_FOUND = 70, retry, "The fetch session ID was not found.";
    INVALID_FETCH_SESSION_EPOCH = 71, retry, "The fetch session epoch is invalid.";
    LISTENER_NOT_FOUND = 72, retry, "There is no listener on the leader broker that matches the listener on which metadata request was processed.";
    TOPIC_DELETION_DISABLED = 73, fatal, "Topic deletion is disabled.";
    FENCED_LEADER_EPOCH = 74, retry, "The leader epoch in the request is older than the epoch on the broker.";
    UNKNOWN_LEADER_EPOCH = 75, retry, "The leader epoch in the request is newer than the epoch on the broker.";
    UNSUPPORTED_COMPRESSION_TYPE = 76, fatal, "The requesting client does not support the compression type of given partition.";
    STALE_BROKER_EPOCH = 77, fatal, "Broker epoch has changed.";
    OFFSET_NOT_AVAILABLE = 78, retry, "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing.";
    MEMBER_ID_REQUIRED = 79, fatal, "The group member needs to have a valid member id before actually entering a consumer group.";
    PREFERRED_LEADER_NOT_AVAILABLE = 80, retry, "The preferred leader was not available.";
    GROUP_MAX_SIZE_REACHED = 81, fatal, "The group has reached its maximum size.";
    FENCED_INSTANCE_ID = 82, fatal, "The broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id.";
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83, retry, "Eligible topic partition leaders are not available.";
    ELECTION_NOT_NEEDED = 84, retry, "Leader election not needed for topic partition.";
    NO_REASSIGNMENT_IN_PROGRESS = 85, fatal, "No partition reassignment is in progress.";
    GROUP_SUBSCRIBED_TO_TOPIC = 86, fatal, "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.";
    INVALID_RECORD = 87, fatal, "This record has failed the validation on broker and hence will be rejected.";
    UNSTABLE_OFFSET_COMMIT = 88, retry, "There are unstable offsets that need to be cleared.";
    THROTTLING_QUOTA_EXCEEDED = 89, retry, "The throttling quota has been exceeded.";
    PRODUCER_FENCED = 90, fatal, "There is a newer producer with the same transactionalId which fences the current one.";
    RESOURCE_NOT_FOUND = 91, fatal, "A request illegally referred to a resource that does not exist.";
    DUPLICATE_RESOURCE = 92, fatal, "A request illegally referred to the same resource twice.";
    UNACCEPTABLE_CREDENTIAL = 93, fatal, "Requested credential would not meet criteria for acceptability.";
    INCONSISTENT_VOTER_SET = 94, fatal, "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters.";
    INVALID_UPDATE_VERSION = 95, fatal, "The given update version was invalid.";
    FEATURE_UPDATE_FAILED = 96, fatal, "Unable to update finalized features due to an unexpected server error.";
    PRINCIPAL_DESERIALIZATION_FAILURE = 97, fatal, "Request principal deserialization failed during forwarding. This indicates an internal error on the broker cluster security setup.";
    SNAPSHOT_NOT_FOUND = 98, fatal, "Requested snapshot was not found.";
    POSITION_OUT_OF_RANGE = 99, fatal, "Requested position is not greater than or equal to zero, and less than the size of the snapshot.";
    UNKNOWN_TOPIC_ID = 100, retry, "This server does not host this topic ID.";
    DUPLICATE_BROKER_REGISTRATION = 101, fatal, "This broker ID is already in use.";
    BROKER_ID_NOT_REGISTERED = 102, fatal, "The given broker ID was not registered.";
    INCONSISTENT_TOPIC_ID = 103, retry, "The log's topic ID did not match the topic ID in the request.";
    INCONSISTENT_CLUSTER_ID = 104, fatal, "The clusterId in the request does not match that found on the server.";
    TRANSACTIONAL_ID_NOT_FOUND = 105, fatal, "The transactionalId could not be found.";
    FETCH_SESSION_TOPIC_ID_ERROR = 106, retry, "The fetch session encountered inconsistent topic ID usage.";
    INELIGIBLE_REPLICA = 107, fatal, "The new ISR contains at least one ineligible replica.";
    NEW_LEADER_ELECTED = 108, fatal, "The AlterPartition request successfully updated the partition state but the leader has changed.";
    OFFSET_MOVED_TO_TIERED_STORAGE = 109, fatal, "The requested offset is moved to tiered storage.";
    FENCED_MEMBER_EPOCH = 110, fatal, "The member epoch is fenced by the group coordinator. The member must abandon all its partitions and rejoin.";
    UNRELEASED_INSTANCE_ID = 111, fatal, "The instance ID is still used by another member in the consumer group. That member must leave first.";
    UNSUPPORTED_ASSIGNOR = 112, fatal, "The assignor or its version range is not supported by the consumer group.";
    STALE_MEMBER_EPOCH = 113, fatal, "The member epoch is stale. The member must retry after receiving its updated member epoch via the ConsumerGroupHeartbeat API.";
    MISMATCHED_ENDPOINT_TYPE = 114, fatal, "The request was sent to an endpoint of the wrong type.";
    UNSUPPORTED_ENDPOINT_TYPE = 115, fatal, "This endpoint type is not supported yet.";
    UNKNOWN_CONTROLLER_ID = 116, fatal, "This controller ID is not known.";
    UNKNOWN_SUBSCRIPTION_ID = 117, fatal, "Client sent a push telemetry request with an invalid or outdated subscription ID.";
    TELEMETRY_TOO_LARGE = 118, fatal, "Client sent a push telemetry request larger than the maximum size the broker will accept.";
    INVALID_REGISTRATION = 119, fatal, "The controller has considered the broker registration to be invalid.";
    TRANSACTION_ABORTABLE = 120, fatal, "The server encountered an error with the transaction. The client can abort the transaction to continue using this transactional ID.";
    INVALID_RECORD_STATE = 121, fatal, "The record state is invalid. The acknowledgement of delivery could not be completed.";
    SHARE_SESSION_NOT_FOUND = 122, retry, "The share session was not found.";
    INVALID_SHARE_SESSION_EPOCH = 123, retry, "The share session epoch is invalid.";
    FENCED_STATE_EPOCH = 124, fatal, "The share coordinator rejected the request because the share-group state epoch did not match.";
    INVALID_VOTER_KEY = 125, fatal, "The voter key doesn't match the receiving replica's key.";
    DUPLICATE_VOTER = 126, fatal, "The voter is already part of the set of voters.";
    VOTER_NOT_FOUND = 127, fatal, "The voter is not part of the set of voters.";
    INVALID_REGULAR_EXPRESSION = 128, fatal, "The regular expression is not valid.";
    REBOOTSTRAP_REQUIRED = 129, fatal, "Client metadata is stale. The client should rebootstrap to obtain new metadata.";
    STREAMS_INVALID_TOPOLOGY = 130, fatal, "The supplied topology is invalid.";
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131, fatal, "The supplied topology epoch is invalid.";
    STREAMS_TOPOLOGY_FENCED = 132, fatal, "The supplied topology epoch is outdated.";
    SHARE_SESSION_LIMIT_REACHED = 133, retry, "The limit of share sessions has been reached.";
}

impl ErrorCode {
    /// The line of a known code: the codes are dense from -1 on.
    fn entry(self) -> Option<&'static Entry> {
        let entry = TABLE.get(usize::try_from(i32::from(self.0) + 1).ok()?)?;
        debug_assert_eq!(entry.code, self.0);
        Some(entry)
    }

    /// True for anything but `NONE`.
    #[inline]
    pub fn is_error(self) -> bool {
        self != ErrorCode::NONE
    }

    /// Whether Kafka has it.
    pub fn is_known(self) -> bool {
        self.entry().is_some()
    }

    /// Kafka's name; `UNKNOWN_SERVER_ERROR` for a code that Kafka does not have.
    pub fn name(self) -> &'static str {
        self.entry().map_or("UNKNOWN_SERVER_ERROR", |entry| entry.name)
    }

    /// Kafka's default text.
    pub fn message(self) -> &'static str {
        self.entry().unwrap_or(&TABLE[0]).message
    }

    /// True when clients try again by themselves.
    pub fn is_retriable(self) -> bool {
        self.entry().is_some_and(|entry| entry.retriable)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> Value<'a> for ErrorCode {
    const TYPE: Type = Type::Int16;
    const EMPTY: Self = ErrorCode::NONE;
    const SIZE: usize = 2;

    #[inline]
    fn read(r: &mut Reader<'a>, _: Form) -> Result<Self, DecodeError> {
        r.read_i16().map(ErrorCode)
    }

    #[inline]
    fn write(&self, w: &mut Writer, _: Form) {
        w.write_i16(self.0);
        if self.is_error() {
            w.count_error(*self, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_dense_and_complete() {
        assert_eq!(TABLE.len(), 135);
        for (i, (entry, code)) in TABLE.iter().zip(ErrorCode::KNOWN).enumerate() {
            assert_eq!((i as i16 - 1, entry.code), (code.0, code.0));
            assert_eq!(code.name(), entry.name);
            assert!(!entry.message.is_empty());
        }
    }

    #[test]
    fn foreign_codes_have_a_name_and_are_not_retried() {
        for code in [i16::MIN, -2, 134, i16::MAX] {
            assert_eq!(ErrorCode(code).name(), "UNKNOWN_SERVER_ERROR");
            assert!(!ErrorCode(code).is_retriable());
        }
        assert_eq!(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0, 3);
        assert!(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.is_retriable());
        assert!(!ErrorCode::OFFSET_OUT_OF_RANGE.is_retriable());
        assert_eq!(ErrorCode::default(), ErrorCode::NONE);
    }
}
