//! The recovery point: what lies below it is believed, what lies above is checked, and a log that
//! does not end where it was closed counts as one that was not.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bad, Bound, Log, LogError, Missing, Opening, Recovery, RecoveryReport};
use log_support::*;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Batches of two records, four batches a segment.
const BATCHES: usize = 16;
const PER_SEGMENT: usize = 4;

/// A log of four segments that begin at 0, 8, 16 and 24, closed.
struct Closed {
    dir: TempDir,
    settings: Arc<TopicConfig>,
    batches: Vec<Vec<u8>>,
}

impl Closed {
    fn new() -> Closed {
        let size = produced(500, 0, 0, 2).len();
        let dir = TempDir::new("point");
        let settings = config((PER_SEGMENT * size) as i32, 100);
        let log = create(&dir.partition(), &settings);
        let batches = (0..BATCHES as i32).map(|number| {
            let bytes = produced(500, 0, number * 2, 2);
            let appended = log.append(&validated(&bytes), number / 3, 0).unwrap();
            stored(&bytes, appended.base_offset, number / 3)
        });
        let batches: Vec<Vec<u8>> = batches.collect();
        log.close().unwrap();
        Closed { dir, settings, batches }
    }

    fn path(&self, base: i64, suffix: &str) -> PathBuf {
        self.dir.partition().join(format!("{base:020}.{suffix}"))
    }

    /// Changes a byte of a record in the first batch of a segment.
    fn damage(&self, base: i64) {
        let file = fs::File::options().write(true).open(self.path(base, "log")).unwrap();
        file.write_all_at(&[0xee], 70).unwrap();
    }

    fn open(&self, how: Recovery, recovery_point: i64) -> RecoveryReport {
        open(&self.dir.partition(), &self.settings, flushed_to(how, recovery_point)).1
    }

    fn bytes_from(&self, base: i64) -> u64 {
        self.batches[base as usize / 2..].iter().map(|batch| batch.len() as u64).sum()
    }
}

#[test]
fn only_segments_from_the_recovery_point_on_are_checked() {
    for (point, checked_from) in [(0, 0), (7, 0), (8, 8), (15, 8), (16, 16), (31, 24), (32, 24)] {
        let closed = Closed::new();
        // Damage that a check would find, in every segment that is not to be checked.
        [0, 8, 16]
            .iter()
            .filter(|&&base| base < checked_from)
            .for_each(|&base| closed.damage(base));
        let opening = flushed_to(Recovery::Unclean, point);
        let progress = opening.progress.clone();
        let (log, report) = open(&closed.dir.partition(), &closed.settings, opening);
        assert!(report.checked && !report.has_losses(), "{point}: {report:?}");
        assert_eq!((report.checked_from, report.log_end), (checked_from, 32), "{point}");
        assert_eq!(progress.bytes(), closed.bytes_from(checked_from), "{point}");
        assert_eq!(log.flushed_offset(), point, "no more than that is known to be on the disk");
        // The producer goes on, and epochs are where they were.
        assert!(try_append(&log, &produced(500, 0, 30, 2)).unwrap().duplicate, "{point}");
        assert!(try_append(&log, &produced(500, 0, 34, 2)).is_err(), "{point}: a gap");
        assert_eq!(log.end_offset_for_epoch(1, -1), (1, 12), "{point}");
        assert_eq!(append(&log, &produced(500, 0, 32, 2)).base_offset, 32, "{point}");
    }
}

#[test]
fn what_is_damaged_from_the_recovery_point_on_is_cut() {
    let closed = Closed::new();
    closed.damage(8);
    closed.damage(16);
    let report = closed.open(Recovery::Unclean, 20);
    assert_eq!((report.checked_from, report.log_end, report.removed_segments), (16, 16, 1));
    assert_eq!((report.cuts[0].segment, report.cuts[0].reason), (16, Bad::Crc));
    assert_eq!(report.missing, Some(Missing { log_end: 16, recovery_point: 20 }));
    assert!(report.losses().contains("offsets 16 to 19 were on the disk once"));
}

#[test]
fn without_a_recovery_point_everything_is_checked() {
    let closed = Closed::new();
    closed.damage(8);
    let (_, report) = open(&closed.dir.partition(), &closed.settings, Recovery::Unclean);
    assert_eq!((report.checked_from, report.log_end, report.cuts[0].segment), (0, 8, 8));
}

