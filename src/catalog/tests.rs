//! The catalog as a whole: whatever is planned can be replayed, and a restart gives the same image.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::wire::error::ErrorCode;
use crate::wire::metadata_records::MetadataRecord;
use crate::wire::uuid::Uuid;

const NODE: NodeView = NodeView { node_id: 1, directory_id: Uuid::from_bytes([9; 16]) };

fn id(number: u8) -> Uuid {
    Uuid::new_v4_from([number; 16])
}

fn apply(image: &mut Image, plan: &Plan) {
    for record in &plan.records {
        image.replay(&MetadataRecord::decode(record).unwrap()).unwrap();
    }
}

fn topic(name: &str, partitions: i32) -> NewTopic<'_> {
    NewTopic { name, num_partitions: partitions, replication_factor: -1, ..Default::default() }
}

fn with(names: &[(&str, i32)]) -> Image {
    let mut image = Image::new();
    for (number, (name, partitions)) in names.iter().enumerate() {
        let new = topic(name, *partitions);
        let created =
            create_topic(&image, &Config::default(), NODE, &new, id(number as u8 + 1)).unwrap();
        apply(&mut image, &created.plan);
    }
    image
}

fn refusal(image: &Image, new: &NewTopic<'_>) -> ApiError {
    create_topic(image, &Config::default(), NODE, new, id(200)).unwrap_err()
}

