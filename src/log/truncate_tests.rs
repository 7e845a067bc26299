//! A crash between any two steps of a truncation leaves the log that was, the one that is to be, or
//! something in between: and never forgets what was aborted.

use super::{AbortedTxn, Bound, Keepers, Log, Opening, Recovery, steps};
use crate::config::TopicConfig;
use crate::wire::records::{BatchBuilder, BatchHeader, HEADER_LEN};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

fn builder(sequence: i32) -> BatchBuilder {
    BatchBuilder::new().producer(7, 0, sequence).transactional(true)
}

/// A transaction in the first two segments, its end in the third, and more segments. Of the first two
/// nothing is left.
fn log(dir: &Path, keepers: &Keepers) -> Log {
    let config = TopicConfig { segment_bytes: 500, ..TopicConfig::default() };
    let log = Log::create(dir.to_owned(), Arc::new(config), keepers.clone()).unwrap();
    let add = |bytes: &[u8]| {
        let next = log.append_internal(bytes, 0).unwrap().next_offset;
        log.advance_high_watermark(next);
    };
    let value = [b'v'; 150];
    for sequence in 0..4 {
        add(&builder(sequence).append(1, Some(b"key"), Some(&value), &[]).finish());
    }
    add(&builder(-1).control(true).append(1, Some(&[0; 4]), Some(&[0; 6]), &[]).finish());
    for _ in 5..13 {
        add(&BatchBuilder::new().append(1, Some(b"key"), Some(&value), &[]).finish());
    }
    log.delete_records_before(4).unwrap();
    log.backlog.help();
    log
}

/// The offsets at which batches end, and what is said to be aborted.
fn look(log: &Log) -> (Vec<i64>, Vec<AbortedTxn>) {
    let (mut ends, mut aborted) = (Vec::new(), Vec::new());
    let mut at = log.offsets().log_start;
    while let Some(range) = {
        let read = log.read(at, 1, true, Bound::LastStable).unwrap();
        aborted.extend(read.aborted);
        read.range
    } {
        let header = BatchHeader::read(range.bytes().unwrap().first_chunk::<HEADER_LEN>().unwrap());
        at = header.next_offset();
        ends.push(at);
    }
    aborted.dedup();
    (ends, aborted)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        // Without a snapshot nobody knows any more where the transaction began, but for its index.
        if path.extension().is_none_or(|kind| kind != "snapshot") {
            let _ = fs::copy(&path, to.join(path.file_name().unwrap()));
        }
    }
}

#[test]
fn a_crash_between_any_two_steps_forgets_no_aborted_transaction() {
    let name = format!("barnabas-truncate-{}", std::process::id());
    let root = std::env::temp_dir().join(name);
    let (dir, keepers) = (root.join("t-0"), Keepers::spawn().unwrap());
    fs::create_dir_all(&root).unwrap();
    let log = log(&dir, &keepers);
    log.delete_segments_below_log_start(1).unwrap();
    let (old, aborted) = look(&log);
    assert_eq!((old.last(), aborted.len(), aborted[0].first_offset), (Some(&13), 1, 0));
    let states: Rc<RefCell<Vec<PathBuf>>> = Rc::default();
    let (seen, to) = (states.clone(), root.clone());
    steps::watch(Some(Box::new(move |dir: &Path| {
        let to = to.join(format!("state-{}", seen.borrow().len()));
        copy(dir, &to);
        seen.borrow_mut().push(to);
    })));
    assert_eq!(log.truncate_to(5).unwrap(), 5);
    steps::watch(None);
    let new = look(&log);
    assert_eq!((new.0.last(), &new.1), (Some(&5), &aborted));
    let mut ends = Vec::new();
    for state in states.borrow().iter() {
        let opening = Opening { log_start: Some(4), ..Opening::from(Recovery::Unclean) };
        let config = Arc::new(TopicConfig::default());
        let (log, _) = Log::open(state.clone(), config, opening, keepers.clone()).unwrap();
        log.advance_high_watermark(log.offsets().log_end);
        let (left, told) = look(&log);
        assert!(old.starts_with(&left), "{left:?} of {old:?}");
        assert_eq!(told, aborted, "{}", state.display());
        ends.push(log.offsets().log_end);
    }
    assert!(ends.len() > 12 && ends.is_sorted_by(|before, after| before >= after), "{ends:?}");
    assert_eq!((ends[0], ends[ends.len() - 1]), (13, 5));
    keepers.stop();
    fs::remove_dir_all(root).unwrap();
}
