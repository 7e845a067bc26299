//! A crash between any two steps of a swap leaves the old log or the new one, and nothing else.

use super::CleanerLimits;
use crate::config::TopicConfig;
use crate::log::{Bound, Keepers, Log, Opening, Recovery, steps};
use crate::wire::records::{Batch, BatchBuilder};
use std::cell::RefCell;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is removed when the value is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("barnabas-swap-{name}-{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(segment_bytes: i32) -> Arc<TopicConfig> {
    let index_interval_bytes = 150;
    Arc::new(TopicConfig { segment_bytes, index_interval_bytes, ..TopicConfig::default() })
}

/// A log with small segments of few keys.
fn log(dir: &Path, keepers: &Keepers) -> Log {
    let log = Log::create(dir.to_owned(), config(600), keepers.clone()).unwrap();
    for number in 0..40_i64 {
        let mut builder = BatchBuilder::new();
        let builder = builder.append(number, Some(&[(number % 3) as u8]), Some(&[b'v'; 20]), &[]);
        let end = log.append_internal(&builder.finish(), 0).unwrap().next_offset;
        log.advance_high_watermark(end);
    }
    log
}

/// Cleans the log; all old segments fit into one new one.
fn clean(log: &Log) {
    log.set_config(config(1 << 20));
    let limits = CleanerLimits { map_memory: 1 << 16, load_factor: 0.9 };
    let cleanable = log.cleanable(None, 0).unwrap();
    let cleaned = log.clean(&cleanable, limits, 0, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((cleaned.segments.1, cleaned.records.1), (1, 3));
    assert!(cleaned.segments.0 > 3);
}

/// The batches of a log, as they lie on disk.
fn batches(log: &Log) -> Vec<Vec<u8>> {
    let (mut all, mut at) = (Vec::new(), log.offsets().log_start);
    while let Some(range) = log.read(at, 1 << 20, true, Bound::LogEnd).unwrap().range {
        let mut bytes = range.bytes().unwrap();
        while !bytes.is_empty() {
            let (batch, rest) = Batch::parse(bytes).unwrap();
            assert!(batch.crc_is_valid());
            at = batch.next_offset();
            all.push(batch.as_bytes().to_vec());
            bytes = rest;
        }
    }
    all
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        // The preparer may rename files of the next segment meanwhile.
        let _ = fs::copy(&path, to.join(path.file_name().unwrap()));
    }
}

fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn open(dir: &Path, keepers: &Keepers) -> Log {
    let (log, report) =
        Log::open(dir.to_owned(), config(600), Recovery::Unclean, keepers.clone()).unwrap();
    assert!(report.cuts.is_empty() && report.removed_segments == 0, "{report:?}");
    log
}

fn no_leftovers(dir: &Path) {
    let left = |name: &&String| {
        [".cleaned", ".swap", ".deleted"].iter().any(|suffix| name.ends_with(suffix))
    };
    assert_eq!(names(dir).iter().find(left), None);
}

#[test]
fn a_crash_between_any_two_steps_leaves_the_old_log_or_the_new_one() {
    let (scratch, keepers) = (Scratch::new("steps"), Keepers::spawn().unwrap());
    let dir = scratch.0.join("t-0");
    let log = log(&dir, &keepers);
    let old = batches(&log);
    let states = Rc::new(RefCell::new(Vec::new()));
    let (seen, root) = (states.clone(), scratch.0.clone());
    steps::watch(Some(Box::new(move |dir: &Path| {
        let to = root.join(format!("state-{}", seen.borrow().len()));
        copy(dir, &to);
        seen.borrow_mut().push(to);
    })));
    clean(&log);
    steps::watch(None);
    let new = batches(&log);
    assert_ne!(old, new);
    let states = states.borrow();
    assert!(states.len() > 20, "{}", states.len());
    let mut outcomes = Vec::new();
    for state in states.iter() {
        let had = names(state);
        let log = open(state, &keepers);
        let now = batches(&log);
        assert!(now == old || now == new, "{had:?}");
        outcomes.push(now == new);
        assert_eq!(log.offsets().log_end, 40);
        drop(log);
        no_leftovers(state);
        assert_eq!(batches(&open(state, &keepers)), now, "opened once more");
    }
    assert!(outcomes.is_sorted() && !outcomes[0] && outcomes[outcomes.len() - 1]);
    keepers.stop();
}

