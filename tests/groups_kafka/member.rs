//! A member of either protocol, which mostly does what a client does, and now and then something else.

use super::embedded::{self, Named};
use super::pair::Pair;
use super::random::Random;
use barnabas::coordinator::groups::Reply;
use barnabas::coordinator::groups::consumer::assign::Partitions;
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use barnabas::wire::messages::heartbeat::HeartbeatRequest;
use barnabas::wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use barnabas::wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use barnabas::wire::messages::sync_group::SyncGroupRequest;
use std::collections::BTreeSet;

pub const GROUP: &str = "g";
const REGEXES: [&str; 3] = ["a|b", "[b-d]", ".*"];

/// See the module's comment.
pub struct Member {
    pub id: String,
    pub instance: Option<String>,
    pub is_classic: bool,
    pub is_in: bool,
    /// Or its generation.
    pub epoch: i32,
    pub topics: Vec<String>,
    regex: String,
    assignor: Option<&'static str>,
    owned: Partitions,
    told: Partitions,
    /// Of a classic one.
    pub named: Named,
}

/// The hashes of these, and so the order of Java's hash maps, go by their number, as the names themselves do.
pub fn id(number: u32) -> String {
    let number = number + 1984;
    let letter = |code: u32| char::from_u32(code).expect("a letter");
    [letter(number / 31), letter(64 + number % 31)].iter().collect()
}

pub fn some_topics(random: &mut Random) -> Vec<String> {
    if random.chance(50) {
        return ["a", "b"].map(str::to_owned).to_vec();
    }
    ["a", "b", "c", "d"].iter().filter(|_| random.chance(60)).map(|&name| name.to_owned()).collect()
}

impl Member {
    pub fn new(id: String, instance: Option<String>, random: &mut Random) -> Member {
        Member {
            id,
            instance,
            is_classic: false,
            is_in: false,
            epoch: 0,
            topics: some_topics(random),
            regex: String::new(),
            assignor: None,
            owned: Partitions::new(),
            told: Partitions::new(),
            named: Named::new(),
        }
    }

    fn wish(&mut self, random: &mut Random) {
        self.topics = some_topics(random);
        self.regex.clear();
        if random.chance(25) && !self.is_classic {
            self.regex = REGEXES[random.below(3) as usize].to_owned();
            if random.chance(70) {
                self.topics.clear();
            }
        }
        if random.chance(20) {
            self.assignor = [None, Some("uniform"), Some("range")][random.below(3) as usize];
        }
    }

    pub fn act(&mut self, pair: &mut Pair<'_>, random: &mut Random) {
        match (self.is_classic, self.is_in) {
            (false, false) => {
                if random.chance(30) {
                    self.wish(random);
                }
                self.beat(pair, random, 0, true);
            }
            (false, true) => self.report(pair, random),
            (true, false) => self.join(pair, random),
            (true, true) => self.go_on(pair, random),
        }
    }

    fn report(&mut self, pair: &mut Pair<'_>, random: &mut Random) {
        let epoch = self.epoch;
        match random.below(100) {
            0..60 => self.beat(pair, random, epoch, false),
            60..70 => self.beat(pair, random, epoch, true),
            70..82 => {
                self.wish(random);
                self.beat(pair, random, epoch, true);
            }
            82..87 => self.beat(pair, random, -1, false),
            87..92 if self.instance.is_some() => self.beat(pair, random, -2, false),
            92..94 if epoch > 1 => self.beat(pair, random, epoch - 1, false),
            94 => self.beat(pair, random, epoch - 1, true),
            95 => self.beat(pair, random, epoch + 1, false),
            96..98 => self.beat(pair, random, 0, true),
            _ => {}
        }
    }

    /// It says that it has another expression, or that it is new and wants nothing (yet); or somebody's
    /// expression has not been looked up, and topics have changed: Kafka notices only those that are wanted.
    fn is_odd(&self, pair: &Pair<'_>, says_all: bool) -> bool {
        let Ok(group) = pair.shard.describe_consumer(GROUP) else {
            // Nobody notices, in Kafka, that the topics of a classic group have grown.
            return says_all && (self.topics.is_empty() || self.instance.is_some());
        };
        let known = group.members.get(&*self.id);
        let differs = known.map_or(self.topics.is_empty(), |known| *known.regex != self.regex);
        let mut patterns = group.members.values().filter_map(|member| member.pattern());
        says_all && differs || patterns.any(|pattern| !group.regexes.contains_key(pattern))
    }

