//! What a start looks at: after a clean stop nothing of a partition until it is asked for, after a
//! crash what is above the recovery point, all partitions beside each other.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
const CHECKPOINTS: [&str; 3] = [RECOVERY_POINTS, LOG_STARTS, HIGH_WATERMARKS];

/// Records of each batch, and batches of each partition: three segments of a MiB.
const RECORDS: i64 = 10;
const BATCHES: i64 = 26;

/// A data directory with the topic `t` of three partitions, three segments each; closed.
struct Filled {
    dir: TempDir,
    data: PathBuf,
}

impl Filled {
    fn new() -> Filled {
        let dir = TempDir::new();
        let data = dir.join("data");
        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        client.create_with("t", 3, &[("segment.bytes", "1048576")]);
        for index in 0..3 {
            for seed in 0..BATCHES as u64 {
                client.append(("t", index), &batch(seed, RECORDS as usize, 10_000));
            }
        }
        assert_eq!(client.delete_records(("t", 2), 25), 25);
        broker.stop_cleanly();
        let filled = Filled { dir, data };
        assert_eq!(filled.logs(0).len(), 3, "{:?}", names(&filled.partition(0)));
        filled
    }

    fn partition(&self, index: i32) -> PathBuf {
        self.data.join(format!("t-{index}"))
    }

    /// The segments' logs, in order.
    fn logs(&self, index: i32) -> Vec<PathBuf> {
        let dir = self.partition(index);
        let logs = names(&dir).into_iter().filter(|name| name.ends_with(".log"));
        logs.map(|name| dir.join(name)).collect()
    }

    /// What the files say of partitions, without the line of the metadata log.
    fn checkpoints(&self) -> [String; 3] {
        CHECKPOINTS.map(|name| {
            let text = fs::read_to_string(self.data.join(name)).unwrap();
            let mut lines: Vec<&str> = text.lines().collect();
            let (version, count) = (lines.remove(0), lines.remove(0).parse());
            assert_eq!((version, count), ("0", Ok(lines.len())), "{name}");
            lines.retain(|line| !line.starts_with("__cluster_metadata 0 "));
            let entries: String = lines.iter().map(|line| format!("{line}\n")).collect();
            format!("0\n{}\n{entries}", lines.len())
        })
    }
}

/// Changes a byte of a record of a segment's first batch.
fn damage(log: &Path) {
    let mut bytes = fs::read(log).unwrap();
    bytes[200] ^= 0x80;
    fs::write(log, bytes).unwrap();
}

const END: i64 = BATCHES * RECORDS;

#[test]
fn a_clean_stop_writes_kafkas_checkpoints() {
    let filled = Filled::new();
    let all = format!("0\n3\nt 0 {END}\nt 1 {END}\nt 2 {END}\n");
    assert_eq!(filled.checkpoints(), [all.as_str(), "0\n1\nt 2 25\n", all.as_str()]);
}

#[test]
fn a_clean_start_does_not_look_into_partitions_until_they_are_asked_for() {
    let filled = Filled::new();
    let before = filled.checkpoints();
    // What is in the directories is out of reach while the broker starts.
    let elsewhere = [0, 1, 2].map(|index| filled.dir.join(&format!("moved-{index}")));
    for (index, elsewhere) in (0..).zip(&elsewhere) {
        fs::rename(filled.partition(index), elsewhere).unwrap();
        fs::create_dir(filled.partition(index)).unwrap();
    }
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    assert_eq!(client.cluster().topics["t"].epochs, [0, 0, 0]);
    for (index, elsewhere) in (0..).zip(&elsewhere) {
        assert!(names(&filled.partition(index)).is_empty(), "partition {index} was opened");
        fs::remove_dir(filled.partition(index)).unwrap();
        fs::rename(elsewhere, filled.partition(index)).unwrap();
    }
    let untouched = picture(&filled.partition(0));
    assert_eq!((client.offset(("t", 2), -2), client.offset(("t", 2), -1)), (25, END));
    assert_eq!(client.append(("t", 1), &batch(77, 5, 100)), END);
    drop(client);
    broker.stop_cleanly();
    // A partition that nobody asked for is as it was, and so is what is noted of it.
    assert_eq!(picture(&filled.partition(0)), untouched);
    let [points, starts, watermarks] = filled.checkpoints();
    let end = END + 5;
    assert_eq!(points, format!("0\n3\nt 0 {END}\nt 1 {end}\nt 2 {END}\n"));
    assert_eq!((&starts, &watermarks), (&before[1], &points));
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    assert_eq!([0, 1, 2].map(|index| client.offset(("t", index), -1)), [END, end, END]);
    let fetched = client.fetch_all(("t", 0));
    assert_eq!(batches(&fetched).len() as i64, BATCHES);
    drop(client);
    broker.stop_cleanly();
}

