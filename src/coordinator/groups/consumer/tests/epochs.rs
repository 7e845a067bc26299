//! Epochs, targets and who has what.

use super::*;

#[test]
fn the_first_member_gets_all_in_the_second_epoch() {
    let mut bench = Bench::with(&[("t", 3)]);
    let reply = bench.beat(&Beat::join("a", &["t"]));
    assert_eq!((reply.code, reply.member_epoch), (ErrorCode::NONE, 2));
    assert_eq!(reply.heartbeat_interval, 5000);
    assert_eq!(given(&reply, bench.id_of("t")), Some(vec![0, 1, 2]));
    assert_eq!(bench.group().state(), State::Stable);
    let again = bench.beat(&Beat::at("a", 2));
    assert_eq!((again.code, again.member_epoch, again.assignment), (ErrorCode::NONE, 2, None));
    bench.check_log();
}

#[test]
fn a_partition_is_given_when_its_owner_has_given_it_back() {
    let mut bench = Bench::with(&[("t", 2)]);
    let t = bench.id_of("t");
    bench.join("a", &["t"]);
    let reply = bench.join("b", &["t"]);
    assert_eq!((reply.member_epoch, given(&reply, t)), (3, Some(vec![])));
    assert_eq!(bench.member("b").state, MemberState::Unreleased);
    // It is told to give one back, and does not go on before it has.
    let reply = bench.beat(&Beat::at("a", 2));
    assert_eq!((reply.member_epoch, given(&reply, t).map(|list| list.len())), (2, Some(1)));
    let kept = given(&reply, t).unwrap();
    assert_eq!(bench.beat(&Beat::at("b", 3)).assignment, None);
    let still = bench.beat(&Beat::at("a", 2).owning(&[(t, &[0, 1])]));
    assert_eq!((still.member_epoch, bench.member("a").state), (2, MemberState::Unrevoked));
    let reply = bench.beat(&Beat::at("a", 2).owning(&[(t, &kept)]));
    assert_eq!((reply.member_epoch, bench.member("a").state), (3, MemberState::Stable));
    let reply = bench.beat(&Beat::at("b", 3));
    assert_eq!(given(&reply, t).map(|list| list.len()), Some(1));
    assert_eq!(bench.group().state(), State::Stable);
    bench.check_log();
}

#[test]
fn who_does_not_give_back_in_time_is_out() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat { timeout: 10_000, ..Beat::join("a", &["t"]) });
    bench.join("b", &["t"]);
    bench.beat(&Beat::at("a", 2));
    bench.pass(9_999);
    assert_eq!(bench.beat(&Beat::at("a", 2)).code, ErrorCode::NONE);
    bench.pass(1);
    assert_eq!(bench.beat(&Beat::at("a", 2)).code, ErrorCode::UNKNOWN_MEMBER_ID);
    bench.pass(1000);
    let reply = bench.beat(&Beat::at("b", 3));
    assert_eq!(given(&reply, bench.id_of("t")), Some(vec![0, 1]));
    bench.check_log();
}

/// Its session is over once: nobody else would think of it again.
#[test]
fn an_end_that_could_not_be_written_is_tried_again() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.outcome = Err(ErrorCode::UNKNOWN_SERVER_ERROR);
    bench.pass(45_000);
    assert!(bench.group().members.contains_key("a"), "nothing says that it is gone");
    bench.pass(499);
    assert!(bench.group().members.contains_key("a"));
    bench.pass(1);
    assert!(bench.group().members.is_empty());
    bench.check_log();
}

#[test]
fn a_session_that_is_over_frees_what_its_member_had() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.join("a", &["t"]);
    bench.join("b", &["t"]);
    bench.pass(43_000);
    bench.beat(&Beat::at("b", 3));
    bench.pass(1_000);
    assert!(!bench.group().members.contains_key("a"));
    assert_eq!(bench.group().epoch, 4);
    bench.pass(1_000);
    let reply = bench.beat(&Beat::at("b", 3));
    assert_eq!((reply.member_epoch, given(&reply, bench.id_of("t"))), (4, Some(vec![0, 1])));
    bench.check_log();
}

#[test]
fn targets_are_computed_at_most_once_in_the_interval() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat::join("a", &["t"]));
    let reply = bench.beat(&Beat::join("b", &["t"]));
    assert_eq!(reply.member_epoch, 2, "the target is the one that was");
    assert_eq!((bench.group().epoch, bench.group().target_epoch), (3, 2));
    assert_eq!(bench.group().state(), State::Assigning);
    bench.pass(999);
    assert_eq!(bench.beat(&Beat::at("b", 2)).member_epoch, 2);
    bench.pass(1);
    assert_eq!(bench.beat(&Beat::at("b", 2)).member_epoch, 3);
    bench.check_log();
}