#[test]
fn a_segment_below_the_recovery_point_that_does_not_end_with_a_batch_is_checked() {
    // A roll that the crash overtook before the file was trimmed, a cut, a batch too many.
    type Damage = fn(&Closed, &mut Vec<u8>);
    let damages: [(&str, Damage, i64); 3] = [
        ("reserve", |_, bytes| bytes.resize(bytes.len() + 5_000, 0), 32),
        ("cut", |_, bytes| bytes.truncate(bytes.len() - 1), 14),
        ("too long", |closed, bytes| bytes.extend(&closed.batches[8]), 18),
    ];
    for (what, damage, end) in damages {
        let closed = Closed::new();
        closed.damage(0);
        let path = closed.path(8, "log");
        let mut bytes = fs::read(&path).unwrap();
        damage(&closed, &mut bytes);
        fs::write(&path, bytes).unwrap();
        let report = closed.open(Recovery::Unclean, 30);
        assert_eq!((report.checked_from, report.log_end), (8, end), "{what}: {report:?}");
    }
}

#[test]
fn a_closed_log_that_does_not_end_at_the_recovery_point_is_checked_from_there() {
    let closed = Closed::new();
    let report = closed.open(Recovery::Clean, 32);
    assert!(!report.checked && !report.has_losses(), "{report:?}");
    // The sign of a clean stop is older than the end of the log.
    let closed = Closed::new();
    closed.damage(24);
    let report = closed.open(Recovery::Clean, 18);
    assert_eq!((report.checked, report.checked_from, report.log_end), (true, 16, 24));
    // The log has lost its end, at a batch's boundary.
    let closed = Closed::new();
    let size = closed.batches[0].len() as u64;
    let file = fs::File::options().write(true).open(closed.path(24, "log")).unwrap();
    file.set_len(2 * size).unwrap();
    let report = closed.open(Recovery::Clean, 32);
    assert_eq!((report.checked, report.checked_from, report.log_end), (true, 24, 28));
    assert_eq!(report.missing, Some(Missing { log_end: 28, recovery_point: 32 }));
}

#[test]
fn producers_come_from_the_latest_snapshot_that_can_be_believed_and_the_batches_behind_it() {
    for (gone, missing) in [(vec![24], true), (vec![24, 16], false), (vec![24, 16, 8, 0], true)] {
        let closed = Closed::new();
        for &base in &gone {
            match missing {
                true => drop(fs::remove_file(closed.path(base, "snapshot"))),
                false => fs::write(closed.path(base, "snapshot"), b"?").unwrap(),
            }
        }
        let opening = flushed_to(Recovery::Unclean, 32);
        let (log, report) = open(&closed.dir.partition(), &closed.settings, opening);
        assert_eq!((report.checked_from, report.producers), (24, 1), "{gone:?}");
        assert!(try_append(&log, &produced(500, 0, 30, 2)).unwrap().duplicate, "{gone:?}");
        assert!(try_append(&log, &produced(500, 0, 34, 2)).is_err(), "{gone:?}: a gap");
    }
}

#[test]
fn epochs_below_the_recovery_point_come_from_their_file_or_else_from_the_batches() {
    for text in [None, Some("garbage"), Some("0\n1\n7 1000\n")] {
        let closed = Closed::new();
        let path = closed.dir.partition().join("leader-epoch-checkpoint");
        match text {
            None => fs::remove_file(&path).unwrap(),
            Some(text) => fs::write(&path, text).unwrap(),
        }
        let opening = flushed_to(Recovery::Unclean, 32);
        let (log, _) = open(&closed.dir.partition(), &closed.settings, opening);
        let known = text == Some("0\n1\n7 1000\n");
        // A file that can be read is believed below the recovery point, whatever it says.
        let first = if known { (0, 24) } else { (0, 6) };
        assert_eq!(log.end_offset_for_epoch(0, -1), first, "{text:?}");
        assert_eq!(log.end_offset_for_epoch(4, -1), (4, 30), "{text:?}");
        assert_eq!(log.latest_epoch(-1), Some(5), "{text:?}");
        assert_eq!(read_all(&log, 0, Bound::LogEnd), closed.batches);
    }
}

