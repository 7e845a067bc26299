//! What is deleted by request, with its group and with its topic.

use super::super::OffsetDeleteReply;
use super::*;
use crate::wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};

fn delete(bench: &mut Bench, group: &str, topic: &str, partitions: &[i32]) -> OffsetDeleteReply {
    let partition = |index: &i32| OffsetDeleteRequestPartition { partition_index: *index };
    let partitions: Vec<_> = partitions.iter().map(partition).collect();
    let topics = [OffsetDeleteRequestTopic { name: topic, partitions: Array::from(&partitions) }];
    let request = OffsetDeleteRequest { group_id: group, topics: Array::from(&topics) };
    let reply = bench.reply(|shard, world, effects| {
        shard.delete_offsets(world, &request, TOKEN, effects);
    });
    match reply {
        Reply::OffsetDelete(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn results(reply: &OffsetDeleteReply) -> Vec<(i32, ErrorCode)> {
    assert_eq!(reply.code, ErrorCode::NONE);
    reply.topics.iter().flat_map(|topic| topic.partitions.clone()).collect()
}

#[test]
fn offsets_are_deleted_one_by_one() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1), (1, 1)]);
    let reply = delete(&mut bench, "g", "a", &[0, 2, 7]);
    let unknown = (7, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    // Where there is no offset that is no error.
    assert_eq!(results(&reply), [unknown, (0, ErrorCode::NONE), (2, ErrorCode::NONE)]);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (None, Some(1)));
    assert_eq!(bench.log.len(), 3, "only what is there is deleted");
    assert_eq!(results(&delete(&mut bench, "g", "nope", &[0])), [(0, unknown.1)]);
    // A group that has nothing left goes with the next check.
    delete(&mut bench, "g", "a", &[1]);
    bench.pass(INTERVAL);
    assert_eq!(bench.state("g"), None);
}

#[test]
fn groups_that_live_keep_what_they_need() {
    let mut bench = Bench::new();
    for group in ["g", "h"] {
        bench.commit(group, "a", &[(0, 1)]);
        bench.commit(group, "b", &[(0, 1)]);
    }
    bench.join("g", "consumer", &subscribed_to(&["a"]), true);
    bench.join("h", "connect", &[], true);
    let subscribed = ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC;
    assert_eq!(results(&delete(&mut bench, "g", "a", &[0])), [(0, subscribed)]);
    assert_eq!(results(&delete(&mut bench, "g", "b", &[0])), [(0, ErrorCode::NONE)]);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "b", 0)), (Some(1), None));
    let refused = |code| OffsetDeleteReply { code, topics: Vec::new() };
    assert_eq!(delete(&mut bench, "h", "b", &[0]), refused(ErrorCode::NON_EMPTY_GROUP));
    assert_eq!(delete(&mut bench, "i", "b", &[0]), refused(ErrorCode::GROUP_ID_NOT_FOUND));
    assert_eq!(delete(&mut bench, "", "b", &[0]), refused(ErrorCode::INVALID_GROUP_ID));
    bench.refuses = Some(ErrorCode::NOT_COORDINATOR);
    bench.pass(11_000);
    assert_eq!(delete(&mut bench, "h", "b", &[0]), refused(ErrorCode::NOT_COORDINATOR));
    assert_eq!(bench.offset("h", "b", 0), Some(1));
}

