//! Requests about several groups: each is asked for in its own shard, and the answer is made here.

use super::park::{Asking, LOST, ParkedFrame, await_flush};
use super::{consumer_group_describe, delete_groups, describe_groups, list_groups, offset_fetch};
use crate::broker::{RunningTopics, Unflushed};
use crate::coordinator::groups::admin::ListFilter;
use crate::coordinator::groups::{Reply, Token};
use crate::kafka::call::decode;
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::wire::codec::{DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::delete_groups::DeleteGroupsRequest;
use crate::wire::messages::describe_groups::DescribeGroupsRequest;
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::offset_fetch::OffsetFetchRequest;
use std::sync::Arc;

/// OffsetFetch.
pub(super) fn fetch(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    let request: OffsetFetchRequest<'_> = decode(asking.call, body)?;
    let version = asking.call.version();
    let shared = asking.service.shared.clone();
    let (topics, mut room) = (RunningTopics::of(&shared), offset_fetch::MAX_ANSWER);
    let (mut answers, mut due) = (Vec::new(), Vec::new());
    for asked in offset_fetch::groups(&request, version) {
        let answered = shared.read_group(asked.group_id, |shard| {
            let fetched = shard.fetch(asked.group_id, asked.member, request.require_stable);
            offset_fetch::answer_of(&asked, fetched, &topics, version, &mut room)
        });
        let answered = answered.unwrap_or_else(|code| {
            offset_fetch::answer_of(&asked, Err(code), &topics, version, &mut room)
        });
        answers.push((asked.group_id, answered));
        due.extend(shared.unflushed_of(asked.group_id));
    }
    answer_when_flushed(asking, due, |done, version, out| {
        if !done {
            for (asked, answer) in offset_fetch::groups(&request, version).zip(&mut answers) {
                answer.1 = offset_fetch::answer_of(&asked, Err(LOST), &topics, version, &mut room);
            }
        }
        offset_fetch::write(&answers, version, out);
    });
    Ok(())
}

/// ListGroups.
pub(super) fn list(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), DecodeError> {
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
) -> Result<(), DecodeError> {
    let request: DescribeGroupsRequest<'_> = decode(asking.call, body)?;
    let version = asking.call.version();
    let with_operations = request.include_authorized_operations;
    let mut description = describe_groups::Description::default();
    for group in request.groups.iter() {
        let described = asking.service.shared.read_group(group, |shard| {
            description.add(group, shard.describe(group), with_operations, version);
        });
        if let Err(code) = described {
            description.add_refused(group, code, version);
        }
    }
    asking.answer(|version, out| description.write(version, out));
    Ok(())
}

/// ConsumerGroupDescribe.
pub(super) fn describe_consumers(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    let request: ConsumerGroupDescribeRequest<'_> = decode(asking.call, body)?;
    let version = asking.call.version();
    let with_operations = request.include_authorized_operations;
    let shared = asking.service.shared.clone();
    let (topics, settings) = (RunningTopics::of(&shared), shared.group_settings());
    let mut description = consumer_group_describe::Description::default();
    for group in request.group_ids.iter() {
        if !settings.consumer.is_served {
            description.add_refused(group, ErrorCode::UNSUPPORTED_VERSION, version);
            continue;
        }
        if group.is_empty() {
            description.add_refused(group, ErrorCode::INVALID_GROUP_ID, version);
            continue;
        }
        let described = shared.read_group(group, |shard| {
            let found = shard.describe_consumer(group);
            description.add(group, found, with_operations, (&topics, &settings), version);
        });
        if let Err(code) = described {
            description.add_refused(group, code, version);
        }
    }
    asking.answer(|version, out| description.write(version, out));
    Ok(())
}

/// DeleteGroups.
pub(super) fn delete(
    asking: &mut Asking<'_, '_, '_>,
    body: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    let request: DeleteGroupsRequest<'_> = decode(asking.call, body)?;
    // Its groups are answered together: no single one has a place to be answered in.
    let token = Token { worker: asking.service.worker, key: u64::MAX };
    let (mut results, mut unflushed): (Vec<(Arc<str>, ErrorCode)>, Vec<Unflushed>) =
        Default::default();
    let mut seen = std::collections::HashSet::new();
    for group in request.groups_names.iter().filter(|name| seen.insert(*name)) {
        let KafkaService { shared, wakes, .. } = &mut *asking.service;
        let ran = shared.in_group(
            group,
            |waiter| wakes.add(waiter),
            |shard, world, effects| shard.delete_group(world, group, token, effects),
        );
        let code = match ran {
            Ok(ran) => {
                unflushed.extend(ran.unflushed);
                let mut codes = ran.replies.into_iter().filter_map(|(_, reply)| match reply {
                    Reply::DeleteGroup(code) => Some(code),
                    _ => None,
                });
                codes.next().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR)
            }
            Err(code) => code,
        };
        results.push((group.into(), code));
    }
    answer_when_flushed(asking, unflushed, |done, version, out| match done {
        true => delete_groups::write(&results, version, out),
        false => {
            let failed: Vec<_> = results.iter().map(|(name, _)| (name.clone(), LOST)).collect();
            delete_groups::write(&failed, version, out);
        }
    });
    Ok(())
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
    let parked = ParkedFrame { slot: asking.slot, frame, failed, due };
    if is_over {
        parked.answer(asking.cx);
    } else if asking.service.draining {
        asking.service.parked.take(key);
        parked.leave(asking.cx);
    } else {
        asking.service.parked.put(key, ParkedRequest::Frame(parked));
    }
}
