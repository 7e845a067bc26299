//! Who may commit, and what is kept.

use super::*;

fn by<'a>(group: &'static str, generation: i32, member_id: &'a str) -> OffsetCommitRequest<'a> {
    OffsetCommitRequest {
        group_id: group,
        generation_id_or_member_epoch: generation,
        member_id,
        ..Default::default()
    }
}

#[test]
fn nobodys_member_makes_a_simple_group() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("g", "a", &[(0, 10), (3, 13)]), [ErrorCode::NONE; 2]);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 3)), (Some(10), Some(13)));
    assert_eq!((bench.offset("g", "a", 1), bench.offset("h", "a", 0)), (None, None));
    assert_eq!(bench.state("g"), Some("Empty"));
    assert_eq!(listed(&bench.restarted()), listed(&bench.shard));
    // A member id does not matter where the group is empty.
    assert_eq!(bench.commit_as(9, &by("g", -1, "someone"), "a", &[(0, 11)]), [ErrorCode::NONE]);
    assert_eq!(bench.offset("g", "a", 0), Some(11));
}

#[test]
fn a_commit_of_a_generation_needs_its_group() {
    let mut bench = Bench::new();
    for (version, code) in [(8, ErrorCode::ILLEGAL_GENERATION), (9, ErrorCode::GROUP_ID_NOT_FOUND)]
    {
        assert_eq!(bench.commit_as(version, &by("g", 0, "m"), "a", &[(0, 1)]), [code]);
    }
    assert_eq!((bench.state("g"), bench.log.len()), (None, 0));
}