#[test]
fn a_partition_is_opened_once_whoever_asks_first() {
    let filled = Filled::new();
    let broker = Broker::start(&filled.data, &["--workers", "4", "--log-level", "debug"]);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let mut client = broker.client();
            scope.spawn(move || {
                for index in 0..3 {
                    assert_eq!(client.offset(("t", index), -1), END);
                }
            });
        }
    });
    let ended = broker.stop();
    let opened = |line: &&String| line.contains("RecoveryReport");
    assert_eq!(ended.log.iter().filter(opened).count(), 3, "{:#?}", ended.log);
}

#[test]
fn after_a_kill_only_what_is_above_the_recovery_point_is_checked() {
    let filled = Filled::new();
    let broker = Broker::start(&filled.data, &[]);
    broker.client().append(("t", 1), &batch(77, 5, 100));
    broker.kill();
    // Segments below the recovery point are believed.
    damage(&filled.logs(0)[0]);
    damage(&filled.logs(1)[1]);
    let broker = Broker::start(&filled.data, &["--log-level", "info"]);
    broker.logged(&["recovered done=3 partitions=3 bytes=", " ms="]);
    let mut client = broker.client();
    let ends = [0, 1, 2].map(|index| client.offset(("t", index), -1));
    assert_eq!(ends, [END, END + 5, END]);
    assert_eq!(client.offset(("t", 2), -2), 25, "the log start outlives a kill");
    assert_eq!(client.cluster().topics["t"].epochs, [1, 1, 1]);
    let lost = |line: &String| line.contains("records were lost");
    assert!(!broker.log().iter().any(lost), "{:#?}", broker.log());
    broker.kill();
    // The last one is not.
    damage(&filled.logs(0)[2]);
    let broker = Broker::start(&filled.data, &[]);
    broker.logged(&[
        "records were lost",
        "t-0 end=",
        "CRC",
        "were on the disk once and are missing",
    ]);
    assert_eq!(broker.client().offset(("t", 1), -1), END + 5);
    broker.stop_cleanly();
}

/// Appends as often as it takes; gives the first answer's code and the offset in the end.
fn patiently(client: &mut Client, at: At<'_>) -> (ErrorCode, i64) {
    let until = Instant::now() + GUARD;
    let mut first = None;
    loop {
        let produced = client.produce(at, &batch(77, 5, 100));
        let first = *first.get_or_insert(produced.code);
        if produced.code == ErrorCode::NONE {
            return (first, produced.base_offset);
        }
        assert!(Instant::now() < until, "{}-{} stays offline", at.0, at.1);
    }
}

#[test]
fn a_closed_partition_that_lacks_what_opens_it_quickly_is_rebuilt_meanwhile() {
    for gone in [format!("{END:020}.snapshot"), "leader-epoch-checkpoint".to_owned()] {
        let filled = Filled::new();
        fs::remove_file(filled.partition(1).join(&gone)).unwrap();
        let broker = Broker::start(&filled.data, &[]);
        let mut client = broker.client();
        assert_eq!(client.offset(("t", 0), -1), END);
        let (first, appended) = patiently(&mut client, ("t", 1));
        assert_eq!((first, appended), (ErrorCode::KAFKA_STORAGE_ERROR, END), "{gone}");
        assert_eq!(client.end_of_epoch(("t", 1), 0), (0, END + 5), "{gone}");
        drop(client);
        broker.stop_cleanly();
    }
}

