//! The first rebalance of a group waits for more members (`group.initial.rebalance.delay.ms`): each time that
//! somebody has come it waits once more, up to the rebalance timeout in all. Other rebalances do not wait.
//! (`tryCompleteInitialRebalanceElseSchedule`.)

use super::Reply;
use super::room_tests::Bench;
use crate::wire::error::ErrorCode;

const DELAY: i64 = 3_000;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.settings.initial_rebalance_delay = DELAY as i32;
    bench
}

/// Somebody comes, and has to wait.
fn comes(bench: &mut Bench) {
    assert!(bench.send_join("g", ("", None), 3, &[("p", b"m")]).is_empty(), "it waits");
}

/// The members of those that are answered: the leader is told of all.
fn members(replies: &[Reply]) -> usize {
    let told = replies.iter().map(|reply| match reply {
        Reply::Join(reply) => {
            assert_eq!(reply.code, ErrorCode::NONE);
            reply.members.len()
        }
        other => panic!("{other:?}"),
    });
    let all: usize = told.sum();
    assert_eq!(all, replies.len(), "each of them is answered");
    all
}

#[test]
fn the_first_rebalance_waits_and_no_longer_where_nobody_else_comes() {
    let mut bench = bench();
    comes(&mut bench);
    assert_eq!(members(&bench.pass(DELAY - 1)), 0);
    assert_eq!(members(&bench.pass(1)), 1);
}

#[test]
fn it_waits_once_more_for_each_time_that_somebody_has_come() {
    let mut bench = bench();
    comes(&mut bench);
    bench.pass(1_000);
    comes(&mut bench);
    comes(&mut bench);
    assert_eq!(members(&bench.pass(2 * DELAY - 1_001)), 0, "twice its time has not passed");
    assert_eq!(members(&bench.pass(1)), 3, "all are in one generation");
}

#[test]
fn it_does_not_wait_longer_than_a_rebalance_may_take() {
    let mut bench = bench();
    comes(&mut bench);
    for second in 1..10 {
        assert_eq!(members(&bench.pass(1_000)), 0, "{second} s");
        comes(&mut bench);
    }
    assert_eq!(members(&bench.pass(999)), 0);
    assert_eq!(members(&bench.pass(1)), 10, "ten seconds are the members' timeout");
}

#[test]
fn a_rebalance_of_a_group_with_members_does_not_wait() {
    let mut bench = bench();
    comes(&mut bench);
    let Some(Reply::Join(first)) = bench.pass(DELAY).pop() else { panic!("it has joined") };
    assert_eq!(bench.sync("g", &first, 7), ErrorCode::NONE);
    comes(&mut bench);
    let both = bench.send_join("g", (&first.member_id, None), 3, &[("p", b"m")]);
    assert_eq!(members(&both), 2, "as soon as all have joined");
}
