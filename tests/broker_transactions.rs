//! Transactions that a data directory brings with it: consumers that read only what is committed are
//! told which ones were aborted.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Keepers, Log, Recovery};
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::group_records::{GroupKey, OffsetCommitKey, OffsetCommitValue};
use barnabas::wire::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use barnabas::wire::records::BatchBuilder;
use broker_support::*;
use std::path::Path;
use std::sync::Arc;

/// A batch of a transaction, or the marker that ends one.
fn transactional(producer_id: i64, sequence: i32, marker: Option<bool>) -> Vec<u8> {
    let builder = BatchBuilder::new().producer(producer_id, 0, sequence).transactional(true);
    let mut builder = builder.control(marker.is_some());
    let commit = u8::from(marker.unwrap_or_default());
    let (key, value): (&[u8], &[u8]) = match marker {
        Some(_) => (&[0, 0, 0, commit], &[0, 0, 0, 0, 0, 1]),
        None => (b"key", b"value"),
    };
    builder.append(1_000, Some(key), Some(value), &[]);
    builder.finish()
}

/// Writes two transactions into a stopped broker's partition: 0 of producer 5 to be aborted at 2,
/// 1 of producer 6 to be committed at 3.
fn write_transactions(data: &Path) {
    let first = [transactional(5, 0, None), transactional(6, 0, None)];
    let markers = [transactional(5, -1, Some(false)), transactional(6, -1, Some(true))];
    write(data, "t-0", &[first, markers].concat());
}

/// Writes batches into a stopped broker's partition.
fn write(data: &Path, partition: &str, batches: &[Vec<u8>]) {
    let partition = data.join(partition);
    let keepers = Keepers::spawn().unwrap();
    let config = Arc::new(TopicConfig::default());
    let opened = Log::open(partition, config, Recovery::Clean, keepers.clone());
    let (log, _) = opened.unwrap();
    for batch in batches {
        log.append_internal(batch, 0).unwrap();
    }
    log.close().unwrap();
    keepers.stop();
    // It tells of a shorter log.
    let _ = std::fs::remove_file(data.join("recovery-point-offset-checkpoint"));
}

/// The aborted transactions that a fetch from `offset` on is told of: producer and first offset.
fn aborted(client: &mut Client, offset: i64, isolation_level: i8) -> Option<Vec<(i64, i64)>> {
    let partitions = [FetchPartition {
        partition: 0,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    }];
    let topics =
        [FetchTopic { topic: "t", partitions: Array::from(&partitions), ..Default::default() }];
    let request = FetchRequest {
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation_level,
        topics: Array::from(&topics),
        ..Default::default()
    };
    let answer = client.call(FETCH, &request);
    let response: FetchResponse<'_> = answer.read();
    let topic = response.responses.iter().next().unwrap();
    let row = topic.partitions.iter().next().unwrap();
    assert_eq!((row.error_code, row.last_stable_offset), (ErrorCode::NONE, 4));
    let told = row.aborted_transactions?;
    Some(told.iter().map(|txn| (txn.producer_id, txn.first_offset)).collect())
}

#[test]
fn a_fetch_tells_of_aborted_transactions_after_any_kind_of_start() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    broker.client().create("t", 1);
    broker.stop_cleanly();
    write_transactions(&data);
    for round in 0..3 {
        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        assert_eq!(aborted(&mut client, 0, 1), Some(vec![(5, 0)]), "round {round}");
        assert_eq!(aborted(&mut client, 2, 1), Some(vec![(5, 0)]), "round {round}");
        assert_eq!(aborted(&mut client, 3, 1), Some(vec![]), "round {round}");
        assert_eq!(aborted(&mut client, 0, 0), None, "read_uncommitted, round {round}");
        match round {
            0 => broker.stop_cleanly(),
            _ => drop(broker.kill()),
        }
    }
}

/// A transaction commits an offset of t-0 for a group.
fn commits(producer_id: i64, group: &str, offset: i64) -> Vec<u8> {
    let key = GroupKey::OffsetCommit(OffsetCommitKey { group, topic: "t", partition: 0 });
    let value = OffsetCommitValue { offset, ..OffsetCommitValue::default() };
    let mut builder = BatchBuilder::new().producer(producer_id, 0, 0).transactional(true);
    builder.append(1_000, Some(&key.to_bytes()), Some(&value.to_bytes()), &[]);
    builder.finish()
}

#[test]
fn offsets_that_transactions_have_committed_wait_for_their_markers() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.await_coordinator("a");
    client.create("t", 1);
    for group in ["a", "b"] {
        assert_eq!(client.commit(group, ("t", 0), 1), ErrorCode::NONE);
    }
    broker.stop_cleanly();
    // Java hashes "a" to 97 and "b" to 98: partitions 1 and 2 of four.
    let of_a = [commits(5, "a", 7), commits(6, "a", 8)];
    let ends = [transactional(6, -1, Some(true)), transactional(5, -1, Some(true))];
    write(dir.path(), "__consumer_offsets-1", &[of_a, ends].concat());
    write(dir.path(), "__consumer_offsets-2", &[commits(5, "b", 9)]);

    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.await_coordinator("a");
    client.await_coordinator("b");
    broker.logged(&["WARN", "__consumer_offsets-2", "transactions=1", "--delete-offsets"]);
    assert_eq!(client.group_offset("a", ("t", 0)), Ok(8), "the later record");
    assert_eq!(client.stable_offset("a", ("t", 0)), Ok(8));
    assert_eq!(client.group_offset("b", ("t", 0)), Ok(1));
    assert_eq!(client.stable_offset("b", ("t", 0)), Err(ErrorCode::UNSTABLE_OFFSET_COMMIT));
    broker.stop_cleanly();
}
