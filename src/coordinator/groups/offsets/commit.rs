//! OffsetCommit: who may commit, and for which partitions.

use super::super::classic::Turn;
use super::records::{self, Batch};
use super::{
    Committer, Effects, ErrorCode, Record, Reply, Shard, Token, TopicResults, Uuid, World,
};
use crate::wire::group_records::OffsetCommitValue;
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use std::sync::Arc;

/// From this version on topics are told apart by their ids (KIP-848).
const BY_ID: i16 = 10;
/// From this version on a client knows that a group may not be there.
const KNOWS_NO_GROUP: i16 = 9;

/// The answer to OffsetCommit.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitReply {
    /// The topics of the request; first those of which a part is not there.
    pub topics: Vec<TopicResults>,
}

impl CommitReply {
    /// The same when nothing of it could be written down.
    pub(in super::super) fn failed(mut self, code: ErrorCode) -> CommitReply {
        let not_there = [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID];
        let results = self.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for (_, result) in results.filter(|(_, result)| !not_there.contains(result)) {
            *result = code;
        }
        self
    }
}

/// A topic of the request.
struct Asked<'r> {
    name: Arc<str>,
    id: Uuid,
    /// Of the partitions that are not there.
    refused: Vec<(i32, ErrorCode)>,
    partitions: Vec<OffsetCommitRequestPartition<'r>>,
}

impl<'r> Asked<'r> {
    fn read(topic: &OffsetCommitRequestTopic<'r>, version: i16, world: &World<'_>) -> Asked<'r> {
        let (name, id, unknown) = match version {
            BY_ID.. => {
                let name = world.topics.name(topic.topic_id);
                (name.unwrap_or_else(|| "".into()), topic.topic_id, ErrorCode::UNKNOWN_TOPIC_ID)
            }
            _ => {
                let id = world.topics.id(topic.name).unwrap_or(Uuid::ZERO);
                (topic.name.into(), id, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            }
        };
        let count = world.topics.partitions(id);
        let there = |partition: &OffsetCommitRequestPartition<'_>| {
            count.is_some_and(|count| (0..count).contains(&partition.partition_index))
        };
        let unknown = if count.is_some() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { unknown };
        let (partitions, others): (Vec<_>, Vec<_>) = topic.partitions.iter().partition(there);
        let refused = others.iter().map(|partition| (partition.partition_index, unknown)).collect();
        Asked { name, id, refused, partitions }
    }

    fn answered(
        self,
        code: impl Fn(&OffsetCommitRequestPartition<'r>) -> ErrorCode,
    ) -> TopicResults {
        let mut partitions = self.refused;
        partitions.extend(self.partitions.iter().map(|one| (one.partition_index, code(one))));
        TopicResults { name: self.name, id: self.id, partitions }
    }
}

impl Shard {
    /// OffsetCommit. `version` is the request's.
    pub fn commit(
        &mut self,
        world: &mut World<'_>,
        version: i16,
        request: &OffsetCommitRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let read = |topic| Asked::read(&topic, version, world);
        let mut asked: Vec<_> = request.topics.iter().map(read).collect();
        asked.retain(|topic| !topic.partitions.is_empty() || !topic.refused.is_empty());
        asked.sort_by_key(|topic| topic.refused.is_empty());
        let is_any_there = asked.iter().any(|topic| !topic.partitions.is_empty());
        let outcome = match is_any_there {
            true => self.records_of_commit(world, version, request, &asked, effects),
            // Nothing is left to ask the group about.
            false => Ok(Vec::new()),
        };
        let limit = world.settings.max_metadata;
        let code = |partition: &OffsetCommitRequestPartition<'_>| match &outcome {
            Err(code) => *code,
            Ok(_) if is_too_long(partition.committed_metadata, limit) => {
                ErrorCode::OFFSET_METADATA_TOO_LARGE
            }
            Ok(_) => ErrorCode::NONE,
        };
        let topics = asked.into_iter().map(|topic| topic.answered(code)).collect();
        let reply = Reply::Commit(CommitReply { topics });
        effects.answer_after(outcome.unwrap_or_default(), token, reply);
    }

    fn records_of_commit(
        &mut self,
        world: &mut World<'_>,
        version: i16,
        request: &OffsetCommitRequest<'_>,
        asked: &[Asked<'_>],
        effects: &mut Effects,
    ) -> Result<Vec<Record>, ErrorCode> {
        let by = Committer {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            generation: request.generation_id_or_member_epoch,
            in_transaction: false,
            version,
        };
        let mut group = self.groups.get_mut(request.group_id);
        match &mut group {
            Some(group) => {
                let mut turn = Turn { timers: &mut self.timers, world, effects };
                group.check_commit(&by, &mut turn)?;
            }
            // Who is nobody's member may commit: the record makes the group.
            None if by.generation < 0 => {}
            None if version >= KNOWS_NO_GROUP => return Err(ErrorCode::GROUP_ID_NOT_FOUND),
            None => return Err(ErrorCode::ILLEGAL_GENERATION),
        }
        let expire_timestamp = match request.retention_time_ms {
            -1 => -1,
            retention => world.now_ms.saturating_add(retention),
        };
        let mut batch = Batch::new(world);
        for (topic, partition) in asked.iter().flat_map(each_partition) {
            if is_too_long(partition.committed_metadata, world.settings.max_metadata) {
                continue;
            }
            if let Some(group) = &group {
                group.check_committed_partition(&by, topic.id, partition.partition_index)?;
            }
            let value = OffsetCommitValue {
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: partition.committed_metadata.unwrap_or_default(),
                commit_timestamp: world.now_ms,
                expire_timestamp,
                topic_id: topic.id,
            };
            let index = partition.partition_index;
            batch.add_or_refuse(records::commit(request.group_id, &topic.name, index, &value))?;
        }
        Ok(batch.records)
    }
}

fn each_partition<'a, 'r>(
    topic: &'a Asked<'r>,
) -> impl Iterator<Item = (&'a Asked<'r>, &'a OffsetCommitRequestPartition<'r>)> {
    topic.partitions.iter().map(move |partition| (topic, partition))
}

/// The limit is said in bytes and counted in Java's characters.
fn is_too_long(metadata: Option<&str>, limit: usize) -> bool {
    let too_long = |text: &str| text.len() > limit && text.encode_utf16().count() > limit;
    metadata.is_some_and(too_long)
}
