//! Groups of kinds that are not served: they stay as they are, and nobody takes their names but who may in Kafka too.

use super::super::super::shard::Group;
use super::super::super::{Kind, admin};
use super::*;
use crate::wire::group_records::{ForeignKey, ForeignKind, GroupKey};
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

const SHARE: i16 = 11;
const SHARE_MEMBER: i16 = 10;
const STREAMS: i16 = 17;
const STREAMS_MEMBER: i16 = 19;
const STREAMS_TARGETS: i16 = 20;
const STREAMS_TOPOLOGY: i16 = 23;

fn key(record: i16) -> Vec<u8> {
    let kind = if record < STREAMS { ForeignKind::Share } else { ForeignKind::Streams };
    let member_id = matches!(record, SHARE_MEMBER | STREAMS_MEMBER).then_some("m");
    GroupKey::Foreign(ForeignKey { kind, record, group_id: GROUP, member_id }).to_bytes()
}

impl Bench {
    /// What a Kafka has written.
    fn of_kafka(records: &[(i16, bool)]) -> Bench {
        let mut bench = Bench::with(&[("t", 1)]);
        records.iter().for_each(|(record, is_there)| bench.of_kafka_too(*record, *is_there));
        bench
    }

    fn of_kafka_too(&mut self, record: i16, is_there: bool) {
        // What a value says does not count.
        let record = Record { key: key(record), value: is_there.then(|| vec![0, 99, 1]) };
        self.shard.replay(&record.key, record.value.as_deref()).unwrap();
        self.log.push(record);
        self.shard.check();
    }

    fn commit(&mut self, member: &str, generation: i32, version: i16) -> ErrorCode {
        let token = self.token();
        let partitions =
            [OffsetCommitRequestPartition { committed_offset: 7, ..Default::default() }];
        let partitions = Array::from(&partitions);
        let topics = [OffsetCommitRequestTopic { name: "t", partitions, ..Default::default() }];
        let request = OffsetCommitRequest {
            group_id: GROUP,
            member_id: member,
            generation_id_or_member_epoch: generation,
            topics: Array::from(&topics),
            ..Default::default()
        };
        self.event(|shard, world, effects| shard.commit(world, version, &request, token, effects));
        match self.replies.remove(&token.key) {
            Some(Reply::Commit(reply)) => reply.topics[0].partitions[0].1,
            other => panic!("{other:?}"),
        }
    }

    fn delete(&mut self) -> ErrorCode {
        let token = self.token();
        self.event(|shard, world, effects| shard.delete_group(world, GROUP, token, effects));
        match self.replies.remove(&token.key) {
            Some(Reply::DeleteGroup(code)) => code,
            other => panic!("{other:?}"),
        }
    }

    fn join_code(&mut self, member: &str) -> ErrorCode {
        let key = self.send_join(member, None, &conversions::subscription(&["t"], &[]));
        self.pass(10_000);
        self.joined(key).code
    }

    fn foreign(&self) -> Option<ForeignKind> {
        let mut found = None;
        self.shard.each_foreign(&mut |id, kind| {
            assert_eq!(&**id, GROUP);
            found = Some(kind);
        });
        found
    }

    fn shown(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        self.shard.list(&admin::ListFilter::default(), &mut |group| kinds.push(group.kind));
        self.shard.each_group(&mut |group| assert_eq!(&**group.id, GROUP));
        kinds
    }

    /// The same after a restart.
    fn again(mut self) -> Bench {
        self.shard = self.reloaded();
        self.event(Shard::loaded);
        self
    }
}

