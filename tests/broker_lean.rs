//! Few descriptors, many more partitions than those are enough for, and a broker that is killed again and again: what
//! was acknowledged is there. Meanwhile topics come and go, and segments by retention and compaction.
//!
//! `LEAN_PARTITIONS` and `LEAN_ACKS` make it longer, `LEAN_SEED` another one.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::BatchBuilder;
use broker_support::*;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

const DESCRIPTORS: u64 = 256;
/// Descriptors there are enough for eight logs, and for 128 to be open.
const PARTITIONS: u64 = 300;
const PRODUCERS: u64 = 3;
const KILLS: usize = 3;
/// Acknowledged from one kill to the next.
const ACKS: u64 = 700;
const SETTINGS: [&str; 4] = [
    "log.cleaner.backoff.ms=10",
    "log.cleaner.min.cleanable.ratio=0",
    "log.initial.task.delay.ms=0",
    "log.retention.check.interval.ms=20",
];
const SMALL: (&str, &str) = ("segment.bytes", "1048576");
const FOREVER: (&str, &str) = ("retention.ms", "-1");

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

fn start(data: &Path) -> Broker {
    let mut arguments = vec!["--port", "0", "--data-dir", data.to_str().unwrap(), "--workers", "2"];
    SETTINGS.iter().for_each(|setting| arguments.extend(["--set", setting]));
    let mut command: Command = command(&arguments);
    let limit = libc::rlimit { rlim_cur: DESCRIPTORS, rlim_max: DESCRIPTORS };
    // SAFETY: it reads the struct, and changes a limit of its own process.
    let set = move || match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    // SAFETY: between fork and exec: a system call, and nothing is allocated.
    unsafe { command.pre_exec(set) };
    Broker::spawn(command)
}

/// What a producer knows of a partition that is its own.
#[derive(Clone, Default)]
struct Known {
    /// What seeds the batches had that were acknowledged, in their order.
    acknowledged: Vec<u64>,
    /// Sent last, and the broker ended before it answered.
    unsure: Option<u64>,
}

/// Mostly small, some with index entries, some that are written by calls.
fn of_seed(seed: u64) -> Vec<u8> {
    match Random::new(seed).below(40) {
        0 => batch_of_size(seed, 70_000),
        1..6 => batch(seed, 2, 3_000),
        _ => batch(seed, 1, 40),
    }
}

/// One who writes to partitions of its own.
struct Producer {
    number: u64,
    partitions: Vec<Known>,
    random: Random,
}

impl Producer {
    fn new(number: u64, partitions: u64) -> Producer {
        let partitions = vec![Known::default(); (partitions / PRODUCERS) as usize];
        let random = Random::new(number + 1000 * self::number("LEAN_SEED", 1));
        Producer { number, partitions, random }
    }

    fn index(&self, own: usize) -> i32 {
        (own as u64 * PRODUCERS + self.number) as i32
    }

    /// Writes in no order until the broker is gone.
    fn produce(mut self, mut client: Client, acks: Sender<()>) -> Producer {
        loop {
            let own = self.random.below(self.partitions.len() as u64) as usize;
            let (seed, index) = (self.random.next(), self.index(own));
            self.partitions[own].unsure = Some(seed);
            let sent = client.send_produce(("t", index), 1, &of_seed(seed));
            let Some(answer) = client.try_answer(sent) else { return self };
            let answer = produced(&answer);
            assert_eq!(answer.code, ErrorCode::NONE, "t-{index}: {:?}", answer.message);
            self.partitions[own].acknowledged.push(seed);
            self.partitions[own].unsure = None;
            let _ = acks.send(());
        }
    }

    /// All that was acknowledged is there, and nothing else but what may have come last.
    fn check(&mut self, client: &mut Client) {
        for own in 0..self.partitions.len() {
            let all = client.fetch_all(("t", self.index(own)));
            let known = &mut self.partitions[own];
            let found: Vec<_> = batches(&all).iter().map(sent_bytes).collect();
            if found.len() > known.acknowledged.len() {
                known.acknowledged.extend(known.unsure.take());
            }
            let bytes = |&seed: &u64| sent_bytes(&batches(&of_seed(seed))[0]);
            let wanted: Vec<_> = known.acknowledged.iter().map(bytes).collect();
            assert_eq!(found.len(), wanted.len(), "t-{}", own as u64 * PRODUCERS + self.number);
            assert!(found == wanted, "t-{}", own as u64 * PRODUCERS + self.number);
            known.unsure = None;
        }
    }
}

fn keyed(round: u64) -> Vec<u8> {
    let (key, value) = (format!("key-{}", round % 2), Random::new(round).bytes(400_000));
    BatchBuilder::new().append(TIME, Some(key.as_bytes()), Some(&value), &[]).finish()
}

