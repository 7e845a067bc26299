//! Static members (KIP-345) of the consumer protocol.

use super::*;

#[test]
fn a_static_member_comes_back_under_a_new_id_to_what_it_had() {
    let mut bench = Bench::with(&[("t", 2)]);
    let t = bench.id_of("t");
    bench.beat(&Beat::join("a", &["t"]).named("i"));
    bench.join("b", &["t"]);
    let kept = given(&bench.beat(&Beat::at("a", 2).named("i")), t).unwrap();
    bench.beat(&Beat::at("a", 2).named("i").owning(&[(t, &kept)]));
    bench.beat(&Beat::at("b", 3));
    let reply = bench.beat(&Beat::at("a", -2).named("i"));
    assert_eq!((reply.code, reply.member_epoch), (ErrorCode::NONE, -2));
    assert_eq!((bench.member("a").epoch, bench.group().epoch), (-2, 3));
    let epochs: Vec<i32> = bench.member("a").assigned[&t].values().copied().collect();
    assert_eq!(epochs, [0]);
    bench.pass(1000);
    let reply = bench.beat(&Beat::join("c", &["t"]).named("i"));
    assert_eq!((reply.code, given(&reply, t)), (ErrorCode::NONE, Some(kept)));
    assert_eq!(reply.member_epoch, 3, "nobody else notices");
    assert!(!bench.group().members.contains_key("a"));
    bench.check_log();
}

#[test]
fn a_name_that_is_in_use_is_not_given_away() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.beat(&Beat::join("a", &["t"]).named("i"));
    let other = bench.beat(&Beat::join("b", &["t"]).named("i"));
    assert_eq!(other.code, ErrorCode::UNRELEASED_INSTANCE_ID);
    let expected = "Static member b with instance id i cannot join the group because the instance \
                    id is owned by a member.";
    assert_eq!(other.message.as_deref(), Some(expected));
    let fenced = bench.beat(&Beat::at("b", 2).named("i"));
    assert_eq!(fenced.code, ErrorCode::FENCED_INSTANCE_ID);
    let expected = "Static member b with instance id i was fenced by member a.";
    assert_eq!(fenced.message.as_deref(), Some(expected));
    let leave = bench.beat(&Beat::at("b", -1).named("i"));
    assert_eq!(leave.code, ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn a_static_member_that_stays_away_is_out_after_its_session() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.beat(&Beat::join("a", &["t"]).named("i"));
    bench.beat(&Beat::at("a", -2).named("i"));
    bench.pass(45_000);
    assert!(bench.group().is_empty());
    assert!(bench.group().static_members.is_empty());
    bench.check_log();
}

#[test]
fn a_static_member_may_leave_for_good_and_come_back_under_its_id() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.beat(&Beat::join("a", &["t"]).named("i"));
    bench.beat(&Beat::at("a", -2).named("i"));
    bench.pass(1000);
    let reply = bench.beat(&Beat::join("a", &["t"]).named("i"));
    assert_eq!((reply.code, reply.member_epoch), (ErrorCode::NONE, 2));
    bench.check_log();
    bench.beat(&Beat::at("a", -1).named("i"));
    assert!(bench.group().is_empty());
    bench.check_log();
}

#[test]
fn a_member_that_takes_another_name_gives_the_one_it_had_away() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.beat(&Beat::join("a", &["t"]).named("i"));
    let renamed = bench.beat(&Beat::join("a", &["t"]).named("j"));
    assert_eq!(renamed.code, ErrorCode::NONE);
    assert_eq!(bench.group().static_member("j").map(|member| &*member.id), Some("a"));
    assert!(bench.group().static_member("i").is_none());
    let other = bench.beat(&Beat::join("b", &["t"]).named("i"));
    assert_eq!((other.code, bench.group().members.len()), (ErrorCode::NONE, 2));
    bench.check_log();
    bench.beat(&Beat::at("a", -1).named("j"));
    let ids: Vec<_> = bench.group().static_members.values().map(|id| &**id).collect();
    assert_eq!(ids, ["b"]);
    bench.check_log();
}

#[test]
fn in_a_full_group_a_static_member_comes_back_under_its_own_id_alone() {
    let mut bench = Bench::with(&[("t", 2)]);
    bench.settings.consumer.max_size = 1;
    bench.beat(&Beat::join("a", &["t"]).named("i"));
    bench.beat(&Beat::at("a", -2).named("i"));
    // Kafka, too, counts by ids.
    let new = bench.beat(&Beat::join("b", &["t"]).named("i"));
    assert_eq!(new.code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    let same = bench.beat(&Beat::join("a", &["t"]).named("i"));
    assert_eq!((same.code, bench.group().members.len()), (ErrorCode::NONE, 1));
    bench.check_log();
}