fn assert_untouched(mut bench: Bench, kind: ForeignKind) {
    let before = bench.log.clone();
    let refused = bench.beat(&Beat::join("a", &["t"]));
    let said = (refused.code, refused.message.as_deref());
    assert_eq!(said, (ErrorCode::GROUP_ID_NOT_FOUND, Some("Group g is not a consumer group.")));
    assert_eq!(bench.join_code(""), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(bench.join_code("a"), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(bench.delete(), ErrorCode::NON_EMPTY_GROUP);
    assert_eq!(bench.shard.describe(GROUP), Err("Group g is not a classic group.".to_owned()));
    assert!(bench.shard.describe_consumer(GROUP).is_err());
    assert!(bench.shard.overview(GROUP, &bench.settings, &bench.topics).is_none());
    let commits = [bench.commit("", -1, 8), bench.commit("a", 1, 9)];
    match kind {
        ForeignKind::Share => assert_eq!(commits, [ErrorCode::GROUP_ID_NOT_FOUND; 2]),
        ForeignKind::Streams => {
            assert_eq!(commits, [ErrorCode::UNKNOWN_MEMBER_ID; 2]);
            assert_eq!(bench.commit("m", 1, 8), ErrorCode::UNSUPPORTED_VERSION);
            assert_eq!(bench.commit("m", 1, 9), ErrorCode::STALE_MEMBER_EPOCH);
        }
    }
    let fetch = |member, epoch| bench.shard.fetch(GROUP, (member, epoch), false).map(drop);
    assert_eq!(fetch(None, -1), Ok(()));
    let of_member = match kind {
        ForeignKind::Share => [Ok(()), Ok(())],
        ForeignKind::Streams => {
            [Err(ErrorCode::UNKNOWN_MEMBER_ID), Err(ErrorCode::STALE_MEMBER_EPOCH)]
        }
    };
    assert_eq!([fetch(Some("a"), 1), fetch(Some("m"), 1)], of_member);
    bench = bench.again();
    bench.pass(30 * 24 * 3_600_000);
    assert_eq!((bench.foreign(), bench.shown()), (Some(kind), Vec::new()));
    assert_eq!(bench.log, before, "nothing is written");
}

#[test]
fn a_group_with_members_is_left_alone() {
    let share = Bench::of_kafka(&[(SHARE_MEMBER, true), (SHARE, true)]);
    assert_untouched(share, ForeignKind::Share);
    let streams =
        Bench::of_kafka(&[(STREAMS, true), (STREAMS_TOPOLOGY, true), (STREAMS_MEMBER, true)]);
    assert_untouched(streams, ForeignKind::Streams);
}

#[test]
fn an_empty_share_group_has_state_elsewhere_and_is_left_alone_too() {
    let bench = Bench::of_kafka(&[(SHARE_MEMBER, true), (SHARE, true), (SHARE_MEMBER, false)]);
    assert_untouched(bench, ForeignKind::Share);
}

fn empty_streams() -> Bench {
    Bench::of_kafka(&[
        (STREAMS, true),
        (STREAMS_TOPOLOGY, true),
        (STREAMS_MEMBER, true),
        (STREAMS_MEMBER, false),
    ])
}

#[test]
fn an_empty_streams_group_stays_until_it_is_deleted() {
    let mut bench = empty_streams().again();
    bench.pass(30 * 24 * 3_600_000);
    assert_eq!((bench.foreign(), bench.log.len()), (Some(ForeignKind::Streams), 4));
    assert_eq!(bench.commit("", -1, 9), ErrorCode::NONE);
    bench.pass(30 * 24 * 3_600_000);
    assert!(bench.shard.offsets().get(GROUP, "t", 0).is_none(), "offsets end as those of others");
    let mut bench = bench.again();
    bench.pass(30 * 24 * 3_600_000);
    assert_eq!(bench.foreign(), Some(ForeignKind::Streams), "nobody but Kafka lets it end");
    assert_eq!(bench.log.len(), 6);
    assert_eq!(bench.commit("", -1, 9), ErrorCode::NONE);
    let before = bench.log.len();
    assert_eq!(bench.delete(), ErrorCode::NONE);
    let gone = &bench.log[before..];
    assert!(gone.iter().all(|record| record.value.is_none()));
    let keys: Vec<_> = gone[1..].iter().map(|record| record.key.clone()).collect();
    // Kafka does not load the end of a group whose targets have none, even if they were never written.
    let expected = [STREAMS_TOPOLOGY, STREAMS_TARGETS, STREAMS].map(key);
    assert_eq!(keys, expected, "the group goes last");
    let bench = bench.again();
    assert!(bench.shard.groups.is_empty() && bench.shard.offsets().is_empty());
    assert_eq!(bench.shard.member_bytes(), 0);
}

#[test]
fn what_is_committed_before_members_come_does_not_expire() {
    let mut bench = empty_streams();
    assert_eq!(bench.commit("", -1, 9), ErrorCode::NONE);
    bench.of_kafka_too(STREAMS_MEMBER, true);
    let mut bench = bench.again();
    bench.pass(30 * 24 * 3_600_000);
    assert!(bench.shard.offsets().get(GROUP, "t", 0).is_some());
}

#[test]
fn an_empty_streams_group_gives_way_to_a_classic_one_alone() {
    let mut modern = empty_streams();
    for beat in [Beat::at("a", 1), Beat::join("a", &["t"])] {
        let refused = modern.beat(&beat);
        let said = (refused.code, refused.message.as_deref());
        let expected = (ErrorCode::GROUP_ID_NOT_FOUND, Some("Group g is not a consumer group."));
        assert_eq!(said, expected);
    }
    assert_eq!((modern.foreign(), modern.log.len()), (Some(ForeignKind::Streams), 4));
    assert_eq!(modern.delete(), ErrorCode::NONE);
    assert_eq!(modern.beat(&Beat::join("a", &["t"])).code, ErrorCode::NONE, "the name is free");
    for outcome in [Ok(()), Err(ErrorCode::NOT_COORDINATOR)] {
        let mut classic = empty_streams();
        assert_eq!(classic.join_code("a"), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(classic.foreign(), Some(ForeignKind::Streams));
        classic.outcome = outcome;
        assert_eq!(classic.join_code(""), outcome.err().unwrap_or(ErrorCode::NONE));
        let gone = (None, vec![Kind::Classic]);
        let expected = outcome.map_or((Some(ForeignKind::Streams), Vec::new()), |()| gone);
        assert_eq!((classic.foreign(), classic.shown()), expected);
        let before = classic.shard.member_bytes();
        let classic = classic.again();
        assert_eq!((classic.foreign(), classic.shown()), expected, "so it is in the log");
        assert!(before > 0);
        if outcome.is_err() {
            assert_eq!(classic.log.len(), 4);
        } else {
            assert!(classic.log[4..7].iter().all(|record| record.value.is_none()));
        }
    }
}

#[test]
fn tombstones_take_a_group_out_as_in_kafka() {
    let mut bench = Bench::of_kafka(&[(SHARE_MEMBER, true), (SHARE, true), (SHARE_MEMBER, false)]);
    assert_eq!(bench.foreign(), Some(ForeignKind::Share));
    bench.of_kafka_too(SHARE, false);
    assert!(bench.shard.groups.is_empty() && bench.shard.member_bytes() == 0);
    // What compaction has left of such a group: of one that is not there nothing ends.
    bench.of_kafka_too(SHARE_MEMBER, false);
    bench.of_kafka_too(SHARE, false);
    assert_eq!(bench.join_code(""), ErrorCode::NONE);
    assert_eq!(bench.shown(), [Kind::Classic]);
    // A record of the group ends it whatever else is there; without a record there is none.
    let mut bench = Bench::of_kafka(&[(STREAMS, true), (STREAMS_TOPOLOGY, true), (STREAMS, false)]);
    assert!(bench.shard.groups.is_empty());
    bench.of_kafka_too(STREAMS_TOPOLOGY, true);
    bench.of_kafka_too(STREAMS_TOPOLOGY, false);
    assert!(bench.shard.groups.is_empty() && bench.shard.member_bytes() == 0);
}

#[test]
fn offsets_may_come_before_the_group_that_they_are_of() {
    let mut bench = Bench::with(&[("t", 1)]);
    assert_eq!(bench.commit("", -1, 9), ErrorCode::NONE);
    assert_eq!(bench.shown(), [Kind::Classic], "a simple one, until more is known");
    bench.of_kafka_too(STREAMS, true);
    assert_eq!((bench.foreign(), bench.shown()), (Some(ForeignKind::Streams), Vec::new()));
    assert!(bench.shard.offsets().get(GROUP, "t", 0).is_some());
    assert_eq!(bench.again().foreign(), Some(ForeignKind::Streams));
}

#[test]
fn a_name_is_one_groups() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.join("a", &["t"]);
    bench.of_kafka_too(SHARE, true);
    assert_eq!((bench.foreign(), bench.shown()), (None, vec![Kind::Consumer]));
    // What an earlier version has done: the first one stays.
    let mut share = Bench::of_kafka(&[(SHARE, true)]);
    for record in bench.log.iter().filter(|record| record.key != key(SHARE)) {
        share.shard.replay(&record.key, record.value.as_deref()).unwrap();
    }
    assert_eq!(share.foreign(), Some(ForeignKind::Share));
    share.of_kafka_too(STREAMS, true);
    share.of_kafka_too(STREAMS, false);
    // Nor does it go for a classic one, with it or with its end.
    let mut classic = Bench::with(&[("t", 1)]);
    assert_eq!(classic.join_code(""), ErrorCode::NONE);
    assert!(!classic.log.is_empty());
    for record in &classic.log {
        share.shard.replay(&record.key, record.value.as_deref()).unwrap();
        share.shard.replay(&record.key, None).unwrap();
    }
    assert_eq!(share.foreign(), Some(ForeignKind::Share));
    assert!(matches!(share.shard.groups.get(GROUP), Some(Group::Foreign(_))));
}
