//! What the group coordinator's state costs: memory of committed offsets and of members, and processor time of
//! their replay, without a broker around it. docs/PERFORMANCE.md explains the figures.
//!
//! `cargo bench --bench groups [-- SHAPE | members | held]`. Each shape of a million offsets is replayed into one shard
//! by a process of its own, whose resident memory is compared before and after. `held` is the time that
//! single events take in a full shard.

mod held;
mod members;

use barnabas::coordinator::groups::Shard;
use barnabas::wire::group_records::{GroupKey, OffsetCommitKey, OffsetCommitValue};
use std::process::Command;
use std::time::Instant;

/// Groups, topics of each, partitions of each: a million in all.
const SHAPES: &[(&str, [i32; 3], bool)] = &[
    ("1000 groups, 10 topics, 100 partitions", [1000, 10, 100], false),
    ("the same, in any order", [1000, 10, 100], true),
    ("10000 groups, 1 topic, 100 partitions", [10_000, 1, 100], true),
    ("100 groups, 1000 topics, 10 partitions", [100, 1000, 10], true),
    ("1 group, 5 topics, 200000 partitions", [1, 5, 200_000], true),
    ("1000000 groups with one offset", [1_000_000, 1, 1], true),
];
const FLAG: &str = "--replay";
const MEMBERS_FLAG: &str = "--replay-members";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((FLAG, rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        let index: usize = rest[0].parse().expect("the index of a shape");
        let (_, sizes, mixed) = SHAPES[index];
        return replay(sizes, mixed);
    }
    if let Some((MEMBERS_FLAG, rest)) =
        arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        let number = |at: usize| rest[at].parse().expect("a number");
        return members::replay(number(0), number(1));
    }
    if arguments.iter().any(|argument| argument == "held") {
        return held::print();
    }
    if arguments.iter().any(|argument| argument == "members") {
        return print_members();
    }
    println!("| a million offsets | bytes each | ns each |\n| --- | ---: | ---: |");
    for (index, (name, ..)) in SHAPES.iter().enumerate() {
        let wanted = arguments.iter().filter(|argument| !argument.starts_with('-'));
        if !wanted.clone().all(|part| name.contains(part)) {
            continue;
        }
        println!("| {name} | {}", child(&[FLAG, &index.to_string()]));
    }
}

fn print_members() {
    println!("| groups with members | bytes by the group | by the member | of these counted |");
    println!("| --- | ---: | ---: | ---: |");
    for (at, protocol) in members::PROTOCOLS.iter().enumerate() {
        for (shape, [groups, each]) in members::SHAPES.iter().enumerate() {
            println!(
                "| {protocol}, {groups} groups of {each} | {} |",
                child(&[MEMBERS_FLAG, &at.to_string(), &shape.to_string()])
            );
        }
    }
}

/// What this program says as a child of itself: it begins with fresh memory.
fn child(arguments: &[&str]) -> String {
    let own = std::env::current_exe().expect("this program");
    let run = Command::new(own).args(arguments).output().expect("a child");
    String::from_utf8_lossy(&run.stdout).trim().to_owned()
}

/// Replays a shape; prints the memory and the time that one offset takes.
fn replay([groups, topics, partitions]: [i32; 3], mixed: bool) {
    let count = i64::from(groups) * i64::from(topics) * i64::from(partitions);
    let mut shard = Shard::new();
    let before = resident();
    let began = Instant::now();
    for at in 0..count {
        // A step that has no factor in common with the count visits everything once.
        let at = if mixed { at * 7_368_787 % count } else { at };
        let partition = (at % i64::from(partitions)) as i32;
        let topic = at / i64::from(partitions) % i64::from(topics);
        let group = at / i64::from(partitions) / i64::from(topics);
        let (group, topic) = (format!("consumers-of-{group}"), format!("some.topic-{topic}"));
        let key = OffsetCommitKey { group: &group, topic: &topic, partition };
        let value = OffsetCommitValue { offset: at, commit_timestamp: at, ..Default::default() };
        let key = GroupKey::OffsetCommit(key).to_bytes();
        shard.replay(&key, Some(&value.to_bytes())).expect("a record");
    }
    let each = began.elapsed().as_nanos() as i64 / count;
    assert_eq!(shard.offsets().len() as i64, count);
    println!("{} | {each} |", (resident() - before) / count);
}

/// Bytes of memory of this process.
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: i64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}
