//! The topics as the coordinator sees them: they are made, grow and are deleted.

use barnabas::coordinator::groups::TopicsView;
use barnabas::wire::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module's comment.
#[derive(Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<Arc<str>, (Uuid, i32)>,
    version: u64,
    made: u128,
}

impl Topics {
    /// One topic.
    pub fn with(name: &str, partitions: i32) -> Topics {
        let mut topics = Topics::default();
        topics.put(name, partitions);
        topics
    }

    /// Makes a topic, with an id that none ever had, or lets it grow.
    pub fn put(&mut self, name: &str, partitions: i32) {
        self.version += 1;
        let made = &mut self.made;
        let topic = self.by_name.entry(name.into()).or_insert_with(|| {
            *made += 1;
            (Uuid::from_bytes((7000 + *made).to_be_bytes()), 0)
        });
        topic.1 = topic.1.max(partitions);
    }

    pub fn delete(&mut self, name: &str) -> Option<Uuid> {
        let (id, _) = self.by_name.remove(name)?;
        self.version += 1;
        Some(id)
    }

    /// Names, ids and numbers of partitions.
    pub fn each(&self) -> impl Iterator<Item = (&Arc<str>, Uuid, i32)> {
        self.by_name.iter().map(|(name, (id, partitions))| (name, *id, *partitions))
    }
}

impl TopicsView for Topics {
    fn id(&self, name: &str) -> Option<Uuid> {
        self.by_name.get(name).map(|(id, _)| *id)
    }
    fn name(&self, id: Uuid) -> Option<Arc<str>> {
        self.each().find(|(_, known, _)| *known == id).map(|(name, ..)| name.clone())
    }
    fn partitions(&self, id: Uuid) -> Option<i32> {
        self.each().find(|(_, known, _)| *known == id).map(|(.., partitions)| partitions)
    }
    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        self.by_name.keys().for_each(call);
    }
    fn version(&self) -> u64 {
        self.version
    }
}