#[test]
fn a_crash_while_a_crash_is_made_good_changes_nothing() {
    let (scratch, keepers) = (Scratch::new("twice"), Keepers::spawn().unwrap());
    let (before, dir) = (scratch.0.join("before"), scratch.0.join("t-0"));
    let log = log(&dir, &keepers);
    copy(&dir, &before);
    clean(&log);
    let new = batches(&log);
    // All old segments and the whole new one, as after the renames to `.swap`.
    for kind in ["log", "index", "timeindex"] {
        let name = format!("{:020}.{kind}", 0);
        fs::copy(dir.join(&name), before.join(format!("{name}.swap"))).unwrap();
    }
    // Making it good means removing some of these, in any order, then renaming.
    let removable: Vec<String> = names(&before)
        .into_iter()
        .filter(|name| name.starts_with("000") && !name.ends_with(".swap"))
        .filter(|name| name[..20].parse::<i64>().unwrap() < 35)
        .collect();
    assert!(removable.len() > 10);
    for gone in 0..=removable.len() {
        let state = scratch.0.join(format!("state-{gone}"));
        copy(&before, &state);
        removable[..gone].iter().for_each(|name| fs::remove_file(state.join(name)).unwrap());
        assert_eq!(batches(&open(&state, &keepers)), new, "{gone}");
        no_leftovers(&state);
    }
    keepers.stop();
}

#[test]
fn a_swap_that_cannot_be_read_is_not_believed_while_the_old_is_there() {
    let (scratch, keepers) = (Scratch::new("corrupt"), Keepers::spawn().unwrap());
    let dir = scratch.0.join("t-0");
    let old = batches(&log(&dir, &keepers));
    fs::write(dir.join(format!("{:020}.log.swap", 0)), [7; 500]).unwrap();
    fs::write(dir.join(format!("{:020}.index.swap", 0)), []).unwrap();
    assert_eq!(batches(&open(&dir, &keepers)), old);
    no_leftovers(&dir);
    keepers.stop();
}

#[test]
fn what_is_not_a_segments_is_not_touched() {
    let (scratch, keepers) = (Scratch::new("others"), Keepers::spawn().unwrap());
    let dir = scratch.0.join("t-0");
    drop(log(&dir, &keepers));
    let others = ["notes.swap", "42.log.swap", "00000000000000000000.log.swap.old"];
    others.iter().for_each(|name| fs::write(dir.join(name), "mine").unwrap());
    drop(open(&dir, &keepers));
    assert!(others.iter().all(|name| fs::read(dir.join(name)).unwrap() == b"mine"));
    keepers.stop();
}

#[test]
fn a_swap_of_which_not_all_was_renamed_is_taken_back() {
    let (scratch, keepers) = (Scratch::new("half"), Keepers::spawn().unwrap());
    let (before, dir) = (scratch.0.join("before"), scratch.0.join("t-0"));
    let log = log(&dir, &keepers);
    let old = batches(&log);
    copy(&dir, &before);
    clean(&log);
    // Kafka renames in an order of its own.
    for (kind, suffix) in [("log", "swap"), ("index", "cleaned"), ("timeindex", "cleaned")] {
        let name = format!("{:020}.{kind}", 0);
        fs::copy(dir.join(&name), before.join(format!("{name}.{suffix}"))).unwrap();
    }
    assert_eq!(batches(&open(&before, &keepers)), old);
    no_leftovers(&before);
    keepers.stop();
}

