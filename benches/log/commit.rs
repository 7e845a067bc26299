//! Group commit: how many answers one sync gives, and how long they take, when every answer must wait
//! for the disk (`flush.messages=1`).

use super::batch;
use barnabas::config::TopicConfig;
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{FlushListener, FlushTicket, Keepers, Log, WakeRequest, sync};
use barnabas::wire::records::BatchHeader;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const PRODUCERS: [usize; 3] = [1, 16, 256];
const FOR: Duration = Duration::from_secs(2);

/// Nobody reads.
struct Nobody;

impl FlushListener for Nobody {
    fn flushed(&self, _offset: i64, _bytes: u64, _wake: WakeRequest<'_>) {}
}

pub fn run(dir: &Path) {
    for producers in PRODUCERS {
        measure(dir, producers);
    }
}

/// Each producer has one batch of 1 KiB on the way: the next one follows its answer. One thread plays
/// all of them, as a worker does.
fn measure(dir: &Path, producers: usize) {
    let keepers = Keepers::spawn().expect("threads");
    let (tell, told) = channel();
    keepers.flusher.set_delivery(Box::new(move |_, keys| _ = tell.send(keys)));
    let config = TopicConfig { flush_messages: 1, ..TopicConfig::default() };
    let dir = dir.join(format!("commit-{producers}"));
    let log = Log::create(dir, Arc::new(config), keepers.clone()).expect("a log");
    let bytes = batch(1 << 10);
    let header = BatchHeader::read(bytes.first_chunk().expect("a header"));
    let validated = Validated {
        bytes: Cow::Borrowed(&bytes),
        timestamps: Patch::Keep,
        header,
        log_append_time_ms: -1,
    };
    let mut sent = vec![Instant::now(); producers];
    let nobody: Arc<dyn FlushListener> = Arc::new(Nobody);
    let produce = |keys: &[u64], sent: &mut [Instant]| {
        for &key in keys {
            log.append(&validated, 0, 1_000).expect("appended");
            let ticket = FlushTicket::new(0, key);
            log.await_flush(bytes.len() as u64, Some(ticket.clone()), nobody.clone());
            assert!(!ticket.settle(), "its flush was not asked for");
            sent[key as usize] = Instant::now();
        }
        log.ask_flush();
    };
    let (before, started, mut times) = (sync::count(), Instant::now(), Vec::new());
    produce(&(0..producers as u64).collect::<Vec<_>>(), &mut sent);
    while started.elapsed() < FOR {
        let keys: Vec<u64> = told.recv().expect("the flusher");
        times.extend(keys.iter().map(|&key| sent[key as usize].elapsed().as_micros() as u64));
        produce(&keys, &mut sent);
    }
    let (took, syncs) = (started.elapsed(), sync::count() - before);
    times.sort_unstable();
    println!(
        "commit, {producers:>3} producers: {:>6.1} answers per sync, {:>7.0} answers/s, {:>6.0} syncs/s, p50 {} p99 {} us",
        times.len() as f64 / syncs as f64,
        times.len() as f64 / took.as_secs_f64(),
        syncs as f64 / took.as_secs_f64(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
    keepers.stop();
    log.mark_deleted().and_then(|()| log.remove()).expect("removed");
}
