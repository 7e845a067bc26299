//! Requests about several groups: each is asked for in its own shard, and the answer is made here.

use super::park::{Asking, LOST, ParkedFrame, await_flush};
use super::room::{MAX_ANSWER, Unserved};
use super::{consumer_group_describe, delete_groups, describe_groups, list_groups, offset_fetch};
use crate::broker::{RunningTopics, Unflushed};
use crate::coordinator::groups::admin::ListFilter;
use crate::coordinator::groups::offsets::Fetched;
use crate::coordinator::groups::{Reply, Token};
use crate::kafka::call::decode;
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::wire::codec::{Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::delete_groups::DeleteGroupsRequest;
use crate::wire::messages::describe_groups::DescribeGroupsRequest;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;

/// Parts that a group is deleted in, at most.
const MAX_PARTS: usize = 1 << 20;

/// OffsetFetch.
pub(super) fn fetch(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), Unserved> {
    let request: OffsetFetchRequest<'_> = decode(asking.call, body)?;
    let version = asking.call.version();
    let shared = asking.service.shared.clone();
    let (topics, mut room) = (RunningTopics::of(&shared), MAX_ANSWER);
    let (mut answers, mut due) = (Vec::new(), Vec::new());
    for asked in offset_fetch::groups(&request, version) {
        let mut answer = |fetched: Result<Fetched<'_>, ErrorCode>| {
            offset_fetch::answer_of(&asked, fetched, &topics, version, &mut room)
        };
        let looked = shared.read_group(asked.group_id, |shard| {
            let fetched = shard.fetch(asked.group_id, asked.member, request.require_stable);
            match fetched {
                Ok(fetched) if asked.is_long() => Err(fetched.into_owned()),
                fetched => Ok(answer(fetched)),
            }
        });
        let answered = match looked {
            Ok(Ok(answered)) => answered,
            Ok(Err(copy)) => answer(Ok(copy)),
            Err(code) => answer(Err(code)),
        };
        answers.push((asked.group_id, answered?));
        due.extend(shared.unflushed_of(asked.group_id));
    }
    let mut failed = Vec::new();
    if !due.is_empty() {
        room = MAX_ANSWER;
        for asked in offset_fetch::groups(&request, version) {
            let answer = offset_fetch::answer_of(&asked, Err(LOST), &topics, version, &mut room);
            failed.push((asked.group_id, answer?));
        }
    }
    answer_when_flushed(asking, due, |done, version, out| {
        offset_fetch::write(if done { &answers } else { &failed }, version, out);
    });
    Ok(())
}

/// ListGroups.
pub(super) fn list(asking: &mut Asking<'_, '_, '_>, body: &mut Reader<'_>) -> Result<(), Unserved> {
    let request: ListGroupsRequest<'_> = decode(asking.call, body)?;
    let (filter, version) = (ListFilter::of(&request), asking.call.version());
    let mut listing = list_groups::Listing::default();
    let listed = asking.service.shared.read_all_groups(|shard| {
        shard.list(&filter, &mut |group| listing.add(&group, version));
    });
    let code = listed.err().unwrap_or(ErrorCode::NONE);
    asking.answer(|version, out| listing.write(code, version, out));
    Ok(())
}

/// DescribeGroups.
pub(super) fn describe(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), Unserved> {
    let request: DescribeGroupsRequest<'_> = decode(asking.call, body)?;
    let version = asking.call.version();
    let with_operations = request.include_authorized_operations;
    let mut description = describe_groups::Description::within(MAX_ANSWER);
    for group in request.groups.iter() {
        let described = asking.service.shared.read_group(group, |shard| {
            description.add(group, shard.describe(group), with_operations, version)
        });
        described.unwrap_or_else(|code| description.add_refused(group, code, version))?;
    }
    asking.answer(|version, out| description.write(version, out));
    Ok(())
}

