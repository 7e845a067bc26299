//! Groups of the classic protocol as one-liners.

use super::{At, Broker, Client, GUARD, Sent};
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use barnabas::wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use barnabas::wire::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use barnabas::wire::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use barnabas::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use barnabas::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use barnabas::wire::messages::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use std::time::Instant;

/// The topic that groups live in.
pub const OFFSETS: &str = "__consumer_offsets";

/// Settings for groups that do not let a test wait.
pub const SWIFT: [&str; 6] = [
    "--set",
    "group.initial.rebalance.delay.ms=0",
    "--set",
    "group.min.session.timeout.ms=1",
    "--set",
    "offsets.topic.num.partitions=4",
];

/// The versions that are spoken: the last ones in which a join needs one round.
const JOIN: i16 = 3;
const SYNC: i16 = 4;

/// A member that wants in.
#[derive(Debug, Clone, Copy)]
pub struct Joining<'a> {
    pub group: &'a str,
    pub member: &'a str,
    pub session_ms: i32,
    pub rebalance_ms: i32,
}

impl<'a> Joining<'a> {
    /// One whose time does not run out.
    pub fn new(group: &'a str, member: &'a str) -> Joining<'a> {
        Joining { group, member, session_ms: 600_000, rebalance_ms: 600_000 }
    }
}

/// The answer to a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub code: ErrorCode,
    pub generation: i32,
    pub leader: String,
    pub member: String,
    pub members: Vec<String>,
}

impl Client {
    pub fn send_join(&mut self, joining: Joining<'_>) -> Sent {
        let protocols = [JoinGroupRequestProtocol { name: "range", metadata: b"m" }];
        let request = JoinGroupRequest {
            group_id: joining.group,
            session_timeout_ms: joining.session_ms,
            rebalance_timeout_ms: joining.rebalance_ms,
            member_id: joining.member,
            protocol_type: "consumer",
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        self.send(JOIN, &request)
    }

    pub fn joined(&mut self, sent: Sent) -> Joined {
        let answer = self.answer(sent);
        let response: JoinGroupResponse<'_> = answer.read();
        Joined {
            code: response.error_code,
            generation: response.generation_id,
            leader: response.leader.to_owned(),
            member: response.member_id.to_owned(),
            members: response.members.iter().map(|member| member.member_id.to_owned()).collect(),
        }
    }

    pub fn join(&mut self, joining: Joining<'_>) -> Joined {
        let sent = self.send_join(joining);
        self.joined(sent)
    }

    /// Syncs; the leader brings what each member gets.
    pub fn send_sync(&mut self, group: &str, me: &Joined, given: &[(&str, &[u8])]) -> Sent {
        let assignments: Vec<_> = given
            .iter()
            .map(|&(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment })
            .collect();
        let request = SyncGroupRequest {
            group_id: group,
            generation_id: me.generation,
            member_id: &me.member,
            assignments: Array::from(&assignments),
            ..Default::default()
        };
        self.send(SYNC, &request)
    }

    pub fn synced(&mut self, sent: Sent) -> Result<Vec<u8>, ErrorCode> {
        let answer = self.answer(sent);
        let response: SyncGroupResponse<'_> = answer.read();
        match response.error_code {
            ErrorCode::NONE => Ok(response.assignment.to_vec()),
            code => Err(code),
        }
    }

    pub fn sync(
        &mut self,
        group: &str,
        me: &Joined,
        given: &[(&str, &[u8])],
    ) -> Result<Vec<u8>, ErrorCode> {
        let sent = self.send_sync(group, me, given);
        self.synced(sent)
    }

    pub fn heartbeat(&mut self, group: &str, me: &Joined) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: group,
            generation_id: me.generation,
            member_id: &me.member,
            ..Default::default()
        };
        let answer = self.call(4, &request);
        answer.read::<HeartbeatResponse>().error_code
    }

    /// Leaves alone, as up to v2.
    pub fn leave(&mut self, group: &str, member: &str) -> ErrorCode {
        let request =
            LeaveGroupRequest { group_id: group, member_id: member, ..Default::default() };
        let answer = self.call(2, &request);
        answer.read::<LeaveGroupResponse<'_>>().error_code
    }

    pub fn send_commit(&mut self, group: &str, at: At<'_>, offset: i64) -> Sent {
        let partitions = [OffsetCommitRequestPartition {
            partition_index: at.1,
            committed_offset: offset,
            ..Default::default()
        }];
        let topics = [OffsetCommitRequestTopic {
            name: at.0,
            partitions: Array::from(&partitions),
            ..Default::default()
        }];
        let topics = Array::from(&topics);
        self.send(7, &OffsetCommitRequest { group_id: group, topics, ..Default::default() })
    }

    pub fn committed(&mut self, sent: Sent) -> ErrorCode {
        let answer = self.answer(sent);
        let response: OffsetCommitResponse<'_> = answer.read();
        let topic = response.topics.iter().next().unwrap();
        topic.partitions.iter().next().unwrap().error_code
    }

    /// Commits an offset without being a member.
    pub fn commit(&mut self, group: &str, at: At<'_>, offset: i64) -> ErrorCode {
        let sent = self.send_commit(group, at, offset);
        self.committed(sent)
    }

    /// The offset that a group has committed, -1 for none.
    pub fn group_offset(&mut self, group: &str, at: At<'_>) -> Result<i64, ErrorCode> {
        self.fetch_offset(group, at, false)
    }

    /// The same for one who would rather wait for a transaction.
    pub fn stable_offset(&mut self, group: &str, at: At<'_>) -> Result<i64, ErrorCode> {
        self.fetch_offset(group, at, true)
    }

    fn fetch_offset(
        &mut self,
        group: &str,
        at: At<'_>,
        require_stable: bool,
    ) -> Result<i64, ErrorCode> {
        let indexes = [at.1];
        let topics =
            [OffsetFetchRequestTopic { name: at.0, partition_indexes: Array::from(&indexes) }];
        let topics = Some(Array::from(&topics));
        let request =
            OffsetFetchRequest { group_id: group, topics, require_stable, ..Default::default() };
        let answer = self.call(7, &request);
        let response: OffsetFetchResponse<'_> = answer.read();
        if response.error_code != ErrorCode::NONE {
            return Err(response.error_code);
        }
        let topic = response.topics.iter().next().unwrap();
        let partition = topic.partitions.iter().next().unwrap();
        match partition.error_code {
            ErrorCode::NONE => Ok(partition.committed_offset),
            code => Err(code),
        }
    }

    /// Asks for the coordinator of a group, once.
    pub fn coordinator(&mut self, group: &str) -> ErrorCode {
        let keys = [group];
        let request = FindCoordinatorRequest {
            key_type: 0,
            coordinator_keys: Array::from(&keys),
            ..Default::default()
        };
        let answer = self.call(4, &request);
        let response: FindCoordinatorResponse<'_> = answer.read();
        response.coordinators.iter().next().unwrap().error_code
    }

    /// Asks until there is one that has its groups loaded.
    pub fn await_coordinator(&mut self, group: &str) {
        let end = Instant::now() + GUARD;
        let passes = [
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::NOT_COORDINATOR,
        ];
        loop {
            let found = match self.coordinator(group) {
                ErrorCode::NONE => self.group_offset(group, ("none", 0)).err(),
                code => Some(code),
            };
            let Some(code) = found else { return };
            assert!(passes.contains(&code), "no coordinator of {group}: {code:?}");
            assert!(Instant::now() < end, "no coordinator of {group}: {code:?}");
            std::thread::yield_now();
        }
    }

    /// Heartbeats until the answer is this one.
    pub fn heartbeat_until(&mut self, group: &str, me: &Joined, code: ErrorCode) {
        let end = Instant::now() + GUARD;
        loop {
            let answered = self.heartbeat(group, me);
            if answered == code {
                return;
            }
            assert_eq!(answered, ErrorCode::NONE, "while {code:?} is waited for");
            assert!(Instant::now() < end, "{code:?} does not come");
            std::thread::yield_now();
        }
    }
}