#[test]
fn a_sign_of_an_earlier_clean_stop_is_not_believed() {
    let filled = Filled::new();
    let marker = filled.data.join(".kafka_cleanshutdown");
    let sign = fs::read(&marker).unwrap();
    let broker = Broker::start(&filled.data, &[]);
    broker.client().append(("t", 1), &batch(77, 5, 100));
    broker.kill();
    // As if a power cut had brought it back, and a page of the log were not on the disk.
    fs::write(&marker, sign).unwrap();
    let last = filled.logs(1).pop().unwrap();
    let size = fs::metadata(&last).unwrap().len();
    let mut bytes = fs::read(&last).unwrap();
    let added = bytes.windows(8).rposition(|found| found == (END).to_be_bytes()).unwrap();
    bytes[added + 100] ^= 1;
    fs::write(&last, &bytes).unwrap();
    assert_eq!(bytes.len() as u64, size);
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    let (first, appended) = patiently(&mut client, ("t", 1));
    assert_eq!(first, ErrorCode::KAFKA_STORAGE_ERROR, "no worker waits for a check");
    assert_eq!(appended, END, "what is not whole is not there");
    broker.logged(&[
        "WARN",
        "it is not what a clean stop leaves",
        "checked before it is served partition=t-1",
    ]);
    assert_eq!(client.offset(("t", 1), -1), END + 5);
    assert_eq!(client.offset(("t", 0), -1), END);
    drop(client);
    broker.stop_cleanly();
}

#[test]
fn checkpoints_that_are_missing_or_damaged_cost_a_check_and_a_line() {
    for damaged in [false, true] {
        let filled = Filled::new();
        let broker = Broker::start(&filled.data, &[]);
        broker.kill();
        for name in CHECKPOINTS {
            match damaged {
                true => fs::write(filled.data.join(name), "0\n3\nt 0 9\n").unwrap(),
                false => fs::remove_file(filled.data.join(name)).unwrap(),
            }
        }
        damage(&filled.logs(0)[0]);
        let broker = Broker::start(&filled.data, &[]);
        if damaged {
            for name in CHECKPOINTS {
                broker.logged(&[
                    "WARN",
                    name,
                    "it has 1 entries and says 3",
                    "a checkpoint is not used",
                ]);
            }
        }
        let mut client = broker.client();
        let ends = [0, 1, 2].map(|index| client.offset(("t", index), -1));
        assert_eq!(ends, [0, END, END], "everything was checked");
        drop(client);
        broker.stop_cleanly();
        assert_eq!(filled.checkpoints()[0], format!("0\n3\nt 0 0\nt 1 {END}\nt 2 {END}\n"));
    }
}

#[test]
fn a_new_topic_has_nothing_of_an_earlier_one_with_its_name() {
    let filled = Filled::new();
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    client.delete("t");
    client.create("t", 3);
    client.append(("t", 2), &batch(1, 3, 10));
    broker.kill();
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    assert_eq!((client.offset(("t", 2), -2), client.offset(("t", 2), -1)), (0, 3));
    let lost = |line: &String| line.contains("records were lost");
    assert!(!broker.log().iter().any(lost), "{:#?}", broker.log());
    drop(client);
    broker.stop_cleanly();
}

#[test]
fn a_topic_that_nobody_opened_can_be_deleted() {
    let filled = Filled::new();
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    client.delete("t");
    client.create("t", 1);
    assert_eq!(client.append(("t", 0), &batch(1, 3, 10)), 0);
    drop(client);
    broker.stop_cleanly();
    assert!(!filled.partition(1).exists());
}

#[test]
fn a_partition_that_cannot_be_opened_is_offline_and_the_others_serve() {
    let filled = Filled::new();
    // A pipe in the place of a log must not hold anybody up either.
    let log = filled.logs(1).pop().unwrap();
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    let refused = client.produce(("t", 1), &batch(1, 2, 10));
    assert_eq!(refused.code, ErrorCode::KAFKA_STORAGE_ERROR);
    let name = log.file_name().unwrap().to_str().unwrap();
    let reached = format!("reached={END} ");
    broker.logged(&[
        "ERROR",
        "partition is offline",
        "partition=t-1 ",
        &reached,
        name,
        "start again",
    ]);
    assert_eq!(client.offset(("t", 0), -1), END);
    assert_eq!(client.append(("t", 2), &batch(1, 2, 10)), END);
    drop(client);
    assert_eq!(broker.stop().code, Some(0));
    assert!(filled.logs(1).len() == 3, "nothing of it was removed");
}

