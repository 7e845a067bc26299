//! Requests as bytes, in the broker's own codec, and answers read back.
//!
//! Versions are the newest in which topics go by name, so that brokers of any age understand them: each
//! connection of the set-up asks for what the broker has, and a version that it lacks ends the run.

use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Array, Message, Reader, Records, Writer};
use barnabas::wire::header::{RequestHeader, ResponseHeader};
use barnabas::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use barnabas::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use barnabas::wire::records::{BatchBuilder, Codec};
use std::time::{SystemTime, UNIX_EPOCH};

pub const PRODUCE: i16 = 9;
pub const FETCH: i16 = 12;

/// A request as it goes over the wire, its length included.
pub fn request<'a>(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    body: &impl Message<'a>,
) -> Vec<u8> {
    let mut out = Writer::new();
    out.write_i32(0);
    let header = RequestHeader {
        api_key: api as i16,
        api_version: version,
        correlation_id,
        client_id: Some("latency"),
    };
    header.encode(&mut out);
    body.encode(&mut out, version);
    let size = i32::try_from(out.total_len()).unwrap_or(i32::MAX) - 4;
    out.patch_i32(0, size);
    out.bytes().to_vec()
}

/// An answer without its length: its correlation id, and its body.
pub fn answer<'a, M: Message<'a>>(
    bytes: &'a [u8],
    api: ApiKey,
    version: i16,
) -> Result<(i32, M), String> {
    let mut reader = Reader::new(bytes);
    let unreadable = |why| format!("the broker's answer to {} cannot be read: {why}", api.name());
    let header = ResponseHeader::decode(&mut reader, api, version).map_err(unreadable)?;
    Ok((header.correlation_id, M::decode(&mut reader, version).map_err(unreadable)?))
}

/// A Produce of one batch.
pub fn produce(
    topic: &str,
    partition: i32,
    acks: i16,
    batch: &[u8],
    correlation_id: i32,
) -> Vec<u8> {
    let partitions =
        [PartitionProduceData { index: partition, records: Some(Records::Bytes(batch)) }];
    let topics = [TopicProduceData {
        name: topic,
        partition_data: Array::from(&partitions),
        ..Default::default()
    }];
    let body = ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: Array::from(&topics),
        ..Default::default()
    };
    request(ApiKey::Produce, PRODUCE, correlation_id, &body)
}

/// A Fetch from these partitions and offsets that waits up to so long for a byte.
pub fn fetch(
    topic: &str,
    from: &[(i32, i64)],
    bytes: i32,
    max_wait_ms: i32,
    correlation_id: i32,
) -> Vec<u8> {
    let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: bytes,
        ..Default::default()
    };
    let partitions: Vec<FetchPartition> = from.iter().map(partition).collect();
    let topics = [FetchTopic { topic, partitions: Array::from(&partitions), ..Default::default() }];
    let body = FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: bytes,
        topics: Array::from(&topics),
        ..Default::default()
    };
    request(ApiKey::Fetch, FETCH, correlation_id, &body)
}

/// Makes batches of records that do not compress to nothing.
#[derive(Debug)]
pub struct Batches {
    value: Vec<u8>,
    count: usize,
    codec: Codec,
    run: u64,
}

impl Batches {
    /// `count` records of `size` bytes in each, which say that they are of this run.
    pub fn new(size: usize, count: usize, codec: Codec, run: u64) -> Batches {
        // Half of the bytes repeat, half do not, as in common texts.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut byte = |at: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if at.is_multiple_of(2) { b'a' + (at % 23) as u8 } else { (state >> 32) as u8 }
        };
        Batches { value: (0..size).map(&mut byte).collect(), count, codec, run }
    }

    /// A batch whose records say that they were due at this moment (nanoseconds of the load's clock).
    ///
    /// # Errors
    /// When the codec is not built in.
    pub fn stamped(&mut self, due: u64) -> Result<Vec<u8>, String> {
        let stamp = self.run.to_le_bytes().into_iter().chain(due.to_le_bytes());
        for (place, byte) in self.value.iter_mut().zip(stamp) {
            *place = byte;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let mut builder = BatchBuilder::new().codec(self.codec);
        for _ in 0..self.count {
            builder.append(now as i64, None, Some(&self.value), &[]);
        }
        builder
            .try_finish()
            .map_err(|why| format!("cannot compress with {}: {why}", self.codec.name()))
    }
}

/// When a record of this run was due; none if it is another's, whose clock is another one.
pub fn due_of(value: &[u8], run: u64) -> Option<u64> {
    let rest = value.strip_prefix(&run.to_le_bytes())?;
    Some(u64::from_le_bytes(*rest.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use barnabas::wire::records::Batch;

    #[test]
    fn a_batch_says_when_it_was_due() {
        for codec in Codec::ALL {
            let bytes = Batches::new(100, 3, codec, 9).stamped(77).expect("a batch");
            let (batch, rest) = Batch::parse(&bytes).expect("a batch");
            assert!(rest.is_empty() && batch.crc_is_valid());
            let mut scratch = Vec::new();
            let records = batch.records(&mut scratch, 1 << 20).expect("records");
            for record in records {
                let value = record.expect("a record").value.expect("a value");
                assert_eq!((due_of(value, 9), due_of(value, 8)), (Some(77), None));
            }
        }
        assert_eq!(due_of(b"short", 9), None);
    }
}
