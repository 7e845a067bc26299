//! What the codec costs: messages read and written, batches checked, walked, opened and made. Beside each the least
//! that the same bytes cost: a copy of a message, the CRC-32C of a batch.
//!
//! `make bench BENCH=wire BENCH_ARGS="PART OF A NAME"`. Medians of the processor time of this thread; a ratio to
//! the floor of the same run says more than the time.

use barnabas::config::TopicConfig;
use barnabas::log::validate::{Rules, Scratch, validate};
use barnabas::wire::codec::{Array, Message, Reader, Records, Writer};
use barnabas::wire::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
};
use barnabas::wire::messages::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use barnabas::wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use barnabas::wire::records::{Batch, BatchBuilder, Codec, crc};
use barnabas::wire::uuid::Uuid;
use std::hint::black_box;

const RUNS: usize = 5;
/// Of each run.
const NANOSECONDS: u64 = 40_000_000;
const TOPIC: &str = "measured";

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|one| !one.starts_with('-')).collect();
    let bench = Bench { wanted };
    println!("{:<52} {:>9} {:>10} {:>10} {:>8}", "", "bytes", "ns", "floor ns", "times");
    messages(&bench);
    for (codec, name) in [
        (Codec::None, "not compressed"),
        (Codec::Gzip, "gzip"),
        (Codec::Snappy, "snappy"),
        (Codec::Lz4, "lz4"),
        (Codec::Zstd, "zstd"),
    ] {
        for (records, size) in [(160, 100), (16, 1_000), (1_000, 1_000)] {
            batches(
                &bench,
                codec,
                &format!("{records} records of {size} B, {name}"),
                records,
                size,
            );
        }
    }
}

struct Bench {
    wanted: Vec<String>,
}

impl Bench {
    /// One line: what is done to so many bytes, beside the floor.
    fn line(&self, name: &str, bytes: usize, mut floor: impl FnMut(), mut what: impl FnMut()) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|part| name.contains(part.as_str())) {
            return;
        }
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..RUNS {
            times[0].push(nanoseconds(&mut floor));
            times[1].push(nanoseconds(&mut what));
        }
        let [floor, what] = times.map(|mut runs| {
            runs.sort_by(f64::total_cmp);
            runs[RUNS / 2]
        });
        println!("{name:<52} {bytes:>9} {what:>10.1} {floor:>10.1} {:>8.1}", what / floor);
    }
}

/// Of one call.
fn nanoseconds(what: &mut impl FnMut()) -> f64 {
    let (began, mut calls, mut round) = (thread_ns(), 0u64, 1u64);
    loop {
        (0..round).for_each(|_| what());
        calls += round;
        let taken = thread_ns() - began;
        if taken >= NANOSECONDS {
            return taken as f64 / calls as f64;
        }
        round = round.saturating_mul(2).min(1 << 12);
    }
}

/// The processor time of this thread.
fn thread_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a plain system call that fills in the value it is given.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let mut out = Writer::new();
    message.encode(&mut out, version);
    out.into_bytes()
}

fn messages(bench: &Bench) {
    produce(bench);
    for partitions in [1, 100] {
        fetch(bench, partitions);
    }
    metadata(bench);
}

fn copy(bytes: &[u8]) -> impl FnMut() {
    let (bytes, mut room) = (bytes.to_vec(), vec![0; bytes.len()]);
    move || black_box(room.as_mut_slice()).copy_from_slice(black_box(&bytes))
}

fn write<'a>(bench: &Bench, name: &str, message: &impl Message<'a>, version: i16) {
    let (bytes, mut out) = (encoded(message, version), Writer::new());
    bench.line(&format!("{name} is written"), bytes.len(), copy(&bytes), || {
        out.clear();
        message.encode(&mut out, version);
        black_box(out.bytes());
    });
}

fn produce(bench: &Bench) {
    const VERSION: i16 = 10;
    let batch = batch(&values(1, 100), Codec::None);
    let partitions = [PartitionProduceData { index: 3, records: Some(Records::Bytes(&batch)) }];
    let topics = [TopicProduceData {
        name: TOPIC,
        partition_data: Array::from(&partitions),
        ..Default::default()
    }];
    let topic_data = Array::from(&topics);
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    let bytes = encoded(&request, VERSION);
    bench.line("Produce of one record is read", bytes.len(), copy(&bytes), || {
        let request = ProduceRequest::decode(&mut Reader::new(black_box(&bytes)), VERSION);
        for topic in request.expect("whole").topic_data.iter() {
            topic.partition_data.iter().for_each(|partition| _ = black_box(partition));
        }
    });
    let partitions = [PartitionProduceResponse { index: 3, base_offset: 77, ..Default::default() }];
    let responses = [TopicProduceResponse {
        name: TOPIC,
        partition_responses: Array::from(&partitions),
        ..Default::default()
    }];
    let response = ProduceResponse { responses: Array::from(&responses), ..Default::default() };
    write(bench, "its answer", &response, VERSION);
}

