//! Topics, producer ids, offsets and settings as one-liners.

use super::{Answer, At, Client, Sent};
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use barnabas::wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use barnabas::wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use barnabas::wire::messages::delete_topics::{
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use barnabas::wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
};
use barnabas::wire::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, TopicRequest,
};
use barnabas::wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use barnabas::wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use barnabas::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use barnabas::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use barnabas::wire::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic,
};
use barnabas::wire::uuid::Uuid;
use std::collections::BTreeMap;

/// What metadata says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    pub id: Uuid,
    /// The leader epochs by partition.
    pub epochs: Vec<i32>,
}

/// What metadata says of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterInfo {
    pub cluster_id: String,
    /// Node id, host, port.
    pub brokers: Vec<(i32, String, i32)>,
    pub topics: BTreeMap<String, TopicInfo>,
}

/// An active producer: id, epoch, last sequence.
pub type ProducerInfo = (i64, i32, i32);

const SOFTWARE: ApiVersionsRequest<'static> =
    ApiVersionsRequest { client_software_name: "broker-test", client_software_version: "1" };

impl Client {
    /// The first exchange of every client; returns how many APIs are served.
    pub fn api_versions(&mut self) -> usize {
        let answer = self.call(4, &SOFTWARE);
        let response: ApiVersionsResponse<'_> = answer.read();
        assert_eq!(response.error_code, ErrorCode::NONE);
        response.api_keys.len()
    }

    /// The epoch of the finalized features.
    pub fn features_epoch(&mut self) -> i64 {
        let answer = self.call(4, &SOFTWARE);
        let response: ApiVersionsResponse<'_> = answer.read();
        response.finalized_features_epoch
    }

    pub fn send_api_versions(&mut self) -> Sent {
        self.send(4, &SOFTWARE)
    }

    /// A CreateTopics request as a frame, not yet sent.
    pub fn create_frame(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> (Vec<u8>, Sent) {
        let configs: Vec<CreatableTopicConfig<'_>> = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name, value: Some(value) })
            .collect();
        let topics = [CreatableTopic {
            name,
            num_partitions: partitions,
            replication_factor: -1,
            configs: Array::from(&configs),
            ..Default::default()
        }];
        self.frame(7, &CreateTopicsRequest { topics: Array::from(&topics), ..Default::default() })
    }

    pub fn send_create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Sent {
        let (bytes, sent) = self.create_frame(name, partitions, configs);
        self.send_bytes(&bytes);
        sent
    }

    pub fn created(&mut self, sent: Sent) -> Result<Uuid, ErrorCode> {
        created(&self.answer(sent))
    }

    /// Creates a topic that must not be there.
    pub fn create(&mut self, name: &str, partitions: i32) -> Uuid {
        self.create_with(name, partitions, &[])
    }

    pub fn create_with(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        let sent = self.send_create(name, partitions, configs);
        self.created(sent).unwrap_or_else(|code| panic!("{name}: {code:?}"))
    }

    pub fn send_delete(&mut self, name: &str) -> Sent {
        let topics = [DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO }];
        let topics = Array::from(&topics);
        self.send(6, &DeleteTopicsRequest { topics, timeout_ms: 30_000, ..Default::default() })
    }

    pub fn deleted(&mut self, sent: Sent) -> ErrorCode {
        let answer = self.answer(sent);
        let response: DeleteTopicsResponse<'_> = answer.read();
        response.responses.iter().next().unwrap().error_code
    }

    pub fn delete(&mut self, name: &str) {
        let sent = self.send_delete(name);
        assert_eq!(self.deleted(sent), ErrorCode::NONE, "{name}");
    }

    /// A Metadata request as a frame, not yet sent.
    pub fn metadata_frame(&mut self, topics: Option<&[&str]>) -> (Vec<u8>, Sent) {
        let named: Vec<MetadataRequestTopic<'_>> = topics
            .unwrap_or_default()
            .iter()
            .map(|name| MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(name) })
            .collect();
        let request = MetadataRequest {
            topics: topics.map(|_| Array::from(&named)),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        self.frame(12, &request)
    }