/// Two members on connections of their own, in step: the first leads, each has its part.
pub fn pair(broker: &Broker, group: &str, second_ms: i32) -> [(Client, Joined); 2] {
    let (mut first, mut second) = (broker.client(), broker.client());
    first.await_coordinator(group);
    let alone = first.join(Joining::new(group, ""));
    assert_eq!((alone.code, alone.generation), (ErrorCode::NONE, 1));
    assert_eq!(alone.leader, alone.member);
    assert_eq!(first.sync(group, &alone, &[(&alone.member, b"all")]), Ok(b"all".to_vec()));
    let sent = second.send_join(Joining { session_ms: second_ms, ..Joining::new(group, "") });
    first.heartbeat_until(group, &alone, ErrorCode::REBALANCE_IN_PROGRESS);
    let one = first.join(Joining::new(group, &alone.member));
    let two = second.joined(sent);
    assert_eq!((one.code, one.generation, two.code, two.generation), {
        (ErrorCode::NONE, 2, ErrorCode::NONE, 2)
    });
    assert_eq!((&two.leader, two.members.len(), one.members.len()), (&one.member, 0, 2));
    let waits = second.send_sync(group, &two, &[]);
    let given: [(&str, &[u8]); 2] = [(&one.member, b"left"), (&two.member, b"right")];
    assert_eq!(first.sync(group, &one, &given), Ok(b"left".to_vec()));
    assert_eq!(second.synced(waits), Ok(b"right".to_vec()));
    [(first, one), (second, two)]
}