#[test]
fn a_classic_group_checks_who_commits() {
    let mut bench = Bench::new();
    let member = bench.join("g", "consumer", &subscribed_to(&["a"]), true);
    let mut code = |generation, member: &str, instance| {
        let request =
            OffsetCommitRequest { group_instance_id: instance, ..by("g", generation, member) };
        bench.commit_as(9, &request, "a", &[(0, 1)])[0]
    };
    assert_eq!(code(1, &member, None), ErrorCode::NONE);
    assert_eq!(code(2, &member, None), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(code(0, &member, None), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(code(-1, &member, None), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(code(1, "other", None), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(code(1, "", None), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(code(1, &member, Some("static")), ErrorCode::UNKNOWN_MEMBER_ID);
    // Nobody's member, while the group has members.
    assert_eq!(code(-1, "", None), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_has_joined_waits_for_the_assignment() {
    let mut bench = Bench::new();
    let member = bench.join("g", "consumer", &subscribed_to(&["a"]), false);
    assert_eq!(bench.state("g"), Some("CompletingRebalance"));
    let code = bench.commit_as(9, &by("g", 1, &member), "a", &[(0, 1)]);
    assert_eq!(code, [ErrorCode::REBALANCE_IN_PROGRESS]);
    assert_eq!(bench.offset("g", "a", 0), None);
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut bench = Bench::new();
    let member = bench.join("g", "consumer", &subscribed_to(&["a"]), true);
    for offset in 0..5 {
        bench.pass(9_000);
        let code = bench.commit_as(9, &by("g", 1, &member), "a", &[(0, offset)]);
        assert_eq!(code, [ErrorCode::NONE]);
    }
    // One that is refused is none.
    bench.pass(9_000);
    bench.commit_as(9, &by("g", 2, &member), "a", &[(0, 9)]);
    bench.pass(2_000);
    assert_eq!((bench.state("g"), bench.offset("g", "a", 0)), (Some("Empty"), Some(4)));
}

#[test]
fn topics_and_partitions_that_are_not_there_are_refused_alone() {
    let mut bench = Bench::new();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let codes = bench.commit("g", "a", &[(0, 1), (4, 1), (-1, 1), (3, 1)]);
    // Those that are not there come first.
    assert_eq!(codes, [unknown, unknown, ErrorCode::NONE, ErrorCode::NONE]);
    // The group is not asked if nothing is left.
    assert_eq!(bench.commit_as(9, &by("h", 5, "m"), "nope", &[(0, 1)]), [unknown]);
    let codes = bench.commit_as(10, &by("h", 5, "m"), "nope", &[(0, 1)]);
    assert_eq!(codes, [ErrorCode::UNKNOWN_TOPIC_ID]);
    assert_eq!(bench.commit_as(10, &by("h", -1, ""), "a", &[(9, 1)]), [unknown]);
    assert_eq!(bench.state("h"), None);
}

#[test]
fn topics_keep_their_ids_whatever_the_request_says() {
    let mut bench = Bench::new();
    bench.commit_as(2, &by("g", -1, ""), "a", &[(0, 1)]);
    bench.commit_as(10, &by("g", -1, ""), "b", &[(0, 2)]);
    let topic_id = |topic| bench.shard.offsets().get("g", topic, 0).map(|one| one.topic_id);
    assert_eq!((topic_id("a"), topic_id("b")), (Some(id(1)), Some(id(2))));
}

#[test]
fn metadata_has_a_limit_in_javas_characters() {
    let mut bench = Bench::new();
    bench.settings.max_metadata = 4;
    let fits = "ffff";
    // Four characters, twelve bytes; then three that Java counts twice each.
    for (metadata, code) in [
        (Some(fits), ErrorCode::NONE),
        (Some("€€€€"), ErrorCode::NONE),
        (None, ErrorCode::NONE),
        (Some("fffff"), ErrorCode::OFFSET_METADATA_TOO_LARGE),
        (Some("😀😀😀"), ErrorCode::OFFSET_METADATA_TOO_LARGE),
    ] {
        let partition = |partition_index, committed_metadata| OffsetCommitRequestPartition {
            partition_index,
            committed_metadata,
            ..Default::default()
        };
        let partitions = [partition(0, metadata), partition(1, Some("ok"))];
        let topics = [OffsetCommitRequestTopic {
            name: "a",
            partitions: Array::from(&partitions),
            ..Default::default()
        }];
        let request = OffsetCommitRequest { topics: Array::from(&topics), ..by("g", -1, "") };
        let reply = bench.reply(|shard, world, effects| {
            shard.commit(world, 9, &request, TOKEN, effects);
        });
        assert_eq!(codes(reply), [code, ErrorCode::NONE], "{metadata:?}");
        if code == ErrorCode::NONE {
            let kept = bench.shard.offsets().get("g", "a", 0).map(|one| one.metadata);
            assert_eq!(kept, Some(metadata.unwrap_or_default()));
        }
    }
}

#[test]
fn a_retention_of_its_own_is_an_end() {
    let mut bench = Bench::new();
    let request = OffsetCommitRequest { retention_time_ms: HOUR, ..by("g", -1, "") };
    bench.commit_as(4, &request, "a", &[(0, 1)]);
    let ends = |shard: &Shard| shard.offsets().get("g", "a", 0).and_then(|one| one.ends_at);
    assert_eq!(ends(&bench.shard), Some(START + HOUR));
    assert_eq!(ends(&bench.restarted()), Some(START + HOUR));
    bench.commit("g", "a", &[(0, 1)]);
    assert_eq!(ends(&bench.shard), None);
}

#[test]
fn what_cannot_be_written_was_not_committed() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    bench.refuses = Some(ErrorCode::NOT_COORDINATOR);
    let codes = bench.commit("g", "a", &[(0, 2), (9, 1)]);
    assert_eq!(codes, [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::NOT_COORDINATOR]);
    assert_eq!(bench.commit("h", "a", &[(0, 2)]), [ErrorCode::NOT_COORDINATOR]);
    assert_eq!((bench.offset("g", "a", 0), bench.state("h")), (Some(1), None));
}

#[test]
fn a_commit_that_fits_no_batch_is_refused_before_it_has_grown() {
    let mut bench = Bench::new();
    bench.settings.max_append = 2000;
    let all: Vec<_> = (0..200).map(|partition| (partition, 1)).collect();
    assert_eq!(bench.commit("g", "c", &all), [ErrorCode::UNKNOWN_SERVER_ERROR; 200]);
    assert_eq!((bench.log.len(), bench.state("g")), (0, None));
    assert_eq!(bench.commit("g", "c", &all[..10]), [ErrorCode::NONE; 10]);
}

#[test]
fn a_fetch_of_nothing_is_no_error() {
    let mut bench = Bench::new();
    bench.commit_as(10, &by("g", -1, ""), "a", &[(0, 7)]);
    let found = |group: &'static str, topic: &str, topic_id: Uuid, partition| {
        let fetched = bench.shard.fetch(group, (None, -1), true).expect("no error");
        let found = fetched.get(topic, topic_id, partition).expect("nothing is pending");
        found.map(|committed| committed.offset)
    };
    assert_eq!(found("g", "a", Uuid::ZERO, 0), Some(7));
    assert_eq!(found("g", "a", id(1), 0), Some(7));
    // Another topic of that name, that was made since.
    assert_eq!(found("g", "a", id(9), 0), None);
    assert_eq!(found("g", "a", id(1), 1), None);
    assert_eq!(found("h", "a", id(1), 0), None);
    assert!(bench.shard.fetch("h", (None, -1), false).expect("no error").all().is_none());
}
