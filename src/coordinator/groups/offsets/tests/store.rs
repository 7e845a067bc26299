//! What the store keeps apart although it keeps it lean.

use super::super::{Committed, Store};
use super::*;

fn committed(offset: i64, topic_id: Uuid) -> Committed<'static> {
    let (leader_epoch, metadata, committed_at, ends_at) = (3, "", START, None);
    Committed { offset, leader_epoch, metadata, committed_at, ends_at, topic_id }
}

#[test]
fn offsets_keep_their_topic_ids_where_a_kafka_that_knew_none_wrote_before() {
    let (mut store, group) = (Store::default(), "g".into());
    for partition in 0..3 {
        store.put(&group, "a", partition, &committed(1, Uuid::ZERO));
    }
    store.put(&group, "a", 1, &committed(2, id(1)));
    store.put(&group, "a", 3, &committed(3, id(2)));
    let ids = [0, 1, 2, 3].map(|partition| store.get("g", "a", partition).unwrap().topic_id);
    assert_eq!(ids, [Uuid::ZERO, id(1), Uuid::ZERO, id(2)]);
    let offset = Committed { metadata: "m", ends_at: Some(9), ..committed(4, Uuid::ZERO) };
    store.put(&group, "a", 0, &offset);
    assert_eq!(store.get("g", "a", 0), Some(offset));
    assert_eq!(store.len(), 4);
}

#[test]
fn what_is_empty_is_gone_with_its_name() {
    let mut store = Store::default();
    for group in ["g", "h"] {
        store.put(&group.into(), "a", 0, &committed(1, id(1)));
        store.put(&group.into(), "b", 0, &committed(1, id(2)));
    }
    assert!(!store.remove("g", "a", 0) && store.has_topic("a"), "another group has it");
    assert!(!store.remove("g", "a", 0) && !store.remove("g", "x", 0) && !store.remove("x", "a", 0));
    assert!(store.remove("g", "b", 0) && store.group("g").is_none(), "its last offset");
    assert!(!store.remove("h", "a", 0) && !store.has_topic("a") && store.has_topic("b"));
    assert!(store.remove("h", "b", 0) && store.is_empty() && !store.has_topic("b"));
}