fn delete_group(bench: &mut Bench, group: &str) -> ErrorCode {
    let delete = |shard: &mut Shard, world: &mut World<'_>, effects: &mut Effects| {
        shard.delete_group(world, group, TOKEN, effects);
    };
    let mut replies = Vec::new();
    while replies.is_empty() {
        let appends = bench.appends.len();
        replies = bench.run(delete);
        assert!(bench.appends.len() <= appends + 1, "a part at a time: others have their turn");
    }
    match replies.remove(0) {
        Reply::DeleteGroup(code) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_without_members_is_deleted_with_its_offsets() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    bench.commit("g", "b", &[(0, 1)]);
    bench.commit("h", "b", &[(0, 1)]);
    bench.join("i", "consumer", &subscribed_to(&["a"]), true);
    assert_eq!(delete_group(&mut bench, "g"), ErrorCode::NONE);
    assert_eq!(delete_group(&mut bench, "g"), ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(delete_group(&mut bench, "i"), ErrorCode::NON_EMPTY_GROUP);
    assert_eq!((bench.state("g"), bench.shard.offsets().len()), (None, 1));
    assert_eq!(bench.offset("h", "b", 0), Some(1));
    assert!(bench.restarted().describe("g").is_err());
}

#[test]
fn a_group_with_more_offsets_than_a_batch_takes_is_deleted_in_parts() {
    let mut bench = Bench::new();
    let all: Vec<_> = (0..200).map(|partition| (partition, 1)).collect();
    bench.commit("g", "c", &all);
    bench.settings.max_append = 2000;
    bench.appends.clear();
    assert_eq!(delete_group(&mut bench, "g"), ErrorCode::NONE);
    assert!(bench.appends.len() >= 5, "{:?}", bench.appends);
    assert_eq!((bench.state("g"), bench.shard.offsets().len()), (None, 0));
    bench.commit("g", "a", &[(0, 1)]);
    bench.refuses = Some(ErrorCode::NOT_COORDINATOR);
    assert_eq!(delete_group(&mut bench, "g"), ErrorCode::NOT_COORDINATOR);
    assert_eq!((bench.state("g"), bench.offset("g", "a", 0)), (Some("Empty"), Some(1)));
}

#[test]
fn whoever_joins_between_two_parts_of_a_deletion_keeps_the_group() {
    let mut bench = Bench::new();
    let all: Vec<_> = (0..200).map(|partition| (partition, 1)).collect();
    bench.commit("g", "c", &all);
    bench.settings.max_append = 2000;
    let replies = bench.run(|shard, world, effects| shard.delete_group(world, "g", TOKEN, effects));
    assert_eq!(replies, [], "a part is gone");
    let left = bench.shard.offsets().len();
    assert!((1..200).contains(&left));
    bench.join("g", "consumer", &subscribed_to(&["c"]), true);
    assert_eq!(delete_group(&mut bench, "g"), ErrorCode::NON_EMPTY_GROUP);
    assert_eq!(bench.shard.offsets().len(), left);
}

fn delete_topic(bench: &mut Bench, name: &str) {
    let (id, _) = bench.topics.0.remove(name).expect("a topic");
    let topics = [(name.into(), id)];
    bench.run(|shard, world, effects| shard.topics_deleted(world, &topics, effects));
}

#[test]
fn a_topic_takes_its_offsets_along() {
    let mut bench = Bench::new();
    for group in ["g", "h"] {
        bench.commit(group, "a", &[(0, 1), (1, 1)]);
    }
    bench.commit("g", "b", &[(0, 1)]);
    delete_topic(&mut bench, "a");
    assert_eq!(listed(&bench.shard).len(), 1);
    assert_eq!(listed(&bench.restarted()), listed(&bench.shard));
    assert_eq!(bench.offset("g", "b", 0), Some(1));
    // Nothing of it is left; the group that has lost all goes too, but no earlier than the next check.
    bench.pass(INTERVAL - 1);
    assert_eq!((bench.state("g"), bench.state("h")), (Some("Empty"), Some("Empty")));
    bench.pass(1);
    assert_eq!((bench.state("g"), bench.state("h")), (Some("Empty"), None));
    let appends = bench.appends.len();
    delete_topic(&mut bench, "c");
    assert_eq!(bench.appends.len(), appends, "a topic without offsets costs nothing");
}

#[test]
fn a_topic_takes_no_empty_group_along() {
    let mut bench = Bench::new();
    bench.join("g", "consumer", &subscribed_to(&["a"]), true);
    bench.pass(11_000); // its session has ended
    bench.commit("h", "a", &[(0, 1)]);
    delete_topic(&mut bench, "a");
    assert_eq!((bench.state("g"), bench.state("h")), (Some("Empty"), Some("Empty")));
    bench.pass(INTERVAL);
    assert_eq!((bench.state("g"), bench.state("h"), bench.sleeps()), (None, None, None));
}

#[test]
fn a_topic_of_the_same_name_keeps_its_own() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    let (old, count) = bench.topics.0["a"];
    bench.topics.0.insert("a".into(), (id(7), count));
    bench.commit("h", "a", &[(0, 1)]);
    let deleted = [("a".into(), old)];
    bench.run(|shard, world, effects| shard.topics_deleted(world, &deleted, effects));
    assert_eq!((bench.offset("g", "a", 0), bench.offset("h", "a", 0)), (None, Some(1)));
}

