//! Groups of the consumer protocol, and of both, beside Apache Kafka's own coordinator: members that come, go,
//! change their minds and now and then talk nonsense, topics that grow and go, and time. Each answer and
//! each record is the same, byte for byte.
//!
//! Kafka goes by the order of hash maps in places; ids and names are such that this is their own order.
//! `GROUPS_KAFKA_SEEDS=500` is for more, `GROUPS_KAFKA_FROM=1000` for others.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

#[path = "../groups_sim/mixed/embedded.rs"]
#[allow(dead_code, reason = "the simulation leads groups too")]
mod embedded;
mod kafka;
mod member;
mod pair;
#[path = "../groups_sim/random.rs"]
mod random;

use barnabas::coordinator::groups::Record;
use barnabas::wire::codec::Array;
use barnabas::wire::group_records::{
    GroupKey, GroupMetadataKey, GroupMetadataValue, MemberMetadata,
};
use barnabas::wire::uuid::Uuid;
use kafka::Kafka;
use member::{GROUP, Member};
use pair::Pair;
use random::Random;

const STEPS: u64 = 150;
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect(name))
}

/// Java's hash of the id is the topic's number, whichever time it is made: in the smallest table of all of them
/// they lie in this order.
fn topic_id(topic: usize, made: u64) -> Uuid {
    let low = (made << 32) | made;
    Uuid(((topic as u128) << 64 | u128::from(low)).to_be_bytes())
}

fn put_topic(pair: &mut Pair<'_>, random: &mut Random, made: &mut u64) {
    let topic = random.below(4) as usize;
    let name = TOPICS[topic];
    match pair.topics.by_name.get(name).copied() {
        Some(_) if random.chance(30) => pair.delete(name),
        Some((id, partitions)) => pair.topic(name, id, partitions + 1 + random.below(3) as i32),
        None => {
            *made += 1;
            pair.topic(name, topic_id(topic, *made), 1 + random.below(8) as i32);
        }
    }
}

/// A stable classic group as a log has it, of some of the members.
fn classic_group(members: &mut [Member], random: &mut Random, topics: &[(String, i32)]) -> Record {
    let count = members.len().min(1 + random.below(3) as usize);
    let mut rows = Vec::new();
    let is_bad = random.chance(10);
    for (at, member) in members.iter_mut().take(count).enumerate() {
        (member.is_classic, member.is_in, member.epoch) = (true, true, 7);
        if at > 0 {
            member.instance = None;
        }
        for (name, partitions) in topics {
            let share = (0..*partitions).filter(|p| {
                let is_given_to_all = is_bad && *p == 0;
                is_given_to_all || *p as usize % count == at
            });
            member.named.insert(name.clone(), share.collect());
        }
        let names: Vec<String> = topics.iter().map(|(name, _)| name.clone()).collect();
        member.topics.clone_from(&names);
        rows.push((
            embedded::subscription(&names, &member.named),
            embedded::assignment(&member.named),
        ));
    }
    let members = &*members;
    let one = |at: usize| MemberMetadata {
        member_id: &members[at].id,
        group_instance_id: members[at].instance.as_deref(),
        client_id: "client",
        client_host: "/127.0.0.1",
        rebalance_timeout: 25_000,
        session_timeout: 15_000,
        subscription: &rows[at].0,
        assignment: &rows[at].1,
    };
    let written: Vec<MemberMetadata<'_>> = (0..count).map(one).collect();
    let value = GroupMetadataValue {
        protocol_type: "consumer",
        generation: 7,
        protocol: Some("range"),
        leader: Some(&members[0].id),
        current_state_timestamp: 1,
        members: Array::from(&written),
    };
    let key = GroupKey::GroupMetadata(GroupMetadataKey { group: GROUP });
    Record { key: key.to_bytes(), value: Some(value.to_bytes()) }
}

/// How many commands were agreed upon, and whether it ended early.
fn run(kafka: &mut Kafka, seed: u64) -> (u64, bool) {
    let random = &mut Random::new(seed);
    let interval = [0, 1_000][random.below(2) as usize];
    let mut pair = Pair::new(kafka, interval, random.chance(50));
    let mut made = 0;
    for _ in 0..3 {
        put_topic(&mut pair, random, &mut made);
    }
    let mut members = Vec::new();
    for number in 0..2 + random.below(6) as u32 {
        let instance = random.chance(35).then(|| format!("i{}", random.below(2)));
        members.push(Member::new(member::id(number), instance, random));
    }
    let classic = random.below(3);
    let mut records = Vec::new();
    if classic == 0 {
        let topics: Vec<(String, i32)> = pair
            .topics
            .by_name
            .iter()
            .map(|(name, (_, count))| (name.to_string(), *count))
            .collect();
        records.push(classic_group(&mut members, random, &topics));
    }
    pair.load(&records);
    for _ in 0..STEPS {
        match random.below(100) {
            0..5 => put_topic(&mut pair, random, &mut made),
            5..25 => pair.pass([1, 10, 500, 1_000, 3_000, 10_000][random.below(6) as usize]),
            25..28 => {
                // Another one comes in the place of one that is not there.
                let at = random.below(members.len() as u64) as usize;
                if !members[at].is_in {
                    let (id, instance) = (members[at].id.clone(), members[at].instance.clone());
                    members[at] = Member::new(id, instance, random);
                    members[at].is_classic = classic > 0 && random.chance(40);
                }
            }
            _ => {
                let at = random.below(members.len() as u64) as usize;
                members[at].act(&mut pair, random);
            }
        }
        if pair.has_parted {
            break;
        }
    }
    (pair.agreed, pair.has_parted)
}

#[test]
fn answers_and_records_are_kafkas() {
    let from = number("GROUPS_KAFKA_FROM", 0);
    let seeds = number("GROUPS_KAFKA_SEEDS", 60);
    let mut kafka = Kafka::start();
    let (mut agreed, mut parted) = (0, 0);
    for seed in from..from + seeds {
        eprintln!("seed {seed}");
        let (commands, has_parted) = run(&mut kafka, seed);
        agreed += commands;
        parted += u64::from(has_parted);
    }
    eprintln!("{agreed} commands, {parted} of {seeds} seeds ended where it is known to differ");
    assert!(agreed > seeds * STEPS / 2, "{agreed} commands are too few");
}
