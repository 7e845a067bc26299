//! The same groups through Apache Kafka's assignors and through ours: the same assignments.
//!
//! `groups_java/AssignorVectors.java` made `assignors.txt` with Kafka's classes.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

use barnabas::coordinator::groups::consumer::assign::*;
use barnabas::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const VECTORS: &str = include_str!("groups_java/assignors.txt");

#[derive(Default)]
struct Case {
    line: usize,
    assignor: String,
    same: bool,
    topics: BTreeMap<Uuid, i32>,
    members: Vec<Candidate>,
    results: Targets,
}

fn topic(text: &str) -> Uuid {
    let low: i64 = text.parse().unwrap();
    let high = if low < 100 { 0 } else { -low };
    let bits = (u128::from(high as u64) << 64) | u128::from(low as u64);
    Uuid(bits.to_be_bytes())
}

fn partitions(text: &str) -> Arc<Partitions> {
    let one = |text: &str| {
        let (id, list) = text.split_once(':').unwrap();
        (topic(id), list.split(',').map(|one| one.parse().unwrap()).collect())
    };
    Arc::new(text.split(';').filter(|text| *text != "-").map(one).collect())
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in VECTORS.lines().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "case" {
            let (assignor, same) = (words[1].to_owned(), words[2] == "same");
            cases.push(Case { line: number + 1, assignor, same, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        match words[0] {
            "topic" => drop(case.topics.insert(topic(words[1]), words[2].parse().unwrap())),
            "member" => case.members.push(Candidate {
                id: words[1].into(),
                instance_id: Some(words[2]).filter(|name| *name != "-").map(Arc::from),
                topics: Arc::new(
                    words[3].split(',').filter(|id| *id != "-").map(topic).collect::<BTreeSet<_>>(),
                ),
                assigned: partitions(words[4]),
            }),
            "result" => drop(case.results.insert(words[1].into(), partitions(words[2]))),
            other => panic!("{other} in line {}", number + 1),
        }
    }
    cases
}

#[test]
fn assignments_are_kafkas() {
    let cases = cases();
    assert!(cases.len() > 500, "{} cases", cases.len());
    for case in cases {
        let owners: BTreeSet<(Uuid, i32)> = case
            .members
            .iter()
            .flat_map(|member| member.assigned.iter())
            .flat_map(|(topic, list)| list.iter().map(|partition| (*topic, *partition)))
            .collect();
        let request = Request {
            members: &case.members,
            subscription: if case.same { Subscription::Same } else { Subscription::Mixed },
            is_assigned: &|topic, partition| owners.contains(&(topic, partition)),
            partitions: &|topic| case.topics.get(&topic).copied(),
        };
        let mut targets = assign(Assignor::named(&case.assignor).unwrap(), &request).unwrap();
        for member in &case.members {
            targets.entry(member.id.clone()).or_default();
        }
        assert_eq!(targets, case.results, "the case that begins in line {}", case.line);
    }
}
