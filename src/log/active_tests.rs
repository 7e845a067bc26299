//! Tests of [`super`]: what is left where the active segment cannot be opened.

use super::super::{Bound, Keepers, Recovery, names, steps};
use super::*;
use crate::wire::records::BatchBuilder;
use std::fs;

#[test]
fn a_log_that_could_not_be_opened_for_writing_is_read_closed_and_written_to_later() {
    let name = format!("barnabas-active-{}", std::process::id());
    let root = std::env::temp_dir().join(name);
    let (dir, keepers) = (root.join("t-0"), Keepers::spawn().unwrap());
    keepers.stop();
    let config = Arc::new(TopicConfig::default());
    let append = |log: &Log| {
        let mut builder = BatchBuilder::new();
        builder.append(1_000, None, Some(&[7; 100]), &[]);
        log.append_internal(&builder.finish(), 0)
    };
    let log = Log::create(dir.clone(), config.clone(), keepers.clone()).unwrap();
    append(&log).unwrap();
    log.close().unwrap();
    drop(log);
    let open = || Log::open(dir.clone(), config.clone(), Recovery::Clean, keepers.clone()).unwrap();
    let (time, beside) = (names::time_index_file(&dir, 0), root.join("beside"));
    for goes_on in [true, false] {
        let (log, _) = open();
        let end = log.offsets().log_end;
        // Its files are open, and what they say is not known yet.
        let (from, to) = (time.clone(), beside.clone());
        steps::watch(Some(Box::new(move |_| _ = fs::rename(&from, &to))));
        assert!(append(&log).is_err());
        steps::watch(None);
        fs::rename(&beside, &time).unwrap();
        assert!(log.segments()[0].opened().is_none());
        let read = |offset| log.read(offset, 1 << 20, true, Bound::LogEnd).unwrap().is_empty();
        assert!(!read(end - 1));
        if goes_on {
            append(&log).unwrap();
            assert!(!read(end));
        }
        log.close().unwrap();
    }
    fs::remove_dir_all(root).unwrap();
}
