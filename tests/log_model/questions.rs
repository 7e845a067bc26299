//! What is asked of a log and of its model, and must be answered alike.

use crate::log_support::*;
use crate::model::ModelBatch;
use crate::world::{TIMES, World};
use barnabas::log::{Bound, ProducerInfo, Read, ReadError};

impl World {
    /// All records and all producers are the same.
    pub fn compare(&mut self) {
        self.compare_records();
        self.compare_producers();
    }

    pub fn compare_records(&self) {
        let (start, end) = (self.model.log_start, self.model.end);
        let expected: Vec<Vec<u8>> =
            self.model.visible(start, end).map(|batch| batch.bytes.clone()).collect();
        assert!(read_all(self.log(), start, Bound::LogEnd) == expected, "from {start} to {end}");
    }

    fn compare_producers(&self) {
        let (known, expected) = self.producers();
        assert_eq!(known, expected);
    }

    /// What is known of producers is all that the model knows.
    pub fn knows_producers(&self) -> bool {
        let (known, expected) = self.producers();
        known == expected
    }

    /// The producers of the log and those of the model.
    fn producers(&self) -> (Vec<ProducerInfo>, Vec<ProducerInfo>) {
        let mut producers = self.log().producers();
        producers.sort_by_key(|producer| producer.producer_id);
        let mut expected = self.model.producer_infos();
        if self.model.forgets {
            for info in producers.iter_mut().chain(&mut expected) {
                (info.last_timestamp, info.coordinator_epoch) = (0, 0);
            }
        }
        (producers, expected)
    }

    fn bound(&mut self) -> (Bound, i64) {
        let stable = self.log().offsets().last_stable;
        match self.random.below(3) {
            0 => (Bound::LogEnd, self.model.end),
            1 => (Bound::HighWatermark, self.model.high_watermark),
            _ => (Bound::LastStable, stable),
        }
    }

    pub fn read(&mut self) {
        let offset = self.any_offset();
        let (bound, visible_to) = self.bound();
        let (max, at_least_one) = (self.random.below(5_000) as u32, self.random.one_in(2));
        let in_range = offset >= self.model.log_start && offset <= self.model.end;
        let read = match self.log().read(offset, max, at_least_one, bound) {
            Ok(read) => read,
            Err(ReadError::OutOfRange { .. }) => return assert!(!in_range),
            Err(error) => panic!("{error}"),
        };
        assert!(in_range);
        let expected: Vec<&ModelBatch> = self.model.visible(offset, visible_to).collect();
        let got = read.range.as_ref().map_or(Vec::new(), |range| split(range.bytes().unwrap()));
        assert!(got.len() <= expected.len(), "from {offset} up to {visible_to}");
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(*got, expected.bytes);
        }
        assert!(read.len() <= max || (at_least_one && got.len() == 1), "{} of {max}", read.len());
        assert!(read.size_available >= u64::from(read.len()));
        if bound == Bound::LastStable && !got.is_empty() {
            self.check_aborted(&read, offset, expected[got.len() - 1].next());
        }
        let Some(first) = expected.first() else { return };
        assert_eq!(read.base_offset, if got.is_empty() { offset } else { first.base });
        if at_least_one {
            assert!(!got.is_empty(), "a reader must get on");
        }
        // Nothing that fits and is in the same segment is left out.
        if read.size_available > u64::from(read.len()) {
            let next = expected[got.len()].bytes.len() as u32;
            assert!(read.len() + next > max, "{} + {next} fit into {max}", read.len());
        }
    }

    /// A consumer is told of all transactions that it must pass over, and of no other.
    fn check_aborted(&self, read: &Read, offset: i64, end: i64) {
        let told: Vec<(i64, i64)> =
            read.aborted.iter().map(|txn| (txn.first_offset, txn.last_offset)).collect();
        let aborted = self.model.aborted();
        // Made anew from a compacted log, it may begin where the first of its records is that is left.
        let is_same = |all: &(i64, i64), told: &(i64, i64)| all.0 <= told.0 && all.1 == told.1;
        let is_one = |told: &(i64, i64)| aborted.iter().any(|txn| is_same(txn, told));
        assert!(told.iter().all(is_one), "{told:?} of {aborted:?}");
        for txn in &aborted {
            let Some(shown) = self.model.first_shown(*txn, offset, end) else { continue };
            let is_told = told.iter().any(|told| is_same(txn, told) && told.0 <= shown);
            assert!(is_told, "{txn:?} in {told:?}, from {offset} to {end}");
        }
    }

    pub fn bytes_from(&mut self) {
        let offset = self.any_offset();
        let (bound, visible_to) = self.bound();
        let max = self.random.below(10_000);
        let sizes = self.model.visible(offset, visible_to).map(|batch| batch.bytes.len());
        let expected = (sizes.sum::<usize>() as u64).min(max);
        let in_range = offset >= self.model.log_start && offset <= self.model.end;
        let found = self.log().bytes_from(offset, bound, max);
        assert_eq!(found, in_range.then_some(expected), "from {offset}");
    }

    pub fn look_up_time(&mut self) {
        let wanted = self.random.below(TIMES + 200) as i64;
        let (bound, visible_to) = self.bound();
        let found = self.log().offset_for_timestamp(wanted, bound).unwrap();
        let found = found.map(|found| (found.offset, found.timestamp));
        assert_eq!(found, self.model.first_since(wanted, visible_to), "time {wanted}");
        let found = self.log().max_timestamp().unwrap();
        assert_eq!(found.map(|found| (found.offset, found.timestamp)), self.model.latest());
    }

    pub fn look_up_epoch(&mut self) {
        let asked = self.random.below(self.epoch as u64 + 2) as i32;
        let Some(expected) = self.model.end_of_epoch(asked) else { return };
        let found = self.log().end_offset_for_epoch(asked, -1);
        assert_eq!(found, expected, "epoch {asked} of {:?}", self.model.epochs);
    }
}
