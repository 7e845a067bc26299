//! When offsets and groups end, and when the shard wakes for it.

use super::*;

const MINUTE: i64 = 60_000;

/// Leaves the group without its member, as if its session had ended.
fn abandon(bench: &mut Bench) {
    bench.pass(11_000);
}

#[test]
fn a_simple_groups_offsets_end_by_their_commits() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    bench.pass(HOUR);
    bench.commit("g", "a", &[(1, 1)]);
    bench.pass(RETENTION - HOUR - 1);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (Some(1), Some(1)));
    bench.pass(1);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (None, Some(1)));
    bench.pass(HOUR - 1);
    assert_eq!((bench.offset("g", "a", 1), bench.state("g")), (Some(1), Some("Empty")));
    bench.pass(1);
    assert_eq!((bench.offset("g", "a", 1), bench.state("g")), (None, None));
    assert_eq!((listed(&bench.restarted()), bench.sleeps()), (vec![], None));
}

#[test]
fn what_is_committed_again_begins_anew() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    bench.pass(RETENTION - HOUR);
    bench.commit("g", "a", &[(0, 1)]);
    bench.pass(HOUR);
    // It was looked at when the first commit would have ended, and from then on one knows better.
    bench.pass(INTERVAL);
    assert_eq!(bench.sleeps(), Some(RETENTION - HOUR - INTERVAL));
    bench.pass(RETENTION - HOUR - INTERVAL - 1);
    assert_eq!(bench.offset("g", "a", 0), Some(1));
    bench.pass(1);
    assert_eq!(bench.offset("g", "a", 0), None);
}

#[test]
fn an_empty_groups_offsets_end_when_it_has_been_empty_for_long() {
    let mut bench = Bench::new();
    let member = bench.join("g", "consumer", &subscribed_to(&["a"]), true);
    let request = OffsetCommitRequest {
        group_id: "g",
        generation_id_or_member_epoch: 1,
        member_id: &member,
        ..Default::default()
    };
    bench.commit_as(9, &request, "a", &[(0, 1)]);
    abandon(&mut bench);
    let emptied = START + 10_000;
    // A commit into an empty group does not count: what counts is since when it is empty.
    bench.pass(emptied + RETENTION - HOUR - bench.now);
    assert_eq!(bench.commit("g", "a", &[(1, 1)]), [ErrorCode::NONE]);
    bench.pass(HOUR - 1);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (Some(1), Some(1)));
    // The shard has looked too early, for the commit was earlier than that.
    bench.pass(INTERVAL);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (None, None));
    assert_eq!(bench.state("g"), None);
}

/// A group whose one member shows signs of life.
fn live(bench: &mut Bench, group: &str, member: &str, time: i64) {
    let until = bench.now + time;
    while bench.now < until {
        bench.pass(MINUTE.min(until - bench.now));
        let request = crate::wire::messages::heartbeat::HeartbeatRequest {
            group_id: group,
            generation_id: 1,
            member_id: member,
            ..Default::default()
        };
        let reply =
            bench.reply(|shard, world, effects| shard.heartbeat(world, &request, TOKEN, effects));
        assert_eq!(reply, Reply::Heartbeat(ErrorCode::NONE));
    }
}

fn live_group(bench: &mut Bench, protocol_type: &str, metadata: &[u8]) -> Arc<str> {
    // Long sessions and a short retention, so that there is not too much to do.
    bench.settings.offsets_retention = HOUR;
    bench.commit("g", "a", &[(0, 1)]);
    bench.commit("g", "b", &[(0, 1)]);
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata }];
    let request = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: 10 * MINUTE as i32,
        rebalance_timeout_ms: 60_000,
        protocol_type,
        protocols: Array::from(&protocols),
        ..Default::default()
    };
    let caller = Caller { client_id: "me", host: "/127.0.0.1", version: 3 };
    bench.run(|shard, world, effects| shard.join(world, caller, &request, TOKEN, effects));
    let reply = bench.reply(|shard, world, effects| _ = shard.tick(world, effects));
    let Reply::Join(joined) = reply else { panic!("{reply:?}") };
    let request = SyncGroupRequest {
        group_id: "g",
        generation_id: 1,
        member_id: &joined.member_id,
        ..Default::default()
    };
    bench.reply(|shard, world, effects| shard.sync(world, &request, TOKEN, effects));
    joined.member_id
}

#[test]
fn consumers_keep_the_topics_they_are_subscribed_to() {
    let mut bench = Bench::new();
    let member = live_group(&mut bench, "consumer", &subscribed_to(&["a"]));
    live(&mut bench, "g", &member, HOUR - MINUTE);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "b", 0)), (Some(1), Some(1)));
    live(&mut bench, "g", &member, 11 * MINUTE);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "b", 0)), (Some(1), None));
    live(&mut bench, "g", &member, 3 * HOUR);
    assert_eq!((bench.offset("g", "a", 0), bench.state("g")), (Some(1), Some("Stable")));
}

