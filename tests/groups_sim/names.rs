//! A name is one group's at a time: where the log says otherwise Kafka does not load it (`IllegalStateException:
//! Group g is not a consumer group`). A group that ends says so before another kind of group has its name.

use barnabas::coordinator::groups::Record;
use barnabas::wire::group_records::{ForeignKind, GroupKey};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Classic,
    Consumer,
    Foreign(ForeignKind),
}

/// Whose the names are, as far as the log goes.
#[derive(Default)]
pub struct Names(BTreeMap<String, Kind>);

impl Names {
    /// Panics where Kafka would not go on.
    pub fn note(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.note_one(record));
    }

    fn note_one(&mut self, record: &Record) {
        let key = GroupKey::decode(&record.key).unwrap();
        let (kind, is_group) = match key {
            GroupKey::OffsetCommit(_) | GroupKey::Other(_) => return,
            GroupKey::GroupMetadata(_) => (Kind::Classic, true),
            GroupKey::Foreign(key) => (Kind::Foreign(key.kind), key.is_group()),
            GroupKey::ConsumerGroupMetadata(_) => (Kind::Consumer, true),
            _ => (Kind::Consumer, false),
        };
        let name = key.group().unwrap();
        let known = self.0.get(name).copied();
        match record.value {
            Some(_) => {
                assert!(known.is_none_or(|known| known == kind), "{name}: {key:?} of a {known:?}");
                self.0.insert(name.to_owned(), kind);
            }
            None if is_group && known == Some(kind) => drop(self.0.remove(name)),
            None => {}
        }
    }
}
