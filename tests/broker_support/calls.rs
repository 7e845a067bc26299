//! Produce and fetch as one-liners. Everything they return is owned.

use super::{Answer, Client, LONG_POLL_MS, Sent};
use barnabas::wire::codec::{Array, Records};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use barnabas::wire::messages::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};

/// The newest versions that name topics.
pub const PRODUCE: i16 = 12;
pub const FETCH: i16 = 12;

/// A partition: its topic's name and its index.
pub type At<'a> = (&'a str, i32);

/// What a broker answers to one produced batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub code: ErrorCode,
    pub base_offset: i64,
    pub log_start: i64,
    pub message: Option<String>,
    /// For so long the broker does not read the connection.
    pub throttle_ms: i32,
}

/// What a broker answers for one fetched partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub topic: String,
    pub partition: i32,
    pub code: ErrorCode,
    pub high_watermark: i64,
    pub log_start: i64,
    pub records: Vec<u8>,
}

/// The limits of a fetch.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    pub max_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
}

impl Wait {
    /// Answered at once.
    pub const NONE: Wait = Wait { max_ms: 0, min_bytes: 0, max_bytes: 64 << 20 };
    /// Until a byte is there.
    pub const LONG: Wait = Wait { max_ms: LONG_POLL_MS, min_bytes: 1, ..Wait::NONE };

    pub fn for_bytes(min_bytes: usize) -> Wait {
        Wait { min_bytes: i32::try_from(min_bytes).unwrap(), ..Wait::LONG }
    }
}

impl Client {
    /// A Produce request as a frame, not yet sent.
    pub fn produce_frame(&mut self, at: At<'_>, acks: i16, batch: &[u8]) -> (Vec<u8>, Sent) {
        let records = Some(Records::Bytes(batch));
        let partitions = [PartitionProduceData { index: at.1, records }];
        let topics = [TopicProduceData {
            name: at.0,
            partition_data: Array::from(&partitions),
            ..Default::default()
        }];
        let topic_data = Array::from(&topics);
        let request = ProduceRequest { acks, timeout_ms: 30_000, topic_data, ..Default::default() };
        self.frame(PRODUCE, &request)
    }

    pub fn send_produce(&mut self, at: At<'_>, acks: i16, batch: &[u8]) -> Sent {
        let (bytes, sent) = self.produce_frame(at, acks, batch);
        self.send_bytes(&bytes);
        sent
    }

    pub fn produced(&mut self, sent: Sent) -> Produced {
        produced(&self.answer(sent))
    }

    pub fn produce(&mut self, at: At<'_>, batch: &[u8]) -> Produced {
        let sent = self.send_produce(at, -1, batch);
        self.produced(sent)
    }

    /// Produces a batch that must be taken, and returns its base offset.
    pub fn append(&mut self, at: At<'_>, batch: &[u8]) -> i64 {
        let sent = self.send_produce(at, -1, batch);
        self.append_answer(sent)
    }

    /// The base offset of a batch that must be taken.
    pub fn append_answer(&mut self, sent: Sent) -> i64 {
        let produced = self.produced(sent);
        assert_eq!(produced.code, ErrorCode::NONE, "{:?}", produced.message);
        produced.base_offset
    }

    /// A Fetch request as a frame, not yet sent.
    pub fn fetch_frame(&mut self, from: &[(At<'_>, i64)], wait: Wait) -> (Vec<u8>, Sent) {
        let partition = |&((_, index), offset): &(At<'_>, i64)| FetchPartition {
            partition: index,
            fetch_offset: offset,
            partition_max_bytes: wait.max_bytes,
            ..Default::default()
        };
        let partitions: Vec<[FetchPartition; 1]> = from.iter().map(|at| [partition(at)]).collect();
        let topic = |(&((topic, _), _), partitions)| FetchTopic {
            topic,
            partitions: Array::from(partitions),
            ..Default::default()
        };
        let topics: Vec<FetchTopic<'_>> = from.iter().zip(&partitions).map(topic).collect();
        let request = FetchRequest {
            max_wait_ms: wait.max_ms,
            min_bytes: wait.min_bytes,
            max_bytes: wait.max_bytes,
            topics: Array::from(&topics),
            ..Default::default()
        };
        self.frame(FETCH, &request)
    }

    pub fn send_fetch(&mut self, from: &[(At<'_>, i64)], wait: Wait) -> Sent {
        let (bytes, sent) = self.fetch_frame(from, wait);
        self.send_bytes(&bytes);
        sent
    }

    /// The partitions' error codes.
    pub fn fetched_codes(&mut self, sent: Sent) -> Vec<ErrorCode> {
        self.fetched(sent).into_iter().map(|row| row.code).collect()
    }

    pub fn fetched(&mut self, sent: Sent) -> Vec<Fetched> {
        fetched(&self.answer(sent))
    }

    pub fn fetch(&mut self, at: At<'_>, offset: i64, wait: Wait) -> Fetched {
        let sent = self.send_fetch(&[(at, offset)], wait);
        let mut rows = self.fetched(sent);
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    /// All that a partition holds, from its log start offset on.
    pub fn fetch_all(&mut self, at: At<'_>) -> Vec<u8> {
        let mut offset = self.offset(at, -2);
        let mut all = Vec::new();
        loop {
            let fetched = self.fetch(at, offset, Wait::NONE);
            assert_eq!(fetched.code, ErrorCode::NONE, "{at:?} at {offset}");
            if fetched.records.is_empty() {
                assert_eq!(offset, fetched.high_watermark, "{at:?} ends too early");
                return all;
            }
            offset = super::batches(&fetched.records).last().unwrap().next_offset();
            all.extend_from_slice(&fetched.records);
        }
    }
}

/// The one row of a produce answer.
pub fn produced(answer: &Answer) -> Produced {
    let response: ProduceResponse<'_> = answer.read();
    assert_eq!(response.responses.len(), 1);
    let topic = response.responses.iter().next().unwrap();
    assert_eq!(topic.partition_responses.len(), 1);
    let row = topic.partition_responses.iter().next().unwrap();
    Produced {
        code: row.error_code,
        base_offset: row.base_offset,
        log_start: row.log_start_offset,
        message: row.error_message.map(str::to_owned),
        throttle_ms: response.throttle_time_ms,
    }
}

/// The rows of a fetch answer.
pub fn fetched(answer: &Answer) -> Vec<Fetched> {
    let response: FetchResponse<'_> = answer.read();
    assert_eq!(response.error_code, ErrorCode::NONE);
    let mut rows = Vec::new();
    for topic in response.responses.iter() {
        for row in topic.partitions.iter() {
            rows.push(Fetched {
                topic: topic.topic.to_owned(),
                partition: row.partition_index,
                code: row.error_code,
                high_watermark: row.high_watermark,
                log_start: row.log_start_offset,
                records: row.records.and_then(|r| r.bytes()).unwrap_or_default().to_vec(),
            });
        }
    }
    rows
}