#[test]
fn a_topic_that_went_before_a_crash_takes_its_offsets_along() {
    let mut bench = Bench::new();
    for group in ["g", "h"] {
        bench.commit(group, "a", &[(0, 1), (1, 1)]);
    }
    bench.commit("g", "b", &[(0, 1)]);
    // Nobody was told before the end; meanwhile there is another one of its name.
    let (_, count) = bench.topics.0["a"];
    bench.topics.0.insert("a".into(), (id(7), count));
    bench.commit("i", "a", &[(0, 2)]);
    bench.shard = bench.restarted();
    bench.run(|shard, world, effects| shard.loaded(world, effects));
    bench.pass(0);
    let left = ["g", "h", "i"].map(|group| bench.offset(group, "a", 0));
    assert_eq!((left, bench.offset("g", "b", 0)), ([None, None, Some(2)], Some(1)));
    assert_eq!(listed(&bench.restarted()), listed(&bench.shard));
}

#[test]
fn a_topic_that_goes_while_another_is_going_takes_its_own_along() {
    let mut bench = Bench::new();
    for group in ["g", "h"] {
        let many: Vec<_> = (0..60).map(|partition| (partition, 1)).collect();
        bench.commit(group, "c", &many);
    }
    bench.commit("f", "a", &[(0, 1)]);
    bench.settings.max_append = 2000;
    delete_topic(&mut bench, "c");
    assert!(bench.offset("g", "c", 59).is_some(), "it is not all gone yet");
    delete_topic(&mut bench, "a");
    bench.pass(0);
    assert_eq!(bench.shard.offsets().len(), 0, "{:?}", listed(&bench.shard));
}

#[test]
fn a_group_that_is_used_again_while_others_end_stays() {
    let mut bench = Bench::new();
    let many: Vec<_> = (0..60).map(|partition| (partition, 1)).collect();
    for group in ["f", "g", "h"] {
        bench.commit(group, "c", &many);
    }
    bench.settings.max_append = 2000;
    bench.now += bench.settings.offsets_retention + INTERVAL;
    // One part; then somebody commits to the last one.
    bench.run(|shard, world, effects| _ = shard.tick(world, effects));
    assert!(bench.offset("f", "c", 0).is_none() && bench.offset("h", "c", 0).is_some());
    bench.commit("h", "c", &[(3, 9)]);
    bench.pass(0);
    let left: Vec<_> = bench.shard.offsets().groups().map(|(id, _)| id.to_string()).collect();
    assert_eq!((left, bench.shard.offsets().len()), (vec!["h".to_owned()], 1));
    assert_eq!(bench.offset("h", "c", 3), Some(9));
}

#[test]
fn offsets_of_a_topic_go_in_parts_and_again_if_they_could_not() {
    let mut bench = Bench::new();
    let all: Vec<_> = (0..200).map(|partition| (partition, 1)).collect();
    bench.commit("g", "c", &all);
    bench.settings.max_append = 2000;
    bench.appends.clear();
    bench.refuses = Some(ErrorCode::NOT_COORDINATOR);
    delete_topic(&mut bench, "c");
    assert_eq!((bench.shard.offsets().len(), bench.sleeps()), (200, Some(INTERVAL)));
    bench.refuses = None;
    bench.pass(INTERVAL);
    assert_eq!(bench.shard.offsets().len(), 0);
    assert!(bench.appends.iter().all(|size| *size <= 44), "{:?}", bench.appends);
}
