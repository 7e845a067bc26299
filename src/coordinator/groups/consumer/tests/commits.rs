//! Committed offsets of consumer groups.

use super::super::super::shard::Group;
use super::*;
use crate::coordinator::groups::any_group::Committer;

fn check(bench: &Bench, by: &Committer<'_>) -> Result<(), ErrorCode> {
    let group = bench.group();
    group.check_commit(by)?;
    group.check_committed_partition(by, bench.id_of("t"), 0)
}

fn by(member_id: &'static str, generation: i32) -> Committer<'static> {
    Committer { member_id, instance_id: None, generation, in_transaction: false, version: 9 }
}

#[test]
fn a_member_commits_in_its_epoch_or_what_it_has_had_since() {
    let mut bench = Bench::with(&[("t", 1), ("u", 1)]);
    bench.beat(&Beat::join("a", &["t", "u"]));
    assert_eq!(check(&bench, &by("a", 2)), Ok(()));
    assert_eq!(check(&bench, &by("a", 3)), Err(ErrorCode::STALE_MEMBER_EPOCH));
    assert_eq!(check(&bench, &by("a", 1)), Err(ErrorCode::STALE_MEMBER_EPOCH));
    assert_eq!(check(&bench, &by("b", 2)), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(check(&bench, &by("", -1)), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    let old = Committer { version: 8, ..by("a", 2) };
    assert_eq!(check(&bench, &old), Err(ErrorCode::UNSUPPORTED_VERSION));
    let transaction = |by| Committer { in_transaction: true, version: 3, ..by };
    assert_eq!(check(&bench, &transaction(by("", -1))), Ok(()));
    assert_eq!(check(&bench, &transaction(by("a", 2))), Ok(()));
    assert_eq!(check(&bench, &transaction(by("a", 3))), Err(ErrorCode::ILLEGAL_GENERATION));
    // In the next epoch the old one still goes for what was kept.
    bench.topic("u", 2);
    bench.pass(1000);
    assert_eq!(bench.beat(&Beat::at("a", 2)).member_epoch, 3);
    assert_eq!(check(&bench, &by("a", 2)), Ok(()));
    let new = bench.group().check_committed_partition(&by("a", 2), bench.id_of("u"), 1);
    assert_eq!(new, Err(ErrorCode::STALE_MEMBER_EPOCH));
}

#[test]
fn an_empty_group_takes_commits_of_nobody() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.beat(&Beat::at("a", -1));
    assert_eq!(check(&bench, &by("", -1)), Ok(()));
    assert_eq!(check(&bench, &by("a", 2)), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_member_fetches_in_its_epoch_and_others_as_nobody() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.beat(&Beat::join("a", &["t"]));
    let fetch = |member, epoch| bench.group().check_fetch(member, epoch);
    assert_eq!((fetch(None, -1), fetch(Some("a"), 2)), (Ok(()), Ok(())));
    assert_eq!(fetch(Some("a"), 1), Err(ErrorCode::STALE_MEMBER_EPOCH));
    assert_eq!(fetch(Some("b"), 2), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(fetch(None, 2), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn an_empty_group_without_offsets_ends() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.beat(&Beat::join("a", &["t"]));
    bench.beat(&Beat::at("a", -1));
    assert!(matches!(bench.shard.groups.get(GROUP), Some(Group::Consumer(_))));
    bench.pass(2 * bench.settings.retention_check_interval);
    assert!(bench.shard.groups.is_empty());
    bench.check_log();
}
