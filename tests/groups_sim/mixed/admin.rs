//! What administrators do: topics are made, grow and are deleted, groups and offsets are deleted.

use super::client::TOPICS;
use super::{Event, Sim};
use barnabas::coordinator::groups::{Effects, Reply, Shard, World};
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};

impl Sim {
    pub(super) fn administer(&mut self) {
        if !self.chaos {
            return;
        }
        let next = self.now + 1_000 + self.random.below(15_000) as i64;
        self.at(next, Event::Admin);
        let name = TOPICS[self.random.below(4) as usize];
        match self.random.below(10) {
            0..3 if self.plan.restless => {
                self.coordinator.topics.put(name, 1 + self.random.below(8) as i32);
            }
            3 if self.plan.restless => self.delete_topic(name),
            4..6 => self.delete_group(),
            _ => self.delete_offsets(name),
        }
    }

    fn delete_topic(&mut self, name: &str) {
        let Some(id) = self.coordinator.topics.delete(name) else { return };
        self.model.topic_deleted(name, id);
        let gone = [(name.into(), id)];
        let (replies, _) =
            self.run_event(|shard, world, effects| shard.topics_deleted(world, &gone, effects));
        self.post(replies);
    }

    fn some_group(&mut self) -> String {
        let at = self.random.below(self.clients.len() as u64) as usize;
        self.clients[at].group.clone()
    }

    fn delete_group(&mut self) {
        let id = self.some_group();
        let shard = &self.coordinator.shard;
        let consumer = shard.describe_consumer(&id).ok().map(|group| group.is_empty());
        let is_empty = consumer.or(shard.classic(&id).map(|group| group.is_empty()));
        let token = self.coordinator.token();
        self.coordinator.waiting.insert(token);
        let delete = |shard: &mut Shard, world: &mut World<'_>, effects: &mut Effects| {
            shard.delete_group(world, &id, token, effects);
        };
        let (mut replies, mut died) = self.run_event(delete);
        while !died && !replies.iter().any(|(to, _)| *to == token) {
            // A part of it is gone.
            let (more, dies) = self.run_event(delete);
            replies.extend(more);
            died = dies;
        }
        let keys = self.model.of_group(&id);
        if died {
            return keys.into_iter().for_each(|key| self.model.doubt(key, None));
        }
        let Some((_, Reply::DeleteGroup(code))) = replies.iter().find(|(to, _)| *to == token)
        else {
            panic!("the deletion of {id} is answered")
        };
        match *code {
            ErrorCode::NONE => {
                assert_eq!(is_empty, Some(true), "{id} is deleted");
                keys.iter().for_each(|key| self.model.delete(key));
                assert!(self.coordinator.shard.offsets().group(&id).is_none(), "{id} is gone");
            }
            ErrorCode::NOT_COORDINATOR => {
                keys.into_iter().for_each(|key| self.model.doubt(key, None));
            }
            code => assert_ne!(is_empty, Some(true), "{id} may be deleted: {code}"),
        }
        self.post(replies);
    }

    fn delete_offsets(&mut self, topic: &str) {
        let id = self.some_group();
        let consumer = self.coordinator.shard.describe_consumer(&id);
        let is_wanted = consumer.is_ok_and(|group| group.is_subscribed_to(topic));
        let one = |partition_index| OffsetDeleteRequestPartition { partition_index };
        let partitions: Vec<_> = (0..3).map(one).collect();
        let topics =
            [OffsetDeleteRequestTopic { name: topic, partitions: Array::from(&partitions) }];
        let request = OffsetDeleteRequest { group_id: &id, topics: Array::from(&topics) };
        let token = self.coordinator.token();
        self.coordinator.waiting.insert(token);
        let (replies, died) = self.run_event(|shard, world, effects| {
            shard.delete_offsets(world, &request, token, effects);
        });
        let key = |partition| (id.clone(), topic.to_owned(), partition);
        if died {
            return (0..3).for_each(|partition| self.model.doubt(key(partition), None));
        }
        let Some((_, Reply::OffsetDelete(reply))) = replies.iter().find(|(to, _)| *to == token)
        else {
            panic!("the deletion of offsets of {id} is answered")
        };
        for (partition, code) in reply.topics.iter().flat_map(|topic| &topic.partitions) {
            if *code == ErrorCode::NONE {
                assert!(!is_wanted, "{id} consumes {topic}");
                self.model.delete(&key(*partition));
            }
        }
        self.post(replies);
    }
}
