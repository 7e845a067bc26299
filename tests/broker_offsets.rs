//! Committed offsets in the real broker: what was committed is there, whatever becomes of the process;
//! what is deleted or has ended is gone, also after a start.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::offset_commit::OffsetCommitRequest;
use barnabas::wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
};
use barnabas::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use broker_support::*;
use std::path::Path;
use std::time::Instant;

fn start(dir: &Path, more: &[&str]) -> (Broker, Client) {
    let broker = Broker::start(dir, more);
    let mut client = broker.client();
    client.await_coordinator("g");
    // The other groups' partitions too.
    eventually("all groups are loaded", || client.list_groups().is_ok());
    (broker, client)
}

/// Asks until it is so.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + GUARD;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
    }
}

fn offset(topic: &str, partition: i32, offset: i64, metadata: &str) -> OffsetInfo {
    (topic.to_owned(), partition, offset, metadata.to_owned())
}

#[test]
fn without_the_offsets_topic_nobody_coordinates() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("a", 1);
    assert_eq!(client.list_groups(), Ok(vec![]));
    assert_eq!(client.commit_offsets("g", "a", &[(0, 1, "")]), [ErrorCode::NOT_COORDINATOR]);
    let groups = [OffsetFetchRequestGroup { group_id: "g", topics: None, ..Default::default() }];
    let request = OffsetFetchRequest { groups: Array::from(&groups), ..Default::default() };
    let answer = client.call(8, &request);
    let response: OffsetFetchResponse<'_> = answer.read();
    let code = response.groups.iter().next().unwrap().error_code;
    assert_eq!(code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(client.delete_groups(&["g"]), [ErrorCode::NOT_COORDINATOR]);
    assert_eq!(client.describe_group("g"), (ErrorCode::NOT_COORDINATOR, String::new()));
    client.await_coordinator("g");
    assert_eq!(client.commit_offsets("g", "a", &[(0, 1, "")]), [ErrorCode::NONE]);
    assert_eq!(client.describe_group("g"), (ErrorCode::NONE, "Empty".to_owned()));
    // Also the empty name is one.
    assert_eq!(client.describe_group(""), (ErrorCode::GROUP_ID_NOT_FOUND, "Dead".to_owned()));
    assert_eq!(client.commit_offsets("", "a", &[(0, 1, "")]), [ErrorCode::NONE]);
    assert_eq!(client.describe_group(""), (ErrorCode::NONE, "Empty".to_owned()));
}

#[test]
fn what_was_committed_survives_a_kill() {
    let dir = TempDir::new();
    let (mut broker, mut client) = start(dir.path(), &[]);
    client.create("a", 3);
    client.create("b", 1);
    let mut expected = Vec::new();
    for round in 0..3 {
        for group in 0..20 {
            let group = format!("group-{group}");
            let next = 10 * round;
            let codes =
                client.commit_offsets(&group, "a", &[(0, next, ""), (2, next + 2, "of mine")]);
            assert_eq!(codes, [ErrorCode::NONE; 2]);
            assert_eq!(client.commit_offsets(&group, "b", &[(0, next, "")]), [ErrorCode::NONE]);
        }
        expected = vec![
            offset("a", 0, 10 * round, ""),
            offset("a", 2, 10 * round + 2, "of mine"),
            offset("b", 0, 10 * round, ""),
        ];
        drop(client);
        broker.kill();
        (broker, client) = start(dir.path(), &[]);
        for group in 0..20 {
            assert_eq!(client.committed_offsets(&format!("group-{group}")), expected);
        }
        assert_eq!(client.committed_offsets("group-20"), []);
        let listed = client.list_groups().unwrap();
        assert_eq!((listed.len(), &*listed[0].1), (20, "Empty"));
    }
    drop(client);
    broker.stop_cleanly();
    let (_broker, mut client) = start(dir.path(), &[]);
    assert_eq!(client.committed_offsets("group-7"), expected);
}

#[test]
fn consumers_without_a_group_commit_in_all_versions() {
    let dir = TempDir::new();
    let (_broker, mut client) = start(dir.path(), &[]);
    let id = client.create("a", 1);
    let mut next = 0;
    for commit in 2..=10 {
        next += 1;
        let request = OffsetCommitRequest { group_id: "g", ..Default::default() };
        let codes = client.commit_as(commit, &request, "a", &[(0, next, "m"), (1, 5, "")]);
        assert_eq!(codes.iter().filter(|code| **code == ErrorCode::NONE).count(), 1, "{codes:?}");
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(codes.iter().filter(|code| **code == unknown).count(), 1, "{codes:?}");
        for fetch in 1..=10 {
            let old = [OffsetFetchRequestTopic { name: "a", partition_indexes: Array::from(&[0]) }];
            let partition_indexes = Array::from(&[0]);
            let new = [OffsetFetchRequestTopics { name: "a", topic_id: id, partition_indexes }];
            let groups = [OffsetFetchRequestGroup {
                group_id: "g",
                topics: Some(Array::from(&new)),
                ..Default::default()
            }];
            let request = OffsetFetchRequest {
                group_id: "g",
                topics: Some(Array::from(&old)),
                groups: Array::from(&groups),
                require_stable: true,
            };
            let answer = client.call(fetch, &request);
            let response: OffsetFetchResponse<'_> = answer.read();
            let old = response.topics.iter().flat_map(|topic| topic.partitions.iter());
            let old = old.map(|one| (one.committed_offset, one.metadata.unwrap()));
            let new = response.groups.iter().flat_map(|group| group.topics.iter());
            let new = new.flat_map(|topic| topic.partitions.iter());
            let new = new.map(|one| (one.committed_offset, one.metadata.unwrap()));
            assert_eq!(old.chain(new).collect::<Vec<_>>(), [(next, "m")], "{commit} {fetch}");
        }
    }
}

