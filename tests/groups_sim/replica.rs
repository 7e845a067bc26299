//! A shard that knows nothing but what is in the log, beside the one that is alive: what lives in
//! records is the same in both, at any time.

use barnabas::coordinator::groups::admin::ListFilter;
use barnabas::coordinator::groups::classic::{Classic, State};
use barnabas::coordinator::groups::consumer::Consumer;
use barnabas::coordinator::groups::{Kind, Record, Shard};
use barnabas::wire::group_records::ForeignKind;
use std::collections::{BTreeMap, BTreeSet};

/// The groups of a kind.
pub fn groups(shard: &Shard, kind: Kind) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    shard.list(&ListFilter::default(), &mut |group| {
        if group.kind == kind {
            ids.insert(group.id.to_string());
        }
    });
    ids
}

/// The groups of kinds that are not served.
pub fn foreign(shard: &Shard) -> BTreeMap<String, ForeignKind> {
    let mut found = BTreeMap::new();
    shard.each_foreign(&mut |id, kind| {
        found.insert(id.to_string(), kind);
    });
    found
}

/// Panics where they differ.
pub fn check_same(live: &Shard, replica: &Shard) {
    let (ours, theirs) = (groups(live, Kind::Consumer), groups(replica, Kind::Consumer));
    assert_eq!(ours, theirs, "the log has the same consumer groups");
    for id in &ours {
        let one = live.describe_consumer(id).unwrap();
        let other = replica.describe_consumer(id).unwrap();
        check_consumer(one, other);
    }
    for id in groups(live, Kind::Classic) {
        let one = live.classic(&id).unwrap();
        match replica.classic(&id) {
            Some(other) => check_classic(one, other),
            None => assert_ne!(one.state, State::Stable, "{id} is stable, and not in the log"),
        }
    }
    let is_simple = |id: &String| replica.classic(id).is_some_and(Classic::is_simple);
    // A simple one whose offsets are gone leaves no trace in a compacted log.
    for id in groups(replica, Kind::Classic).iter().filter(|id| !is_simple(id)) {
        assert!(live.classic(id).is_some(), "{id} is in the log, and nowhere else");
    }
    assert_eq!(foreign(live), foreign(replica), "what is not served is what the log has");
    check_offsets(live, replica);
}

fn check_consumer(one: &Consumer, other: &Consumer) {
    let epochs = |group: &Consumer| {
        (group.epoch, group.metadata_hash, group.target_epoch, group.target_time)
    };
    assert_eq!(epochs(one), epochs(other), "{}: epochs are in the log", one.id);
    assert_eq!(one.members, other.members, "{}: members are in the log", one.id);
    assert_eq!(one.targets, other.targets, "{}: targets are in the log", one.id);
    assert_eq!(one.regexes, other.regexes, "{}: expressions are in the log", one.id);
    assert_eq!(one.state(), other.state(), "{}", one.id);
}

fn check_classic(one: &Classic, other: &Classic) {
    assert!(one.generation >= other.generation, "{}: the log is ahead of the group", one.id);
    if one.state != State::Stable {
        return;
    }
    let lasting = |group: &Classic| {
        let given = |(id, member): (&_, &barnabas::coordinator::groups::classic::Member)| {
            (std::sync::Arc::clone(id), member.instance_id.clone(), member.assignment.clone())
        };
        let members: Vec<_> = group.members.iter().map(given).collect();
        (group.generation, group.protocol.clone(), members)
    };
    assert_eq!(lasting(one), lasting(other), "{}: what is stable is in the log", one.id);
}

fn check_offsets(live: &Shard, replica: &Shard) {
    assert_eq!(live.offsets().len(), replica.offsets().len(), "the log has as many offsets");
    for (group, offsets) in live.offsets().groups() {
        for topic in offsets.topics() {
            for (partition, committed) in topic.iter() {
                let other = replica.offsets().get(group, topic.name(), partition);
                assert_eq!(Some(committed), other, "{group} {} {partition}", topic.name());
            }
        }
    }
}

/// What compaction leaves of a log: the last record of each key, where it stood; of tombstones some.
pub fn compacted(log: &[Record], keep_tombstones: bool) -> Vec<Record> {
    let mut last: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (at, record) in log.iter().enumerate() {
        last.insert(&record.key, at);
    }
    let stays = |(at, record): &(usize, &Record)| {
        last[&record.key[..]] == *at && (keep_tombstones || record.value.is_some())
    };
    log.iter().enumerate().filter(stays).map(|(_, record)| record.clone()).collect()
}
