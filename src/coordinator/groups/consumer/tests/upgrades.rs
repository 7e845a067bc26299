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

#[test]
fn a_settled_group_keeps_what_it_has_where_nobody_wants_other_topics() {
    let mut bench = Bench::with(&[("t", 2)]);
    let old = bench.one_classic();
    bench.beat(&Beat::join("new", &[]));
    assert_eq!((bench.group().epoch, bench.group().target_epoch), (1, 1));
    assert_eq!(bench.classic_beat(&old, 1), ErrorCode::NONE);
    bench.check_log();
}
