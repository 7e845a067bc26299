//! Clients that ask for what is not theirs, or for too much of what is.

mod broker_support;

use barnabas::wire::codec::{Array, Root};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::create_acls::{AclCreation, CreateAclsRequest};
use barnabas::wire::messages::delete_acls::{DeleteAclsFilter, DeleteAclsRequest};
use barnabas::wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
};
use barnabas::wire::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, TopicRequest,
};
use barnabas::wire::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, request,
};
use barnabas::wire::messages::describe_user_scram_credentials::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, UserName,
};
use barnabas::wire::messages::list_config_resources::ListConfigResourcesRequest;
use barnabas::wire::messages::list_transactions::ListTransactionsRequest;
use barnabas::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use barnabas::wire::uuid::Uuid;
use broker_support::*;

/// The topic that holds the cluster's metadata.
const METADATA: &str = "__cluster_metadata";

/// Asks for topics by name, to be created where they are missing. None of them is there yet.
fn wish(client: &mut Client, names: &[&str]) {
    let mut topics = Vec::new();
    for name in names {
        topics.push(MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(name) });
    }
    let request = MetadataRequest { topics: Some(Array::from(&topics)), ..Default::default() };
    let answer = client.call(12, &request);
    let topics = answer.read::<MetadataResponse<'_>>().topics;
    assert_eq!(topics.len(), names.len());
    let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert!(topics.iter().all(|topic| topic.error_code == missing));
}

#[test]
fn no_client_reaches_the_metadata_log() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("kept", 2);
    let offset = client.append(("kept", 1), &batch(1, 3, 10));
    // Asked for by name, it would be created on demand; the job runs before the next creation.
    wish(&mut client, &[METADATA]);
    let sent = client.send_create(METADATA, 1, &[]);
    assert_eq!(client.created(sent), Err(ErrorCode::INVALID_REQUEST));
    client.create("behind", 1);
    broker.stop_cleanly();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    let mut names: Vec<String> = client.cluster().topics.into_keys().collect();
    names.sort();
    assert_eq!(names, ["behind", "kept"]);
    assert_eq!(batches(&client.fetch_all(("kept", 1))).len(), 1);
    assert_eq!(offset, 0);
    broker.stop_cleanly();
}

#[test]
fn thousands_of_names_asked_for_hold_nobody_up() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let names: Vec<String> = (0..20_000).map(|n| format!("wished-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut greedy = broker.client();
    wish(&mut greedy, &names[..10_000]);
    // Whoever needs the controller now stands behind a hundred creations at most.
    let mut other = broker.client();
    other.create("mine", 1);
    let count = other.cluster().topics.len();
    assert!((2..=101).contains(&count), "{count} topics");
    // What is still wished for when the broker stops does not keep it.
    wish(&mut greedy, &names[10_000..]);
    broker.stop_cleanly();
}

#[test]
fn a_request_without_records_may_not_be_as_large_as_one_with_them() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    let (mut frame, _) = client.metadata_frame(Some(&["t"]));
    let size = 17 << 20;
    frame.resize(size + 4, 0);
    frame[..4].copy_from_slice(&(size as u32).to_be_bytes());
    client.send_bytes(&frame);
    client.assert_closed();
    broker.logged(&["Metadata request of 17825792 bytes"]);
    broker.client().api_versions();
    broker.stop_cleanly();
}

/// Asks for the configs of this broker so many times in one request.
fn configs_of_the_broker(count: usize) -> (i16, Vec<DescribeConfigsResource<'static>>) {
    let broker =
        DescribeConfigsResource { resource_type: 4, resource_name: "1", ..Default::default() };
    (4, vec![broker; count])
}

#[test]
fn a_small_request_for_an_enormous_answer_gets_none() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    let (version, few) = configs_of_the_broker(2);
    let request = DescribeConfigsRequest { resources: Array::from(&few), ..Default::default() };
    let answer = client.call(version, &request);
    assert_eq!(answer.read::<DescribeConfigsResponse<'_>>().results.len(), 2);
    let (version, many) = configs_of_the_broker(20_000);
    let request = DescribeConfigsRequest { resources: Array::from(&many), ..Default::default() };
    client.send(version, &request);
    client.assert_closed();
    broker.logged(&["DescribeConfigs"]);
    broker.stop_cleanly();
}

