//! Offsets are deleted by a request, and with their group.

use super::super::effects::Then;
use super::records::{self, Batch};
use super::{AfterAppend, Effects, ErrorCode, Reply, Shard, Token, TopicResults, Uuid, World};
use crate::wire::messages::offset_delete::{OffsetDeleteRequest, OffsetDeleteRequestTopic};
use std::sync::Arc;

/// The answer to OffsetDelete.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetDeleteReply {
    /// Of the whole request; then there are no topics.
    pub code: ErrorCode,
    /// The topics of the request; first those of which a part is not there.
    pub topics: Vec<TopicResults>,
}

impl OffsetDeleteReply {
    /// A refusal.
    pub fn failed(code: ErrorCode) -> OffsetDeleteReply {
        OffsetDeleteReply { code, topics: Vec::new() }
    }
}

impl Shard {
    /// OffsetDelete.
    pub fn delete_offsets(
        &mut self,
        world: &mut World<'_>,
        request: &OffsetDeleteRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let mut batch = Batch::new(world);
        let reply = self.plan_offset_delete(world, request, &mut batch);
        let reply = reply.unwrap_or_else(|code| {
            batch.records.clear();
            OffsetDeleteReply::failed(code)
        });
        effects.answer_after(batch.records, token, Reply::OffsetDelete(reply));
    }

    fn plan_offset_delete(
        &self,
        world: &World<'_>,
        request: &OffsetDeleteRequest<'_>,
        batch: &mut Batch,
    ) -> Result<OffsetDeleteReply, ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self.groups.get(request.group_id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        group.check_offset_delete()?;
        let (mut whole, mut partly) = (Vec::new(), Vec::new());
        for topic in request.topics {
            let (there, mut results) = not_there(&topic, world);
            let is_whole = results.is_empty();
            let code = match group.is_subscribed(topic.name) {
                true => ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
                false => ErrorCode::NONE,
            };
            let of_group = self.offsets.store.group(request.group_id);
            let offsets = of_group.and_then(|group| group.topic(topic.name));
            for partition in there {
                results.push((partition, code));
                let is_known = offsets.is_some_and(|topic| topic.get(partition).is_some())
                    || self.offsets.is_pending(request.group_id, topic.name, partition);
                if code == ErrorCode::NONE && is_known {
                    let gone = records::tombstone(request.group_id, topic.name, partition);
                    batch.add_or_refuse(gone)?;
                }
            }
            let of_topic = if is_whole { &mut whole } else { &mut partly };
            if !results.is_empty() {
                let (name, id) = (topic.name.into(), Uuid::ZERO);
                of_topic.push(TopicResults { name, id, partitions: results });
            }
        }
        partly.append(&mut whole);
        Ok(OffsetDeleteReply { code: ErrorCode::NONE, topics: partly })
    }

    /// Deletes a group that nobody is a member of, with its offsets: as much as fits into an append. One with
    /// many offsets takes several, and no answer comes before the last: it is to be asked again, so that
    /// others have their turn. (Kafka refuses what does not fit into one.)
    pub fn delete_group(
        &mut self,
        world: &mut World<'_>,
        group: &str,
        token: Token,
        effects: &mut Effects,
    ) {
        let code = match self.groups.get_key_value(group) {
            Some((id, known)) if known.is_empty() => {
                return self.delete_group_on(&id.clone(), world, token, effects);
            }
            Some(_) => ErrorCode::NON_EMPTY_GROUP,
            None => ErrorCode::GROUP_ID_NOT_FOUND,
        };
        effects.reply(token, Reply::DeleteGroup(code));
    }

    fn delete_group_on(
        &mut self,
        group: &Arc<str>,
        world: &mut World<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let mut batch = Batch::part(world);
        let offsets = self.offsets.store.group(group);
        let each = offsets.iter().flat_map(|offsets| offsets.topics()).flat_map(|topic| {
            topic.iter().map(|(partition, _)| records::tombstone(group, topic.name(), partition))
        });
        let is_there = |topic: &str, index| {
            let offsets = offsets.and_then(|offsets| offsets.topic(topic));
            offsets.is_some_and(|offsets| offsets.get(index).is_some())
        };
        let pending = self.offsets.pending.of_group(group);
        let alone = pending.filter(|(topic, index, _)| !is_there(topic, *index));
        let alone = alone.map(|(topic, index, _)| records::tombstone(group, topic, index));
        let fits = each.chain(alone).all(|gone| batch.add(vec![gone]))
            && self.groups.get(group).is_none_or(|known| batch.add(known.tombstones(group)));
        let then = match fits {
            true => Then::Answer(token, Reply::DeleteGroup(ErrorCode::NONE)),
            false => Then::Offsets(AfterAppend::Deleting { token }),
        };
        effects.append(batch.records, then);
    }
}

/// The partitions that are there, and the results of those that are not.
fn not_there(
    topic: &OffsetDeleteRequestTopic<'_>,
    world: &World<'_>,
) -> (Vec<i32>, Vec<(i32, ErrorCode)>) {
    let count = world.topics.id(topic.name).and_then(|id| world.topics.partitions(id));
    let is_there = |index: &i32| count.is_some_and(|count| (0..count).contains(index));
    let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
    let (there, others): (Vec<_>, Vec<_>) = indexes.partition(is_there);
    let refused = |index| (index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    (there, others.into_iter().map(refused).collect())
}
