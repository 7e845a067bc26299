//! Members of groups as the bench plays them, and how long one group of two thousand takes to rebalance, in
//! both protocols.

use super::beats;
use super::frames::{Client, body, frame};
use super::groups::ready;
use super::process::{Scratch, Server};
use super::table::heading;
use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Array, Message};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use barnabas::wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use barnabas::wire::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use barnabas::wire::messages::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use barnabas::wire::uuid::Uuid;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A member's id is made by the broker at once; later versions ask twice.
const JOIN: i16 = 3;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const MODERN: i16 = 1;
const LARGE: usize = 2_000;
/// Of the large group: two for each member, when one more has joined.
const PARTITIONS: usize = 2 * (LARGE + 1);
const PAUSE: Duration = Duration::from_millis(100);
pub const TOPIC: &str = "consumed";
/// A subscription and an assignment as a consumer has them; the broker does not look inside.
const METADATA: [u8; 64] = [7; 64];

/// Heartbeats, then rebalances.
pub fn run() {
    let data = Scratch::new("members");
    let groups = std::env::var("BENCH_GROUPS").ok().and_then(|n| n.parse().ok());
    beats::run(&data, groups.unwrap_or(1_000));
    let data = Scratch::new("rebalance");
    rebalances(&data);
}

/// A member on a connection of its own.
pub struct Member {
    pub client: Client,
    group: String,
    pub id: String,
    epoch: i32,
    partitions: Vec<(Uuid, Vec<i32>)>,
}

impl Member {
    pub fn new(address: SocketAddr, group: &str) -> Member {
        let mut client = Client::connect(address);
        client.greet();
        Member { client, group: group.to_owned(), id: String::new(), epoch: 0, partitions: vec![] }
    }

    fn send<'a>(&mut self, api: ApiKey, version: i16, request: &impl Message<'a>) {
        self.client.send(&frame(api, version, request));
    }

    fn ask_join(&mut self) {
        let (group, id) = (self.group.clone(), self.id.clone());
        let protocols = [JoinGroupRequestProtocol { name: "range", metadata: &METADATA }];
        let request = JoinGroupRequest {
            group_id: &group,
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 300_000,
            member_id: &id,
            protocol_type: "consumer",
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        self.send(ApiKey::JoinGroup, JOIN, &request);
    }

    /// Takes the answer, and asks for its part; the leader hands out all of them.
    fn joined(&mut self) {
        let answer = self.client.receive();
        let joined: JoinGroupResponse<'_> = body(&answer, ApiKey::JoinGroup, JOIN);
        assert_eq!(joined.error_code, ErrorCode::NONE);
        (self.id, self.epoch) = (joined.member_id.to_owned(), joined.generation_id);
        let ids: Vec<&str> = joined.members.iter().map(|member| member.member_id).collect();
        let parts: Vec<SyncGroupRequestAssignment<'_>> = ids
            .iter()
            .map(|member_id| SyncGroupRequestAssignment { member_id, assignment: &METADATA })
            .collect();
        let (group, id) = (self.group.clone(), self.id.clone());
        let request = SyncGroupRequest {
            group_id: &group,
            generation_id: self.epoch,
            member_id: &id,
            protocol_type: Some("consumer"),
            protocol_name: Some("range"),
            assignments: Array::from(&parts),
            ..Default::default()
        };
        self.send(ApiKey::SyncGroup, SYNC, &request);
    }

    fn synced(&mut self) {
        let answer = self.client.receive();
        let synced: SyncGroupResponse<'_> = body(&answer, ApiKey::SyncGroup, SYNC);
        assert_eq!((synced.error_code, synced.assignment), (ErrorCode::NONE, &METADATA[..]));
    }

    pub fn classic_beat(&self) -> Vec<u8> {
        let request = HeartbeatRequest {
            group_id: &self.group,
            generation_id: self.epoch,
            member_id: &self.id,
            ..Default::default()
        };
        frame(ApiKey::Heartbeat, HEARTBEAT, &request)
    }

    /// Whether the group rebalances.
    fn classic_beaten(&mut self) -> bool {
        let answer = self.client.receive();
        let beaten: HeartbeatResponse = body(&answer, ApiKey::Heartbeat, HEARTBEAT);
        let rebalances = beaten.error_code == ErrorCode::REBALANCE_IN_PROGRESS;
        assert!(rebalances || beaten.error_code == ErrorCode::NONE, "{:?}", beaten.error_code);
        rebalances
    }

    /// Says all at first, and what it owns when that has changed.
    pub fn modern_beat(&self, says_owned: bool) -> Vec<u8> {
        let names = [TOPIC];
        let owned: Vec<TopicPartitions<'_>> = self
            .partitions
            .iter()
            .map(|(topic_id, list)| TopicPartitions {
                topic_id: *topic_id,
                partitions: Array::from(list),
            })
            .collect();
        let joins = self.epoch == 0;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &self.group,
            member_id: &self.id,
            member_epoch: self.epoch,
            rebalance_timeout_ms: if joins { 300_000 } else { -1 },
            subscribed_topic_names: joins.then(|| Array::from(&names)),
            topic_partitions: (joins || says_owned).then(|| Array::from(&owned)),
            ..Default::default()
        };
        frame(ApiKey::ConsumerGroupHeartbeat, MODERN, &request)
    }

    /// Takes over what it is told.
    fn modern_beaten(&mut self) {
        let answer = self.client.receive();
        let beaten: ConsumerGroupHeartbeatResponse<'_> =
            body(&answer, ApiKey::ConsumerGroupHeartbeat, MODERN);
        assert_eq!(beaten.error_code, ErrorCode::NONE, "{:?}", beaten.error_message);
        self.epoch = beaten.member_epoch;
        if let Some(assignment) = beaten.assignment {
            let list = |one: TopicPartitions<'_>| (one.topic_id, one.partitions.iter().collect());
            self.partitions = assignment.topic_partitions.iter().map(list).collect();
        }
    }
}

