//! Epochs as the log has them: those of a group, of its targets and of its members only grow, and no
//! member and no target is ahead of the group.

use barnabas::coordinator::groups::Record;
use barnabas::wire::group_records::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMetadataValue,
    ConsumerGroupTargetAssignmentMetadataValue, GroupKey,
};
use std::collections::BTreeMap;

#[derive(Debug)]
struct Group {
    epoch: i32,
    target: i32,
    members: BTreeMap<String, i32>,
}

impl Default for Group {
    /// A group of members that want nothing has no epoch in the log: it is in its first.
    fn default() -> Group {
        Group { epoch: 1, target: 1, members: BTreeMap::new() }
    }
}

/// See the module's comment.
#[derive(Debug, Default)]
pub struct Epochs {
    groups: BTreeMap<String, Group>,
}

impl Epochs {
    /// What has just been appended.
    pub fn note(&mut self, batch: &[Record]) {
        let mut touched = Vec::new();
        for record in batch {
            if let Some(group) = self.note_one(record) {
                touched.push(group);
            }
        }
        for id in touched {
            let Some(group) = self.groups.get(&id) else { continue };
            assert!(group.target <= group.epoch, "{id}: targets are ahead: {group:?}");
            for (member, epoch) in &group.members {
                assert!(*epoch <= group.epoch, "{id}: {member} is ahead: {group:?}");
            }
        }
    }

    fn note_one(&mut self, record: &Record) -> Option<String> {
        let value = record.value.as_deref();
        let id = match GroupKey::decode(&record.key).unwrap() {
            GroupKey::ConsumerGroupMetadata(key) => {
                let Some(value) = value else {
                    self.groups.remove(key.group_id);
                    return None;
                };
                let epoch = ConsumerGroupMetadataValue::from_bytes(value).unwrap().epoch;
                let group = self.groups.entry(key.group_id.to_owned()).or_default();
                assert!(epoch >= group.epoch, "{}: {} to {epoch}", key.group_id, group.epoch);
                group.epoch = epoch;
                key.group_id
            }
            GroupKey::ConsumerGroupTargetAssignmentMetadata(key) => {
                let value = ConsumerGroupTargetAssignmentMetadataValue::from_bytes(value?).unwrap();
                let epoch = value.assignment_epoch;
                let group = self.groups.entry(key.group_id.to_owned()).or_default();
                assert!(epoch >= group.target, "{}: {} to {epoch}", key.group_id, group.target);
                group.target = epoch;
                key.group_id
            }
            GroupKey::ConsumerGroupMemberMetadata(key) if value.is_none() => {
                let group = self.groups.get_mut(key.group_id)?;
                group.members.remove(key.member_id);
                key.group_id
            }
            GroupKey::ConsumerGroupCurrentMemberAssignment(key) => {
                let value = ConsumerGroupCurrentMemberAssignmentValue::from_bytes(value?).unwrap();
                let epoch = value.member_epoch;
                let group = self.groups.entry(key.group_id.to_owned()).or_default();
                let before = group.members.insert(key.member_id.to_owned(), epoch);
                // −2: away for a while; who comes back begins with 0.
                let grows = before.is_none_or(|before| epoch >= before || epoch == -2);
                assert!(grows, "{}: {} from {before:?} to {epoch}", key.group_id, key.member_id);
                key.group_id
            }
            _ => return None,
        };
        Some(id.to_owned())
    }
}