#[test]
fn a_log_that_must_be_read_is_not_opened_quickly() {
    type Damage = fn(&Closed);
    let damages: [(&str, Damage, bool); 6] = [
        ("none", |_| {}, true),
        ("an old snapshot is gone", |log| fs::remove_file(log.path(16, "snapshot")).unwrap(), true),
        ("the last snapshot", |log| fs::remove_file(log.path(32, "snapshot")).unwrap(), false),
        ("an index", |log| fs::remove_file(log.path(8, "index")).unwrap(), false),
        (
            "epochs",
            |log| fs::remove_file(log.dir.partition().join("leader-epoch-checkpoint")).unwrap(),
            false,
        ),
        ("the end", |log| fs::write(log.path(24, "log"), b"").unwrap(), false),
    ];
    for (what, damage, is_quick) in damages {
        let closed = Closed::new();
        damage(&closed);
        let opening = Opening { quick: true, ..flushed_to(Recovery::Clean, 32) };
        // What was made ahead of need goes with every look at a directory.
        let lasting = || {
            let mut files = files(&closed.dir.partition());
            files.retain(|name| !name.ends_with(".prepared"));
            files
        };
        let before = lasting();
        let opened = Log::open(closed.dir.partition(), closed.settings.clone(), opening, keepers());
        match opened {
            Ok((log, _)) => assert!(is_quick && log.offsets().log_end == 32, "{what}"),
            Err(error) => {
                assert!(!is_quick && matches!(error, LogError::Slow(_)), "{what}: {error}");
                assert_eq!(lasting(), before, "{what}: nothing was touched");
            }
        }
    }
}

/// The names of what was set aside, and what is in it.
fn aside(closed: &Closed) -> Vec<(String, Vec<u8>)> {
    let dir = closed.dir.partition();
    let names = files(&dir).into_iter().filter(|name| name.ends_with(".aside"));
    names.map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

#[test]
fn what_was_on_the_disk_once_is_kept_when_it_is_cut_off() {
    for point in [30, 31, 32] {
        let closed = Closed::new();
        let path = closed.path(24, "log");
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - closed.batches[15].len();
        bytes[last + 70] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let report = closed.open(Recovery::Unclean, point);
        assert_eq!((report.log_end, report.cuts.len()), (30, 1), "{point}: {report:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes[..last]);
        // At or above the recovery point it is what a crash leaves.
        let copy = ("00000000000000000024.log.cut-at-30.aside".to_owned(), bytes[last..].to_vec());
        assert_eq!(aside(&closed), if point > 30 { vec![copy] } else { Vec::new() }, "{point}");
    }
}

#[test]
fn the_torn_end_of_a_segment_below_the_recovery_point_is_kept() {
    for how in [Recovery::Clean, Recovery::Unclean] {
        let closed = Closed::new();
        let path = closed.path(8, "log");
        let bytes = fs::read(&path).unwrap();
        let last = bytes.len() - closed.batches[7].len();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        fs::write(closed.path(8, "index"), [1; 8]).unwrap();
        let report = closed.open(how, 32);
        assert_eq!(report.log_end, 14, "{how:?}: {report:?}");
        let copy = bytes[last..bytes.len() - 1].to_vec();
        let copy = ("00000000000000000008.log.cut-at-14.aside".to_owned(), copy);
        assert!(aside(&closed).contains(&copy), "{how:?}: {:?}", files(&closed.dir.partition()));
    }
}

#[test]
fn a_log_start_beyond_the_end_of_a_log_that_was_closed_is_not_believed() {
    for (how, point, believed) in
        [(Recovery::Clean, 32, false), (Recovery::Clean, 40, true), (Recovery::Unclean, 32, true)]
    {
        let closed = Closed::new();
        let opening = Opening { log_start: Some(90), ..flushed_to(how, point) };
        let (log, report) = open(&closed.dir.partition(), &closed.settings, opening);
        let aside = aside(&closed).iter().filter(|(name, _)| name.contains(".log.")).count();
        if believed {
            // The end of the log may be lost.
            assert_eq!((report.log_start, report.log_end, aside), (90, 90, 4), "{how:?} {point}");
            continue;
        }
        assert_eq!((report.log_start, report.log_end, aside), (0, 32, 0), "{report:?}");
        assert!(!report.has_losses());
        assert_eq!(read_all(&log, 0, Bound::LogEnd), closed.batches);
        assert_eq!(log.log_start_to_note(), None);
    }
}