/// ConsumerGroupDescribe.
pub(super) fn describe_consumers(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), Unserved> {
    let request: ConsumerGroupDescribeRequest<'_> = decode(asking.call, body)?;
    let version = asking.call.version();
    let with_operations = request.include_authorized_operations;
    let shared = asking.service.shared.clone();
    let (topics, settings) = (RunningTopics::of(&shared), shared.group_settings());
    let mut description = consumer_group_describe::Description::within(MAX_ANSWER);
    for group in request.group_ids.iter() {
        if !settings.consumer.is_served {
            description.add_refused(group, ErrorCode::UNSUPPORTED_VERSION, version)?;
            continue;
        }
        if group.is_empty() {
            description.add_refused(group, ErrorCode::INVALID_GROUP_ID, version)?;
            continue;
        }
        let described = shared.read_group(group, |shard| {
            let found = shard.describe_consumer(group);
            description.add(group, found, with_operations, (&topics, &settings), version)
        });
        described.unwrap_or_else(|code| description.add_refused(group, code, version))?;
    }
    asking.answer(|version, out| description.write(version, out));
    Ok(())
}

/// DeleteGroups.
pub(super) fn delete(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), Unserved> {
    let request: DeleteGroupsRequest<'_> = decode(asking.call, body)?;
    // Its groups are answered together: no single one has a place to be answered in.
    let token = Token { worker: asking.service.worker, key: u64::MAX };
    let (mut results, mut unflushed): (Vec<(&str, ErrorCode)>, Vec<Unflushed>) = Default::default();
    let mut seen = std::collections::HashSet::new();
    for group in request.groups_names.iter().filter(|name| seen.insert(*name)) {
        let code = delete_one(asking.service, group, token, &mut unflushed);
        results.push((group, code));
    }
    answer_when_flushed(asking, unflushed, |done, version, out| match done {
        true => delete_groups::write(&results, version, out),
        false => {
            let failed: Vec<_> = results.iter().map(|(name, _)| (*name, LOST)).collect();
            delete_groups::write(&failed, version, out);
        }
    });
    Ok(())
}

/// Deletes a group, in as many parts as it takes.
fn delete_one(
    service: &mut KafkaService,
    group: &str,
    token: Token,
    unflushed: &mut Vec<Unflushed>,
) -> ErrorCode {
    let KafkaService { shared, wakes, .. } = service;
    // Somebody may commit as fast as it is deleted.
    for _ in 0..MAX_PARTS {
        let ran = shared.in_group(
            group,
            |waiter| wakes.add(waiter),
            |shard, world, effects| shard.delete_group(world, group, token, effects),
        );
        let ran = match ran {
            Ok(ran) => ran,
            Err(code) => return code,
        };
        if let Some(more) = ran.unflushed {
            Unflushed::add_to(unflushed, more);
        }
        for (_, reply) in ran.replies {
            if let Reply::DeleteGroup(code) = reply {
                return code;
            }
        }
        shared.give_way_in(group);
    }
    ErrorCode::UNKNOWN_SERVER_ERROR
}

/// Answers when what was written is on the disk; as if it had failed, if it cannot get there.
fn answer_when_flushed(
    asking: &mut Asking<'_, '_, '_>,
    due: Vec<Unflushed>,
    mut body: impl FnMut(bool, i16, &mut Writer),
) {
    if due.is_empty() {
        return asking.answer(|version, out| body(true, version, out));
    }
    let frame = asking.frame(|version, out| body(true, version, out));
    let failed = asking.frame(|version, out| body(false, version, out));
    let key = asking.service.parked.reserve();
    let is_over = await_flush(asking.service, key, &due);
    let (slot, tag) = (asking.slot, asking.call.tag());
    let parked = ParkedFrame { slot, tag, frame, failed, due };
    if is_over {
        parked.answer(asking.service, asking.cx);
    } else if asking.service.draining {
        asking.service.parked.take(key);
        parked.leave(asking.cx);
    } else {
        asking.service.parked.put(key, ParkedRequest::Frame(parked));
    }
}
