//! Clients that ask groups for too much, or bring too much: their own requests fail, the broker's memory stays
//! within its bounds, and no other group notices.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Array, Message, Root, Writer};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::header::RequestHeader;
use barnabas::wire::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
};
use barnabas::wire::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
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
    assert_eq!(client.commit_offsets("g", "t", &[(0, 7, &metadata)]), [NONE]);
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

/// A member of its own group that brings so much.
fn join_request<'a>(
    group_id: &'a str,
    protocols: &'a [JoinGroupRequestProtocol<'a>],
) -> JoinGroupRequest<'a> {
    JoinGroupRequest {
        group_id,
        session_timeout_ms: 600_000,
        rebalance_timeout_ms: 600_000,
        protocol_type: "consumer",
        protocols: Array::from(protocols),
        ..Default::default()
    }
}

#[test]
fn members_that_bring_ten_megabytes_each_are_refused_before_memory_is_short() {
    const LIMIT: u64 = 128 << 20;
    let dir = TempDir::new();
    let limit = format!("barnabas.groups.max.bytes={LIMIT}");
    let broker = Broker::start(dir.path(), &[&SWIFT[..], &["--set", &limit]].concat());
    let [(mut first, one), (mut second, two)] = pair(&broker, "calm", 600_000);
    let mut greedy = broker.client();
    let metadata = vec![0; 10 << 20];
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata: &metadata }];
    let mut codes = Vec::new();
    for n in 0..60 {
        let group = format!("greedy-{n}");
        let answer = greedy.call(3, &join_request(&group, &protocols));
        codes.push(answer.read::<JoinGroupResponse<'_>>().error_code);
        assert_eq!(first.heartbeat("calm", &one), NONE);
    }
    let admitted = codes.iter().take_while(|code| **code == NONE).count();
    assert!((1..12).contains(&admitted), "{admitted} are in");
    let refused = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    assert!(codes[admitted..].iter().all(|code| *code == refused), "{codes:?}");
    let peak = broker.memory("VmHWM");
    assert!(peak < 2 * LIMIT, "{peak} bytes");
    let line = broker.logged(&["greedy-", "barnabas.groups.max.bytes"]);
    assert!(line.contains(&LIMIT.to_string()), "{line}");
    let said = broker.log().iter().filter(|line| line.contains("groups.max.bytes")).count();
    assert!(said < 10, "{said} lines");
    // The others go on, grow, and begin.
    assert_eq!(second.heartbeat("calm", &two), NONE);
    let mut third = broker.client();
    let sent = third.send_join(Joining::new("calm", ""));
    first.heartbeat_until("calm", &one, ErrorCode::REBALANCE_IN_PROGRESS);
    let waits = second.send_join(Joining::new("calm", &two.member));
    assert_eq!(first.join(Joining::new("calm", &one.member)).members.len(), 3);
    assert_eq!((second.joined(waits).code, third.joined(sent).code), (NONE, NONE));
    assert_eq!(greedy.join(Joining::new("small", "")).code, NONE);
    broker.stop_cleanly();
}

#[test]
fn a_client_whose_name_leaves_no_room_for_an_id_is_told_so() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.await_coordinator("g");
    let long = "c".repeat(32_760);
    for (correlation_id, version) in [(100, 3), (101, 4), (102, 9)] {
        let protocols = [JoinGroupRequestProtocol { name: "range", metadata: b"m" }];
        let mut w = Writer::new();
        w.write_i32(0);
        let (api_key, client_id) = (JoinGroupRequest::KEY, Some(long.as_str()));
        RequestHeader { api_key, api_version: version, correlation_id, client_id }.encode(&mut w);
        join_request("g", &protocols).encode(&mut w, version);
        w.patch_i32(0, i32::try_from(w.len() - 4).unwrap());
        client.send_bytes(w.bytes());
        let answer = client.answer(Sent { api: ApiKey::JoinGroup, version, correlation_id });
        let response: JoinGroupResponse<'_> = answer.read();
        let said = (response.error_code, response.member_id);
        assert_eq!(said, (ErrorCode::UNKNOWN_SERVER_ERROR, ""), "v{version}");
    }
    assert_eq!(client.join(Joining::new("g", "")).members.len(), 1, "nobody else is in");
    broker.stop_cleanly();
}

#[test]
fn what_the_offsets_topic_does_not_take_at_once_is_refused_with_a_line_or_goes_in_parts() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &SWIFT);
    let mut client = broker.client();
    client.create("t", 100);
    client.await_coordinator("g");
    let member = client.join(Joining::new("g", ""));
    client.alter(OFFSETS, &[("max.message.bytes", "2000")]);
    let all: Vec<(i32, i64, &str)> = (0..100).map(|n| (n, 7, "")).collect();
    let refused = client.commit_offsets("other", "t", &all);
    assert_eq!(refused, [ErrorCode::UNKNOWN_SERVER_ERROR; 100]);
    let large = vec![0; 5_000];
    let synced = client.sync("g", &member, &[(&member.member, &large)]);
    assert_eq!(synced, Err(ErrorCode::UNKNOWN_SERVER_ERROR));
    broker.logged(&["WARN", "group=g ", "max.message.bytes", "2000"]);
    for some in all.chunks(10) {
        assert_eq!(client.commit_offsets("other", "t", some), [NONE; 10]);
    }
    // Its tombstones are more than one batch takes.
    assert_eq!(client.delete_groups(&["other"]), [NONE]);
    assert!(client.committed_offsets("other").is_empty());
    client.alter(OFFSETS, &[("max.message.bytes", "100000")]);
    let again = client.join(Joining::new("g", &member.member));
    assert_eq!(client.sync("g", &again, &[(&again.member, &large)]), Ok(large));
    broker.stop_cleanly();
}

const LONG_METADATA: &str = "offset.metadata.max.bytes=30000";
