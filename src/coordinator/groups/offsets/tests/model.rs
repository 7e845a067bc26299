//! Random commits, deletions and expiries against a map, and the log against the shard: whatever was
//! asked, and also where compaction has left only the last record of each key of any prefix.

use super::*;
use crate::wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use std::collections::HashMap;

const GROUPS: [&str; 3] = ["g", "h", "i"];
const TOPICS: [(&str, i32); 3] = [("a", 4), ("b", 2), ("c", 200)];

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % bound as u64) as i32
    }
}

/// Offset, metadata, when it was committed, its own end.
type Model = BTreeMap<(&'static str, &'static str, i32), (i64, String, i64, Option<i64>)>;

fn commit(bench: &mut Bench, dice: &mut Dice, model: &mut Model) {
    let group = GROUPS[dice.below(3) as usize];
    let (topic, count) = TOPICS[dice.below(3) as usize];
    let metadata = ["", "", "", "m", "more"][dice.below(5) as usize];
    let retention_time_ms = [-1, -1, -1, HOUR, 30 * HOUR][dice.below(5) as usize];
    let first = dice.below(count);
    let partitions: Vec<_> = (first..count.min(first + 1 + dice.below(30)))
        .map(|partition_index| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: i64::from(dice.below(1000)),
            committed_metadata: Some(metadata),
            ..Default::default()
        })
        .collect();
    let topics = [OffsetCommitRequestTopic {
        name: topic,
        partitions: Array::from(&partitions),
        ..Default::default()
    }];
    let request = OffsetCommitRequest {
        group_id: group,
        retention_time_ms,
        topics: Array::from(&topics),
        ..Default::default()
    };
    let reply =
        bench.reply(|shard, world, effects| shard.commit(world, 4, &request, TOKEN, effects));
    if codes(reply).iter().all(|code| *code == ErrorCode::NONE) {
        let end = (retention_time_ms != -1).then_some(bench.now + retention_time_ms);
        for one in &partitions {
            let value = (one.committed_offset, metadata.to_owned(), bench.now, end);
            model.insert((group, topic, one.partition_index), value);
        }
    }
}

fn delete(bench: &mut Bench, dice: &mut Dice, model: &mut Model) {
    let group = GROUPS[dice.below(3) as usize];
    let (topic, count) = TOPICS[dice.below(3) as usize];
    let first = dice.below(count);
    let indexes = first..count.min(first + 1 + dice.below(100));
    let partition = |partition_index| OffsetDeleteRequestPartition { partition_index };
    let partitions: Vec<_> = indexes.clone().map(partition).collect();
    let topics = [OffsetDeleteRequestTopic { name: topic, partitions: Array::from(&partitions) }];
    let request = OffsetDeleteRequest { group_id: group, topics: Array::from(&topics) };
    let reply = bench.reply(|shard, world, effects| {
        shard.delete_offsets(world, &request, TOKEN, effects);
    });
    if matches!(reply, Reply::OffsetDelete(reply) if reply.code == ErrorCode::NONE) {
        model.retain(|key, _| !(key.0 == group && key.1 == topic && indexes.contains(&key.2)));
    }
}

fn agree(shard: &Shard, model: &Model) {
    let expected: Vec<_> = model
        .iter()
        .map(|((group, topic, partition), (offset, metadata, ..))| {
            (group.to_string(), topic.to_string(), *partition, *offset, metadata.clone())
        })
        .collect();
    assert_eq!(listed(shard), expected);
    assert_eq!(shard.offsets().len(), model.len());
    // A simple group is there while it has offsets; without, until somebody looks or starts anew.
    for group in GROUPS.iter().filter(|group| model.keys().any(|key| key.0 == **group)) {
        assert!(shard.describe(group).is_ok(), "{group}");
    }
}

/// What compaction leaves of the log when it has cleaned this much of it.
fn compacted(log: &[Record], cleaned: usize) -> Vec<Record> {
    let last: HashMap<_, _> =
        log[..cleaned].iter().enumerate().map(|(at, one)| (&one.key, at)).collect();
    let stays = |(at, one): &(usize, &Record)| *at >= cleaned || last.get(&one.key) == Some(at);
    log.iter().enumerate().filter(stays).map(|(_, one)| one.clone()).collect()
}

fn run(seed: u64) {
    let (mut bench, mut dice, mut model) = (Bench::new(), Dice(seed), Model::new());
    bench.settings.max_append = 4000;
    for step in 0..400 {
        bench.refuses = (dice.below(10) == 0).then_some(ErrorCode::NOT_COORDINATOR);
        match dice.below(100) {
            0..60 => commit(&mut bench, &mut dice, &mut model),
            60..80 => delete(&mut bench, &mut dice, &mut model),
            80..82 => {
                let group = GROUPS[dice.below(3) as usize];
                bench.run(|shard, world, effects| shard.delete_group(world, group, TOKEN, effects));
                if bench.state(group).is_none() {
                    model.retain(|key, _| key.0 != group);
                } else {
                    // In parts, of which one could not be written.
                    let shard = &bench.shard;
                    model.retain(|key, _| shard.offsets().get(key.0, key.1, key.2).is_some());
                }
            }
            82..85 => {
                let (topic, _) = TOPICS[dice.below(3) as usize];
                let deleted = [(topic.into(), bench.topics.id(topic).unwrap())];
                bench.refuses = None;
                bench.run(|shard, world, effects| shard.topics_deleted(world, &deleted, effects));
                bench.pass(0);
                model.retain(|key, _| key.1 != topic);
            }
            _ => {
                bench.refuses = None;
                bench.pass(i64::from(dice.below(40)) * HOUR);
                // Beyond the next check, which is due after a failure.
                bench.pass(INTERVAL);
                let now = bench.now;
                model.retain(|_, (.., committed, end)| match end {
                    Some(end) => now < *end,
                    None => now - *committed < RETENTION,
                });
                // What has ended within the last moments is seen with the next check.
                let shard = &bench.shard;
                let late: Vec<_> = listed(shard)
                    .into_iter()
                    .filter(|one| {
                        !model.keys().any(|key| (key.0, key.1, key.2) == (&*one.0, &*one.1, one.2))
                    })
                    .collect();
                assert!(late.is_empty(), "seed {seed}, step {step}: {late:?}");
            }
        }
        agree(&bench.shard, &model);
        if step % 20 == 0 {
            agree(&bench.restarted(), &model);
            let cleaned = dice.below(bench.log.len() as i32 + 1) as usize;
            agree(&replay(&compacted(&bench.log, cleaned)), &model);
        }
    }
}

#[test]
fn the_store_agrees_with_a_map_and_with_its_log() {
    (0..12).for_each(run);
}
