//! The tail of appends: how long single appends take at a steady rate while the log is flushed in the
//! background and another thread keeps the disk busy.

use super::{batch, create};
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{Keepers, Log};
use barnabas::wire::records::BatchHeader;
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const BATCH: usize = 16 << 10;
const MIB_PER_SECOND: [u64; 2] = [50, 200];

/// How the log is flushed: by this pace, or by the system alone.
const PACES: [(&str, i64, i64); 2] =
    [("left to the system  ", -1, -1), ("100 ms or 8 MiB     ", 100, 8 << 20)];

pub fn run(dir: &Path, bytes: u64) {
    for rate in MIB_PER_SECOND {
        for pace in PACES {
            measure(dir, bytes, rate, pace);
        }
    }
}

fn measure(dir: &Path, bytes: u64, rate: u64, (name, ms, limit): (&str, i64, i64)) {
    let keepers = Keepers::spawn().expect("threads");
    keepers.flusher.set_pace(ms, limit);
    let log = create(dir, &format!("tail-{rate}-{ms}"), &keepers);
    let done = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        scope.spawn(|| keep_busy(dir, &done));
        let times = appends(&log, bytes, rate << 20);
        done.store(true, Ordering::Relaxed);
        times
    });
    tell(rate, name, times);
    log.mark_deleted().and_then(|()| log.remove()).expect("removed");
    keepers.stop();
}

/// Microseconds of each append.
fn appends(log: &Log, bytes: u64, bytes_per_second: u64) -> Vec<f32> {
    let bytes_of_batch = batch(BATCH);
    let header = BatchHeader::read(bytes_of_batch.first_chunk().expect("a header"));
    let validated = Validated {
        bytes: Cow::Borrowed(&bytes_of_batch),
        timestamps: Patch::Keep,
        header,
        log_append_time_ms: -1,
    };
    let count = bytes / bytes_of_batch.len() as u64;
    let interval =
        Duration::from_nanos(bytes_of_batch.len() as u64 * 1_000_000_000 / bytes_per_second);
    let mut times = Vec::with_capacity(count as usize);
    let mut next = Instant::now();
    for _ in 0..count {
        while Instant::now() < next {
            std::thread::yield_now();
        }
        let started = Instant::now();
        let appended = log.append(&validated, 0, 1_000).expect("appended");
        log.advance_high_watermark(appended.next_offset);
        times.push(started.elapsed().as_nanos() as f32 / 1_000.0);
        next = next.max(started - Duration::from_millis(20)) + interval;
    }
    times
}

/// Writes and syncs a file of its own, 8 MiB at a time, again and again.
fn keep_busy(dir: &Path, done: &AtomicBool) {
    let path = dir.join("busy");
    let bytes = vec![7; 8 << 20];
    while !done.load(Ordering::Relaxed) {
        let mut file = File::create(&path).expect("a file");
        file.write_all(&bytes).and_then(|()| file.sync_data()).expect("written");
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = std::fs::remove_file(path);
}

fn tell(rate: u64, name: &str, mut times: Vec<f32>) {
    times.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let long = times.iter().filter(|&&time| time > 1_000.0).count();
    println!(
        "tail, {rate:>3} MiB/s, {name}: p50 {:.1} p99 {:.1} p99.9 {:.1} p99.99 {:.1} max {:.0} us; {long} of {} above 1 ms",
        at(0.5),
        at(0.99),
        at(0.999),
        at(0.9999),
        at(1.0),
        times.len()
    );
}
