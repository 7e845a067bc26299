//! Hashes of a group's topics, as Kafka has them (`tests/groups_java/HashVectors.java`).

use super::super::hash;
use super::*;

fn hash_of(bench: &mut Bench) -> i64 {
    let mut member = Member::new("a".into());
    member.topics = Arc::new(bench.topics.by_name.keys().cloned().collect());
    let mut wishes = Wishes::default();
    wishes.replace(None, Some(&member));
    let mut hash = 0;
    bench.event(|_, world, _| hash = hash::of_group(&wishes, world));
    hash
}

#[test]
fn hashes_are_kafkas() {
    assert_eq!(hash_of(&mut Bench::new()), 0);
    assert_eq!(hash_of(&mut Bench::with(&[("t", 1)])), 6988156600070912466);
    let mut two = Bench::with(&[("foo", 3), ("bar", 40)]);
    assert_eq!(hash_of(&mut two), 2427653136155588772);
    two.settings.rack = Some("rack-\u{e9}".into());
    assert_eq!(hash_of(&mut two), 4716959690678343975);
}
