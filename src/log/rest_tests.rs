//! Tests of [`super`]: logs that go lean, and rest.

use super::super::{Bound, Keepers, names, steps};
use super::*;
use crate::config::TopicConfig;
use crate::wire::records::BatchBuilder;

fn append(log: &Log) {
    append_value(log, 10_000);
}

fn append_value(log: &Log, len: usize) {
    let mut builder = BatchBuilder::new();
    builder.append(1_000, None, Some(&vec![7; len]), &[]);
    log.append_internal(&builder.finish(), 0).unwrap();
}

fn are_open(log: &Log) -> Vec<bool> {
    log.segments().iter().map(|segment| segment.opened().is_some()).collect()
}

#[test]
fn the_last_two_segments_are_open_while_the_log_is_written_to_and_none_when_it_rests() {
    let name = format!("barnabas-rest-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    let config = Arc::new(TopicConfig { segment_bytes: 16_000, ..TopicConfig::default() });
    let log = Log::create(dir.join("t-0"), config, keepers).unwrap();
    (0..4).for_each(|_| append(&log));
    assert_eq!(are_open(&log), [false, false, true, true]);
    log.flush().unwrap();
    // What a reader has opened is counted, and stays open for the next one.
    let read = log.files_of(&log.segments()[0]).unwrap();
    let closing: Vec<_> = log.segments()[2..]
        .iter()
        .map(|segment| Arc::downgrade(&segment.opened().unwrap().log))
        .collect();
    let open = OpenLog::of(&log);
    let used = open.look(Wanted::Rest);
    assert_eq!(used, Looked::InUse, "it was written to since the last look");
    assert_eq!(are_open(&log), [true, false, true, true]);
    assert_eq!(open.look(Wanted::Rest), Looked::Closed);
    assert_eq!(are_open(&log), [true, false, false, false]);
    assert!(closing.iter().all(|files| files.upgrade().is_none()), "somebody keeps them");
    append(&log);
    assert_eq!(are_open(&log), [false, false, false, true, true]);
    drop((read, log));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_log_that_is_written_by_calls_rests_without_its_reserve_and_goes_on() {
    let name = format!("barnabas-rest-by-call-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    let log = Log::create(dir.join("t-0"), Arc::new(TopicConfig::default()), keepers).unwrap();
    append_value(&log, 100_000);
    let path = dir.join("t-0/00000000000000000000.log");
    let on_disk = || std::fs::metadata(&path).unwrap().len();
    let size = log.segments()[0].size();
    assert!(on_disk() > size, "it has a reserve");
    let open = OpenLog::of(&log);
    let looked = [open.look(Wanted::Rest), open.look(Wanted::Rest)];
    assert_eq!(looked, [Looked::InUse, Looked::Closed]);
    assert_eq!((on_disk(), are_open(&log)), (size, vec![false]));
    append_value(&log, 100);
    append_value(&log, 100_000);
    let end = log.segments()[0].size();
    let files = log.files_of(&log.segments()[0]).unwrap();
    let headers: Vec<_> = files.headers(0, end).unwrap().map(|one| one.header).collect();
    let offsets: Vec<i64> = headers.iter().map(|header| header.base_offset).collect();
    assert_eq!(offsets, [0, 1, 2]);
    drop((files, log));
    std::fs::remove_dir_all(dir).unwrap();
}

fn log(name: &str, segment_bytes: i32) -> (std::path::PathBuf, Log) {
    let name = format!("barnabas-lean-{name}-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    let config = Arc::new(TopicConfig { segment_bytes, ..TopicConfig::default() });
    (dir.clone(), Log::create(dir.join("t-0"), config, keepers).unwrap())
}

fn make_lean(log: &Log) {
    let open = OpenLog::of(log);
    (0..2).for_each(|_| _ = open.look(Wanted::Descriptors));
    assert_eq!(lean_files(log), 3);
}

/// How many of the active segment's files are lean.
fn lean_files(log: &Log) -> usize {
    let files = log.segments().last().unwrap().opened().unwrap();
    let all = [&files.log, &files.index, &files.time];
    all.iter().filter(|file| file.opened().is_none()).count()
}

fn sizes(log: &Log) -> Vec<u64> {
    log.segments().iter().map(|segment| segment.size()).collect()
}

/// All batches' bytes.
fn contents(log: &Log) -> Vec<u8> {
    let (mut offset, mut bytes) = (0, Vec::new());
    while let Some(range) = log.read(offset, 1 << 20, true, Bound::LogEnd).unwrap().range {
        bytes.extend_from_slice(range.bytes().unwrap());
        let batches = crate::wire::records::Batches::new(range.bytes().unwrap());
        offset = batches.last().unwrap().unwrap().header().next_offset();
    }
    bytes
}

#[test]
fn nobody_can_tell_by_what_is_in_it_that_a_log_is_lean() {
    let ((dir, lean), (other, open)) = (log("twin", 50_000), log("open-twin", 50_000));
    for round in 0..30 {
        append(&lean);
        append(&open);
        if round % 3 > 0 {
            make_lean(&lean);
        }
        if round % 4 == 0 {
            lean.flush().unwrap();
        }
        if round % 13 == 12 {
            let end = lean.offsets().log_end - 2;
            assert_eq!(lean.truncate_to(end).unwrap(), open.truncate_to(end).unwrap());
        }
        assert_eq!(sizes(&lean), sizes(&open), "round {round}");
    }
    assert!(sizes(&lean).len() > 3, "it was rolled while it was lean");
    assert!(contents(&lean) == contents(&open));
    lean.advance_high_watermark(lean.offsets().log_end);
    make_lean(&lean);
    let at = lean.offset_for_timestamp(1_000, Bound::LogEnd).unwrap();
    assert_eq!(at.unwrap().offset, 0);
    lean.close().unwrap();
    open.close().unwrap();
    let files = |log: &Log| -> Vec<_> {
        let mut names: Vec<_> =
            std::fs::read_dir(log.dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let kept = names.into_iter().filter(|path| {
            path.extension()
                .is_some_and(|end| ["log", "index", "timeindex"].iter().any(|&is| end == is))
        });
        kept.map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(path).unwrap()))
            .collect()
    };
    assert!(files(&lean) == files(&open));
    drop((lean, open));
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::remove_dir_all(other).unwrap();
}

#[test]
fn a_lean_log_is_opened_for_what_needs_it_and_closed_again() {
    let (dir, log) = log("growth", 1 << 30);
    append(&log);
    make_lean(&log);
    assert_eq!(OpenLog::of(&log).look(Wanted::Descriptors), Looked::InUse, "it has none to give");
    (0..20).for_each(|_| append(&log));
    assert_eq!(lean_files(&log), 3, "the reserve has grown");
    log.flush().unwrap();
    assert_eq!(lean_files(&log), 3, "it was flushed");
    let mut builder = BatchBuilder::new();
    builder.append(1_000, None, Some(&[7; 100_000]), &[]);
    log.append_internal(&builder.finish(), 0).unwrap();
    assert_eq!(lean_files(&log), 2, "who writes by calls needs it for each");
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_lean_log_whose_name_is_another_ones_finds_its_own_files() {
    let (dir, log) = log("renamed", 1 << 30);
    append(&log);
    make_lean(&log);
    let file = log.segments()[0].opened().unwrap().log.clone();
    log.mark_deleted().unwrap();
    // There is a new topic of that name.
    std::fs::create_dir(dir.join("t-0")).unwrap();
    let stranger = dir.join("t-0/00000000000000000000.log");
    std::fs::write(&stranger, b"stranger").unwrap();
    let deleted = log.dir().join("00000000000000000000.log");
    let inode = |file: std::fs::Metadata| std::os::unix::fs::MetadataExt::ino(&file);
    let found = inode(file.file().unwrap().metadata().unwrap());
    assert_eq!(found, inode(deleted.metadata().unwrap()));
    // And when there is none under its name, it is nobody's.
    std::fs::rename(&stranger, &deleted).unwrap();
    let error = file.file().unwrap_err();
    assert!(error.get_ref().unwrap().is::<file::Replaced>(), "{error}");
    drop((file, log));
    std::fs::remove_dir_all(dir).unwrap();
}

/// The file of the active segment's records, of a log that is lean.
fn lean_records(log: &Log) -> Arc<file::GrowingFile> {
    append(log);
    make_lean(log);
    log.segments().last().unwrap().opened().unwrap().log.clone()
}

#[test]
fn who_opens_a_lean_file_while_it_is_retrieved_and_renamed_gets_what_is_kept() {
    let (dir, log) = log("overtaken", 1 << 30);
    let records = lean_records(&log);
    let kept = records.clone();
    steps::watch(Some(Box::new(move |dir| {
        let name = dir.join("00000000000000000000.log");
        if name.exists() {
            kept.retrieve().unwrap();
            std::fs::rename(&name, names::deleted(&name)).unwrap();
        }
    })));
    let (opened, to_read) = (records.file(), records.file_to_read());
    steps::watch(None);
    let is_kept = |opened: Arc<file::Opened>| Arc::ptr_eq(&opened, &records.opened().unwrap());
    assert!(is_kept(opened.unwrap()) && is_kept(to_read.unwrap()));
    drop((records, log));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn who_has_a_lean_file_open_shares_it_with_who_opens_it_at_the_same_time() {
    let (dir, log) = log("shared", 1 << 30);
    let records = lean_records(&log);
    let (other, first) = (records.clone(), Arc::new(Mutex::new(None)));
    let slot = first.clone();
    steps::watch(Some(Box::new(move |_| {
        slot.lock().unwrap().get_or_insert_with(|| other.file().unwrap());
    })));
    let second = records.file();
    steps::watch(None);
    // Else one that goes takes what the other one relies on with it.
    let first = first.lock().unwrap().take().unwrap();
    assert!(Arc::ptr_eq(&first, &second.unwrap()));
    assert!(Arc::ptr_eq(&first, &records.file().unwrap()));
    drop((first, records, log));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn who_only_reads_needs_no_leave_to_write() {
    use std::os::unix::fs::FileExt;
    let (dir, log) = log("read-only", 1 << 30);
    let records = lean_records(&log);
    let opened = records.file_to_read().unwrap();
    let refused = opened.write_all_at(b"x", 0).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
    drop((opened, records, log));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_is_left_to_readers_of_a_log_at_rest_needs_no_name() {
    let (dir, log) = log("nameless", 1 << 30);
    let records = lean_records(&log);
    assert_eq!(OpenLog::of(&log).look(Wanted::Rest), Looked::Closed);
    // Before long the name is that of a compacted segment, or nobody's.
    std::fs::remove_file(dir.join("t-0/00000000000000000000.log")).unwrap();
    assert!(records.is_resident(0, records.len()));
    records.bring_in(0, records.len()).unwrap();
    drop((records, log));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_log_that_finds_its_files_no_more_does_not_rest_and_is_looked_at_again() {
    let (dir, log) = log("unfound", 1 << 30);
    drop(lean_records(&log));
    let (name, aside) = (dir.join("t-0/00000000000000000000.log"), dir.join("aside"));
    std::fs::rename(&name, &aside).unwrap();
    assert_eq!(OpenLog::of(&log).look(Wanted::Rest), Looked::InUse);
    std::fs::rename(&aside, &name).unwrap();
    assert_eq!(OpenLog::of(&log).look(Wanted::Rest), Looked::Closed);
    assert_eq!(name.metadata().unwrap().len(), log.size());
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_lean_log_whose_records_all_go_is_lean_again() {
    let (dir, log) = log("emptied", 1 << 30);
    drop(lean_records(&log));
    log.advance_high_watermark(log.offsets().log_end);
    let deleted = log.delete_old_segments(1_760_000_000_000).unwrap();
    assert_eq!(deleted.segments, 1);
    log.flush().unwrap();
    assert_eq!(lean_files(&log), 3);
    append(&log);
    let read = log.read(1, 1 << 20, true, Bound::LogEnd).unwrap().range.unwrap();
    assert_eq!(u64::from(read.len), log.segments().last().unwrap().size());
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}
