//! A partition beside its log: who waits for it, and what is known of it before it is opened.

use super::*;
use crate::config::TopicConfig;
use crate::log::Keepers;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;

#[test]
fn who_waits_for_a_partition_that_fails_before_it_is_asked_is_told() {
    let name = format!("barnabas-partition-fails-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let keepers = Keepers::spawn().unwrap();
    let (tell, told) = channel();
    keepers.flusher.set_delivery(Box::new(move |_, keys| _ = tell.send(keys)));
    let log = Log::create(dir.join("t-0"), Arc::new(TopicConfig::default()), keepers.clone());
    let partition = Arc::new(Partition::new("t".into(), 0, 0, log.ok()));
    let ticket = FlushTicket::new(0, 9);
    partition.await_flush(1, Some(ticket.clone()));
    assert!(!ticket.settle());
    // Between a request and the end of its turn another one finds out.
    partition.fail(&"its disk is gone");
    partition.ask_flush();
    keepers.stop();
    assert_eq!(told.try_recv().ok(), Some(vec![9]));
    drop(partition);
    std::fs::remove_dir_all(dir).unwrap();
}

/// Counts how often it looks; after so many times it can say where a log ends.
struct Looks(AtomicUsize, usize);

impl Opener for Looks {
    fn open(&self, _: &Partition) -> Opened {
        Opened::Later
    }

    fn opened(&self, _: &Partition, _: &Log) {}

    fn outline(&self, _: &Partition) -> Outline {
        let looks = self.0.fetch_add(1, Ordering::Relaxed);
        Outline { ends: (looks >= self.1).then_some((1, 7)), bytes: 70, segments: 1 }
    }
}

#[test]
fn what_lies_still_is_looked_at_until_it_has_told_all() {
    let looks = Arc::new(Looks(AtomicUsize::new(0), 2));
    let partition = Partition::unopened("t".into(), 0, 0, looks.clone());
    assert_eq!((partition.outline().ends, partition.size()), (None, 70));
    for _ in 0..3 {
        assert_eq!(partition.outline(), Outline { ends: Some((1, 7)), bytes: 70, segments: 1 });
    }
    assert_eq!(looks.0.load(Ordering::Relaxed), 3);
}
