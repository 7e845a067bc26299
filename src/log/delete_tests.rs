//! A log that is deleted while its segments go, or are replaced, and a new one of the same name that
//! already stands where it was: nothing in that one is touched.

use crate::config::TopicConfig;
use crate::log::{CleanError, CleanerLimits, Keepers, Log, steps};
use crate::wire::records::BatchBuilder;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// A data directory that is removed when the value is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = format!("barnabas-delete-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(segment_bytes: i32, retention_bytes: i64) -> Arc<TopicConfig> {
    Arc::new(TopicConfig { segment_bytes, retention_bytes, ..TopicConfig::default() })
}

/// A log of many small segments of few keys, with snapshots of its producer.
fn log(dir: &Path) -> Arc<Log> {
    let keepers = Keepers::spawn().unwrap();
    let log = Log::create(dir.to_owned(), config(600, -1), keepers.clone()).unwrap();
    for number in 0..40 {
        let mut builder = BatchBuilder::new().producer(1, 0, number);
        let key = [(number % 3) as u8];
        let builder = builder.append(i64::from(number), Some(&key), Some(&[b'v'; 20]), &[]);
        let batch = builder.finish();
        let end = log.append_internal(&batch, 0).unwrap().next_offset;
        log.advance_high_watermark(end);
    }
    // What the threads do is not what is watched here.
    keepers.stop();
    Arc::new(log)
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Deletes the log at the first chance from this step on, and puts another in its place if it is made anew, with
/// files of all the names that the log's have at that moment. Gives how many steps there were, and what was put there.
fn deleted_at_step(
    step: usize,
    log: &Arc<Log>,
    is_made_anew: bool,
    work: impl FnOnce(&Log),
) -> (usize, Option<BTreeMap<PathBuf, Vec<u8>>>) {
    let (dir, count, new) = (log.dir(), Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
    let watcher = {
        let (log, count, new) = (log.clone(), count.clone(), new.clone());
        move |_: &Path| {
            count.set(count.get() + 1);
            if count.get() <= step || log.dir() != dir || log.home.is_busy() {
                return;
            }
            log.mark_deleted().unwrap();
            if !is_made_anew {
                return new.set(Some(BTreeMap::new()));
            }
            fs::create_dir(&*dir).unwrap();
            for path in files(&log.dir()).into_keys() {
                fs::write(dir.join(path.file_name().unwrap()), b"another's").unwrap();
            }
            new.set(Some(files(&dir)));
        }
    };
    steps::watch(Some(Box::new(watcher)));
    work(log);
    steps::watch(None);
    (count.get(), new.take())
}

/// Deletes a log at each step of some work. That may end early, or has not seen it.
fn nothing_is_touched(name: &str, work: impl Fn(&Log)) {
    let scratch = Scratch::new(name);
    let dir = scratch.0.join("t-0");
    let mut at = 0;
    loop {
        let one = log(&dir);
        let is_made_anew = at % 2 == 0;
        let (steps, new) = deleted_at_step(at / 2, &one, is_made_anew, &work);
        let Some(new) = new else {
            // What is left is done while nobody can delete the log.
            assert!(at > 20 && steps > at / 2, "{} of {steps} steps were tried", at / 2);
            break;
        };
        assert_eq!(dir.exists(), is_made_anew, "at step {}", at / 2);
        if is_made_anew {
            assert_eq!(files(&dir), new, "at step {}", at / 2);
            fs::remove_dir_all(&dir).unwrap();
        }
        one.remove().unwrap();
        at += 1;
    }
}

#[test]
fn retention_does_not_reach_into_a_new_log_of_the_same_name() {
    nothing_is_touched("retention", |log| {
        log.set_config(config(600, 1000));
        log.delete_old_segments(0).unwrap();
    });
}

#[test]
fn a_cleaner_does_not_reach_into_a_new_log_of_the_same_name() {
    nothing_is_touched("cleaner", |log| {
        log.set_config(config(1 << 20, -1));
        let limits = CleanerLimits { map_memory: 1 << 16, load_factor: 0.9 };
        let cleanable = log.cleanable(None, 0).unwrap();
        match log.clean(&cleanable, limits, 0, &mut |_| ControlFlow::Continue(())) {
            Ok(_) | Err(CleanError::Stopped) => {}
            Err(error) => panic!("{error}"),
        }
    });
}
