//! Apache Kafka's own verdict on produced batches, good and broken ones, against ours.
//!
//! `records_verdicts/cases.txt` holds what Kafka 4.3.1's classes said; `Verdicts.java` beside it
//! made it. Code, message and named records must be the same, and so must what is stored: header
//! and records. The only differences are those that `allowed` names. `RECORDS_VERDICTS` can point
//! to another file of cases.

#![allow(clippy::unwrap_used)]
#![cfg(feature = "compression")]

use std::collections::BTreeMap;

use barnabas::config::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
use barnabas::log::validate::{Invalid, Patch, Rules, Scratch, Validated, validate};
use barnabas::wire::records::{Batch, BatchBuilder, Header, RecordError, crc, decompress, patch};

const NOW: i64 = 1_700_000_000_000;

/// How many kinds of differences are meant.
const MEANT: usize = 5;

/// One line of the file.
struct Case<'f> {
    config: TopicConfig,
    version: i16,
    input: Vec<u8>,
    code: i16,
    message: &'f str,
    detail: &'f str,
}

impl Case<'_> {
    fn is_compressed(&self) -> bool {
        self.input[22] & 7 != 0
    }

    fn is_recompressed(&self) -> bool {
        use CompressionType::{Producer, Uncompressed};
        !matches!(self.config.compression_type, Producer | Uncompressed)
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn parse(line: &str) -> Case<'_> {
    let fields: Vec<_> = line.split('\t').collect();
    let number = |at: usize| fields[at].parse::<i64>().unwrap();
    let config = TopicConfig {
        compression_type: match fields[1] {
            "producer" => CompressionType::Producer,
            "none" => CompressionType::Uncompressed,
            "gzip" => CompressionType::Gzip,
            "snappy" => CompressionType::Snappy,
            "lz4" => CompressionType::Lz4,
            "zstd" => CompressionType::Zstd,
            other => panic!("unknown compression type {other}"),
        },
        message_timestamp_type: match fields[2] {
            "CreateTime" => TimestampType::CreateTime,
            "LogAppendTime" => TimestampType::LogAppendTime,
            other => panic!("unknown timestamp type {other}"),
        },
        message_timestamp_before_max_ms: number(3),
        message_timestamp_after_max_ms: number(4),
        cleanup_policy: CleanupPolicy { delete: true, compact: fields[5] == "1" },
        max_message_bytes: number(6) as i32,
        segment_bytes: number(7) as i32,
        ..TopicConfig::default()
    };
    Case {
        config,
        version: number(0) as i16,
        input: unhex(fields[8]),
        code: number(9) as i16,
        message: fields[10],
        detail: fields[11],
    }
}

/// What the log would store: the batch with its patches, at offset 0 and epoch 0.
fn stored(validated: &Validated<'_>) -> Vec<u8> {
    let mut bytes = validated.bytes.to_vec();
    patch::set_base_offset(&mut bytes, 0);
    patch::set_leader_epoch(&mut bytes, 0);
    match validated.timestamps {
        Patch::Keep => {}
        Patch::LogAppendTime(now) => patch::set_log_append_time(&mut bytes, now),
        Patch::MaxTimestamp(timestamp) => patch::set_max_timestamp(&mut bytes, timestamp),
    }
    bytes
}

/// The differences that are meant. Each has a name, and each must occur.
fn allowed(case: &Case<'_>, ours: &Result<Validated<'_>, Invalid>) -> Option<&'static str> {
    let message = ours.as_ref().err().map_or("", |invalid| invalid.message.as_str());
    let code = ours.as_ref().err().map_or(0, |invalid| invalid.code.0);
    match (case.code, code) {
        (_, 87) if is_structural(message) && case.is_compressed() => {
            Some("record length in compressed batch")
        }
        (0 | 18, 0 | 10 | 18) if was_renumbered(case) => Some("inner offsets"),
        (0, 0) if canonical(ours.as_ref().unwrap()) == case.detail => Some("lengths as they came"),
        (_, -1) if message.contains("invalid gzip header") && case.input[64] & 0xe0 != 0 => {
            Some("reserved gzip flags")
        }
        (10 | 18, 0) | (0, 10 | 18) if case.is_recompressed() => Some("size of another encoder"),
        _ => None,
    }
}

