//! A disk that fails under one partition: that one goes offline, for good and for all it is asked; the
//! others go on, and the stop does not pass for a clean one.
#![allow(clippy::unwrap_used)]

#[path = "log_support/mod.rs"]
mod support;

use barnabas::broker::{Broker, Controller, Place, Shared, WorkerMessage, now_ms};
use barnabas::catalog::NewTopic;
use barnabas::config::Config;
use barnabas::log::sync::{self, Observer, Synced};
use barnabas::log::{Bound, FlushTicket};
use barnabas::net::{Mailbox, Receiver};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use support::*;

/// Fails all files of one partition.
struct BadBelow(std::path::PathBuf);

impl Observer for BadBelow {
    fn begin(&self, what: Synced<'_>) -> io::Result<()> {
        match what {
            Synced::File(path, _) | Synced::Front(path, ..) if path.starts_with(&self.0) => {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            _ => Ok(()),
        }
    }

    fn done(&self, _what: Synced<'_>) {}
}

fn open(data: &Path) -> (Broker, Receiver<WorkerMessage>) {
    let settings = [("log.dirs", data.to_str().unwrap()), ("log.flush.interval.messages", "1")];
    let config = Arc::new(Config::from_pairs(&settings).unwrap());
    let broker = Broker::open(config, Place::Kept).unwrap();
    let (sender, messages) = Mailbox::for_thread(100);
    broker.attach(vec![sender], Vec::new());
    (broker, messages)
}

fn create(shared: &Shared, name: &'static str) {
    let (tell, told) = channel();
    let job = move |controller: &mut Controller| {
        let topic =
            NewTopic { name, num_partitions: 1, replication_factor: 1, ..NewTopic::default() };
        tell.send(controller.create_topic(&topic, false).map(drop)).unwrap();
    };
    shared.on_controller(job).unwrap();
    told.recv().unwrap().unwrap();
}

/// Produces one record and waits for its flush; whether it is on the disk.
fn produce(shared: &Shared, messages: &mut Receiver<WorkerMessage>, topic: &str) -> Option<bool> {
    let partition = shared.topics.by_name(topic).unwrap().partition(0).unwrap().clone();
    let bytes = batch(1, 10, 1);
    let appended = partition.append(&validated(&bytes), now_ms(), |_| {}).ok()?;
    let ticket = FlushTicket::new(0, 1);
    partition.await_flush(bytes.len() as u64, Some(ticket.clone()));
    partition.ask_flush();
    if !ticket.settle() {
        assert!(matches!(messages.recv(), Some(WorkerMessage::Wake(keys)) if keys == [1]));
    }
    Some(partition.is_flushed(appended.next_offset))
}

#[test]
fn one_partition_goes_offline_and_the_others_go_on() {
    let dir = TempDir::new("bad-disk");
    let data = dir.path().join("data");
    let (broker, mut messages) = open(&data);
    let shared = broker.shared().clone();
    create(&shared, "good");
    create(&shared, "bad");
    for topic in ["good", "bad"] {
        assert_eq!(produce(&shared, &mut messages, topic), Some(true));
    }
    sync::observe(Some(Arc::new(BadBelow(data.join("bad-0")))));
    assert_eq!(produce(&shared, &mut messages, "bad"), Some(false), "appended, not promised");
    let bad = shared.topics.by_name("bad").unwrap().partition(0).unwrap().clone();
    assert!(bad.is_offline() && bad.log().is_none(), "nothing is read from it either");
    sync::observe(None);
    assert_eq!(produce(&shared, &mut messages, "bad"), None, "also when the disk seems well again");
    assert_eq!(produce(&shared, &mut messages, "good"), Some(true));
    broker.close().unwrap();
    assert!(!data.join(".kafka_cleanshutdown").exists(), "the next start looks at it");
    drop((bad, shared, messages));

    let (broker, _messages) = open(&data);
    for (topic, least) in [("good", 2), ("bad", 1)] {
        let partition =
            broker.shared().topics.by_name(topic).unwrap().partition(0).unwrap().clone();
        let log = partition.log().unwrap();
        assert!(log.offsets().log_end >= least, "{topic}");
        assert_eq!(read_all(log, 0, Bound::HighWatermark).len() as i64, log.offsets().log_end);
    }
    broker.close().unwrap();
}
