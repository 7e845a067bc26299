//! Records of `__consumer_offsets` made by Kafka's own classes: read, and written again.
//!
//! `Vectors.java` made `vectors.txt`.

#![allow(clippy::unwrap_used)]

mod vectors;

use barnabas::wire::codec::Reason;
use barnabas::wire::group_records::*;
use barnabas::wire::schema::{Kind, Schema};
use barnabas::wire::uuid::Uuid;
use vectors::{Vectors, reread};

const TIME: i64 = 1_700_000_000_000;
const ID: Uuid = Uuid::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

const OFFSET_KEY: GroupKey<'_> =
    GroupKey::OffsetCommit(OffsetCommitKey { group: "group", topic: "topic", partition: 7 });
const GROUP_KEY: GroupKey<'_> = GroupKey::GroupMetadata(GroupMetadataKey { group: "group" });
const MEMBER_KEY: GroupKey<'_> =
    GroupKey::ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataKey {
        group_id: "group",
        member_id: "member",
    });
const CURRENT_KEY: GroupKey<'_> =
    GroupKey::ConsumerGroupCurrentMemberAssignment(ConsumerGroupCurrentMemberAssignmentKey {
        group_id: "group",
        member_id: "member",
    });

#[test]
fn offsets() {
    let vectors = Vectors::read();
    let value = OffsetCommitValue {
        offset: 42,
        leader_epoch: 3,
        metadata: "méta",
        commit_timestamp: TIME,
        expire_timestamp: -1,
        topic_id: ID,
    };
    vectors.check("offset", OFFSET_KEY, value);
    vectors.check("offset-bare", OFFSET_KEY, OffsetCommitValue::default());
    vectors.check_tombstone("offset-tombstone", OFFSET_KEY);
    let old = OffsetCommitValue { leader_epoch: -1, topic_id: Uuid::ZERO, ..value };
    let expires = OffsetCommitValue { expire_timestamp: TIME + 1, ..old };
    vectors.check_key("offset-expires", OFFSET_KEY);
    let bare = OffsetCommitValue { metadata: "", ..expires };
    vectors.check_version("offset-expires", 1, bare);
    for (version, value) in [
        (0, old),
        (1, expires),
        (2, old),
        (3, OffsetCommitValue { topic_id: Uuid::ZERO, ..value }),
        (4, value),
    ] {
        vectors.check_version(&format!("offset-v{version}"), version, value);
    }
    for name in ["legacy-offset", "legacy-offset-tombstone"] {
        assert_eq!(GroupKey::decode(vectors.get(name).0), Ok(OFFSET_KEY), "{name}");
    }
    vectors.check_version("legacy-offset", 0, old);
}

#[test]
fn classic_groups() {
    let vectors = Vectors::read();
    let member = MemberMetadata {
        member_id: "member",
        group_instance_id: Some("instance"),
        client_id: "client",
        client_host: "/127.0.0.1",
        rebalance_timeout: 300_000,
        session_timeout: 45_000,
        subscription: b"sub",
        assignment: b"assigned",
    };
    let members = [member];
    let dynamic = [MemberMetadata { group_instance_id: None, ..member }];
    let oldest = [MemberMetadata { rebalance_timeout: -1, ..dynamic[0] }];
    let value = GroupMetadataValue {
        protocol_type: "consumer",
        generation: 5,
        protocol: Some("range"),
        leader: Some("member"),
        current_state_timestamp: TIME,
        members: (&members).into(),
    };
    let empty = GroupMetadataValue {
        protocol: None,
        leader: None,
        current_state_timestamp: TIME,
        ..Default::default()
    };
    vectors.check("group", GROUP_KEY, value);
    vectors.check("group-empty", GROUP_KEY, empty);
    vectors.check_tombstone("group-tombstone", GROUP_KEY);
    let untimed = GroupMetadataValue { current_state_timestamp: -1, ..value };
    for (version, value) in [
        (0, GroupMetadataValue { members: (&oldest).into(), ..untimed }),
        (1, GroupMetadataValue { members: (&dynamic).into(), ..untimed }),
        (2, GroupMetadataValue { members: (&dynamic).into(), ..value }),
        (3, value),
        (4, value),
    ] {
        vectors.check_version(&format!("group-v{version}"), version, value);
    }
}

