//! OffsetFetch (PROTOCOL 10.5): the answer's body, group by group.
//!
//! Versions differ in how they say who is asked about (one group, or several from 8 on) and by what
//! topics are named (ids from 10 on). No offset is no error. A short answer is written from the store as it
//! lies there, a long one from a copy, so that nobody waits for it: it is of one moment too.

use super::room::Unserved;
use crate::coordinator::groups::TopicsView;
use crate::coordinator::groups::offsets::{Committed, Fetched, GroupOffsets};
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::wire::uuid::Uuid;

/// From this version on an error of the whole group has a place, and topics may be null.
const GROUP_ERROR: i16 = 2;
/// From this version on a request names several groups.
const BATCH: i16 = 8;
/// From this version on topics are named by their ids.
const BY_ID: i16 = 10;

/// What a request asks of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'r> {
    pub(super) group_id: &'r str,
    /// Of a consumer-protocol group's member: its id and epoch.
    pub(super) member: (Option<&'r str>, i32),
    topics: Topics<'r>,
}

#[derive(Debug, Clone, Copy)]
enum Topics<'r> {
    All,
    Named(Array<'r, OffsetFetchRequestTopic<'r>>),
    Batched(Array<'r, OffsetFetchRequestTopics<'r>>),
}

/// Who asks for more partitions than this is answered from a copy.
const LONG: usize = 1000;

impl Asked<'_> {
    /// Whether the answer may take its time.
    pub(super) fn is_long(&self) -> bool {
        let mut partitions = 0;
        self.topics.each(|_, _, list| partitions += list.len());
        matches!(self.topics, Topics::All) || partitions > LONG
    }
}

impl<'r> Topics<'r> {
    fn each(&self, mut call: impl FnMut(&'r str, Uuid, Array<'r, i32>)) {
        match self {
            Topics::All => {}
            Topics::Named(topics) => {
                topics.iter().for_each(|one| call(one.name, Uuid::ZERO, one.partition_indexes));
            }
            Topics::Batched(topics) => {
                topics.iter().for_each(|one| call(one.name, one.topic_id, one.partition_indexes));
            }
        }
    }
}

/// The groups of a request, whatever its version.
pub(super) fn groups<'r>(
    request: &OffsetFetchRequest<'r>,
    version: i16,
) -> impl Iterator<Item = Asked<'r>> {
    let single = (version < BATCH).then(|| Asked {
        group_id: request.group_id,
        member: (None, -1),
        topics: request.topics.map_or(Topics::All, Topics::Named),
    });
    let batched = |group: OffsetFetchRequestGroup<'r>| Asked {
        group_id: group.group_id,
        member: (group.member_id, group.member_epoch),
        topics: group.topics.map_or(Topics::All, Topics::Batched),
    };
    single.into_iter().chain(request.groups.iter().map(batched))
}

/// What a group takes of the room beside its topics, here and in the answer; and a topic.
const GROUP: usize = 256;
const TOPIC: usize = 32;

/// What a group has answered: its topics, encoded, and how many they are.
#[derive(Debug, Default)]
pub(super) struct Answered {
    topics: Writer,
    count: usize,
    code: ErrorCode,
}

/// Takes from a group what is asked for. One for which there is no room answers with an error, where
/// its version has a place for it.
pub(super) fn answer_of(
    asked: &Asked<'_>,
    fetched: Result<Fetched<'_>, ErrorCode>,
    topics: &dyn TopicsView,
    version: i16,
    room: &mut usize,
) -> Result<Answered, Unserved> {
    let (scratch, out) = (Writer::new(), Answered::default());
    *room = room.checked_sub(GROUP).ok_or(Unserved::TooLarge)?;
    let mut answer = Answering { version, scratch, out, room: *room };
    match (fetched, asked.topics) {
        (Err(code), _) if version >= GROUP_ERROR => answer.out.code = code,
        (Err(code), named) => named.each(|name, id, partitions| {
            answer.write(name, id, partitions.iter().map(|index| (index, Err(code))));
        }),
        (Ok(fetched), Topics::All) => {
            let of_group = fetched.all().into_iter().flat_map(GroupOffsets::topics);
            for one in of_group {
                let name = one.name();
                // A topic that is gone has no id to name it by.
                let id = topics.id(name).unwrap_or(Uuid::ZERO);
                if version < BY_ID || !id.is_zero() {
                    let stable = |index| fetched.check_stable(name, index);
                    let found =
                        one.iter().map(|(index, one)| (index, stable(index).map(|()| Some(one))));
                    answer.write(name, id, found);
                }
            }
        }
        (Ok(fetched), named) => write_named(&fetched, &named, topics, &mut answer),
    }
    if answer.room == 0 {
        let code = ErrorCode::UNKNOWN_SERVER_ERROR;
        return match version {
            GROUP_ERROR.. => Ok(Answered { code, ..Answered::default() }),
            // Without topics it would say that there are no offsets.
            _ => Err(Unserved::TooLarge),
        };
    }
    *room = answer.room;
    Ok(answer.out)
}

