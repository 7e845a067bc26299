//! The requests of the load, made with the broker's own codec, and a client that asks one thing at
//! a time.
//!
//! Versions and sizes are librdkafka's: Produce 10, Fetch 16 without a session; by default batches
//! of up to 1,000,000 bytes or 10,000 records (`batch.size`, `batch.num.messages`), 1 MiB for each
//! partition of a fetch (`fetch.message.max.bytes`), no idempotence, no compression.

use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Array, Message, Reader, Records, Writer};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::header::{RequestHeader, ResponseHeader};
use barnabas::wire::messages::{
    api_versions::{ApiVersionsRequest, ApiVersionsResponse},
    create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse},
    delete_topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse},
    fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic},
    list_offsets::{
        ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
    },
    produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData},
};
use barnabas::wire::records::BatchBuilder;
use barnabas::wire::uuid::Uuid;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

const PRODUCE: i16 = 10;
const FETCH: i16 = 16;
/// Bytes that librdkafka asks of one partition.
pub const PARTITION_BYTES: i32 = 1 << 20;
/// Bytes that librdkafka asks of all.
const FETCH_BYTES: i32 = 50 << 20;

/// A request as it goes over the wire.
pub fn frame<'a>(api: ApiKey, version: i16, request: &impl Message<'a>) -> Vec<u8> {
    let mut out = Writer::new();
    out.write_i32(0);
    let (api_key, client_id) = (api as i16, Some("rdkafka"));
    RequestHeader { api_key, api_version: version, correlation_id: 1, client_id }.encode(&mut out);
    request.encode(&mut out, version);
    let size = out.total_len() as i32 - 4;
    out.patch_i32(0, size);
    out.bytes().to_vec()
}

/// The first request of every client.
pub fn api_versions() -> Vec<u8> {
    let request = ApiVersionsRequest {
        client_software_name: "librdkafka",
        client_software_version: "2.11.0",
    };
    frame(ApiKey::ApiVersions, 3, &request)
}

/// A batch of `count` records with values of `size` bytes that are not all the same.
pub fn batch(count: usize, size: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    let value: Vec<u8> = (0..size + 251).map(|i| (i * 31 + i / 251) as u8).collect();
    for i in 0..count {
        let at = i % 251;
        builder.append(1_700_000_000_000 + i as i64, None, Some(&value[at..at + size]), &[]);
    }
    builder.finish()
}

/// One batch for partition 0 of a topic, acknowledged by all.
pub fn produce(topic: &str, batch: &[u8]) -> Vec<u8> {
    produce_to(topic, 0, batch)
}

/// The same for any partition.
pub fn produce_to(topic: &str, index: i32, batch: &[u8]) -> Vec<u8> {
    let partition = PartitionProduceData { index, records: Some(Records::Bytes(batch)) };
    let partitions = [partition];
    let topics = [TopicProduceData {
        name: topic,
        partition_data: Array::from(&partitions),
        ..Default::default()
    }];
    let topic_data = Array::from(&topics);
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    frame(ApiKey::Produce, PRODUCE, &request)
}

/// What a fetch asks of partition 0 of a topic.
pub fn fetch(topic_id: Uuid, offset: i64, bytes: i32, wait_ms: i32) -> Vec<u8> {
    let partitions =
        [FetchPartition { fetch_offset: offset, partition_max_bytes: bytes, ..Default::default() }];
    let partitions = Array::from(&partitions);
    let topics = [FetchTopic { topic_id, partitions, ..Default::default() }];
    let request = FetchRequest {
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: FETCH_BYTES,
        topics: Array::from(&topics),
        ..Default::default()
    };
    frame(ApiKey::Fetch, FETCH, &request)
}

/// Fails unless a Produce was stored; returns the answer's size with its length.
pub fn check_produced(answer: &[u8]) -> usize {
    let response: ProduceResponse<'_> = body(answer, ApiKey::Produce, PRODUCE);
    let topic = response.responses.iter().next().expect("a topic");
    let partition = topic.partition_responses.iter().next().expect("a partition");
    assert_eq!(partition.error_code, ErrorCode::NONE, "{:?}", partition.error_message);
    answer.len() + 4
}