#[test]
fn consumer_groups() {
    let vectors = Vectors::read();
    let key = ConsumerGroupMetadataKey { group_id: "group" };
    let key = GroupKey::ConsumerGroupMetadata(key);
    let value = ConsumerGroupMetadataValue { epoch: 5, metadata_hash: 0x1122_3344_5566_7788 };
    vectors.check("consumer-group", key, value);
    let value = ConsumerGroupMetadataValue { epoch: 5, metadata_hash: 0 };
    vectors.check("consumer-group-no-hash", key, value);
    vectors.check_tombstone("consumer-group-tombstone", key);

    let key = ConsumerGroupPartitionMetadataKey { group_id: "group" };
    let key = GroupKey::ConsumerGroupPartitionMetadata(key);
    let racks = ["rack"];
    let partitions = [PartitionMetadata { partition: 0, racks: (&racks).into() }];
    let topics = [TopicMetadata {
        topic_id: ID,
        topic_name: "topic",
        num_partitions: 3,
        partition_metadata: (&partitions).into(),
    }];
    let value = ConsumerGroupPartitionMetadataValue { topics: (&topics).into() };
    vectors.check("partition-metadata", key, value);
    vectors.check_tombstone("partition-metadata-tombstone", key);

    let key = ConsumerGroupRegularExpressionKey { group_id: "group", regular_expression: "t.*" };
    let key = GroupKey::ConsumerGroupRegularExpression(key);
    let topics = ["another", "topic"];
    let value = ConsumerGroupRegularExpressionValue {
        topics: (&topics).into(),
        version: 12,
        timestamp: TIME,
    };
    vectors.check("regex", key, value);
    vectors.check_tombstone("regex-tombstone", key);
}

#[test]
fn members() {
    let vectors = Vectors::read();
    let topics = ["another", "topic"];
    let value = ConsumerGroupMemberMetadataValue {
        instance_id: Some("instance"),
        rack_id: Some("rack"),
        client_id: "client",
        client_host: "/127.0.0.1",
        subscribed_topic_names: (&topics).into(),
        subscribed_topic_regex: Some("t.*"),
        rebalance_timeout_ms: 300_000,
        server_assignor: Some("uniform"),
        classic_member_metadata: None,
    };
    vectors.check("member", MEMBER_KEY, value);
    let protocols = [ClassicProtocol { name: "range", metadata: b"sub" }];
    let classic = ClassicMemberMetadata {
        session_timeout_ms: 45_000,
        supported_protocols: (&protocols).into(),
    };
    let with_classic =
        ConsumerGroupMemberMetadataValue { classic_member_metadata: Some(classic), ..value };
    vectors.check("member-classic", MEMBER_KEY, with_classic);
    let bare = ConsumerGroupMemberMetadataValue {
        instance_id: None,
        rack_id: None,
        server_assignor: None,
        classic_member_metadata: None,
        ..Default::default()
    };
    vectors.check("member-bare", MEMBER_KEY, bare);
    vectors.check_tombstone("member-tombstone", MEMBER_KEY);
    // Absent is not null.
    let empty = ConsumerGroupMemberMetadataValue::default();
    assert_eq!(empty.classic_member_metadata, Some(ClassicMemberMetadata::default()));
    vectors.check("member-classic-empty", MEMBER_KEY, empty);
}

#[test]
fn assignments() {
    let vectors = Vectors::read();
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: "group" };
    let key = GroupKey::ConsumerGroupTargetAssignmentMetadata(key);
    let value = ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: 5,
        assignment_timestamp: TIME,
    };
    vectors.check("target", key, value);
    vectors.check_tombstone("target-tombstone", key);

    let key = ConsumerGroupTargetAssignmentMemberKey { group_id: "group", member_id: "member" };
    let key = GroupKey::ConsumerGroupTargetAssignmentMember(key);
    let topics = [TopicPartition { topic_id: ID, partitions: (&[0, 1]).into() }];
    let value = ConsumerGroupTargetAssignmentMemberValue { topic_partitions: (&topics).into() };
    vectors.check("target-member", key, value);
    vectors.check_tombstone("target-member-tombstone", key);

    let assigned = [TopicPartitions {
        topic_id: ID,
        partitions: (&[0, 1]).into(),
        assignment_epochs: Some((&[4, 5]).into()),
    }];
    let pending = [TopicPartitions {
        topic_id: ID,
        partitions: (&[2]).into(),
        assignment_epochs: Some((&[3]).into()),
    }];
    let value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: 5,
        previous_member_epoch: 4,
        state: 1,
        assigned_partitions: (&assigned).into(),
        partitions_pending_revocation: (&pending).into(),
    };
    vectors.check("current", CURRENT_KEY, value);
    vectors.check_tombstone("current-tombstone", CURRENT_KEY);
    for (name, assignment_epochs) in [
        ("current-epochs-empty", TopicPartitions::default().assignment_epochs),
        ("current-epochs-null", None),
    ] {
        let partitions = (&[0]).into();
        let assigned = [TopicPartitions { topic_id: ID, partitions, assignment_epochs }];
        let value = ConsumerGroupCurrentMemberAssignmentValue {
            assigned_partitions: (&assigned).into(),
            ..Default::default()
        };
        vectors.check(name, CURRENT_KEY, value);
    }
}

