//! Tests of [`super`]: who gets what another has read, and who does not.

use super::super::read::told;
use super::*;
use crate::config::TopicConfig;
use crate::log::Keepers;
use crate::wire::messages::fetch::AbortedTransaction;
use crate::wire::records::BatchBuilder;
use std::path::PathBuf;

struct Bench {
    dir: PathBuf,
    partitions: [Arc<Partition>; 2],
}

impl Bench {
    /// Two partitions with three records each.
    fn new(name: &str) -> Bench {
        let dir = std::env::temp_dir().join(format!("barnabas-same-{name}-{}", std::process::id()));
        let keepers = Keepers::spawn().unwrap();
        keepers.stop();
        let partitions = [0, 1].map(|index| {
            let path = dir.join(format!("t-{index}"));
            let log = Log::create(path, Arc::new(TopicConfig::default()), keepers.clone()).unwrap();
            (0..3).for_each(|_| append(&log));
            Arc::new(Partition::new("t".into(), index, 0, Some(log)))
        });
        Bench { dir, partitions }
    }

    /// What is read of the first partition.
    fn read(&self, wanted: &Wanted) -> Row {
        let log = self.partitions[0].log().unwrap();
        let read = log.read(wanted.offset, wanted.limit, wanted.at_least_one, wanted.bound);
        let mut row = told(log, None);
        row.records = read.unwrap().range;
        row
    }

    fn find(&self, same: &Same, index: usize, wanted: &Wanted) -> Option<Row> {
        same.find(&self.partitions[index], self.partitions[index].log().unwrap(), wanted)
    }

    /// In the middle of a round, after this was read of the first partition.
    fn noted(&self, wanted: &Wanted) -> Same {
        let mut same = Same::default();
        same.keep(true);
        same.note(&self.partitions[0], wanted.clone(), &self.read(wanted));
        same
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn append(log: &Log) {
    let mut builder = BatchBuilder::new();
    builder.append(1_000, None, Some(&[7; 100]), &[]);
    log.append_internal(&builder.finish(), 0).unwrap();
    log.advance_high_watermark(log.offsets().log_end);
}

const WANTED: Wanted =
    Wanted { offset: 1, limit: 1_000, at_least_one: true, bound: Bound::HighWatermark };

#[test]
fn who_wants_the_same_gets_it_and_nobody_else() {
    let bench = Bench::new("wanted");
    let same = bench.noted(&WANTED);
    let found = bench.find(&same, 0, &WANTED).unwrap().records.unwrap();
    let read = bench.read(&WANTED).records.unwrap();
    assert_eq!((found.start, found.len), (read.start, read.len));
    assert!(bench.find(&same, 1, &WANTED).is_none(), "of another partition");
    for other in [
        Wanted { offset: 0, ..WANTED },
        Wanted { limit: 999, ..WANTED },
        Wanted { at_least_one: false, ..WANTED },
        Wanted { bound: Bound::LastStable, ..WANTED },
    ] {
        assert!(bench.find(&same, 0, &other).is_none());
    }
}

#[test]
fn what_has_moved_is_read_anew() {
    let bench = Bench::new("moved");
    let log = bench.partitions[0].log().unwrap();
    let same = bench.noted(&WANTED);
    append(log);
    assert!(bench.find(&same, 0, &WANTED).is_none(), "there is more");
    let same = bench.noted(&WANTED);
    assert!(bench.find(&same, 0, &WANTED).is_some());
    log.delete_records_before(1).unwrap();
    assert!(bench.find(&same, 0, &WANTED).is_none(), "it begins elsewhere");
}

#[test]
fn aborted_transactions_are_told_to_all() {
    let bench = Bench::new("aborted");
    let wanted = Wanted { bound: Bound::LastStable, ..WANTED };
    let mut row = bench.read(&wanted);
    row.aborted = vec![AbortedTransaction { producer_id: 5, first_offset: 1 }];
    let mut same = Same::default();
    same.keep(true);
    same.note(&bench.partitions[0], wanted.clone(), &row);
    assert_eq!(bench.find(&same, 0, &wanted).unwrap().aborted[0].producer_id, 5);
}

#[test]
fn nothing_is_kept_that_nobody_gets_nor_beyond_a_round() {
    let bench = Bench::new("kept");
    let partition = &bench.partitions[0];
    let row = bench.read(&WANTED);
    let region = &row.records.as_ref().unwrap().region;
    let holders = || (Arc::strong_count(partition), Arc::strong_count(region));
    let before = holders();
    let mut same = Same::default();
    same.note(partition, WANTED, &row);
    assert_eq!(holders(), before, "outside a round");
    same.keep(true);
    same.note(partition, Wanted { bound: Bound::LogEnd, ..WANTED }, &row);
    same.note(partition, WANTED, &told(partition.log().unwrap(), None));
    assert_eq!(holders(), before, "to the end of the log, and without records");
    same.note(partition, WANTED, &row);
    assert_eq!(holders(), (before.0 + 1, before.1 + 1));
    // The last one of a round gets what was kept, and nothing is kept for others.
    same.keep(false);
    same.note(partition, Wanted { offset: 0, ..WANTED }, &row);
    assert!(bench.find(&same, 0, &WANTED).is_some());
    same.end();
    assert_eq!(holders(), before, "after a round");
    same.note(partition, WANTED, &row);
    assert_eq!(holders(), before);
}