#[test]
fn others_that_live_keep_everything() {
    // Members of another kind, and consumers whose subscription cannot be read.
    for (protocol_type, metadata) in [("connect", vec![]), ("consumer", vec![0])] {
        let mut bench = Bench::new();
        let member = live_group(&mut bench, protocol_type, &metadata);
        live(&mut bench, "g", &member, 3 * HOUR);
        assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "b", 0)), (Some(1), Some(1)));
        // And until it has been empty for long.
        bench.pass(10 * MINUTE + HOUR - 1);
        assert_eq!(bench.offset("g", "a", 0), Some(1), "{protocol_type}");
        bench.pass(1);
        assert_eq!((bench.offset("g", "a", 0), bench.state("g")), (None, None));
    }
}

#[test]
fn an_end_of_its_own_counts_whatever_the_retention() {
    let mut bench = Bench::new();
    let request = |retention_time_ms| OffsetCommitRequest {
        group_id: "g",
        retention_time_ms,
        ..Default::default()
    };
    bench.commit_as(4, &request(HOUR), "a", &[(0, 1)]);
    bench.commit_as(4, &request(2 * RETENTION), "a", &[(1, 1)]);
    bench.commit("g", "a", &[(2, 1)]);
    let kept =
        |bench: &Bench| [0, 1, 2].map(|partition| bench.offset("g", "a", partition).is_some());
    bench.pass(HOUR - 1);
    assert_eq!(kept(&bench), [true, true, true]);
    bench.pass(1);
    assert_eq!(kept(&bench), [false, true, true]);
    bench.pass(RETENTION - HOUR);
    assert_eq!(kept(&bench), [false, true, false]);
    bench.pass(RETENTION);
    assert_eq!(kept(&bench), [false, false, false]);
}

#[test]
fn a_group_without_members_and_offsets_ends_with_the_next_check() {
    let mut bench = Bench::new();
    bench.join("g", "consumer", &subscribed_to(&["a"]), true);
    abandon(&mut bench);
    assert_eq!(bench.state("g"), Some("Empty"));
    bench.pass(INTERVAL);
    assert_eq!((bench.state("g"), bench.sleeps()), (None, None));
    assert!(bench.restarted().describe("g").is_err());
}

#[test]
fn a_group_that_nobody_came_into_ends_with_its_timers() {
    let mut bench = Bench::new();
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata: &[] }];
    let request = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: 1_800_000,
        protocol_type: "consumer",
        protocols: Array::from(&protocols),
        ..Default::default()
    };
    // It is given an id, and does not come back with it.
    let caller = Caller { client_id: "me", host: "/127.0.0.1", version: 9 };
    bench.reply(|shard, world, effects| shard.join(world, caller, &request, TOKEN, effects));
    assert_eq!(bench.state("g"), Some("Empty"));
    bench.pass(INTERVAL);
    assert_eq!(bench.state("g"), None);
    bench.pass(HOUR);
    assert_eq!(bench.sleeps(), None);
}

#[test]
fn an_idle_shard_sleeps_until_something_can_have_ended() {
    let mut bench = Bench::new();
    assert_eq!(bench.sleeps(), None);
    bench.commit("g", "a", &[(0, 1)]);
    bench.pass(HOUR);
    bench.commit("h", "a", &[(0, 1)]);
    assert_eq!(bench.sleeps(), Some(RETENTION - HOUR));
    let mut wakes = 0;
    while let Some(next) = bench.sleeps().filter(|next| bench.now + next < START + 2 * RETENTION) {
        bench.pass(next);
        wakes += 1;
    }
    // For each offset: it ends, its group is looked at again.
    assert!(wakes <= 4, "{wakes}");
    assert_eq!((bench.state("g"), bench.state("h"), bench.sleeps()), (None, None, None));
}

#[test]
fn a_start_sets_the_timer_by_what_was_read() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    let log = bench.log.clone();
    bench.pass(RETENTION - HOUR);
    bench.shard = replay(&log);
    bench.run(|shard, world, effects| shard.loaded(world, effects));
    assert_eq!(bench.sleeps(), Some(HOUR));
    bench.pass(HOUR);
    assert_eq!((bench.offset("g", "a", 0), bench.state("g")), (None, None));
    // What has ended while nobody was there goes with the first check.
    bench.shard = replay(&log);
    bench.run(|shard, world, effects| shard.loaded(world, effects));
    assert_eq!(bench.sleeps(), Some(INTERVAL));
}

#[test]
fn no_append_is_larger_than_a_batch_and_the_rest_follows_at_once() {
    let mut bench = Bench::new();
    let all: Vec<_> = (0..200).map(|partition| (partition, 1)).collect();
    bench.commit("g", "c", &all);
    bench.appends.clear();
    bench.settings.max_append = 2000;
    bench.pass(RETENTION);
    assert_eq!((bench.state("g"), bench.shard.offsets().len()), (None, 0));
    // A tombstone counts 13 bytes and 32.
    assert!(
        bench.appends.len() >= 5 && bench.appends.iter().all(|size| *size <= 44),
        "{:?}",
        bench.appends
    );
}

#[test]
fn what_cannot_be_removed_is_tried_again_with_the_next_check() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 1)]);
    bench.refuses = Some(ErrorCode::NOT_COORDINATOR);
    bench.pass(RETENTION);
    assert_eq!((bench.offset("g", "a", 0), bench.sleeps()), (Some(1), Some(INTERVAL)));
    bench.refuses = None;
    bench.pass(INTERVAL);
    assert_eq!((bench.offset("g", "a", 0), bench.state("g")), (None, None));
}