#[test]
fn of_records_of_other_groups_the_keys_are_known() {
    let vectors = Vectors::read();
    let mut records: Vec<i16> = Vec::new();
    for (name, (bytes, _)) in &vectors.0 {
        let kind = match name.split('-').next() {
            Some("share") => ForeignKind::Share,
            Some("streams") => ForeignKind::Streams,
            _ => continue,
        };
        let record = i16::from_be_bytes([bytes[0], bytes[1]]);
        let of_member = matches!(record, 10 | 13 | 14 | 19 | 21 | 22);
        let member_id = of_member.then_some("member");
        let key = GroupKey::Foreign(ForeignKey { kind, record, group_id: "group", member_id });
        assert_eq!(GroupKey::decode(bytes), Ok(key), "{name}");
        assert_eq!(&key.to_bytes(), bytes, "{name}");
        records.push(record);
    }
    records.sort_unstable();
    assert_eq!(records, [10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 22, 23]);
}

/// Every record of a type that is known.
fn each_known(vectors: &Vectors, mut check: impl FnMut(&str, &[u8], GroupKey<'_>, Option<&[u8]>)) {
    for (name, (bytes, value)) in &vectors.0 {
        let key = GroupKey::decode(bytes).unwrap();
        if !matches!(key, GroupKey::Foreign(_)) {
            check(name, bytes, key, value.as_deref());
        }
    }
}

#[test]
fn every_prefix_is_refused() {
    each_known(&Vectors::read(), |name, bytes, key, value| {
        for len in 0..bytes.len() {
            assert!(GroupKey::decode(&bytes[..len]).is_err(), "{name}: {len}");
        }
        // What is behind them is nobody's business.
        let longer = |bytes: &[u8]| [bytes, &[7; 5]].concat();
        assert_eq!(GroupKey::decode(&longer(bytes)), Ok(key), "{name}");
        let Some(value) = value else { return };
        for len in 0..value.len() {
            assert!(reread(&key, &value[..len]).is_err(), "{name}: {len}");
        }
        assert_eq!(reread(&key, &longer(value)), reread(&key, value), "{name}");
    });
}

/// Kafka too loads no partition with such a value (`UnknownRecordVersionException`).
#[test]
fn versions_that_there_are_not_are_refused() {
    let newest = |key| {
        let of_key = |s: &&Schema| s.kind == Kind::GroupValue && s.key == key;
        ALL.iter().map(|entry| entry.schema).find(of_key).unwrap().versions.max
    };
    each_known(&Vectors::read(), |name, _, key, value| {
        let Some(value) = value else { return };
        let kind = i16::from_be_bytes(key.to_bytes()[..2].try_into().unwrap());
        for version in [newest(kind) + 1, i16::MAX, -1, i16::MIN] {
            let other = [&version.to_be_bytes()[..], &value[2..]].concat();
            let error = reread(&key, &other).unwrap_err();
            assert_eq!(error.reason, Reason::UnknownVersion(version), "{name}");
        }
    });
}

#[test]
fn null_in_the_tagged_section_is_a_varint() {
    let vectors = Vectors::read();
    let bare = vectors.get("member-bare").1.unwrap();
    let (start, null) = bare.split_at(bare.len() - 2);
    assert_eq!(null, [1, 0]);
    let read = |mark: &[u8]| {
        let bytes = [start, mark].concat();
        let value = ConsumerGroupMemberMetadataValue::from_bytes(&bytes);
        value.map(|value| value.classic_member_metadata.is_none()).map_err(|error| error.reason)
    };
    assert_eq!(read(&[1, 0]), Ok(true));
    assert_eq!(read(&[2, 0x80, 0]), Ok(true));
    assert_eq!(read(&[7, 1, 0, 0, 0, 5, 1, 0]), Ok(false));
    assert!(read(&[1, 0xff]).is_err());
}