/// The checksum of the stored records, were they encoded anew: Kafka does that when it recompresses,
/// we copy key, value and headers as they are (a null can have any negative length, a header key
/// need not be UTF-8).
fn canonical(validated: &Validated<'_>) -> String {
    let bytes = stored(validated);
    let (batch, _) = Batch::parse(&bytes).unwrap();
    let mut scratch = Vec::new();
    let mut builder = BatchBuilder::new();
    for record in batch.records(&mut scratch, 1 << 20).unwrap() {
        let record = record.unwrap();
        let key = |header: &Header<'_>| String::from_utf8_lossy(header.key).into_owned();
        let headers: Vec<_> = record.headers.iter().map(|h| (key(&h), h.value)).collect();
        let headers: Vec<_> = headers.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let timestamp = batch.base_timestamp() + record.timestamp_delta;
        builder.append(timestamp, record.key, record.value, &headers);
    }
    crc::crc32c(&builder.finish()[61..]).to_string()
}

fn is_structural(message: &str) -> bool {
    let errors = [RecordError::Truncated, RecordError::Varint, RecordError::Remaining];
    errors.iter().any(|error| message.starts_with(&error.to_string()))
        || ["Invalid record size", "Found invalid", "Invalid negative header key"]
            .iter()
            .any(|start| message.starts_with(start))
}

fn was_renumbered(case: &Case<'_>) -> bool {
    let (batch, _) = Batch::parse(&case.input).unwrap();
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, 1 << 20).unwrap();
    records.enumerate().any(|(index, record)| record.unwrap().offset_delta != index as i32)
}

/// Kafka's verdict and ours differ, and how.
fn difference(case: &Case<'_>, ours: &Result<Validated<'_>, Invalid>) -> Option<String> {
    match ours {
        Ok(validated) if case.code == 0 => stored_difference(case, &stored(validated)),
        Ok(_) => Some("accepted".to_owned()),
        Err(invalid) => refusal_difference(case, invalid),
    }
}

fn refusal_difference(case: &Case<'_>, invalid: &Invalid) -> Option<String> {
    let errors = invalid.record_errors.iter();
    let errors = errors.map(|(index, text)| format!("{index}={}", text.as_deref().unwrap()));
    let errors = errors.collect::<Vec<_>>().join("|");
    // Without named records the message is for the log, or that of a frame that is no batch.
    let same_message = match invalid.answer_message() {
        Some(message) if case.message == "-" => message == case.detail,
        message => message.unwrap_or("-") == case.message,
    };
    let same_errors = case.message == "-" || errors == case.detail;
    let same = invalid.code.0 == case.code && same_message && same_errors;
    (!same).then(|| format!("{} {:?} {errors}", invalid.code.0, invalid.message))
}

fn stored_difference(case: &Case<'_>, stored: &[u8]) -> Option<String> {
    let (batch, rest) = Batch::parse(stored).unwrap();
    assert!(rest.is_empty() && batch.crc_is_valid());
    let kafka = unhex(case.message);
    // Another encoder makes another length and checksum.
    let is_kept = batch.attributes().codec_id() == 0 || case.input.len() == stored.len();
    let same_header = if is_kept {
        stored[..61] == kafka[..]
    } else {
        stored[12..17] == kafka[12..17] && stored[21..61] == kafka[21..]
    };
    let mut opened = Vec::new();
    decompress(batch.attributes().codec().unwrap(), batch.records_bytes(), &mut opened, 1 << 20)
        .unwrap();
    let same_records = crc::crc32c(&opened).to_string() == case.detail;
    (!same_header || !same_records)
        .then(|| format!("stored: header {same_header}, records {same_records}"))
}

#[test]
fn kafka_says_the_same() {
    let file = std::env::var("RECORDS_VERDICTS");
    let own = file.is_err();
    let file = file.unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/records_verdicts/cases.txt").to_owned()
    });
    let text = std::fs::read_to_string(&file).unwrap();
    let mut scratch = Scratch::new();
    let mut meant = BTreeMap::new();
    let mut codes = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let case = parse(line);
        let rules = Rules {
            config: &case.config,
            now_ms: NOW,
            produce_version: case.version,
            topic: "orders",
            partition: 3,
        };
        let ours = validate(&case.input, &rules, &mut scratch);
        *codes.entry(case.code).or_insert(0) += 1;
        if let Some(difference) = difference(&case, &ours) {
            let Some(why) = allowed(&case, &ours) else {
                let (code, message, detail) = (case.code, case.message, case.detail);
                panic!(
                    "case {}: Kafka says {code} {message} {detail}, we {difference}\n{line}",
                    number + 1
                );
            };
            println!("case {}: {why}", number + 1);
            *meant.entry(why).or_insert(0) += 1;
        }
    }
    println!("codes {codes:?}, meant differences {meant:?}");
    let all: Vec<_> = codes.keys().copied().collect();
    if own {
        assert_eq!(all, [-1, 0, 2, 10, 18, 32, 76, 87], "every code occurs");
        assert_eq!(meant.len(), MEANT, "every meant difference occurs: {meant:?}");
    }
}