#[test]
fn a_partition_that_is_asked_for_again_and_again_is_told_once() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 2);
    let indexes: Vec<i32> = (0..100_000).map(|n| n % 2).collect();
    let topics = [TopicRequest { name: "t", partition_indexes: Array::from(&indexes) }];
    let answer = client.call(0, &DescribeProducersRequest { topics: Array::from(&topics) });
    let response: DescribeProducersResponse<'_> = answer.read();
    let partitions = response.topics.iter().next().unwrap().partitions;
    assert_eq!(partitions.iter().map(|row| row.partition_index).collect::<Vec<_>>(), [0, 1]);
    broker.stop_cleanly();
}

/// What names so many is answered if that is few enough, else it ends the connection.
fn expect<'a, M: Root<'a>>(broker: &Broker, version: i16, request: &M, is_answered: bool) {
    let mut client = broker.client();
    match is_answered {
        true => _ = client.call(version, request),
        false => {
            client.send(version, request);
            client.assert_closed();
        }
    }
}

#[test]
fn whoever_lists_too_much_of_what_there_cannot_be_is_not_heard() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    for (count, is_answered) in [(20_000, true), (20_001, false)] {
        // Of types and operations that there are: ANY.
        let creation = AclCreation {
            resource_type: 2,
            resource_pattern_type: 3,
            operation: 2,
            permission_type: 3,
            ..Default::default()
        };
        let creations = vec![creation; count];
        let create = CreateAclsRequest { creations: Array::from(&creations) };
        expect(&broker, 3, &create, is_answered);
        let filter = DeleteAclsFilter {
            resource_type_filter: 1,
            pattern_type_filter: 1,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        let filters = vec![filter; count];
        let delete = DeleteAclsRequest { filters: Array::from(&filters) };
        expect(&broker, 3, &delete, is_answered);
        let state_filters = vec!["Ongoing"; count];
        let state_filters = Array::from(&state_filters);
        let list = ListTransactionsRequest { state_filters, ..Default::default() };
        expect(&broker, 1, &list, is_answered);
        let types = vec![2; count];
        let list = ListConfigResourcesRequest { resource_types: Array::from(&types) };
        expect(&broker, 1, &list, is_answered);
    }
    broker.stop_cleanly();
}

#[test]
fn whoever_names_too_many_of_what_is_not_there_is_told_of_none() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    for (count, is_answered) in [(20_000, true), (20_001, false)] {
        let names: Vec<String> = (0..count).map(|n| format!("u{n}")).collect();
        let users: Vec<UserName<'_>> = names.iter().map(|name| UserName { name }).collect();
        let asked = DescribeUserScramCredentialsRequest { users: Some(Array::from(&users)) };
        if is_answered {
            let answer = client.call(0, &asked);
            let rows = answer.read::<DescribeUserScramCredentialsResponse<'_>>().results;
            assert_eq!(rows.len(), count);
            assert!(rows.iter().all(|row| row.error_code == ErrorCode::RESOURCE_NOT_FOUND));
        } else {
            client.send(0, &asked);
            client.assert_closed();
            broker.logged(&["DescribeUserScramCredentials"]);
        }
    }
    let mut client = broker.client();
    for (count, is_answered) in [(19_999, true), (20_000, false)] {
        let partition_index = 0;
        let partitions = vec![request::PartitionData { partition_index }; count];
        let partitions = Array::from(&partitions);
        let topics = [request::TopicData { topic_name: METADATA, partitions }];
        let asked = DescribeQuorumRequest { topics: Array::from(&topics) };
        if is_answered {
            let answer = client.call(2, &asked);
            let topics = answer.read::<DescribeQuorumResponse<'_>>().topics;
            assert_eq!(topics.iter().next().unwrap().partitions.len(), count);
        } else {
            client.send(2, &asked);
            client.assert_closed();
            broker.logged(&["DescribeQuorum"]);
        }
    }
    broker.stop_cleanly();
}
