//! Our codec against one that others wrote: the `kafka-protocol` crate must read what we write and
//! write what we read, byte for byte, for every message and version that it knows. Versions that
//! it does not know yet are named here, and are checked against Kafka's schemas in `wire_schema`.

mod wire_support;

use std::fmt::Debug;

use barnabas::wire::codec::Writer;
use barnabas::wire::messages::{self, Entry};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use wire_support::generate::Source;
use wire_support::rng::Rng;
use wire_support::{model, transcode, versions};

/// Random messages per message and version.
const CASES: u64 = 60;

/// What the other codec does not know: messages and versions newer than its schemas.
const UNKNOWN_TO_THEM: &[(&str, i16)] = &[
    ("DescribeLogDirsRequest", 5),
    ("DescribeLogDirsResponse", 5),
    ("InitProducerIdRequest", 6),
    ("ListOffsetsRequest", 11),
    ("ListOffsetsResponse", 11),
    ("OffsetCommitRequest", 10),
    ("OffsetFetchRequest", 10),
];

/// A test for each message, of both codecs.
type Check = fn(&Entry) -> Vec<i16>;

macro_rules! checks {
    ($($name:ident,)+) => {
        const CHECKS: &[(&str, Check)] = &[$((stringify!($name), check::<theirs::$name>)),+];
    };
}

checks! {
    AlterConfigsRequest,
    AlterConfigsResponse,
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    ApiVersionsRequest,
    ApiVersionsResponse,
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    CreateAclsRequest,
    CreateAclsResponse,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteAclsRequest,
    DeleteAclsResponse,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DescribeAclsRequest,
    DescribeAclsResponse,
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
    DescribeClusterRequest,
    DescribeClusterResponse,
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeProducersRequest,
    DescribeProducersResponse,
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
    ElectLeadersRequest,
    ElectLeadersResponse,
    FetchRequest,
    FetchResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    JoinGroupRequest,
    JoinGroupResponse,
    LeaveGroupRequest,
    LeaveGroupResponse,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
    ListGroupsRequest,
    ListGroupsResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
    ListTransactionsRequest,
    ListTransactionsResponse,
    MetadataRequest,
    MetadataResponse,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    ProduceRequest,
    ProduceResponse,
    SyncGroupRequest,
    SyncGroupResponse,
}

#[test]
fn both_codecs_agree_on_random_messages_and_on_defaults() {
    let mut unknown = Vec::new();
    let mut names = Vec::new();
    for entry in messages::ALL {
        let name = entry.schema.name;
        let (_, check) = CHECKS.iter().find(|check| check.0 == name).expect(name);
        unknown.extend(check(entry).into_iter().map(|version| (name, version)));
        names.push(name);
    }
    unknown.sort_unstable();
    assert_eq!(unknown, UNKNOWN_TO_THEM);
    assert_eq!(names.len(), CHECKS.len());
}

/// Checks all versions that both have; gives those that only we have.
fn check<T>(entry: &Entry) -> Vec<i16>
where
    T: Message + Encodable + Decodable + Default + Debug + PartialEq,
{
    let model = model::of(entry.schema);
    let known = |version: &i16| (T::VERSIONS.min..=T::VERSIONS.max).contains(version);
    for version in versions(entry).filter(known) {
        for seed in 0..CASES {
            let random = Source::random(seed).message(&model, version);
            let value = read::<T>(&random, version);
            // Their bytes through our decoder and our encoder.
            let bytes = write(&value, version);
            assert_eq!(transcode(entry, version, &bytes), bytes, "{} v{version}", model.name);
            // Our bytes through their decoder.
            let ours = transcode(entry, version, &random);
            let name = &model.name;
            assert_eq!(read::<T>(&ours, version), value, "{name} v{version} of seed {seed}");
            assert_eq!(bytes, random, "{name} v{version} of seed {seed}");
        }
        let mut ours = Writer::new();
        (entry.encode_default)(version, &mut ours);
        assert_eq!(ours.bytes(), write(&T::default(), version), "{} v{version}", model.name);
    }
    versions(entry).filter(|version| !known(version)).collect()
}

fn read<T: Decodable>(mut bytes: &[u8], version: i16) -> T {
    let value = T::decode(&mut bytes, version).expect("they cannot read it");
    assert!(bytes.is_empty(), "they leave {} bytes", bytes.len());
    value
}

fn write<T: Encodable>(value: &T, version: i16) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes, version).expect("they cannot write it");
    bytes
}

#[test]
fn request_headers_agree() {
    use barnabas::wire::api::ApiKey;
    use barnabas::wire::codec::Reader;
    use barnabas::wire::header::{RequestHeader, ResponseHeader};

    let mut rng = Rng(18);
    let mut unknown = Vec::new();
    for api in ApiKey::ALL.iter().filter(|api| !api.valid_versions().is_empty()) {
        let Ok(other) = theirs::ApiKey::try_from(api.key()) else {
            unknown.push(*api);
            continue;
        };
        for version in api.valid_versions() {
            if !(other.valid_versions().min..=other.valid_versions().max).contains(&version) {
                continue;
            }
            assert_eq!(api.request_header_version(version), other.request_header_version(version));
            assert_eq!(
                api.response_header_version(version),
                other.response_header_version(version)
            );
            let client_id = [None, Some(""), Some("client-ü")][rng.below(3)];
            let header = RequestHeader {
                api_key: api.key(),
                api_version: version,
                correlation_id: rng.int() as i32,
                client_id,
            };
            let mut ours = Writer::new();
            header.encode(&mut ours);
            let value = theirs::RequestHeader::default()
                .with_request_api_key(header.api_key)
                .with_request_api_version(version)
                .with_correlation_id(header.correlation_id)
                .with_client_id(client_id.map(|id| id.to_owned().into()));
            assert_eq!(ours.bytes(), write(&value, api.request_header_version(version)), "{api}");
            let mut r = Reader::new(ours.bytes());
            assert_eq!(RequestHeader::decode(&mut r), Ok(header));

            let mut ours = Writer::new();
            ResponseHeader { correlation_id: 5 }.encode(&mut ours, *api, version);
            let value = theirs::ResponseHeader::default().with_correlation_id(5);
            assert_eq!(ours.bytes(), write(&value, api.response_header_version(version)), "{api}");
        }
    }
    assert_eq!(unknown, [ApiKey::StreamsGroupHeartbeat, ApiKey::StreamsGroupDescribe]);
}

#[test]
fn error_codes_agree() {
    use barnabas::wire::error::ErrorCode;
    use kafka_protocol::ResponseError;

    let mut known = 0;
    for code in ErrorCode::KNOWN.iter().filter(|code| code.is_error()) {
        let theirs = ResponseError::try_from_code(code.0);
        let Some(theirs) = theirs.filter(|e| !matches!(e, ResponseError::Unknown(_))) else {
            continue;
        };
        known += 1;
        let name = format!("{theirs:?}").to_uppercase();
        assert_eq!(code.name().replace('_', ""), name, "{code}");
    }
    assert!(known > 120, "{known}");
}
