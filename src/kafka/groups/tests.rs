//! Answers of all versions, read again.

use super::room::{MAX_ANSWER, Unserved};
use super::{consumer_group_describe, describe_groups, list_groups, offset_fetch};
use crate::coordinator::groups::admin::ListFilter;
use crate::coordinator::groups::{Settings, Shard, TopicsView};
use crate::wire::codec::{Array, Message, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::group_records::*;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeResponse;
use crate::wire::messages::describe_groups::DescribeGroupsResponse;
use crate::wire::messages::list_groups::ListGroupsResponse;
use crate::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use crate::wire::uuid::Uuid;
use std::sync::Arc;

/// Topics a and b; a topic c that has an offset is gone.
struct Topics;

impl TopicsView for Topics {
    fn id(&self, name: &str) -> Option<Uuid> {
        ["a", "b"].iter().position(|known| *known == name).map(|at| id(at as u8 + 1))
    }
    fn name(&self, asked: Uuid) -> Option<Arc<str>> {
        ["a", "b"].into_iter().find(|name| self.id(name) == Some(asked)).map(Arc::from)
    }
    fn partitions(&self, _: Uuid) -> Option<i32> {
        Some(10)
    }
    fn each_name(&self, _: &mut dyn FnMut(&Arc<str>)) {}
    fn version(&self) -> u64 {
        0
    }
}

fn id(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

/// Group g with a-0, a-1 (with metadata), c-0; group h with b-0 of another topic of that name.
fn shard() -> Shard {
    let mut shard = Shard::new();
    let mut put = |group, topic, partition, offset, metadata, topic_id| {
        let key = GroupKey::OffsetCommit(OffsetCommitKey { group, topic, partition });
        let value =
            OffsetCommitValue { offset, leader_epoch: 3, metadata, topic_id, ..Default::default() };
        shard.replay(&key.to_bytes(), Some(&value.to_bytes())).unwrap();
    };
    put("g", "a", 0, 10, "", id(1));
    put("g", "a", 1, 11, "mine", id(1));
    put("g", "c", 0, 12, "", id(3));
    put("h", "b", 0, 13, "", id(9));
    shard
}

/// Asks as a handler does; gives the answer's bytes.
fn fetch(request: &OffsetFetchRequest<'_>, version: i16, refused: Option<ErrorCode>) -> Vec<u8> {
    let mut sent = Writer::new();
    request.encode(&mut sent, version);
    let request = &OffsetFetchRequest::decode(&mut Reader::new(sent.bytes()), version).unwrap();
    let (shard, mut room) = (shard(), MAX_ANSWER);
    let mut answers = Vec::new();
    for asked in offset_fetch::groups(request, version) {
        let fetched = match refused {
            Some(code) => Err(code),
            None => shard.fetch(asked.group_id, asked.member, request.require_stable),
        };
        let answer = offset_fetch::answer_of(&asked, fetched, &Topics, version, &mut room);
        answers.push((asked.group_id, answer.unwrap()));
    }
    let mut out = Writer::new();
    offset_fetch::write(&answers, version, &mut out);
    out.into_bytes()
}

/// Topic, partition, offset, epoch, metadata, error: what an answer says, group by group.
fn told(bytes: &[u8], version: i16) -> Vec<String> {
    let mut reader = Reader::new(bytes);
    let response = OffsetFetchResponse::decode(&mut reader, version).unwrap();
    assert_eq!(reader.remaining(), 0);
    let mut told = Vec::new();
    for topic in response.topics {
        for one in topic.partitions {
            let (code, metadata) = (one.error_code.0, one.metadata.unwrap());
            let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
            told.push(format!(
                "{}-{} {offset} {epoch} '{metadata}' {code}",
                topic.name, one.partition_index
            ));
        }
    }
    if response.error_code != ErrorCode::NONE {
        told.push(format!("error {}", response.error_code.0));
    }
    for group in response.groups {
        told.push(format!("{} {}", group.group_id, group.error_code.0));
        for topic in group.topics {
            let name =
                if version >= 10 { topic.topic_id.to_string() } else { topic.name.to_owned() };
            for one in topic.partitions {
                let (code, metadata) = (one.error_code.0, one.metadata.unwrap());
                let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
                told.push(format!(
                    "{name}-{} {offset} {epoch} '{metadata}' {code}",
                    one.partition_index
                ));
            }
        }
    }
    told
}

#[test]
fn old_versions_ask_about_one_group() {
    let topics =
        [OffsetFetchRequestTopic { name: "a", partition_indexes: Array::from(&[0, 1, 5]) }];
    for version in 1..=7 {
        let epoch = |epoch| if version >= 5 { epoch } else { -1 };
        let named = OffsetFetchRequest {
            group_id: "g",
            topics: Some(Array::from(&topics)),
            ..Default::default()
        };
        let expected = [
            format!("a-0 10 {} '' 0", epoch(3)),
            format!("a-1 11 {} 'mine' 0", epoch(3)),
            "a-5 -1 -1 '' 0".to_owned(),
        ];
        assert_eq!(told(&fetch(&named, version, None), version), expected);
        let nobody = OffsetFetchRequest { group_id: "x", ..named };
        assert_eq!(told(&fetch(&nobody, version, None), version)[0], "a-0 -1 -1 '' 0");
        let code = Some(ErrorCode::NOT_COORDINATOR);
        let refused = told(&fetch(&named, version, code), version);
        match version {
            // Where there is no other place for it.
            1 => assert_eq!(refused, ["a-0 -1 -1 '' 16", "a-1 -1 -1 '' 16", "a-5 -1 -1 '' 16"]),
            _ => assert_eq!(refused, ["error 16"]),
        }
        if version >= 2 {
            let all = OffsetFetchRequest { topics: None, ..named };
            let told = told(&fetch(&all, version, None), version);
            assert_eq!(told[..2], expected[..2]);
            assert_eq!(
                told[2],
                format!("c-0 12 {} '' 0", epoch(3)),
                "also of a topic that is gone"
            );
        }
    }
}

#[test]
fn new_versions_ask_about_several_groups_and_name_topics_by_id() {
    let indexes = [0, 1];
    let topic = |name, topic_id| OffsetFetchRequestTopics {
        name,
        topic_id,
        partition_indexes: Array::from(&indexes),
    };
    let (a, unknown, b) = (topic("a", id(1)), topic("x", id(7)), topic("b", id(2)));
    let (of_g, of_h) = ([unknown, a], [b]);
    let group =
        |group_id, topics| OffsetFetchRequestGroup { group_id, topics, ..Default::default() };
    for version in 8..=10 {
        let groups = [
            group("g", Some(Array::from(&of_g))),
            group("h", Some(Array::from(&of_h))),
            group("g", None),
        ];
        let request = OffsetFetchRequest { groups: Array::from(&groups), ..Default::default() };
        let told = told(&fetch(&request, version, None), version);
        let (a, b, x) = match version {
            10 => (id(1).to_string(), id(2).to_string(), id(7).to_string()),
            _ => ("a".to_owned(), "b".to_owned(), "x".to_owned()),
        };
        let of_a = [format!("{a}-0 10 3 '' 0"), format!("{a}-1 11 3 'mine' 0")];
        let none = |name: &str, code| [0, 1].map(|index| format!("{name}-{index} -1 -1 '' {code}"));
        let h = "h 0".to_owned();
        let g = "g 0".to_owned();
        let mut expected = vec![g.clone()];
        if version == 10 {
            // A topic that is not there comes last; an offset of another topic of that name is none.
            expected
                .extend(of_a.iter().cloned().chain(none(&x, 100)).chain([h]).chain(none(&b, 0)));
            expected.extend([g].into_iter().chain(of_a));
        } else {
            expected.extend(none(&x, 0).into_iter().chain(of_a.clone()).chain([h]));
            expected.extend([format!("{b}-0 13 3 '' 0"), format!("{b}-1 -1 -1 '' 0"), g]);
            expected.extend(of_a.into_iter().chain(["c-0 12 3 '' 0".to_owned()]));
        }
        assert_eq!(told, expected, "{version}");
        let refused = fetch(&request, version, Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        assert_eq!(self::told(&refused, version), ["g 14", "h 14", "g 14"]);
    }
}

#[test]
fn an_answer_that_is_asked_for_too_often_is_given_up() {
    let indexes = vec![1; 1000];
    let topics = [OffsetFetchRequestTopic { name: "a", partition_indexes: Array::from(&indexes) }];
    let request = OffsetFetchRequest {
        group_id: "g",
        topics: Some(Array::from(&topics)),
        ..Default::default()
    };
    let shard = shard();
    let answer = |version, mut room| {
        let asked: Vec<_> = offset_fetch::groups(&request, version).collect();
        let fetched = shard.fetch("g", (None, -1), false);
        offset_fetch::answer_of(&asked[0], fetched, &Topics, version, &mut room)
    };
    let mut out = Writer::new();
    offset_fetch::write(&[("g", answer(7, 5000).unwrap())], 7, &mut out);
    assert_eq!(told(out.bytes(), 7), ["error -1"]);
    // The first version has no place for it: no offsets would be a lie.
    assert!(matches!(answer(1, 5000), Err(Unserved::TooLarge)));
    assert!(answer(1, 50_000).is_ok());
    assert!(matches!(answer(7, 100), Err(Unserved::TooLarge)), "not even that");
}

#[test]
fn lists_and_descriptions_are_read_again_in_all_versions() {
    let shard = shard();
    for version in 0..=5 {
        let mut listing = list_groups::Listing::default();
        shard.list(&ListFilter::default(), &mut |group| listing.add(&group, version));
        let mut out = Writer::new();
        listing.write(ErrorCode::NONE, version, &mut out);
        let response = ListGroupsResponse::decode(&mut Reader::new(out.bytes()), version).unwrap();
        let mut groups: Vec<_> = response.groups.iter().collect();
        groups.sort_by_key(|group| group.group_id);
        assert_eq!((groups.len(), groups[0].group_id, groups[0].protocol_type), (2, "g", ""));
        let state = if version >= 4 { "Empty" } else { "" };
        let kind = if version >= 5 { "classic" } else { "" };
        assert_eq!((groups[1].group_state, groups[1].group_type), (state, kind));
        let mut out = Writer::new();
        listing.write(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, version, &mut out);
        let response = ListGroupsResponse::decode(&mut Reader::new(out.bytes()), version).unwrap();
        assert_eq!((response.error_code.0, response.groups.len()), (14, 0));
    }
    for version in 0..=6 {
        let mut description = describe_groups::Description::within(MAX_ANSWER);
        description.add("g", shard.describe("g"), true, version).unwrap();
        description.add("x", shard.describe("x"), true, version).unwrap();
        description.add_refused("y", ErrorCode::NOT_COORDINATOR, version).unwrap();
        let mut out = Writer::new();
        description.write(version, &mut out);
        let response =
            DescribeGroupsResponse::decode(&mut Reader::new(out.bytes()), version).unwrap();
        let groups: Vec<_> = response.groups.iter().collect();
        let said: Vec<_> =
            groups.iter().map(|one| (one.group_id, one.error_code.0, one.group_state)).collect();
        let missing = if version >= 6 { 69 } else { 0 };
        assert_eq!(said, [("g", 0, "Empty"), ("x", missing, "Dead"), ("y", 16, "")]);
        let message = (version >= 6).then_some("Group x not found.");
        assert_eq!((groups[0].error_message, groups[1].error_message), (None, message));
        if version >= 3 {
            let operations: Vec<_> = groups.iter().map(|one| one.authorized_operations).collect();
            let dead = if version >= 6 { i32::MIN } else { 3400 };
            assert_eq!(operations, [3400, dead, i32::MIN]);
        }
    }
}

/// Group g of the consumer protocol, whose member wants a topic with a long name; group c of the classic
/// one, whose member was given as much.
fn heavy() -> Shard {
    let (mut shard, long) = (Shard::new(), "t".repeat(1000));
    let names = [long.as_str()];
    let key = ConsumerGroupMemberMetadataKey { group_id: "g", member_id: "m" };
    let value = ConsumerGroupMemberMetadataValue {
        subscribed_topic_names: Array::from(&names),
        ..Default::default()
    };
    let key = GroupKey::ConsumerGroupMemberMetadata(key).to_bytes();
    shard.replay(&key, Some(&value.to_bytes())).unwrap();
    let assignment = long.as_bytes();
    let members = [MemberMetadata { member_id: "m", assignment, ..Default::default() }];
    let members = Array::from(&members);
    let value = GroupMetadataValue { protocol_type: "consumer", members, ..Default::default() };
    let key = GroupKey::GroupMetadata(GroupMetadataKey { group: "c" }).to_bytes();
    shard.replay(&key, Some(&value.to_bytes())).unwrap();
    shard
}

#[test]
fn a_group_that_is_named_again_and_again_is_described_while_there_is_room() {
    let (shard, settings) = (heavy(), Settings::default());
    let mut modern = consumer_group_describe::Description::within(8_000);
    let mut classic = describe_groups::Description::within(8_000);
    for _ in 0..20 {
        let found = shard.describe_consumer("g");
        modern.add("g", found, false, (&Topics, &settings), 1).unwrap();
        classic.add("c", shard.describe("c"), false, 6).unwrap();
    }
    let mut out = Writer::new();
    modern.write(1, &mut out);
    assert!(out.len() < 8_000);
    let said = ConsumerGroupDescribeResponse::decode(&mut Reader::new(out.bytes()), 1).unwrap();
    let codes: Vec<_> = said.groups.iter().map(|one| one.error_code.0).collect();
    assert_eq!(codes, [vec![0; 6], vec![-1; 14]].concat());
    let mut out = Writer::new();
    classic.write(6, &mut out);
    assert!(out.len() < 8_000);
    let said = DescribeGroupsResponse::decode(&mut Reader::new(out.bytes()), 6).unwrap();
    let codes: Vec<_> = said.groups.iter().map(|one| one.error_code.0).collect();
    assert_eq!(codes, [vec![0; 6], vec![-1; 14]].concat());
    // Not even refusals fit for ever.
    let code = ErrorCode::INVALID_GROUP_ID;
    let refused = (0..1000).find(|_| modern.add_refused("g", code, 1).is_err());
    assert!(refused.is_some_and(|count| count < 100), "{refused:?}");
    assert!((0..1000).any(|_| classic.add_refused("c", code, 6).is_err()));
}