#[test]
fn topics_that_come_and_grow_are_noticed_at_the_next_report() {
    let mut bench = Bench::new();
    let reply = bench.beat(&Beat::join("a", &["t"]));
    assert_eq!((reply.member_epoch, bench.group().metadata_hash), (2, 0));
    for (partitions, epoch) in [(1, 3), (4, 4)] {
        bench.topic("t", partitions);
        bench.pass(1000);
        let reply = bench.beat(&Beat::at("a", epoch - 1));
        let all: Vec<i32> = (0..partitions).collect();
        assert_eq!((reply.member_epoch, given(&reply, bench.id_of("t"))), (epoch, Some(all)));
    }
    bench.topic("other", 1);
    bench.pass(1000);
    assert_eq!(bench.beat(&Beat::at("a", 4)).member_epoch, 4, "it is nothing to this group");
    bench.check_log();
}

#[test]
fn epochs_that_do_not_fit_are_fenced() {
    let mut bench = Bench::with(&[("t", 2)]);
    let t = bench.id_of("t");
    bench.join("a", &["t"]);
    let ahead = bench.beat(&Beat::at("a", 3));
    assert_eq!(ahead.code, ErrorCode::FENCED_MEMBER_EPOCH);
    assert_eq!((ahead.member_id, ahead.member_epoch), (None, 0));
    // The answer with the new epoch was lost: the one before will do, with what was had.
    assert_eq!(bench.member("a").previous_epoch, 0);
    bench.topic("t", 3);
    bench.pass(1000);
    bench.beat(&Beat::at("a", 2));
    assert_eq!(bench.beat(&Beat::at("a", 2)).code, ErrorCode::FENCED_MEMBER_EPOCH);
    let lost = bench.beat(&Beat::at("a", 2).owning(&[(t, &[0, 1])]));
    assert_eq!((lost.code, lost.member_epoch), (ErrorCode::NONE, 3));
    let strange = bench.beat(&Beat::at("a", 2).owning(&[(t, &[7])]));
    assert_eq!(strange.code, ErrorCode::FENCED_MEMBER_EPOCH);
    let back = bench.beat(&Beat::join("a", &["t"]));
    assert_eq!((back.code, given(&back, t)), (ErrorCode::NONE, Some(vec![0, 1, 2])));
}

#[test]
fn a_topic_that_is_dropped_is_given_back_before_there_is_a_target() {
    let mut bench = Bench::with(&[("t", 1), ("u", 1)]);
    let (t, u) = (bench.id_of("t"), bench.id_of("u"));
    bench.beat(&Beat::join("a", &["t", "u"]));
    let other = Beat { topics: Some(vec!["u".into()]), ..Beat::at("a", 2) };
    let reply = bench.beat(&other.owning(&[(t, &[0]), (u, &[0])]));
    assert_eq!((reply.member_epoch, given(&reply, u)), (2, Some(vec![0])));
    assert_eq!(given(&reply, t), Some(vec![]), "within the interval, too");
    assert_eq!(bench.member("a").state, MemberState::Unrevoked);
    bench.check_log();
}

#[test]
fn nothing_has_changed_when_an_append_failed() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.outcome = Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let reply = bench.beat(&Beat::join("a", &["t"]));
    assert_eq!((reply.code, reply.assignment), (ErrorCode::COORDINATOR_NOT_AVAILABLE, None));
    assert!(bench.shard.consumer(GROUP).is_none());
    bench.join("a", &["t"]);
    bench.outcome = Err(ErrorCode::NOT_COORDINATOR);
    assert_eq!(bench.beat(&Beat::at("a", -1)).code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(bench.beat(&Beat::at("a", 2)).code, ErrorCode::NONE);
    bench.check_log();
}

#[test]
fn a_new_coordinator_goes_on_where_the_old_one_was() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.join("a", &["t"]);
    bench.join("b", &["t"]);
    bench.beat(&Beat::at("a", 2));
    bench.shard = bench.reloaded();
    bench.event(|shard, world, effects| shard.loaded(world, effects));
    assert_eq!(bench.beat(&Beat::at("b", 3)).code, ErrorCode::NONE);
    bench.pass(45_000);
    assert!(bench.group().is_empty(), "sessions begin anew, and end");
    bench.check_log();
}

/// The targets are due when a member comes that is no reason for new ones.
#[test]
fn a_newcomer_that_wants_nothing_gets_nothing() {
    let mut bench = Bench::with(&[("t", 3)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.beat(&Beat::join("b", &["t"]));
    assert!(bench.group().target_epoch < bench.group().epoch, "too early for new targets");
    bench.pass(1000);
    bench.beat(&Beat::join("c", &[]));
    assert_eq!(bench.group().target_epoch, bench.group().epoch);
    assert!(bench.group().target("c").is_empty());
    bench.check_log();
}
