//! What members ask, as a client writes it.

use super::member::Member;
use barnabas::coordinator::groups::{Caller, Effects, Shard, Token, World};
use barnabas::wire::codec::Array;
use barnabas::wire::messages::heartbeat::HeartbeatRequest;
use barnabas::wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use barnabas::wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use barnabas::wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use std::collections::BTreeMap;

/// What is sent, as it was when it was sent.
#[derive(Debug, Clone)]
pub enum Request {
    Join { id: String, metadata: u8 },
    Sync { id: String, generation: i32, plan: BTreeMap<String, Vec<u8>> },
    Heartbeat { id: String, generation: i32 },
    Leave { id: String },
}

/// Brings a member's request to the shard.
pub fn ask(
    member: &Member,
    request: &Request,
    caller: Caller<'_>,
    token: Token,
    (shard, world, effects): (&mut Shard, &mut World<'_>, &mut Effects),
) {
    let (group_id, group_instance_id) = (member.group.as_str(), member.instance.as_deref());
    match request {
        Request::Join { id, metadata } => {
            let metadata = [*metadata];
            let offer = |name| JoinGroupRequestProtocol { name, metadata: &metadata };
            let protocols = [offer("range"), offer("roundrobin")];
            let request = JoinGroupRequest {
                group_id,
                session_timeout_ms: member.session,
                rebalance_timeout_ms: member.rebalance,
                member_id: id,
                group_instance_id,
                protocol_type: "consumer",
                protocols: Array::from(&protocols),
                reason: None,
            };
            shard.join(world, caller, &request, token, effects);
        }
        Request::Sync { id, generation, plan } => {
            let given: Vec<_> = plan
                .iter()
                .map(|(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment })
                .collect();
            let request = SyncGroupRequest {
                group_id,
                generation_id: *generation,
                member_id: id,
                group_instance_id,
                protocol_type: Some("consumer"),
                protocol_name: Some("range"),
                assignments: Array::from(&given),
            };
            shard.sync(world, &request, token, effects);
        }
        Request::Heartbeat { id, generation } => {
            let request = HeartbeatRequest {
                group_id,
                generation_id: *generation,
                member_id: id,
                group_instance_id,
            };
            shard.heartbeat(world, &request, token, effects);
        }
        Request::Leave { id } => {
            let one = [MemberIdentity { member_id: id, group_instance_id, reason: None }];
            let request = LeaveGroupRequest { group_id, member_id: id, members: Array::from(&one) };
            shard.leave(world, 5, &request, token, effects);
        }
    }
}
