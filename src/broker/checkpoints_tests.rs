//! What checkpoint files say, and when they are written.

use super::*;
use crate::catalog::Topic;
use crate::config::TopicConfig;
use crate::log::Keepers;
use crate::wire::records::BatchBuilder;
use crate::wire::uuid::Uuid;
use std::sync::Arc;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let name = format!("barnabas-checkpoints-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn text(&self, kind: Kind) -> Option<String> {
        fs::read_to_string(self.0.join(kind.file_name())).ok()
    }

    /// A partition with so many records.
    fn partition(&self, topic: &str, index: i32, records: i64) -> Arc<Partition> {
        let dir = self.0.join(format!("{topic}-{index}"));
        let config = Arc::new(TopicConfig::default());
        let keepers = Keepers::spawn().unwrap();
        let log = Log::create(dir, config, keepers).unwrap();
        for _ in 0..records {
            let mut batch = BatchBuilder::new();
            batch.append(1, None, Some(b"value"), &[]);
            log.append_internal(&batch.finish(), 0).unwrap();
        }
        log.advance_high_watermark(records);
        Arc::new(Partition::new(topic.into(), index, 0, Some(log)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A partition that nobody opened.
fn unopened(topic: &str, index: i32) -> Arc<Partition> {
    struct Never;
    impl crate::catalog::Opener for Never {
        fn open(&self, partition: &Partition) -> crate::catalog::Opened {
            panic!("{}-{} is opened", partition.topic, partition.index)
        }
        fn opened(&self, _: &Partition, _: &Log) {}
        fn outline(&self, _: &Partition) -> crate::catalog::Outline {
            crate::catalog::Outline::default()
        }
    }
    Arc::new(Partition::unopened(topic.into(), index, 0, Arc::new(Never)))
}

fn topics(all: &[(&str, Vec<Arc<Partition>>)]) -> Topics {
    let topics = Topics::default();
    for (at, (name, partitions)) in all.iter().enumerate() {
        let (id, config) = (Uuid::from_bytes([at as u8 + 1; 16]), Arc::default());
        topics.insert(Arc::new(Topic::new((*name).into(), id, config, partitions.clone())));
    }
    topics
}

#[test]
fn only_whole_files_are_believed() {
    let good = "0\n3\na 0 5\na 1 6\nb.c-d 10 9223372036854775807\n";
    let entries = parse(good).unwrap();
    assert_eq!((entries["a"][&1], entries["b.c-d"][&10]), (6, i64::MAX));
    assert_eq!(render(&entries), good);
    assert_eq!(parse("0\n0\n").unwrap(), Entries::new());
    assert_eq!(parse("0\n1\na\t0  5").unwrap()["a"][&0], 5, "as Kafka splits lines");
    for bad in [
        "",
        "0",
        "0\n",
        "1\n0\n",
        "0\n-1\n",
        "x\n0\n",
        "0\n1\n",
        "0\n2\na 0 5\n",
        "0\n0\na 0 5\n",
        "0\n1\na 0\n",
        "0\n1\na 0 5 6\n",
        "0\n1\na -1 5\n",
        "0\n1\na 0 -5\n",
        "0\n1\na 0 99999999999999999999\n",
        "0\n1\na 0 5\n\n",
        "0\n1\n\0\0\0\n",
    ] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn whatever_bytes_a_file_has_it_is_believed_wholly_or_not_at_all() {
    let scratch = Scratch::new("fuzz");
    let path = scratch.0.join("file");
    let good = "0\n3\na 0 5\na 1 6\nb 10 7\n";
    let mut state = 0x5eed_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..2_000 {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes.truncate(at + 1),
                2 => bytes.insert(at, b"0 \n9-a"[random(6)]),
                _ => bytes[at] ^= 1 << random(8),
            }
        }
        fs::write(&path, &bytes).unwrap();
        if let Ok(Some(entries)) = read(&path) {
            let text = String::from_utf8(bytes).unwrap();
            let lines = text.lines().skip(2).count();
            let count = entries.values().map(BTreeMap::len).sum::<usize>();
            assert!(count <= lines && entries.values().flatten().all(|(_, &o)| o >= 0));
            assert_eq!(text.lines().nth(1).unwrap().trim().parse(), Ok(lines), "{text:?}");
        }
    }
}

#[test]
fn a_directory_or_a_pipe_in_the_place_of_a_file_is_not_read() {
    let scratch = Scratch::new("kinds");
    fs::create_dir(scratch.0.join(Kind::RecoveryPoint.file_name())).unwrap();
    let pipe = scratch.0.join(Kind::LogStart.file_name());
    let pipe = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(pipe.to_str().unwrap())
            .status()
            .unwrap()
            .success()
    );
    let checkpoints = Checkpoints::load(&scratch.0);
    assert_eq!(checkpoints.get(Kind::RecoveryPoint, "t", 0), None);
    assert_eq!(checkpoints.get(Kind::LogStart, "t", 0), None);
}

#[test]
fn open_logs_say_where_they_are_and_the_others_keep_what_the_file_said() {
    let scratch = Scratch::new("write");
    let before = "0\n4\ngone 0 7\nt 0 1\nt 1 99\nt 2 5\n";
    for kind in [Kind::RecoveryPoint, Kind::LogStart, Kind::HighWatermark] {
        fs::write(scratch.0.join(kind.file_name()), before).unwrap();
    }
    let open = scratch.partition("t", 0, 3);
    open.log().unwrap().flush().unwrap();
    let topics = topics(&[("t", vec![open.clone(), unopened("t", 1)])]);
    let checkpoints = Checkpoints::load(&scratch.0);
    checkpoints.write_recovery_points(&topics).unwrap();
    checkpoints.write_high_watermarks(&topics).unwrap();
    checkpoints.write_log_starts(&topics).unwrap();
    // A topic that is no more, and a partition that there is none of, go.
    let after = Some("0\n2\nt 0 3\nt 1 99\n".to_owned());
    assert_eq!(scratch.text(Kind::RecoveryPoint), after);
    assert_eq!(scratch.text(Kind::HighWatermark), after);
    assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n1\nt 1 99\n"));
    open.log().unwrap().delete_records_before(2).unwrap();
    checkpoints.write_log_starts_of([&*open]).unwrap();
    assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n2\nt 0 2\nt 1 99\n"));
    let again = Checkpoints::load(&scratch.0);
    assert_eq!(again.get(Kind::LogStart, "t", 0), Some(2));
    assert_eq!(again.get(Kind::RecoveryPoint, "t", 1), Some(99));
    assert!(!scratch.0.join("log-start-offset-checkpoint.tmp").exists());
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let scratch = Scratch::new("idle");
    let topics = topics(&[("t", vec![scratch.partition("t", 0, 3)])]);
    let checkpoints = Checkpoints::load(&scratch.0);
    for (kind, text) in [(Kind::LogStart, "0\n0\n"), (Kind::HighWatermark, "0\n1\nt 0 3\n")] {
        checkpoints.write(kind, &topics).unwrap();
        assert_eq!(scratch.text(kind).as_deref(), Some(text), "as Kafka, also with nothing to say");
        fs::remove_file(scratch.0.join(kind.file_name())).unwrap();
        checkpoints.write(kind, &topics).unwrap();
        assert_eq!(scratch.text(kind), None);
    }
}

#[test]
fn a_new_partition_has_nothing_of_an_earlier_one_with_its_name() {
    let scratch = Scratch::new("forget");
    let before = "0\n3\nt 0 1\nt 1 2\nu 0 3\n";
    fs::write(scratch.0.join(Kind::LogStart.file_name()), before).unwrap();
    let checkpoints = Checkpoints::load(&scratch.0);
    checkpoints.forget("t", 1..5).unwrap();
    assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n2\nt 0 1\nu 0 3\n"));
    checkpoints.forget("t", 0..1).unwrap();
    assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n1\nu 0 3\n"));
    assert_eq!(scratch.text(Kind::RecoveryPoint), None);
}

#[test]
fn the_cleaners_progress_stays_until_its_topic_goes() {
    let scratch = Scratch::new("cleaner");
    let checkpoints = Checkpoints::load(&scratch.0);
    checkpoints.set(Kind::Cleaner, "t", 0, 12);
    let known = topics(&[("t", vec![scratch.partition("t", 0, 1)])]);
    checkpoints.write(Kind::Cleaner, &known).unwrap();
    assert_eq!(scratch.text(Kind::Cleaner).as_deref(), Some("0\n1\nt 0 12\n"));
    checkpoints.write(Kind::Cleaner, &topics(&[])).unwrap();
    assert_eq!(scratch.text(Kind::Cleaner).as_deref(), Some("0\n0\n"));
}

#[test]
fn an_empty_file_says_nothing_and_is_no_damage() {
    let scratch = Scratch::new("empty");
    let path = scratch.0.join(Kind::Cleaner.file_name());
    std::fs::write(&path, "").unwrap();
    assert_eq!(super::read(&path), Ok(None));
}