#[test]
fn a_topic_is_there_by_name_and_by_id_until_it_is_deleted() {
    let mut image = with(&[("a", 3), ("b", 1)]);
    assert_eq!(image.topic("a").unwrap().partitions.len(), 3);
    assert_eq!(image.topic_by_id(id(1)), image.topic("a"));
    assert_eq!(image.partition_count(), 4);
    let plan = delete_topic(&image, id(1)).unwrap();
    apply(&mut image, &plan);
    assert_eq!((image.topic("a"), image.topic_by_id(id(1))), (None, None));
    assert_eq!(image.partition_count(), 1);
    assert_eq!(delete_topic(&image, id(1)).unwrap_err().code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn what_was_set_for_a_topic_goes_with_it() {
    let mut image = Image::new();
    let new = NewTopic { configs: vec![("retention.ms", Some("5"))], ..topic("a", 1) };
    let created = create_topic(&image, &Config::default(), NODE, &new, id(1)).unwrap();
    apply(&mut image, &created.plan);
    assert_eq!(image.configs(ResourceKind::Topic, "a").len(), 1);
    let plan = delete_topic(&image, id(1)).unwrap();
    apply(&mut image, &plan);
    assert!(image.configs(ResourceKind::Topic, "a").is_empty());
}

#[test]
fn each_refusal_has_its_code() {
    let image = with(&[("a.b", 1)]);
    let code = |new: &NewTopic<'_>| refusal(&image, new).code;
    assert_eq!(code(&topic("a b", 1)), ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(code(&topic("a.b", 0)), ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(code(&topic("a_b", 1)), ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(code(&topic("c", 0)), ErrorCode::INVALID_PARTITIONS);
    assert_eq!(code(&topic("c", -2)), ErrorCode::INVALID_PARTITIONS);
    let factor = |factor| NewTopic { replication_factor: factor, ..topic("c", 1) };
    assert_eq!(code(&factor(0)), ErrorCode::INVALID_REPLICATION_FACTOR);
    assert_eq!(code(&factor(2)), ErrorCode::INVALID_REPLICATION_FACTOR);
    let config = |value| NewTopic { configs: vec![("retention.ms", value)], ..topic("c", 1) };
    assert_eq!(code(&config(Some("x"))), ErrorCode::INVALID_CONFIG);
    assert_eq!(code(&config(None)), ErrorCode::INVALID_CONFIG);
    let assigned = |assignments| NewTopic { assignments, ..topic("c", -1) };
    for wrong in [vec![(0, vec![])], vec![(0, vec![2])], vec![(0, vec![1, 1])], vec![(1, vec![1])]]
    {
        assert_eq!(code(&assigned(wrong)), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    }
    assert_eq!(
        code(&NewTopic { num_partitions: 1, ..assigned(vec![(0, vec![1])]) }),
        ErrorCode::INVALID_REQUEST
    );
}

#[test]
fn partitions_only_become_more() {
    let mut image = with(&[("a", 2)]);
    let spec = |count| CreatePartitionsSpec { topic: "a", count, assignments: None };
    for count in [2, 1, 0, -1] {
        let refused = create_partitions(&image, NODE, &spec(count)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::INVALID_PARTITIONS);
    }
    let plan = create_partitions(&image, NODE, &spec(5)).unwrap();
    apply(&mut image, &plan);
    assert_eq!(image.topic("a").unwrap().partitions.len(), 5);
}

#[test]
fn an_election_raises_every_epoch() {
    let mut image = with(&[("a", 2), ("b", 1)]);
    assert!(elect_leaders_on_start(&image, NODE, false).plan.is_empty(), "it leads already");
    let plan = elect_leaders_on_start(&image, NODE, true).plan;
    apply(&mut image, &plan);
    let partitions: Vec<_> = image.topics().flat_map(|topic| &topic.partitions).collect();
    assert!(partitions.iter().all(|one| (one.leader, one.leader_epoch) == (1, 1)));
    assert_eq!(partitions.len(), 3);
}

#[test]
fn what_coordinators_load_is_led_by_nobody_after_a_stop() {
    let mut image = with(&[("a", 2), ("__consumer_offsets", 2), ("__transaction_state", 1)]);
    let plan = resign_on_stop(&image, NODE);
    apply(&mut image, &plan);
    for topic in image.topics() {
        let expected = if topic.name.starts_with("__") { (-1, 1) } else { (1, 0) };
        for one in &topic.partitions {
            assert_eq!((one.leader, one.leader_epoch), expected, "{}", topic.name);
            assert_eq!(one.isr, [1], "its replica has everything, and may lead again");
        }
    }
    assert!(resign_on_stop(&image, NODE).is_empty(), "nobody leads them already");
    let elected = elect_leaders_on_start(&image, NODE, false);
    assert_eq!((elected.plan.records.len(), elected.topics.len()), (3, 2));
    apply(&mut image, &elected.plan);
    assert!(image.topics().flat_map(|topic| &topic.partitions).all(|one| one.is_led_by(1)));
}

#[test]
fn lists_take_items_in_and_out() {
    let mut image = with(&[("a", 1)]);
    let change = |op, value| ConfigChange { key: "cleanup.policy", op, value: Some(value) };
    let mut alter = |changes: &[ConfigChange<'_>]| {
        let plan = incremental_alter_configs(
            &image,
            &Config::default(),
            ResourceKind::Topic,
            "a",
            changes,
        )
        .unwrap();
        apply(&mut image, &plan);
        image.configs(ResourceKind::Topic, "a").get("cleanup.policy").cloned()
    };
    assert_eq!(alter(&[change(ConfigOp::Append, "compact")]).as_deref(), Some("delete,compact"));
    assert_eq!(alter(&[change(ConfigOp::Append, "compact")]).as_deref(), Some("delete,compact"));
    assert_eq!(alter(&[change(ConfigOp::Subtract, "delete")]).as_deref(), Some("compact"));
    assert_eq!(alter(&[change(ConfigOp::Delete, "")]), None);
}

#[test]
fn records_that_cannot_follow_are_refused() {
    let image = with(&[("a", 1)]);
    let created = create_topic(&image, &Config::default(), NODE, &topic("b", 2), id(7)).unwrap();
    let replay = |records: &[&Vec<u8>]| {
        let mut image = image.clone();
        records.iter().try_for_each(|record| image.replay(&MetadataRecord::decode(record).unwrap()))
    };
    let [topic, first, second] = &created.plan.records[..] else { panic!("three records") };
    assert!(replay(&[topic, first, second]).is_ok());
    assert!(replay(&[topic, topic]).is_err(), "a topic twice");
    assert!(replay(&[first]).is_err(), "a partition of no topic");
    assert!(replay(&[topic, second]).is_err(), "a gap");
}

/// What a random caller does.
#[derive(Debug, Clone)]
enum Step {
    Create(u8, i32),
    Delete(u8),
    Grow(u8, i32),
    Set(u8, i64),
    Unset(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0u8..6;
    let step = prop_oneof![
        (name.clone(), -2i32..5).prop_map(|(name, count)| Step::Create(name, count)),
        name.clone().prop_map(Step::Delete),
        (name.clone(), -1i32..8).prop_map(|(name, count)| Step::Grow(name, count)),
        (name.clone(), -2i64..9).prop_map(|(name, value)| Step::Set(name, value)),
        name.prop_map(Step::Unset),
    ];
    proptest::collection::vec(step, 0..60)
}

/// Plans a step; what is refused is an empty plan.
fn plan(image: &Image, step: &Step, next_id: &mut u8) -> Plan {
    let config = Config::default();
    let names = ["t0", "t1", "t2", "t3", "t4", "t5"];
    let alter = |name: &str, change: ConfigChange<'_>| {
        incremental_alter_configs(image, &config, ResourceKind::Topic, name, &[change])
            .unwrap_or_default()
    };
    match step {
        Step::Create(name, count) => {
            *next_id = next_id.wrapping_add(1);
            let new = topic(names[usize::from(*name)], *count);
            create_topic(image, &config, NODE, &new, id(*next_id))
                .map(|made| made.plan)
                .unwrap_or_default()
        }
        Step::Delete(name) => {
            let topic = image.topic(names[usize::from(*name)]);
            topic.map(|topic| delete_topic(image, topic.id).unwrap()).unwrap_or_default()
        }
        Step::Grow(name, count) => {
            let spec = CreatePartitionsSpec {
                topic: names[usize::from(*name)],
                count: *count,
                assignments: None,
            };
            create_partitions(image, NODE, &spec).unwrap_or_default()
        }
        Step::Set(name, value) => {
            let value = value.to_string();
            let change =
                ConfigChange { key: "retention.ms", op: ConfigOp::Set, value: Some(&value) };
            alter(names[usize::from(*name)], change)
        }
        Step::Unset(name) => {
            let change = ConfigChange { key: "retention.ms", op: ConfigOp::Delete, value: None };
            alter(names[usize::from(*name)], change)
        }
    }
}

proptest! {
    #[test]
    fn a_restart_gives_the_same_image(steps in steps()) {
        let (mut image, mut log, mut next_id) = (Image::new(), Vec::new(), 0);
        for step in &steps {
            let plan = plan(&image, step, &mut next_id);
            apply(&mut image, &plan);
            log.extend(plan.records);
            let ids: BTreeSet<Uuid> = image.topics().map(|topic| topic.id).collect();
            prop_assert_eq!(ids.len(), image.topics().count());
            let partitions: usize = image.topics().map(|topic| topic.partitions.len()).sum();
            prop_assert_eq!(partitions, image.partition_count());
        }
        let mut again = Image::new();
        for record in &log {
            again.replay(&MetadataRecord::decode(record).unwrap()).unwrap();
        }
        prop_assert_eq!(again, image);
    }

    #[test]
    fn configs_become_what_was_asked(before: BTreeMap<u8, u16>, after: BTreeMap<u8, u16>) {
        let mut image = with(&[("a", 1)]);
        let keys = ["retention.ms", "segment.ms", "flush.ms", "retention.bytes"];
        for asked in [before, after] {
            let asked: BTreeMap<&str, String> =
                asked.iter().map(|(key, value)| (keys[usize::from(*key) % 4], (value | 1).to_string())).collect();
            let pairs: Vec<(&str, &str)> = asked.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let plan = replace_configs(&image, &Config::default(), ResourceKind::Topic, "a", &pairs).unwrap();
            apply(&mut image, &plan);
            let set = image.configs(ResourceKind::Topic, "a");
            prop_assert_eq!(set.iter().map(|(k, v)| (k.as_str(), v.clone())).collect::<BTreeMap<_, _>>(), asked);
        }
    }
}