#[test]
fn what_interrupted_deletions_left_goes_and_nothing_else() {
    let filled = Filled::new();
    let gone = filled.data.join("t-0.0123456789abcdef0123456789abcdef-delete");
    fs::create_dir(&gone).unwrap();
    fs::write(gone.join("00000000000000000000.log"), "x").unwrap();
    let kept = ["t-1.abc-future", "t-1.abc-stray", "mine-delete", "notes"];
    for name in kept {
        fs::create_dir(filled.data.join(name)).unwrap();
        fs::write(filled.data.join(name).join("00000000000000000000.log"), "x").unwrap();
    }
    // Unknown ones: with records, with a file that is not a partition's, and two that a crash left of
    // a topic's creation.
    let unknown = [("a-3", "00000000000000000000.log", "x"), ("b-3", "notes.txt", "")];
    let created = [("c-3", "00000000000000000000.log", ""), ("d-3", "partition.metadata", "x")];
    for (name, file, text) in unknown.iter().chain(&created) {
        fs::create_dir(filled.data.join(name)).unwrap();
        fs::write(filled.data.join(name).join(file), text).unwrap();
    }
    let broker = Broker::start(&filled.data, &[]);
    for (name, ..) in unknown {
        broker.logged(&["WARN", name, "no topic of the catalog owns it", "remove that if"]);
    }
    broker.logged(&["WARN", "directories=1 ", "t-1.abc-stray", "remove them"]);
    broker.stop_cleanly();
    assert!(!gone.exists());
    let left = names(&filled.data);
    assert!(kept.iter().all(|name| left.contains(&(*name).to_owned())), "{left:?}");
    for (name, file, text) in unknown {
        let aside = left.iter().find(|left| left.starts_with(&format!("{name}."))).unwrap();
        assert_eq!(fs::read_to_string(filled.data.join(aside).join(file)).unwrap(), text);
    }
    let of_created = |left: &&String| created.iter().any(|(name, ..)| left.starts_with(name));
    assert_eq!(left.iter().find(of_created), None, "{left:?}");
}

#[test]
fn a_partition_without_a_directory_starts_empty() {
    let filled = Filled::new();
    fs::remove_dir_all(filled.partition(2)).unwrap();
    let broker = Broker::start(&filled.data, &[]);
    broker.logged(&["WARN", "partitions had no directory", "partitions=1 first=t-2"]);
    let mut client = broker.client();
    assert_eq!((client.offset(("t", 2), -2), client.offset(("t", 2), -1)), (0, 0));
    assert_eq!(client.append(("t", 2), &batch(1, 2, 10)), 0);
    drop(client);
    broker.stop_cleanly();
}

#[test]
fn a_directory_of_an_earlier_topic_is_set_aside_when_it_is_opened() {
    let filled = Filled::new();
    let foreign = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAg";
    fs::write(filled.partition(1).join("partition.metadata"), foreign).unwrap();
    let broker = Broker::start(&filled.data, &[]);
    let mut client = broker.client();
    assert_eq!(client.append(("t", 1), &batch(1, 2, 10)), 0);
    broker.logged(&["WARN", "t-1", "it is that of an earlier topic", "remove that"]);
    drop(client);
    broker.stop_cleanly();
    let aside = names(&filled.data).into_iter().find(|name| name.ends_with("-stray")).unwrap();
    assert_eq!(
        fs::read_to_string(filled.data.join(aside).join("partition.metadata")).unwrap(),
        foreign
    );
}

/// So many empty files that looking through them takes longer than any test.
fn endless_recovery(filled: &Filled) {
    let log = filled.logs(0).pop().unwrap();
    let file = fs::File::options().write(true).open(log).unwrap();
    file.set_len(4 << 40).unwrap();
}

#[test]
fn a_recovery_says_each_second_how_far_it_is_and_can_be_stopped() {
    let filled = Filled::new();
    Broker::start(&filled.data, &[]).kill();
    endless_recovery(&filled);
    let data = filled.data.to_str().unwrap();
    let threads = ["--set", "num.recovery.threads.per.data.dir=1", "--log-level", "info"];
    let mut command = command(&[&["--port", "0", "--data-dir", data][..], &threads].concat());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    // One thread, and it is at the first one.
    for _ in 0..2 {
        lines.find(|line| line.contains("recovering done=0 partitions=3 ")).unwrap();
    }
    let pid = i32::try_from(child.id()).unwrap();
    // SAFETY: it signals our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    lines.find(|line| line.contains("stopping before all logs are open")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(out, "", "it was not ready");
    assert!(!filled.data.join(".kafka_cleanshutdown").exists());
}