#[test]
fn a_crash_while_a_swap_is_taken_back_leaves_the_old_log() {
    let (scratch, keepers) = (Scratch::new("back"), Keepers::spawn().unwrap());
    let dir = scratch.0.join("t-0");
    let log = log(&dir, &keepers);
    log.backlog.settle(); // The files have their final form.
    let (old, time) = (batches(&log), dir.join(format!("{:020}.timeindex", 0)));
    let (swap, before) = (time.with_extension("timeindex.swap"), fs::read(&time).unwrap());
    let states = Rc::new(RefCell::new(Vec::new()));
    let (seen, root, gone) = (states.clone(), scratch.0.clone(), time.clone());
    steps::watch(Some(Box::new(move |dir: &Path| {
        if gone.exists() && swap.exists() {
            return fs::remove_file(&gone).unwrap(); // So it cannot be gone on with.
        } else if gone.exists() {
            return;
        }
        let to = root.join(format!("state-{}", seen.borrow().len()));
        copy(dir, &to);
        seen.borrow_mut().push(to);
    })));
    log.set_config(config(1 << 20));
    let limits = CleanerLimits { map_memory: 1 << 16, load_factor: 0.9 };
    let cleanable = log.cleanable(None, 0).unwrap();
    log.clean(&cleanable, limits, 0, &mut |_| ControlFlow::Continue(())).unwrap_err();
    steps::watch(None);
    assert!(states.borrow().len() >= 4, "{}", states.borrow().len());
    for state in states.borrow().iter() {
        // What was on the disk is believed.
        let opening = Opening { recovery_point: Some(40), ..Opening::from(Recovery::Unclean) };
        let log = Log::open(state.clone(), config(600), opening, keepers.clone()).unwrap().0;
        assert!(batches(&log) == old);
        let now = fs::read(state.join(time.file_name().unwrap())).unwrap();
        assert_eq!(now, before, "{}: it is that of the old one", state.display());
        no_leftovers(state);
    }
    keepers.stop();
}

#[test]
fn what_a_failed_swap_has_left_is_not_cleaned_again_before_a_start_completes_it() {
    let (scratch, keepers) = (Scratch::new("failed"), Keepers::spawn().unwrap());
    let dir = scratch.0.join("t-0");
    let log = log(&dir, &keepers);
    log.set_config(config(1 << 20));
    let limits = CleanerLimits { map_memory: 1 << 16, load_factor: 0.9 };
    let clean = || {
        let cleanable = log.cleanable(None, 0).unwrap();
        log.clean(&cleanable, limits, 0, &mut |_| ControlFlow::Continue(()))
    };
    // The first old file cannot be renamed.
    let obstacle = dir.join(format!("{:020}.log.deleted", 0));
    fs::create_dir_all(obstacle.join("x")).unwrap();
    clean().unwrap_err();
    fs::remove_dir_all(&obstacle).unwrap();
    let new = batches(&log);
    clean().unwrap_err();
    assert!(batches(&log) == new);
    drop(log);
    keepers.stop();
    let keepers = Keepers::spawn().unwrap();
    assert!(batches(&open(&dir, &keepers)) == new);
    no_leftovers(&dir);
    keepers.stop();
}

#[test]
fn of_two_swaps_each_is_completed_or_given_up_for_itself() {
    let (scratch, keepers) = (Scratch::new("two"), Keepers::spawn().unwrap());
    let dir = scratch.0.join("t-0");
    let log = log(&dir, &keepers);
    let old = batches(&log);
    let bases: Vec<i64> = log.segments().iter().map(|segment| segment.base).collect();
    drop(log);
    let file = |base: i64, kind: &str| dir.join(format!("{base:020}.{kind}"));
    for kind in ["log", "index", "timeindex"] {
        fs::rename(file(bases[0], kind), file(bases[0], &format!("{kind}.swap"))).unwrap();
    }
    fs::write(file(bases[3], "log.swap"), [7; 500]).unwrap();
    assert!(batches(&open(&dir, &keepers)) == old);
    no_leftovers(&dir);
    // What lies between two of them is not theirs.
    for base in [bases[0], bases[3]] {
        for kind in ["log", "index", "timeindex"] {
            fs::rename(file(base, kind), file(base, &format!("{kind}.swap"))).unwrap();
        }
    }
    assert!(batches(&open(&dir, &keepers)) == old);
    no_leftovers(&dir);
    keepers.stop();
}