/// All join at once, and are in one generation then.
pub fn settle_classic(members: &mut [Member]) {
    members.iter_mut().for_each(Member::ask_join);
    members.iter_mut().for_each(Member::joined);
    members.iter_mut().for_each(Member::synced);
}

/// All send heartbeats until everything is spread evenly; how many rounds that took. The broker does not
/// assign anew within a second (`group.consumer.assignment.interval.ms`), so there is a pause between rounds.
pub fn settle_modern(members: &mut [Member], group: usize, partitions: usize) -> usize {
    for rounds in 1.. {
        for member in &mut *members {
            let beat = member.modern_beat(true);
            member.client.send(&beat);
        }
        members.iter_mut().for_each(Member::modern_beaten);
        if members.chunks(group).all(|group| is_balanced(group, partitions)) {
            return rounds;
        }
        std::thread::sleep(PAUSE);
    }
    unreachable!("it ends")
}

/// All are in one epoch, have all partitions, and nobody has two more than another.
fn is_balanced(group: &[Member], partitions: usize) -> bool {
    let count = |member: &Member| member.partitions.iter().map(|(_, list)| list.len()).sum();
    let counts: Vec<usize> = group.iter().map(count).collect();
    let (least, most) = (counts.iter().min(), counts.iter().max());
    let epoch = group.first().map(|member| member.epoch);
    counts.iter().sum::<usize>() == partitions
        && most.zip(least).is_some_and(|(most, least)| most - least <= 1)
        && group.iter().all(|member| Some(member.epoch) == epoch)
}

fn rebalances(data: &Scratch) {
    heading(&format!("one group of {LARGE} that one more member joins: one worker"));
    let broker = Server::pinned_broker(data.path());
    let mut client = ready(&broker);
    client.create_wide(TOPIC, PARTITIONS as i32);
    let report = |what: &str, began: Instant, before: super::counters::Cpu| {
        let cpu = broker.cpu().since(before).all as f64 / 1e9;
        println!("{what:<52} {:.2} s, {cpu:.2} s of processor time", began.elapsed().as_secs_f64());
    };
    let mut members: Vec<Member> =
        (0..LARGE).map(|_| Member::new(broker.address, "large")).collect();
    settle_classic(&mut members);
    let (began, before) = (Instant::now(), broker.cpu());
    members.push(Member::new(broker.address, "large"));
    members[LARGE].ask_join();
    for member in &mut members[..LARGE] {
        let beat = member.classic_beat();
        member.client.send(&beat);
        assert!(member.classic_beaten(), "it is told to join again");
        member.ask_join();
    }
    members.iter_mut().for_each(Member::joined);
    members.iter_mut().for_each(Member::synced);
    report("classic: until all have synced", began, before);
    drop(members);

    let new = |at: usize| {
        let mut member = Member::new(broker.address, "modern");
        member.id = format!("member-{at}");
        member
    };
    let mut members: Vec<Member> = (0..LARGE).map(new).collect();
    let (began, before) = (Instant::now(), broker.cpu());
    let size = members.len();
    let rounds = settle_modern(&mut members, size, PARTITIONS);
    report(&format!("consumer protocol: all join, {rounds} rounds"), began, before);
    let (began, before) = (Instant::now(), broker.cpu());
    members.push(new(LARGE));
    let size = members.len();
    let rounds = settle_modern(&mut members, size, PARTITIONS);
    report(&format!("consumer protocol: one more, {rounds} rounds"), began, before);
    broker.stop();
}
