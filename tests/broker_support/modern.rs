//! Members of groups of the consumer protocol (KIP-848) as one-liners.

use super::{Client, GUARD};
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
};
use barnabas::wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use barnabas::wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use barnabas::wire::uuid::Uuid;
use std::time::Instant;

/// Settings for groups that do not let a test wait.
pub const SWIFT_CONSUMERS: [&str; 8] = [
    "--set",
    "group.consumer.min.session.timeout.ms=100",
    "--set",
    "group.consumer.min.heartbeat.interval.ms=50",
    "--set",
    "group.consumer.assignment.interval.ms=0",
    "--set",
    "offsets.topic.num.partitions=4",
];

/// What a member wants, and what it has.
#[derive(Debug, Clone, Default)]
pub struct Consumer {
    pub group: String,
    pub id: String,
    pub epoch: i32,
    pub topics: Vec<String>,
    pub regex: Option<String>,
    pub partitions: Vec<(Uuid, Vec<i32>)>,
    /// Tells all with the next heartbeat, as at first.
    pub is_new: bool,
}

impl Consumer {
    /// One that wants a topic.
    pub fn new(group: &str, id: &str, topic: &str) -> Consumer {
        let (group, id) = (group.to_owned(), id.to_owned());
        Consumer { group, id, topics: vec![topic.to_owned()], is_new: true, ..Default::default() }
    }

    /// How many partitions it has.
    pub fn count(&self) -> usize {
        self.partitions.iter().map(|(_, list)| list.len()).sum()
    }
}

impl Client {
    /// One heartbeat; what the member has and where it stands follow the answer.
    pub fn beat(&mut self, me: &mut Consumer) -> (ErrorCode, i32) {
        let names: Vec<&str> = me.topics.iter().map(String::as_str).collect();
        let owned: Vec<TopicPartitions<'_>> = me
            .partitions
            .iter()
            .map(|(id, list)| TopicPartitions { topic_id: *id, partitions: Array::from(list) })
            .collect();
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &me.group,
            member_id: &me.id,
            member_epoch: me.epoch,
            rebalance_timeout_ms: if me.is_new { 60_000 } else { -1 },
            subscribed_topic_names: me.is_new.then(|| Array::from(&names)),
            subscribed_topic_regex: me.regex.as_deref().filter(|_| me.is_new),
            topic_partitions: Some(Array::from(&owned)),
            ..Default::default()
        };
        let answer = self.call(1, &request);
        let response: ConsumerGroupHeartbeatResponse<'_> = answer.read();
        if response.error_code == ErrorCode::NONE {
            (me.epoch, me.is_new) = (response.member_epoch, false);
            if let Some(assignment) = response.assignment {
                let list =
                    |one: TopicPartitions<'_>| (one.topic_id, one.partitions.iter().collect());
                me.partitions = assignment.topic_partitions.iter().map(list).collect();
            }
        }
        (response.error_code, response.heartbeat_interval_ms)
    }

    /// Heartbeats until it has so many partitions.
    pub fn beat_until(&mut self, me: &mut Consumer, count: usize) {
        let until = Instant::now() + GUARD;
        loop {
            assert_eq!(self.beat(me).0, ErrorCode::NONE);
            if me.count() == count {
                return;
            }
            assert!(Instant::now() < until, "{me:?} never has {count} partitions");
        }
    }

    /// Leaves for good.
    pub fn leave_consumers(&mut self, me: &Consumer) -> ErrorCode {
        let mut gone = Consumer { epoch: -1, is_new: false, ..me.clone() };
        self.beat(&mut gone).0
    }

    /// The state of a group, its epoch, and the ids of its members.
    pub fn describe_consumers(
        &mut self,
        group: &str,
    ) -> Result<(String, i32, Vec<String>), ErrorCode> {
        let ids = [group];
        let request =
            ConsumerGroupDescribeRequest { group_ids: Array::from(&ids), ..Default::default() };
        let answer = self.call(1, &request);
        let response: ConsumerGroupDescribeResponse<'_> = answer.read();
        let group = response.groups.iter().next().expect("a group");
        let members = group.members.iter().map(|member| member.member_id.to_owned()).collect();
        match group.error_code {
            ErrorCode::NONE => Ok((group.group_state.to_owned(), group.group_epoch, members)),
            code => Err(code),
        }
    }

    /// Gives a group a setting of its own.
    pub fn set_of_group(&mut self, group: &str, name: &str, value: &str) -> ErrorCode {
        let configs = [AlterableConfig { name, config_operation: 0, value: Some(value) }];
        let resources = [AlterConfigsResource {
            resource_type: 32,
            resource_name: group,
            configs: Array::from(&configs),
        }];
        let request = IncrementalAlterConfigsRequest {
            resources: Array::from(&resources),
            validate_only: false,
        };
        let answer = self.call(1, &request);
        let response: IncrementalAlterConfigsResponse<'_> = answer.read();
        response.responses.iter().next().expect("a row").error_code
    }
}