/// Topics that come and go, and segments that go by retention and compaction, until the broker is gone. Tells how
/// many batches the two topics that stay have.
fn change(mut client: Client, mut counts: [i64; 2]) -> [i64; 2] {
    for round in 0.. {
        let name = format!("gone-{}", round % 3);
        let sent = client.send_create(&name, 9, &[FOREVER]);
        if client.try_answer(sent).is_none() {
            break;
        }
        for index in 0..9 {
            let sent = client.send_produce((&name, index), 1, &batch(round, 2, 3_000));
            if client.try_answer(sent).is_none() {
                return counts;
            }
        }
        for (topic, at) in ["kept", "compacted"].into_iter().zip(0..) {
            let sent = client.send_produce((topic, 0), 1, &keyed(round));
            let Some(answer) = client.try_answer(sent) else { return counts };
            assert_eq!(produced(&answer).code, ErrorCode::NONE, "{topic}");
            counts[at] = produced(&answer).base_offset + 1;
        }
        let sent = client.send_delete(&name);
        if client.try_answer(sent).is_none() {
            break;
        }
    }
    counts
}

/// Lets all work until so much is acknowledged, and kills the broker.
fn work(
    broker: Broker,
    producers: Vec<Producer>,
    staying: [i64; 2],
) -> (Vec<Producer>, [i64; 2], Vec<String>) {
    let (acks, acknowledged): (_, Receiver<()>) = channel();
    let begin = |producer: Producer| {
        let (client, acks) = (broker.client(), acks.clone());
        spawn(move || producer.produce(client, acks))
    };
    let threads: Vec<JoinHandle<Producer>> = producers.into_iter().map(begin).collect();
    let client = broker.client();
    let changes = spawn(move || change(client, staying));
    (0..number("LEAN_ACKS", ACKS)).for_each(|_| acknowledged.recv().unwrap());
    let log = broker.kill().log;
    let producers = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    (producers, changes.join().unwrap(), log)
}

#[test]
fn what_was_acknowledged_with_few_descriptors_survives_each_kill() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let partitions = number("LEAN_PARTITIONS", PARTITIONS);
    let mut producers: Vec<_> = (0..PRODUCERS).map(|n| Producer::new(n, partitions)).collect();
    let mut staying = [0, 0];
    let mut broker = start(&data);
    let mut client = broker.client();
    client.create_with("t", partitions as i32, &[FOREVER]);
    client.create_with("kept", 1, &[FOREVER, SMALL, ("retention.bytes", "700000")]);
    client.create_with("compacted", 1, &[SMALL, ("cleanup.policy", "compact")]);
    for _ in 0..KILLS {
        let log;
        (producers, staying, log) = work(broker, producers, staying);
        let is_failure = |line: &&String| line.starts_with("[ERROR");
        assert_eq!(log.iter().find(is_failure), None, "{log:#?}");
        broker = start(&data);
        client = broker.client();
        producers.iter_mut().for_each(|producer| producer.check(&mut client));
        assert!(client.offset(("kept", 0), -1) >= staying[0]);
        assert!(client.offset(("compacted", 0), -1) >= staying[1]);
        assert!(!client.fetch_all(("compacted", 0)).is_empty());
    }
    drop(client);
    broker.stop_cleanly();
    let broker = start(&data);
    producers.iter_mut().for_each(|producer| producer.check(&mut broker.client()));
    broker.stop_cleanly();
}

/// So many logs can be open, and are lean for the most part.
const LEAN: i32 = 100;

#[test]
fn retention_that_empties_many_lean_logs_takes_no_descriptors() {
    let dir = TempDir::new();
    let broker = start(&dir.join("data"));
    let mut client = broker.client();
    client.create_with("old", LEAN, &[FOREVER]);
    (0..LEAN).for_each(|index| _ = client.append(("old", index), &batch(1, 1, 40)));
    client.alter("old", &[("retention.ms", "86400000")]);
    broker.logged_times(LEAN as usize, &["old segments are deleted", "partition=old-"]);
    // Nobody appends, so that nobody would ask for them.
    let mut others: Vec<Client> = (0..100).map(|_| broker.client()).collect();
    for (index, other) in (0..LEAN).zip(&mut others) {
        let appended = other.produce(("old", index), &batch(2, 1, 40));
        assert_eq!(
            (appended.code, appended.base_offset),
            (ErrorCode::NONE, 1),
            "{:#?}",
            broker.log()
        );
    }
    drop((client, others));
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.log.iter().find(|line| line.contains("Too many open files")), None);
}
