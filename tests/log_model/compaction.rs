//! Compaction against the model. When a round stops depends on its memory, and when a tombstone goes on
//! the clock: so what a round has left is checked by the rules, and the model goes on with it.

use crate::cleaner_support::{Flat, flat, on};
use crate::log_support::header;
use crate::model::{Model, ModelBatch};
use crate::world::World;
use barnabas::log::CleanerLimits;
use barnabas::wire::records::Batch;
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl World {
    /// Cleans what can be cleaned, sometimes with so little memory that it takes several rounds.
    pub fn clean(&mut self) {
        self.now_ms += self.random.below(800) as i64;
        let cleanable = self.log().cleanable(self.checkpoint, self.now_ms).unwrap();
        if cleanable.dirty_bytes == 0 {
            return;
        }
        assert!(cleanable.end <= self.log().offsets().last_stable.max(cleanable.first_dirty));
        let active = *self.bases().last().unwrap();
        assert!(cleanable.end <= active, "nobody writes to what is cleaned");
        let map_memory = if self.random.one_in(4) { 24 * 8 } else { 1 << 16 };
        let limits = CleanerLimits { map_memory, load_factor: 0.9 };
        let cleaned = self.log().clean(&cleanable, limits, self.now_ms, &mut on).unwrap();
        assert!(cleaned.up_to <= cleanable.end && cleaned.up_to >= cleanable.first_dirty);
        self.checkpoint = Some(cleaned.up_to);
        let left = self.stored();
        self.model.cleaned(left, cleaned.up_to, self.now_ms);
        // Aborted transactions go from all segments that were written anew.
        self.model.cleaned = self.model.cleaned.max(cleanable.end);
        self.compare();
    }

    /// All batches, as they lie in the files.
    fn stored(&self) -> Vec<Vec<u8>> {
        let mut stored = Vec::new();
        for base in self.bases() {
            let path = self.dir.partition().join(format!("{base:020}.log"));
            let bytes = std::fs::read(path).unwrap();
            let mut rest = bytes.as_slice();
            // Behind the last one there may be unused reserve.
            while rest.get(16) == Some(&2) {
                let (batch, behind) = Batch::parse(rest).unwrap();
                assert!(batch.crc_is_valid() && batch.base_offset() >= base);
                stored.push(batch.as_bytes().to_vec());
                rest = behind;
            }
        }
        stored
    }
}

impl Model {
    /// A round has cleaned up to an offset, and this is in the log now.
    fn cleaned(&mut self, left: Vec<Vec<u8>>, up_to: i64, now_ms: i64) {
        let before = self.records_now();
        let after: BTreeMap<i64, Flat> =
            left.iter().flat_map(|bytes| flat(bytes)).map(|flat| (flat.offset, flat)).collect();
        for (offset, flat) in &after {
            assert_eq!(before.get(offset), Some(flat), "what stays is what it was");
        }
        let aborted = self.aborted_records();
        let mut later: HashMap<Vec<u8>, i64> = HashMap::new();
        // What is below the log start is gone for readers, and may be or not.
        let data = before.range(self.log_start..).rev().filter(|(_, flat)| !flat.control);
        for (&offset, flat) in data {
            let is_aborted = aborted.contains(&offset);
            let key = flat.key.clone().unwrap();
            let is_last = !later.contains_key(&key);
            match after.contains_key(&offset) {
                true if offset < up_to => {
                    assert!(is_aborted || is_last, "{offset} and {} have one key", later[&key]);
                }
                true => {}
                false if is_aborted => {}
                false if flat.value.is_none() && is_last => {
                    let until = self.horizon(offset);
                    assert!(
                        until.is_some_and(|at| at <= now_ms),
                        "{offset} must stay till {until:?}"
                    );
                    let mut older =
                        after.range(self.log_start..offset).filter(|(at, _)| !aborted.contains(at));
                    let older = older.find(|(_, older)| older.key.as_ref() == Some(&key));
                    assert!(older.is_none(), "{older:?} is back, deleted by {offset}");
                }
                false => assert!(!is_last, "{offset} is lost"),
            }
            if !is_aborted && offset < up_to {
                later.entry(key).or_insert(offset);
            }
        }
        self.go_on_with(left);
    }

    /// When the tombstones of the batch may go that has this offset: as it says itself.
    fn horizon(&self, offset: i64) -> Option<i64> {
        let holds = |batch: &&ModelBatch| batch.base <= offset && offset < batch.next();
        header(&self.batches.iter().find(holds)?.bytes).delete_horizon_ms()
    }

    fn records_now(&self) -> BTreeMap<i64, Flat> {
        let all = self.batches.iter().flat_map(|batch| flat(&batch.bytes));
        all.map(|flat| (flat.offset, flat)).collect()
    }

    /// The offsets of records that no reader shall see.
    fn aborted_records(&self) -> BTreeSet<i64> {
        let mut aborted = BTreeSet::new();
        for (first, marker) in self.aborted() {
            let sender = |batch: &ModelBatch| batch.sender.map(|sender| sender.id);
            let id = self.appended.iter().find(|batch| batch.base == first).and_then(sender);
            let own = self.appended.iter().filter(|batch| sender(batch) == id);
            let own = own.filter(|batch| (first..marker).contains(&batch.base));
            aborted.extend(own.flat_map(|batch| batch.records.iter().map(|&(offset, _)| offset)));
        }
        aborted
    }

    fn go_on_with(&mut self, left: Vec<Vec<u8>>) {
        let mut senders: HashMap<i64, _> =
            self.batches.iter().map(|batch| (batch.base, batch.sender)).collect();
        let batch = |bytes: Vec<u8>| {
            let base = header(&bytes).base_offset;
            let records = flat(&bytes).iter().map(|flat| (flat.offset, flat.timestamp)).collect();
            let sender = senders.remove(&base).expect("no batch is made or written twice");
            ModelBatch { bytes, base, records, sender }
        };
        self.batches = left.into_iter().map(batch).collect();
    }
}