/// A swap of the first two segments of a log from which nothing was taken, in a directory where they are
/// still there or not; and where each of its batches begins.
fn with_swap(scratch: &Scratch, keepers: &Keepers, are_there: bool) -> (PathBuf, Vec<usize>) {
    let dir = scratch.0.join(format!("before-{are_there}"));
    let log = log(&dir, keepers);
    log.backlog.settle();
    let bases: Vec<i64> = log.segments().iter().map(|segment| segment.base).collect();
    drop(log);
    let file = |base: i64, kind: &str| dir.join(format!("{base:020}.{kind}"));
    let bytes: Vec<u8> =
        bases[..2].iter().flat_map(|base| fs::read(file(*base, "log")).unwrap()).collect();
    if !are_there {
        for (base, kind) in bases[..2].iter().flat_map(|base| KINDS.map(|kind| (*base, kind))) {
            fs::remove_file(file(base, kind)).unwrap();
        }
    }
    fs::write(file(0, "log.swap"), &bytes).unwrap();
    KINDS[1..].iter().for_each(|kind| fs::write(file(0, &format!("{kind}.swap")), []).unwrap());
    let (mut at, mut rest) = (Vec::new(), &bytes[..]);
    while let Ok((_, behind)) = Batch::parse(rest) {
        at.push(bytes.len() - rest.len());
        rest = behind;
    }
    (dir, at)
}

const KINDS: [&str; 3] = ["log", "index", "timeindex"];

/// The directory with this bit of the swap's bytes changed.
fn flipped(scratch: &Scratch, before: &Path, at: usize, bit: usize) -> PathBuf {
    let state = scratch.0.join("t-0");
    let _ = fs::remove_dir_all(&state);
    copy(before, &state);
    let swap = state.join(format!("{:020}.log.swap", 0));
    let mut bytes = fs::read(&swap).unwrap();
    bytes[at + 7 - bit / 8] ^= 1 << (bit % 8);
    fs::write(&swap, bytes).unwrap();
    state
}

#[test]
fn a_swap_whose_offsets_are_wrong_takes_nothing_away() {
    let (scratch, keepers) = (Scratch::new("offsets"), Keepers::spawn().unwrap());
    let all = batches(&log(&scratch.0.join("whole"), &keepers));
    let (before, at) = with_swap(&scratch, &keepers, true);
    assert!(at.len() > 4);
    for (at, bit) in at.iter().flat_map(|at| (0..8).map(|bit| (*at, bit))) {
        let state = flipped(&scratch, &before, at, bit);
        assert_eq!(batches(&open(&state, &keepers)), all, "byte {at}, bit {bit}");
        no_leftovers(&state);
    }
    // Of the last batch all that is right of it is told by where it came from.
    let (before, at) = with_swap(&scratch, &keepers, false);
    let last = at.len() - 1;
    for bit in (0..8).filter(|bit| last & (1 << bit) == 0) {
        let state = flipped(&scratch, &before, at[last], bit);
        let kept = fs::read(state.join(format!("{:020}.log.swap", 0))).unwrap();
        let opening =
            Opening { recovery_point: Some(40), compacted: true, ..Recovery::Unclean.into() };
        let log = Log::open(state.clone(), config(600), opening, keepers.clone()).unwrap().0;
        for (offset, batch) in all.iter().enumerate().skip(at.len()) {
            let read = log.read(offset as i64, 1, true, Bound::LogEnd).unwrap().range.unwrap();
            assert_eq!(read.bytes().unwrap(), &batch[..], "bit {bit}, offset {offset}");
        }
        drop(log);
        // What could be anywhere is kept.
        let aside = names(&state).into_iter().find(|name| name.ends_with(".aside")).unwrap();
        assert_eq!(fs::read(state.join(aside)).unwrap(), kept[at[last]..], "bit {bit}");
        no_leftovers(&state);
    }
    keepers.stop();
}

#[test]
fn a_swap_that_is_right_is_completed_whatever_is_left_of_what_it_replaces() {
    let (scratch, keepers) = (Scratch::new("right"), Keepers::spawn().unwrap());
    let all = batches(&log(&scratch.0.join("whole"), &keepers));
    for are_there in [true, false] {
        let (dir, _) = with_swap(&scratch, &keepers, are_there);
        let swap = fs::read(dir.join(format!("{:020}.log.swap", 0))).unwrap();
        assert_eq!(batches(&open(&dir, &keepers)), all);
        no_leftovers(&dir);
        assert_eq!(fs::read(dir.join(format!("{:020}.log", 0))).unwrap(), swap);
    }
    keepers.stop();
}
