//! The group APIs: what is asked of the group coordinator, and what it answers.
//!
//! A request that may have to wait is parked before it is asked, under a key that the coordinator
//! knows as its token; most answers come at once, in the same call. Answers to requests of other
//! workers are gathered and sent to them at the end of the turn. What looks only is answered in
//! place.

mod classic;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod delete_groups;
mod describe_groups;
mod list_groups;
mod look;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod park;
mod room;
#[cfg(test)]
mod tests;

pub use park::{ParkedFrame, ParkedGroup, deliver, flushed, give_up, send};

use super::call::{Call, decode, refuse};
use super::clients::Client;
use super::service::KafkaService;
use crate::coordinator::groups::{Caller, Reply};
use crate::net::{Context, Flow, Slot};
use crate::wire::api::ApiKey;
use crate::wire::codec::Reader;
use crate::wire::error::ErrorCode;
use park::Asking;
use room::Unserved;

/// From this version on SyncGroup must say what the group has agreed upon.
const NAMES_PROTOCOL: i16 = 5;

/// Serves a request of one of the group APIs.
pub fn serve(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    (call, client): (&Call<'_>, &Client),
    slot: Slot,
    body: &mut Reader<'_>,
) -> Flow {
    let mut asking = Asking { service, cx, call, client, slot };
    let served = match call.api {
        ApiKey::OffsetCommit => commit(&mut asking, body),
        ApiKey::OffsetDelete => offset_delete(&mut asking, body),
        ApiKey::JoinGroup => join(&mut asking, body),
        ApiKey::SyncGroup => sync(&mut asking, body),
        ApiKey::Heartbeat => heartbeat(&mut asking, body),
        ApiKey::LeaveGroup => leave(&mut asking, body),
        ApiKey::DeleteGroups => look::delete(&mut asking, body),
        ApiKey::OffsetFetch => look::fetch(&mut asking, body),
        ApiKey::ListGroups => look::list(&mut asking, body),
        ApiKey::DescribeGroups => look::describe(&mut asking, body),
        ApiKey::ConsumerGroupHeartbeat => consumer_heartbeat(&mut asking, body),
        ApiKey::ConsumerGroupDescribe => look::describe_consumers(&mut asking, body),
        _ => return Flow::Close("a group API that has no handler".into()),
    };
    match served {
        Ok(()) => Flow::Next,
        Err(Unserved::Unreadable(why)) => refuse(call, &why),
        Err(Unserved::TooLarge) => Flow::Close(room::too_large(call).into()),
    }
}

fn join(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    use crate::coordinator::groups::JoinReply;
    let request: crate::wire::messages::join_group::JoinGroupRequest<'_> =
        decode(asking.call, body)?;
    let call = asking.call;
    asking.client.speaks_for(request.group_id, request.member_id, -1);
    let host = call.origin.host();
    let (client_id, version) = (call.header.client_id.unwrap_or_default(), call.version());
    let caller = Caller { client_id, host: &host, version };
    asking.ask(
        request.group_id,
        |shard, world, token, effects| shard.join(world, caller, &request, token, effects),
        |code| Reply::Join(JoinReply::failed(code, request.member_id.into())),
    );
    Ok(())
}

fn sync(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    use crate::coordinator::groups::SyncReply;
    let request: crate::wire::messages::sync_group::SyncGroupRequest<'_> =
        decode(asking.call, body)?;
    asking.client.speaks_for(request.group_id, request.member_id, request.generation_id);
    let refused = |code| Reply::Sync(SyncReply::failed(code));
    let has_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if asking.call.version() >= NAMES_PROTOCOL && !has_protocol {
        asking.refuse(&refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        return Ok(());
    }
    asking.ask(
        request.group_id,
        |shard, world, token, effects| shard.sync(world, &request, token, effects),
        refused,
    );
    Ok(())
}

fn heartbeat(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    let request: crate::wire::messages::heartbeat::HeartbeatRequest<'_> =
        decode(asking.call, body)?;
    asking.client.speaks_for(request.group_id, request.member_id, request.generation_id);
    asking.ask(
        request.group_id,
        |shard, world, token, effects| shard.heartbeat(world, &request, token, effects),
        // While a group is loaded its members are as good as heard.
        |code| match code {
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => Reply::Heartbeat(ErrorCode::NONE),
            code => Reply::Heartbeat(code),
        },
    );
    Ok(())
}

fn leave(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    use crate::coordinator::groups::LeaveReply;
    let request: crate::wire::messages::leave_group::LeaveGroupRequest<'_> =
        decode(asking.call, body)?;
    asking.client.leaves(request.group_id);
    let version = asking.call.version();
    asking.ask(
        request.group_id,
        |shard, world, token, effects| shard.leave(world, version, &request, token, effects),
        |code| Reply::Leave(LeaveReply { code, members: Vec::new() }),
    );
    Ok(())
}

fn commit(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    let request: crate::wire::messages::offset_commit::OffsetCommitRequest<'_> =
        decode(asking.call, body)?;
    let version = asking.call.version();
    asking.ask(
        request.group_id,
        |shard, world, token, effects| shard.commit(world, version, &request, token, effects),
        |code| Reply::Commit(offset_commit::refused(&request, code)),
    );
    Ok(())
}

fn offset_delete(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    use crate::coordinator::groups::offsets::OffsetDeleteReply;
    let request: crate::wire::messages::offset_delete::OffsetDeleteRequest<'_> =
        decode(asking.call, body)?;
    asking.ask(
        request.group_id,
        |shard, world, token, effects| shard.delete_offsets(world, &request, token, effects),
        |code| Reply::OffsetDelete(OffsetDeleteReply::failed(code)),
    );
    Ok(())
}

fn consumer_heartbeat(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), Unserved> {
    use crate::coordinator::groups::consumer::ConsumerReply;
    let request: crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest<
        '_,
    > = decode(asking.call, body)?;
    let call = asking.call;
    let refused = |code| Reply::Consumer(ConsumerReply { code, ..ConsumerReply::default() });
    match request.member_epoch {
        ..0 => asking.client.leaves(request.group_id),
        epoch => asking.client.speaks_for(request.group_id, request.member_id, epoch),
    }
    if !asking.service.shared.group_settings().consumer.is_served {
        asking.refuse(&refused(ErrorCode::UNSUPPORTED_VERSION));
        return Ok(());
    }
    let host = call.origin.host();
    let (client_id, version) = (call.header.client_id.unwrap_or_default(), call.version());
    let caller = Caller { client_id, host: &host, version };
    asking.ask(
        request.group_id,
        |shard, world, token, effects| {
            shard.consumer_heartbeat(world, caller, &request, token, effects);
        },
        refused,
    );
    Ok(())
}