    fn beat(&mut self, pair: &mut Pair<'_>, random: &mut Random, epoch: i32, all: bool) {
        let nothing = Partitions::new();
        let owned = if epoch == 0 { &nothing } else { &self.owned };
        let lists: Vec<Vec<i32>> =
            owned.values().map(|some| some.iter().copied().collect()).collect();
        let owned: Vec<TopicPartitions<'_>> = owned
            .keys()
            .zip(&lists)
            .map(|(topic_id, list)| TopicPartitions {
                topic_id: *topic_id,
                partitions: Array::from(list),
            })
            .collect();
        let topics: Vec<&str> = self.topics.iter().map(|name| &**name).collect();
        let says_owned = all || self.owned != self.told || random.chance(50);
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP,
            member_id: &self.id,
            member_epoch: epoch,
            instance_id: self.instance.as_deref(),
            rack_id: None,
            rebalance_timeout_ms: if all { 20_000 } else { -1 },
            subscribed_topic_names: all.then(|| Array::from(&topics)),
            subscribed_topic_regex: all.then_some(&*self.regex),
            server_assignor: self.assignor.filter(|_| all),
            topic_partitions: says_owned.then(|| Array::from(&owned)),
        };
        pair.tolerant = self.is_odd(pair, all);
        let reply = pair.ask("beat", 1, &request, |shard, world, caller, token, effects| {
            shard.consumer_heartbeat(world, caller, &request, token, effects);
        });
        pair.tolerant = false;
        let Some(Reply::Consumer(reply)) = reply else { return };
        match reply.code {
            ErrorCode::NONE if epoch < 0 => self.is_in = false,
            ErrorCode::NONE => {
                (self.is_in, self.epoch) = (true, reply.member_epoch);
                if epoch == 0 {
                    self.owned.clear();
                }
                if let Some(assigned) = reply.assignment {
                    let one = |list: &std::collections::BTreeMap<i32, i32>| {
                        list.keys().copied().collect()
                    };
                    self.told = assigned.iter().map(|(topic, list)| (*topic, one(list))).collect();
                }
            }
            _ if random.chance(80) => self.is_in = false,
            _ => {}
        }
        match random.below(10) {
            0..6 => self.owned = self.told.clone(),
            6..8 => self.give_back(),
            _ => {}
        }
    }

    /// Only what it is not to have any more.
    fn give_back(&mut self) {
        let told = &self.told;
        self.owned.retain(|topic, list| {
            let keeps: BTreeSet<i32> = told
                .get(topic)
                .map(|told| list.intersection(told).copied().collect())
                .unwrap_or_default();
            *list = keeps;
            !list.is_empty()
        });
    }

    fn go_on(&mut self, pair: &mut Pair<'_>, random: &mut Random) {
        match random.below(100) {
            0..35 => self.heartbeat(pair, self.epoch),
            35..40 => self.heartbeat(pair, self.epoch - 1),
            40..65 => self.join(pair, random),
            65..90 => self.sync(pair),
            90..95 => {
                self.topics = some_topics(random);
                self.join(pair, random);
            }
            95..98 => self.leave(pair),
            _ => {}
        }
    }

    fn join(&mut self, pair: &mut Pair<'_>, random: &mut Random) {
        if pair.shard.describe_consumer(GROUP).is_ok_and(|group| group.is_empty()) {
            // Kafka forgets the group, without a record, before it refuses a member that is not there.
            return;
        }
        let metadata = embedded::subscription(&self.topics, &self.named);
        let offer = |name| JoinGroupRequestProtocol { name, metadata: &metadata };
        let both = [offer("range"), offer("cooperative-sticky")];
        let protocols = if random.chance(90) { &both[..] } else { &both[..1] };
        let request = JoinGroupRequest {
            group_id: GROUP,
            session_timeout_ms: 15_000,
            rebalance_timeout_ms: 25_000,
            member_id: &self.id,
            group_instance_id: self.instance.as_deref(),
            protocol_type: "consumer",
            protocols: Array::from(protocols),
            reason: None,
        };
        let reply = pair.ask("join", 9, &request, |shard, world, caller, token, effects| {
            shard.join(world, caller, &request, token, effects);
        });
        if let Some(Reply::Join(reply)) = reply
            && reply.code == ErrorCode::NONE
        {
            (self.is_in, self.epoch) = (true, reply.generation);
        }
    }

    fn sync(&mut self, pair: &mut Pair<'_>) {
        let request = SyncGroupRequest {
            group_id: GROUP,
            generation_id: self.epoch,
            member_id: &self.id,
            group_instance_id: self.instance.as_deref(),
            protocol_type: Some("consumer"),
            protocol_name: Some("range"),
            assignments: Array::from(&[]),
        };
        let reply = pair.ask("sync", 5, &request, |shard, world, _, token, effects| {
            shard.sync(world, &request, token, effects);
        });
        if let Some(Reply::Sync(reply)) = reply
            && reply.code == ErrorCode::NONE
        {
            self.named = embedded::assigned(&reply.assignment);
        }
    }

    fn heartbeat(&mut self, pair: &mut Pair<'_>, generation: i32) {
        let request = HeartbeatRequest {
            group_id: GROUP,
            generation_id: generation,
            member_id: &self.id,
            group_instance_id: self.instance.as_deref(),
        };
        let reply = pair.ask("heartbeat", 4, &request, |shard, world, _, token, effects| {
            shard.heartbeat(world, &request, token, effects);
        });
        if let Some(Reply::Heartbeat(
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID,
        )) = reply
        {
            self.is_in = false;
            self.named.clear();
        }
    }

    fn leave(&mut self, pair: &mut Pair<'_>) {
        let members = [MemberIdentity {
            member_id: &self.id,
            group_instance_id: self.instance.as_deref(),
            reason: None,
        }];
        let request =
            LeaveGroupRequest { group_id: GROUP, member_id: "", members: Array::from(&members) };
        pair.ask("leave", 5, &request, |shard, world, caller, token, effects| {
            shard.leave(world, caller.version, &request, token, effects);
        });
        self.is_in = false;
        self.named.clear();
    }
}
