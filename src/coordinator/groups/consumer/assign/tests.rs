//! Assignments of small groups. `tests/groups_assignors.rs` compares many with Kafka's.

use super::*;

fn topic(number: u128) -> Uuid {
    Uuid(number.to_be_bytes())
}

fn member(id: &str, topics: &[u128], assigned: &[(u128, &[i32])]) -> Candidate {
    let assigned = assigned
        .iter()
        .map(|(id, partitions)| (topic(*id), partitions.iter().copied().collect()))
        .collect();
    Candidate {
        id: id.into(),
        instance_id: None,
        topics: Arc::new(topics.iter().map(|id| topic(*id)).collect()),
        assigned: Arc::new(assigned),
    }
}

fn run(assignor: Assignor, members: &[Candidate], sizes: &[i32]) -> Result<Targets, CannotAssign> {
    let first = members.first().map(|member| &member.topics);
    let same = members.iter().all(|member| Some(&member.topics) == first);
    let request = Request {
        members,
        subscription: if same { Subscription::Same } else { Subscription::Mixed },
        is_assigned: &|topic, partition| {
            let has = |member: &Candidate| {
                member
                    .assigned
                    .get(&topic)
                    .is_some_and(|partitions| partitions.contains(&partition))
            };
            members.iter().any(has)
        },
        partitions: &|id| {
            let at = usize::try_from(u128::from_be_bytes(id.0)).ok()?;
            sizes.get(at.checked_sub(1)?).copied()
        },
    };
    assign(assignor, &request)
}

fn loads(targets: &Targets) -> Vec<usize> {
    targets.values().map(|target| target.values().map(BTreeSet::len).sum()).collect()
}

#[test]
fn nobody_gets_nothing_and_unknown_topics_are_an_error() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert_eq!(run(assignor, &[], &[]), Ok(Targets::new()));
        let lost = run(assignor, &[member("a", &[7], &[])], &[1]);
        assert_eq!(lost, Err(CannotAssign::NoSuchTopic(topic(7))));
        let mixed = [member("a", &[1], &[]), member("b", &[7], &[])];
        assert_eq!(run(assignor, &mixed, &[1]), Err(CannotAssign::NoSuchTopic(topic(7))));
    }
}

#[test]
fn a_range_begins_where_the_one_before_ended() {
    let mut members =
        [member("a", &[1, 2], &[]), member("b", &[1, 2], &[]), member("c", &[1, 2], &[])];
    members[2].instance_id = Some("first".into());
    let targets = run(Assignor::Range, &members, &[7, 7]).unwrap();
    for topic in [topic(1), topic(2)] {
        let of = |id: &str| targets[id][&topic].iter().copied().collect::<Vec<_>>();
        assert_eq!((of("c"), of("a"), of("b")), (vec![0, 1, 2], vec![3, 4], vec![5, 6]));
    }
}

#[test]
fn uniform_moves_no_more_than_a_new_member_needs() {
    let before = [member("a", &[1], &[(1, &[0, 1, 2])]), member("b", &[1], &[(1, &[3, 4, 5])])];
    let members = [before[0].clone(), before[1].clone(), member("c", &[1], &[])];
    let targets = run(Assignor::Uniform, &members, &[6]).unwrap();
    assert_eq!(loads(&targets), [2, 2, 2]);
    for old in &before {
        assert!(targets[&old.id][&topic(1)].is_subset(&old.assigned[&topic(1)]));
    }
}

#[test]
fn uniform_with_different_wishes_evens_out_topic_by_topic() {
    let members = [
        member("a", &[1], &[(1, &[0, 1, 2, 3])]),
        member("b", &[1, 2], &[(2, &[0, 1])]),
        member("c", &[2], &[]),
    ];
    let targets = run(Assignor::Uniform, &members, &[4, 2]).unwrap();
    // Nobody who wants the same topic is more than one ahead; all in all it could be more even.
    assert_eq!(loads(&targets), [3, 2, 1]);
    assert!(!targets["c"].contains_key(&topic(1)), "nobody gets what it does not want");
}