fn fetch(bench: &Bench, count: i32) {
    const VERSION: i16 = 16;
    let asks =
        |partition| FetchPartition { partition, fetch_offset: 1 << 40, ..Default::default() };
    let partitions: Vec<FetchPartition> = (0..count).map(asks).collect();
    let topic_id = Uuid::from_bytes([7; 16]);
    let topics =
        [FetchTopic { topic_id, partitions: Array::from(&partitions), ..Default::default() }];
    let request = FetchRequest { topics: Array::from(&topics), ..Default::default() };
    let bytes = encoded(&request, VERSION);
    bench.line(&format!("Fetch of {count} is read"), bytes.len(), copy(&bytes), || {
        let request = FetchRequest::decode(&mut Reader::new(black_box(&bytes)), VERSION);
        for topic in request.expect("whole").topics.iter() {
            topic.partitions.iter().for_each(|partition| _ = black_box(partition));
        }
    });
    let answers = |partition_index| PartitionData {
        partition_index,
        records: Some(Records::Bytes(&[])),
        ..Default::default()
    };
    let partitions: Vec<PartitionData<'_>> = (0..count).map(answers).collect();
    let responses = [FetchableTopicResponse {
        topic_id,
        partitions: Array::from(&partitions),
        ..Default::default()
    }];
    let response = FetchResponse { responses: Array::from(&responses), ..Default::default() };
    write(bench, "its answer", &response, VERSION);
}

fn metadata(bench: &Bench) {
    const VERSION: i16 = 12;
    let nodes = [1];
    let describes = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        replica_nodes: Array::from(&nodes),
        isr_nodes: Array::from(&nodes),
        ..Default::default()
    };
    let partitions: Vec<MetadataResponsePartition<'_>> = (0..1_000).map(describes).collect();
    let topics = [MetadataResponseTopic {
        name: Some(TOPIC),
        partitions: Array::from(&partitions),
        ..Default::default()
    }];
    let response = MetadataResponse { topics: Array::from(&topics), ..Default::default() };
    write(bench, "Metadata of 1,000 partitions", &response, VERSION);
}

/// Words and numbers, as in logs and events; they compress to less than a half.
fn values(count: usize, size: usize) -> Vec<Vec<u8>> {
    let mut seed = 1u32;
    let value = |_| {
        let mut value = Vec::new();
        while value.len() < size {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            value.extend(format!("\"field{}\":{},", seed >> 28, seed >> 8).bytes());
        }
        value.truncate(size);
        value
    };
    (0..count).map(value).collect()
}

fn batch(values: &[Vec<u8>], codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec);
    for (at, value) in values.iter().enumerate() {
        builder.append(1_700_000_000_000 + at as i64, None, Some(value), &[]);
    }
    builder.finish()
}

fn batches(bench: &Bench, codec: Codec, name: &str, count: usize, size: usize) {
    let values = values(count, size);
    let bytes = batch(&values, codec);
    let sum = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        move || _ = black_box(crc::crc32c(black_box(&bytes)))
    };
    let (config, mut scratch) = (TopicConfig::default(), Scratch::new());
    let rules = Rules {
        config: &config,
        now_ms: 1_700_000_000_000,
        produce_version: 10,
        topic: TOPIC,
        partition: 0,
    };
    bench.line(&format!("{name}: are validated"), bytes.len(), sum(&bytes), || {
        let validated = validate(black_box(&bytes), &rules, &mut scratch);
        black_box(validated.expect("valid").header);
    });
    let (parsed, _) = Batch::parse(&bytes).expect("a batch");
    let mut opened = Vec::new();
    bench.line(&format!("{name}: are walked"), bytes.len(), sum(&bytes), || {
        for record in parsed.records(&mut opened, 64 << 20).expect("opened") {
            black_box(record.expect("a record").value);
        }
    });
    bench.line(&format!("{name}: are made"), bytes.len(), sum(&bytes), || {
        black_box(batch(black_box(&values), codec));
    });
}
