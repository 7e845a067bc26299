//! What a classic group's new protocol brings its members, whoever comes with it.

use super::conversions::subscription;
use super::*;

/// The member that had all has left, and whoever comes names no topics that nobody named before.
#[test]
fn what_was_not_given_yet_is_given_after_the_upgrade() {
    let nothing = Beat::join("new", &[]);
    let pattern = Beat { topics: None, regex: Some("none.*".into()), ..nothing.clone() };
    let named = Beat::join("new", &["t"]).named("i");
    for newcomer in [nothing, pattern, named, Beat::join("new", &["t"])] {
        let mut bench = Bench::with(&[("t", 2)]);
        let leader = bench.one_classic();
        let key = bench.send_join("", Some("i"), &subscription(&["t"], &[]));
        bench.classic_leave(&leader);
        assert_eq!(bench.joined(key).generation, 2);
        assert_eq!(bench.beat(&newcomer).code, ErrorCode::NONE);
        let group = bench.group();
        assert_eq!((group.epoch, group.target_epoch), (3, 3), "{newcomer:?}");
        assert_eq!(group.targeted.len(), 2, "{newcomer:?}");
        bench.check_log();
    }
}

/// The leader had not seen it yet, and whoever comes names no topics that nobody named before.
#[test]
fn what_has_grown_since_the_assignment_is_given_after_the_upgrade() {
    let nothing = Beat::join("new", &[]);
    let named = Beat::join("new", &["t", "later"]).named("i");
    for (newcomer, grown, all) in [(&nothing, "t", 4), (&nothing, "later", 6), (&named, "t", 4)] {
        let mut bench = Bench::with(&[("t", 2)]);
        let key = bench.send_join("", Some("i"), &subscription(&["t", "later"], &[]));
        bench.pass(3_000);
        let id = bench.joined(key).member_id;
        let given = bench.write(&[0, 1]);
        bench.send_sync(&id, 1, &[(&id, given)]);
        bench.topic(grown, 4);
        assert_eq!(bench.beat(newcomer).code, ErrorCode::NONE);
        let group = bench.group();
        assert_eq!((group.epoch, group.target_epoch), (2, 2), "{newcomer:?}");
        assert_eq!(group.targeted.len(), all, "{newcomer:?}");
        bench.check_log();
    }
}

/// A leader gives two members the same partition, and one that is not there.
#[test]
fn what_a_leader_gave_amiss_is_set_right_by_the_upgrade() {
    let mut bench = Bench::with(&[("t", 3)]);
    let first = bench.send_join("", None, &subscription(&["t"], &[]));
    let second = bench.send_join("", None, &subscription(&["t"], &[]));
    bench.pass(6_000);
    let (first, second) = (bench.joined(first), bench.joined(second));
    let ids = [&first.member_id, &second.member_id];
    let (one, two) = (bench.write(&[0, 1]), bench.write(&[0, 2, 7]));
    let given = [(&**ids[0], one), (&**ids[1], two)];
    bench.send_sync(&first.leader, 1, &given);
    assert_eq!(bench.beat(&Beat::join("new", &[])).code, ErrorCode::NONE);
    bench.shard.check();
    let group = bench.group();
    assert_eq!((group.epoch, group.target_epoch, group.targeted.len()), (2, 2, 3));
    let held: usize = ids.iter().map(|id| group.members[&***id].holds().count()).sum();
    assert_eq!(held, 3, "each once");
    for id in ids {
        assert_eq!(bench.classic_beat(id, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    }
    bench.check_log();
}

#[test]
fn a_settled_group_keeps_what_it_has_where_nobody_wants_other_topics() {
    let mut bench = Bench::with(&[("t", 2)]);
    let old = bench.one_classic();
    bench.beat(&Beat::join("new", &[]));
    assert_eq!((bench.group().epoch, bench.group().target_epoch), (1, 1));
    assert_eq!(bench.classic_beat(&old, 1), ErrorCode::NONE);
    bench.check_log();
}

/// The same id and name with the other protocol: a client that was started anew, with what it had.
#[test]
fn whoever_changes_its_protocol_has_the_time_of_the_new_one() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.settings.consumer.assignment_interval = 0;
    bench.beat(&Beat { timeout: 20_000, ..Beat::join("a", &["t"]).named("i") });
    bench.beat(&Beat::join("b", &["t"]));
    bench.beat(&Beat::at("a", 2).named("i"));
    assert_eq!(bench.member("a").state, MemberState::Unrevoked);
    let key = bench.send_join("a", Some("i"), &subscription(&["t"], &[("t", &[0, 1])]));
    assert_eq!(bench.joined(key).code, ErrorCode::NONE);
    bench.shard.check();
    assert_eq!(bench.beat(&Beat::at("a", 2).named("i")).code, ErrorCode::NONE);
    bench.shard.check();
    // It does not give back, and its time is up before its session is.
    assert_eq!(bench.member("a").state, MemberState::Unrevoked);
    bench.pass(30_000);
    assert!(!bench.group().members.contains_key("a"));
    bench.check_log();
}

#[test]
fn of_assignors_that_are_liked_alike_the_one_that_nobody_else_likes_is_taken() {
    let mut bench = Bench::with(&[("t", 2)]);
    let likes = |member: &str, assignor: &str| Beat {
        assignor: Some(assignor.to_owned()),
        ..Beat::join(member, &["t"])
    };
    bench.beat(&likes("a", "uniform"));
    bench.beat(&likes("b", "range"));
    let group = bench.group();
    let preferred = |old, new| group.preferred_assignor(old, new);
    assert_eq!(preferred(None, None).as_deref(), Some("uniform"));
    for (member, assignor) in [("a", "uniform"), ("b", "range")] {
        let member = Some(bench.member(member));
        assert_eq!(preferred(member, member).as_deref(), Some(assignor));
    }
}

#[test]
fn whoever_comes_to_want_nothing_begins_its_epoch_anew() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.settings.consumer.assignment_interval = 60_000;
    bench.join("a", &["t"]);
    bench.join("b", &["t"]);
    let before = (bench.member("b").epoch, bench.member("b").previous_epoch);
    assert_eq!(before, (2, 0));
    bench.beat(&Beat { topics: Some(Vec::new()), ..Beat::at("b", 2) });
    assert_eq!(bench.member("b").previous_epoch, 2);
    bench.check_log();
}