#[test]
fn partitions_are_recovered_beside_each_other() {
    let filled = Filled::new();
    Broker::start(&filled.data, &[]).kill();
    endless_recovery(&filled);
    let data = filled.data.to_str().unwrap();
    let mut command = command(&["--port", "0", "--data-dir", data, "--log-level", "info"]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    // By default there are two threads: one is held up, the other does the rest.
    lines.find(|line| line.contains("recovering done=2 partitions=3 ")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_thousands_of_partitions_that_are_being_made() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let (broker, _client) = making_partitions(&data);
    broker.stop_cleanly();
    let left = names(&data);
    let made = left.iter().filter(|name| name.starts_with("big-")).count();
    assert!(made < PARTITIONS as usize / 2, "{made} directories are left of {PARTITIONS}");
    assert_eq!(left.iter().find(|name| partition_of_big(name)), None, "none is a partition's");
    let broker = Broker::start(&data, &[]);
    assert!(broker.client().cluster().topics.is_empty());
    assert!(broker.log().is_empty(), "nothing to tell: {:#?}", broker.log());
    // They go behind the start, and a stop does not wait for that either.
    let until = Instant::now() + GUARD;
    while let Some(left) = names(&data).into_iter().find(|name| name.starts_with("big-")) {
        assert!(Instant::now() < until, "{left} is still there");
        std::thread::yield_now();
    }
    broker.stop_cleanly();
}

/// A broker that is in the middle of making a topic of very many partitions.
fn making_partitions(data: &Path) -> (Broker, Client) {
    let broker = Broker::start(data, &[]);
    let mut client = broker.client();
    client.send_create("big", PARTITIONS, &[]);
    wait_for(&data.join("big-50"));
    (broker, client)
}

/// As many as one request may ask for.
const PARTITIONS: i32 = 10_000;

/// Waits until there is something at this path.
fn wait_for(path: &Path) {
    let until = Instant::now() + GUARD;
    while !path.exists() {
        assert!(Instant::now() < until, "there is no {}", path.display());
        std::thread::yield_now();
    }
}

fn partition_of_big(name: &str) -> bool {
    name.strip_prefix("big-").is_some_and(|index| index.parse::<u32>().is_ok())
}

#[test]
fn what_a_kill_leaves_of_a_topics_creation_goes() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let (broker, _client) = making_partitions(&data);
    broker.kill();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("big", 1);
    assert_eq!(client.append(("big", 0), &batch(1, 2, 10)), 0, "the name is free");
    drop(client);
    let aside = |line: &String| line.contains("no topic of the catalog owns it");
    assert!(!broker.log().iter().any(aside), "{:#?}", broker.log());
    broker.stop_cleanly();
    assert!(!names(&data).iter().any(|name| name.ends_with("-stray")));
}

#[test]
fn many_deletions_of_records_share_a_write_and_outlive_a_kill() {
    const CLIENTS: i64 = 20;
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &["--log-level", "debug"]);
    let mut client = broker.client();
    client.create("t", CLIENTS as i32);
    for index in 0..CLIENTS as i32 {
        client.append(("t", index), &batch(1, 30, 10));
    }
    // They wait together for the controller, which is busy.
    let clients: Vec<Client> = (0..CLIENTS).map(|_| broker.client()).collect();
    client.send_create("big", PARTITIONS / 5, &[]);
    wait_for(&data.join("big-10"));
    std::thread::scope(|scope| {
        for (index, mut client) in (0..).zip(clients) {
            scope.spawn(move || {
                assert_eq!(client.delete_records(("t", index as i32), index), index)
            });
        }
    });
    let written = |line: &String| line.contains("log starts are written");
    let count = broker.log().into_iter().filter(written).count() as i64;
    assert!(count < CLIENTS / 2, "{count} writes for {CLIENTS} requests");
    broker.kill();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    for index in 0..CLIENTS {
        assert_eq!(client.offset(("t", index as i32), -2), index);
    }
    broker.kill();
}

#[test]
fn a_log_start_that_cannot_be_written_is_not_answered_as_if_it_were() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &batch(1, 30, 10));
    fs::create_dir(data.join(format!("{LOG_STARTS}.tmp"))).unwrap();
    assert_eq!(client.try_delete_records(("t", 0), 7), Err(ErrorCode::KAFKA_STORAGE_ERROR));
    broker.logged(&["ERROR", "log starts cannot be written"]);
    fs::remove_dir(data.join(format!("{LOG_STARTS}.tmp"))).unwrap();
    assert_eq!(client.delete_records(("t", 0), 7), 7, "asked again, it is written");
    drop(client);
    assert_eq!(fs::read_to_string(data.join(LOG_STARTS)).unwrap(), "0\n1\nt 0 7\n");
    broker.stop_cleanly();
}