/// Topics that are not there come last.
fn write_named(
    fetched: &Fetched<'_>,
    named: &Topics<'_>,
    topics: &dyn TopicsView,
    answer: &mut Answering,
) {
    let mut unknown = Vec::new();
    named.each(|name, id, partitions| {
        let known = match answer.version {
            BY_ID.. => topics.name(id),
            _ => Some(name.into()),
        };
        match known {
            None => unknown.push((id, partitions)),
            Some(name) => {
                let found = |index| (index, fetched.get(&name, id, index));
                answer.write(&name, id, partitions.iter().map(found));
            }
        }
    });
    for (id, partitions) in unknown {
        let refused = |index| (index, Err(ErrorCode::UNKNOWN_TOPIC_ID));
        answer.write("", id, partitions.iter().map(refused));
    }
}

/// Writes topics, one after the other.
struct Answering {
    version: i16,
    /// The partitions of one topic.
    scratch: Writer,
    out: Answered,
    /// Bytes that may still be written; none: the answer is given up.
    room: usize,
}

impl Answering {
    fn write<'s>(
        &mut self,
        name: &str,
        topic_id: Uuid,
        partitions: impl Iterator<Item = (i32, Result<Option<Committed<'s>>, ErrorCode>)>,
    ) {
        self.scratch.clear();
        self.room = self.room.saturating_sub(name.len() + TOPIC);
        let mut count = 0;
        for (index, found) in partitions {
            if self.room == 0 {
                return;
            }
            let before = self.scratch.len();
            write_partition(index, found, self.version, &mut self.scratch);
            self.room = self.room.saturating_sub(self.scratch.len() - before);
            count += 1;
        }
        let (scratch, version, out) = (&self.scratch, self.version, &mut self.out.topics);
        if version < BATCH {
            let partitions = Array::written(count, scratch, version);
            OffsetFetchResponseTopic { name, partitions }.encode(out, version);
        } else {
            let partitions = Array::written(count, scratch, version);
            OffsetFetchResponseTopics { name, topic_id, partitions }.encode(out, version);
        }
        self.out.count += 1;
    }
}

fn write_partition(
    partition_index: i32,
    found: Result<Option<Committed<'_>>, ErrorCode>,
    version: i16,
    out: &mut Writer,
) {
    let (error_code, found) = match found {
        Ok(found) => (ErrorCode::NONE, found),
        Err(code) => (code, None),
    };
    let committed_offset = found.map_or(-1, |found| found.offset);
    let committed_leader_epoch = found.map_or(-1, |found| found.leader_epoch);
    let metadata = Some(found.map_or("", |found| found.metadata));
    if version < BATCH {
        OffsetFetchResponsePartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata,
            error_code,
        }
        .encode(out, version);
    } else {
        OffsetFetchResponsePartitions {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata,
            error_code,
        }
        .encode(out, version);
    }
}

/// The body of the answer.
pub(super) fn write(answers: &[(&str, Answered)], version: i16, out: &mut Writer) {
    if version < BATCH {
        let mut response = OffsetFetchResponse::default();
        if let Some((_, answered)) = answers.first() {
            response.topics = Array::written(answered.count, &answered.topics, version);
            response.error_code = answered.code;
        }
        return response.encode(out, version);
    }
    let groups: Vec<_> = answers
        .iter()
        .map(|(group_id, answered)| OffsetFetchResponseGroup {
            group_id,
            topics: Array::written(answered.count, &answered.topics, version),
            error_code: answered.code,
        })
        .collect();
    OffsetFetchResponse { groups: Array::from(&groups), ..Default::default() }.encode(out, version);
}