#[test]
fn metadata_beyond_the_limit_is_refused() {
    let dir = TempDir::new();
    let (_broker, mut client) = start(dir.path(), &["--set", "offset.metadata.max.bytes=5"]);
    client.create("a", 2);
    let codes = client.commit_offsets("g", "a", &[(0, 1, "12345"), (1, 1, "123456")]);
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE]);
    assert_eq!(client.committed_offsets("g"), [offset("a", 0, 1, "12345")]);
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let dir = TempDir::new();
    let (broker, mut client) = start(dir.path(), &[]);
    client.create("a", 2);
    client.create("b", 1);
    for group in ["g", "h"] {
        client.commit_offsets(group, "a", &[(0, 1, ""), (1, 1, "")]);
        client.commit_offsets(group, "b", &[(0, 1, "")]);
    }
    client.delete("a");
    let left = [offset("b", 0, 1, "")];
    for group in ["g", "h"] {
        eventually("its offsets are gone", || client.committed_offsets(group) == left);
    }
    // One of the same name has none, and keeps what it gets.
    client.create("a", 2);
    assert_eq!(client.committed_offsets("g"), left);
    assert_eq!(client.commit_offsets("g", "a", &[(1, 7, "")]), [ErrorCode::NONE]);
    drop(client);
    broker.kill();
    let (_broker, mut client) = start(dir.path(), &[]);
    assert_eq!(client.committed_offsets("g"), [offset("a", 1, 7, ""), offset("b", 0, 1, "")]);
    assert_eq!(client.committed_offsets("h"), left);
}

#[test]
fn offsets_and_groups_are_deleted_for_good() {
    let dir = TempDir::new();
    let (broker, mut client) = start(dir.path(), &[]);
    client.create("a", 2);
    for group in ["g", "h", "i"] {
        client.commit_offsets(group, "a", &[(0, 1, ""), (1, 1, "")]);
    }
    let partitions = [OffsetDeleteRequestPartition { partition_index: 0 }];
    let topics = [OffsetDeleteRequestTopic { name: "a", partitions: Array::from(&partitions) }];
    let answer =
        client.call(0, &OffsetDeleteRequest { group_id: "g", topics: Array::from(&topics) });
    let response: OffsetDeleteResponse<'_> = answer.read();
    assert_eq!(response.error_code, ErrorCode::NONE);
    let result = response.topics.iter().next().unwrap().partitions.iter().next().unwrap();
    assert_eq!((result.partition_index, result.error_code), (0, ErrorCode::NONE));
    let missing = ErrorCode::GROUP_ID_NOT_FOUND;
    assert_eq!(client.delete_groups(&["h", "x", "h"]), [ErrorCode::NONE, missing]);
    let empty = |name: &str| (name.to_owned(), "Empty".to_owned());
    let check = |client: &mut Client| {
        assert_eq!(client.committed_offsets("g"), [offset("a", 1, 1, "")]);
        assert_eq!(client.committed_offsets("h"), []);
        assert_eq!(client.list_groups(), Ok(vec![empty("g"), empty("i")]));
    };
    check(&mut client);
    drop(client);
    broker.kill();
    check(&mut start(dir.path(), &[]).1);
}

#[test]
fn what_has_ended_goes_by_itself() {
    let dir = TempDir::new();
    let often = ["--set", "offsets.retention.check.interval.ms=1"];
    let (broker, mut client) = start(dir.path(), &often);
    client.create("a", 1);
    client.commit_offsets("stays", "a", &[(0, 1, "")]);
    let request = OffsetCommitRequest { group_id: "g", retention_time_ms: 1, ..Default::default() };
    assert_eq!(client.commit_as(4, &request, "a", &[(0, 1, "")]), [ErrorCode::NONE]);
    let left = [("stays".to_owned(), "Empty".to_owned())];
    eventually("the group has ended", || client.list_groups().unwrap() == left);
    drop(client);
    broker.kill();
    let (_broker, mut client) = start(dir.path(), &[]);
    assert_eq!(client.list_groups().unwrap(), left);
    assert_eq!(client.committed_offsets("stays"), [offset("a", 0, 1, "")]);
}
