//! Lists and descriptions of groups.

use super::super::super::Kind;
use super::super::super::admin::ListFilter;
use super::*;
use crate::wire::messages::list_groups::ListGroupsRequest;

fn list(bench: &Bench, states: &[&str], types: &[&str]) -> Vec<String> {
    let request =
        ListGroupsRequest { states_filter: Array::from(states), types_filter: Array::from(types) };
    let mut found = Vec::new();
    bench.shard.list(&ListFilter::of(&request), &mut |group| {
        assert_eq!(group.kind, Kind::Classic);
        found.push(format!("{} {} {}", group.id, group.protocol_type, group.state));
    });
    found.sort();
    found
}

fn three_groups() -> Bench {
    let mut bench = Bench::new();
    bench.commit("simple", "a", &[(0, 1)]);
    bench.join("stable", "consumer", &subscribed_to(&["a"]), true);
    bench.join("waiting", "connect", b"w", false);
    bench
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let bench = three_groups();
    let (simple, stable) = ("simple  Empty", "stable consumer Stable");
    let waiting = "waiting connect CompletingRebalance";
    assert_eq!(list(&bench, &[], &[]), [simple, stable, waiting]);
    assert_eq!(list(&bench, &["sTable"], &[]), [stable]);
    assert_eq!(list(&bench, &[" empty ", "COMPLETINGREBALANCE"], &[]), [simple, waiting]);
    assert_eq!(list(&bench, &["nonsense"], &[]), [""; 0]);
    assert_eq!(list(&bench, &[], &["CLASSIC"]).len(), 3);
    assert_eq!(list(&bench, &["Stable"], &["classic", "consumer"]), [stable]);
    for other in ["consumer", "share", "nonsense", ""] {
        assert_eq!(list(&bench, &[], &[other]), [""; 0], "{other}");
    }
}

#[test]
fn what_members_say_is_told_of_stable_groups_only() {
    let bench = three_groups();
    let stable = bench.shard.describe("stable").expect("a group");
    assert_eq!(
        (stable.state, stable.protocol_type, stable.protocol),
        ("Stable", "consumer", "range")
    );
    assert_eq!(stable.members.len(), 1);
    let member = stable.members[0];
    assert!(member.member_id.starts_with("me-"), "{member:?}");
    assert_eq!((member.client_id, member.client_host), ("me", "/127.0.0.1"));
    assert_eq!((member.metadata, member.instance_id), (&subscribed_to(&["a"])[..], None));
    let waiting = bench.shard.describe("waiting").expect("a group");
    assert_eq!((waiting.state, waiting.protocol_type), ("CompletingRebalance", "connect"));
    assert_eq!((waiting.protocol, waiting.members[0].metadata), ("", &[][..]));
    let simple = bench.shard.describe("simple").expect("a group");
    assert_eq!((simple.state, simple.protocol_type, simple.members.len()), ("Empty", "", 0));
    assert_eq!(bench.shard.describe("x"), Err("Group x not found.".to_owned()));
}
