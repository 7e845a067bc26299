//! Clients that ask groups for too much, or bring too much: their own requests fail, the broker's memory stays
//! within its bounds, and no other group notices.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
};
use barnabas::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use broker_support::*;

const NONE: ErrorCode = ErrorCode::NONE;

/// The most that an answer about groups may hold.
const MAX_ANSWER: usize = 256 << 20;

#[test]
fn a_group_that_is_named_five_thousand_times_is_not_described_as_often() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &SWIFT_CONSUMERS);
    let mut client = broker.client();
    client.await_coordinator("g");
    let mut member = Consumer::new("g", "m", "t");
    member.topics = (0..1_000).map(|n| format!("{n:0>200}")).collect();
    assert_eq!(client.beat(&mut member).0, NONE);
    let ids = vec!["g"; 5_000];
    let request =
        ConsumerGroupDescribeRequest { group_ids: Array::from(&ids), ..Default::default() };
    let answer = client.call(1, &request);
    let response: ConsumerGroupDescribeResponse<'_> = answer.read();
    let mut rows = response.groups.iter();
    let described = rows.by_ref().take_while(|row| row.error_code == NONE).count();
    assert!((1_000..MAX_ANSWER / 200_000).contains(&described), "{described} times");
    assert!(rows.all(|row| row.error_code == ErrorCode::UNKNOWN_SERVER_ERROR));
    let peak = broker.memory("VmHWM");
    assert!(peak < 4 * MAX_ANSWER as u64, "{peak} bytes");
    assert_eq!(client.describe_consumers("g").unwrap().2, ["m"], "and once more");
    broker.stop_cleanly();
}

#[test]
fn an_old_client_that_asks_for_too_many_offsets_is_not_told_that_there_are_none() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[&SWIFT[..], &["--set", LONG_METADATA]].concat());
    let mut client = broker.client();
    client.create("t", 1);
    client.await_coordinator("g");
    let metadata = "x".repeat(30_000);
    assert_eq!(client.commit_with("g", ("t", 0), (7, &metadata)), NONE);
    let ask = |version, count, client: &mut Client| {
        let indexes = vec![0; count];
        let topics =
            [OffsetFetchRequestTopic { name: "t", partition_indexes: Array::from(&indexes) }];
        let topics = Some(Array::from(&topics));
        client.send(version, &OffsetFetchRequest { group_id: "g", topics, ..Default::default() })
    };
    let sent = ask(1, 100, &mut client);
    let answer = client.answer(sent);
    let few: OffsetFetchResponse<'_> = answer.read();
    assert_eq!(few.topics.iter().next().unwrap().partitions.len(), 100);
    let sent = ask(7, 10_000, &mut client);
    let code = client.answer(sent).read::<OffsetFetchResponse<'_>>().error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_SERVER_ERROR, "there is a place for it");
    ask(1, 10_000, &mut client);
    client.assert_closed();
    broker.logged(&["OffsetFetch v1", "larger than 268435456 bytes"]);
    assert_eq!(broker.client().group_offset("g", ("t", 0)), Ok(7));
    broker.stop_cleanly();
}

const LONG_METADATA: &str = "offset.metadata.max.bytes=30000";