    pub fn send_metadata(&mut self, topics: Option<&[&str]>) -> Sent {
        let (bytes, sent) = self.metadata_frame(topics);
        self.send_bytes(&bytes);
        sent
    }

    /// The cluster with all its topics.
    pub fn cluster(&mut self) -> ClusterInfo {
        let sent = self.send_metadata(None);
        self.described(sent)
    }

    pub fn described(&mut self, sent: Sent) -> ClusterInfo {
        let answer = self.answer(sent);
        let response: MetadataResponse<'_> = answer.read();
        let mut topics = BTreeMap::new();
        for topic in response.topics.iter() {
            assert_eq!(topic.error_code, ErrorCode::NONE, "{:?}", topic.name);
            let mut epochs = BTreeMap::new();
            for partition in topic.partitions.iter() {
                assert_eq!(partition.error_code, ErrorCode::NONE);
                epochs.insert(partition.partition_index, partition.leader_epoch);
            }
            let epochs = (0..epochs.len() as i32).map(|index| epochs[&index]).collect();
            let info = TopicInfo { id: topic.topic_id, epochs };
            topics.insert(topic.name.unwrap().to_owned(), info);
        }
        let broker = |b: barnabas::wire::messages::metadata::MetadataResponseBroker<'_>| {
            (b.node_id, b.host.to_owned(), b.port)
        };
        let brokers = response.brokers.iter().map(broker).collect();
        ClusterInfo { cluster_id: response.cluster_id.unwrap().to_owned(), brokers, topics }
    }

    /// A producer id with its epoch.
    pub fn producer_id(&mut self) -> (i64, i16) {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let answer = self.call(5, &request);
        let response: InitProducerIdResponse = answer.read();
        assert_eq!(response.error_code, ErrorCode::NONE);
        (response.producer_id, response.producer_epoch)
    }

    /// The producers that a partition remembers.
    pub fn producers(&mut self, at: At<'_>) -> Vec<ProducerInfo> {
        let indexes = [at.1];
        let topics = [TopicRequest { name: at.0, partition_indexes: Array::from(&indexes) }];
        let answer = self.call(0, &DescribeProducersRequest { topics: Array::from(&topics) });
        let response: DescribeProducersResponse<'_> = answer.read();
        let topic = response.topics.iter().next().unwrap();
        let row = topic.partitions.iter().next().unwrap();
        assert_eq!(row.error_code, ErrorCode::NONE);
        let producers = row.active_producers.iter();
        let mut all: Vec<ProducerInfo> =
            producers.map(|p| (p.producer_id, p.producer_epoch, p.last_sequence)).collect();
        all.sort_unstable();
        all
    }

    /// Sets settings of a topic, the others stay.
    pub fn alter(&mut self, topic: &str, configs: &[(&str, &str)]) {
        self.alter_of((2, topic), configs);
    }

    /// The same of any resource: its type (4 is a broker) and its name.
    pub fn alter_of(&mut self, resource: (i8, &str), configs: &[(&str, &str)]) {
        assert_eq!(self.try_alter_of(resource, configs), Ok(()));
    }

    /// The same, or the error and its message.
    pub fn try_alter_of(
        &mut self,
        (kind, name): (i8, &str),
        configs: &[(&str, &str)],
    ) -> Result<(), (ErrorCode, String)> {
        let mut changes = Vec::new();
        for &(name, value) in configs {
            changes.push(AlterableConfig { name, config_operation: 0, value: Some(value) });
        }
        let configs = Array::from(&changes);
        let resources =
            [AlterConfigsResource { resource_type: kind, resource_name: name, configs }];
        let request = IncrementalAlterConfigsRequest {
            resources: Array::from(&resources),
            validate_only: false,
        };
        let answer = self.call(1, &request);
        let response: IncrementalAlterConfigsResponse<'_> = answer.read();
        let row = response.responses.iter().next().unwrap();
        match row.error_code {
            ErrorCode::NONE => Ok(()),
            code => Err((code, row.error_message.unwrap_or_default().to_owned())),
        }
    }

    /// Moves the log start offset; returns the low watermark.
    pub fn delete_records(&mut self, at: At<'_>, before: i64) -> i64 {
        self.try_delete_records(at, before).unwrap()
    }

    /// The same, or the error.
    pub fn try_delete_records(&mut self, at: At<'_>, before: i64) -> Result<i64, ErrorCode> {
        let partitions = [DeleteRecordsPartition { partition_index: at.1, offset: before }];
        let topics = [DeleteRecordsTopic { name: at.0, partitions: Array::from(&partitions) }];
        let request = DeleteRecordsRequest { topics: Array::from(&topics), timeout_ms: 30_000 };
        let answer = self.call(2, &request);
        let response: DeleteRecordsResponse<'_> = answer.read();
        let topic = response.topics.iter().next().unwrap();
        let row = topic.partitions.iter().next().unwrap();
        match row.error_code {
            ErrorCode::NONE => Ok(row.low_watermark),
            code => Err(code),
        }
    }

    /// An offset by timestamp, or by name (-1 latest, -2 earliest).
    pub fn offset(&mut self, at: At<'_>, timestamp: i64) -> i64 {
        let partitions =
            [ListOffsetsPartition { partition_index: at.1, timestamp, ..Default::default() }];
        let topics = [ListOffsetsTopic { name: at.0, partitions: Array::from(&partitions) }];
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: Array::from(&topics),
            ..Default::default()
        };
        let answer = self.call(7, &request);
        let response: ListOffsetsResponse<'_> = answer.read();
        let topic = response.topics.iter().next().unwrap();
        let row = topic.partitions.iter().next().unwrap();
        assert_eq!(row.error_code, ErrorCode::NONE);
        row.offset
    }

    /// The largest epoch not above `epoch`, and its end offset.
    pub fn end_of_epoch(&mut self, at: At<'_>, epoch: i32) -> (i32, i64) {
        let partitions = [OffsetForLeaderPartition {
            partition: at.1,
            current_leader_epoch: -1,
            leader_epoch: epoch,
        }];
        let topics = [OffsetForLeaderTopic { topic: at.0, partitions: Array::from(&partitions) }];
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: Array::from(&topics) };
        let answer = self.call(4, &request);
        let response: OffsetForLeaderEpochResponse<'_> = answer.read();
        let topic = response.topics.iter().next().unwrap();
        let row = topic.partitions.iter().next().unwrap();
        assert_eq!(row.error_code, ErrorCode::NONE);
        (row.leader_epoch, row.end_offset)
    }

    /// All settings of a topic with their sources.
    pub fn topic_configs(&mut self, topic: &str) -> BTreeMap<String, (Option<String>, i8)> {
        let resources = [DescribeConfigsResource {
            resource_type: 2,
            resource_name: topic,
            configuration_keys: None,
        }];
        let request =
            DescribeConfigsRequest { resources: Array::from(&resources), ..Default::default() };
        let answer = self.call(4, &request);
        let response: DescribeConfigsResponse<'_> = answer.read();
        let row = response.results.iter().next().unwrap();
        assert_eq!(row.error_code, ErrorCode::NONE);
        let config =
            |c: barnabas::wire::messages::describe_configs::DescribeConfigsResourceResult<'_>| {
                (c.name.to_owned(), (c.value.map(str::to_owned), c.config_source))
            };
        row.configs.iter().map(config).collect()
    }
}

/// The one row of a create answer.
pub fn created(answer: &Answer) -> Result<Uuid, ErrorCode> {
    let response: CreateTopicsResponse<'_> = answer.read();
    let row = response.topics.iter().next().unwrap();
    if row.error_code == ErrorCode::NONE { Ok(row.topic_id) } else { Err(row.error_code) }
}