/// Fails unless a fetch has found records; returns how many bytes of them.
pub fn check_fetched(answer: &[u8]) -> usize {
    let response: FetchResponse<'_> = body(answer, ApiKey::Fetch, FETCH);
    assert_eq!(response.error_code, ErrorCode::NONE);
    let topic = response.responses.iter().next().expect("a topic");
    let partition = topic.partitions.iter().next().expect("a partition");
    assert_eq!(partition.error_code, ErrorCode::NONE);
    match partition.records {
        Some(Records::Bytes(bytes)) => bytes.len(),
        _ => 0,
    }
}

/// An answer, read.
pub fn body<'a, M: Message<'a>>(answer: &'a [u8], api: ApiKey, version: i16) -> M {
    let mut reader = Reader::new(answer);
    ResponseHeader::decode(&mut reader, api, version).expect("a response header");
    M::decode(&mut reader, version).expect("a response")
}

/// A client that waits for each answer.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("no delay");
        Client(stream)
    }

    /// The answer to a frame, without its length.
    pub fn call(&mut self, frame: &[u8]) -> Vec<u8> {
        self.send(frame);
        self.receive()
    }

    /// Sends a frame and does not wait.
    pub fn send(&mut self, frame: &[u8]) {
        self.0.write_all(frame).expect("sent");
    }

    /// The next answer, without its length.
    pub fn receive(&mut self) -> Vec<u8> {
        let mut size = [0; 4];
        self.0.read_exact(&mut size).expect("an answer");
        let mut answer = vec![0; i32::from_be_bytes(size) as usize];
        self.0.read_exact(&mut answer).expect("the whole answer");
        answer
    }

    /// Asks what the broker can do.
    pub fn greet(&mut self) {
        let answer = self.call(&api_versions());
        let response: ApiVersionsResponse<'_> = body(&answer, ApiKey::ApiVersions, 3);
        assert_eq!(response.error_code, ErrorCode::NONE);
    }

    /// Creates a topic of one partition.
    pub fn create(&mut self, name: &str) -> Uuid {
        self.create_wide(name, 1)
    }

    /// Creates a topic of so many partitions.
    pub fn create_wide(&mut self, name: &str, num_partitions: i32) -> Uuid {
        let topic =
            CreatableTopic { name, num_partitions, replication_factor: 1, ..Default::default() };
        let topics = [topic];
        let request = CreateTopicsRequest { topics: Array::from(&topics), ..Default::default() };
        let answer = self.call(&frame(ApiKey::CreateTopics, 7, &request));
        let response: CreateTopicsResponse<'_> = body(&answer, ApiKey::CreateTopics, 7);
        let created = response.topics.iter().next().expect("a topic");
        assert_eq!(created.error_code, ErrorCode::NONE, "{:?}", created.error_message);
        created.topic_id
    }

    /// Deletes a topic.
    pub fn delete(&mut self, name: &str) {
        let topics = [DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO }];
        let request = DeleteTopicsRequest {
            topics: Array::from(&topics),
            timeout_ms: 30_000,
            ..Default::default()
        };
        let answer = self.call(&frame(ApiKey::DeleteTopics, 6, &request));
        let response: DeleteTopicsResponse<'_> = body(&answer, ApiKey::DeleteTopics, 6);
        assert_eq!(response.responses.iter().next().expect("a row").error_code, ErrorCode::NONE);
    }

    /// The offset after the last record of partition 0.
    pub fn end_of(&mut self, topic: &str) -> i64 {
        let partitions = [ListOffsetsPartition { timestamp: -1, ..Default::default() }];
        let partitions = Array::from(&partitions);
        let topics = [ListOffsetsTopic { name: topic, partitions }];
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: Array::from(&topics),
            ..Default::default()
        };
        let answer = self.call(&frame(ApiKey::ListOffsets, 6, &request));
        let response: ListOffsetsResponse<'_> = body(&answer, ApiKey::ListOffsets, 6);
        let topic = response.topics.iter().next().expect("a topic");
        topic.partitions.iter().next().expect("a partition").offset
    }
}
