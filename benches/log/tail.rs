//! The tail of appends: how long single appends take at a steady rate while the log is flushed in the
//! background and another thread keeps the disk busy.
//!
//! Each append has a control beside it: a copy of the same bytes into memory that is no file's, timed in
//! the same way by the same thread. What is slow there is the machine. Of what takes more than 1 ms the
//! kernel's counters of the thread say why: it gave its processor away (to a lock, the journal, the disk) in a page
//! fault or elsewhere in the kernel, lost it, or met page faults (protected pages, or such that it had to make
//! itself) and nothing of that.

use super::{SEGMENT, batch, create};
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{Keepers, Log};
use barnabas::wire::records::BatchHeader;
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// From here on it is a stall.
const LONG: Duration = Duration::from_millis(1);
const BATCH: usize = 16 << 10;
/// And the share of all bytes that is appended so fast. At the slowest rate no bound of a folio is passed between
/// two flushes, so that each of them protects the tail.
const MIB_PER_SECOND: [(u64, u64); 4] = [(1, 128), (10, 16), (50, 1), (200, 1)];

/// How the log is flushed: by this pace, or by the system alone.
const PACES: [(&str, i64, i64); 2] =
    [("left to the system  ", -1, -1), ("100 ms or 8 MiB     ", 100, 8 << 20)];

pub fn run(dir: &Path, bytes: u64) {
    for (rate, share) in MIB_PER_SECOND {
        for pace in PACES {
            measure(dir, bytes / share, rate, pace);
        }
    }
}

fn measure(dir: &Path, bytes: u64, rate: u64, (name, ms, limit): (&str, i64, i64)) {
    let keepers = Keepers::spawn().expect("threads");
    keepers.flusher.set_pace(ms, limit);
    let log = create(dir, &format!("tail-{rate}-{ms}"), &keepers);
    let done = AtomicBool::new(false);
    let (appends, copies) = std::thread::scope(|scope| {
        scope.spawn(|| keep_busy(dir, &done));
        let times = appends(&log, bytes, rate << 20);
        done.store(true, Ordering::Relaxed);
        times
    });
    appends.tell(&format!("tail, {rate:>3} MiB/s, {name}"));
    copies.tell("      the copy beside it              ");
    log.mark_deleted().and_then(|()| log.remove()).expect("removed");
    keepers.stop();
}

/// Times each append, and each copy.
fn appends(log: &Log, bytes: u64, bytes_per_second: u64) -> (Times, Times) {
    let bytes_of_batch = batch(BATCH);
    let header = BatchHeader::read(bytes_of_batch.first_chunk().expect("a header"));
    let validated = Validated {
        bytes: Cow::Borrowed(&bytes_of_batch),
        timestamps: Patch::Keep,
        header,
        log_append_time_ms: -1,
    };
    let size = bytes_of_batch.len() as u64;
    let (count, in_segment) = (bytes / size, u64::from(SEGMENT) / size);
    let interval = Duration::from_nanos(size * 1_000_000_000 / bytes_per_second);
    let (mut appends, mut copies) = (Times::new(count), Times::new(count));
    let mut memory = vec![1u8; 8 << 20];
    let mut next = Instant::now();
    for number in 0..count {
        while Instant::now() < next {
            std::thread::yield_now();
        }
        let started = Instant::now();
        appends.time(number > 0 && number % in_segment == 0, || {
            let appended = log.append(&validated, 0, 1_000).expect("appended");
            log.advance_high_watermark(appended.next_offset);
        });
        let at = number as usize * BATCH % (memory.len() - 2 * BATCH);
        copies
            .time(false, || memory[at..][..bytes_of_batch.len()].copy_from_slice(&bytes_of_batch));
        next = next.max(started - Duration::from_millis(20)) + interval;
    }
    std::hint::black_box(&memory);
    (appends, copies)
}

/// How long something took, each time, and why it took more than 1 ms.
struct Times {
    us: Vec<f32>,
    /// The same of those that began a segment.
    rolls: Vec<f32>,
    /// Page faults in all, and in those that took long.
    faults: i64,
    /// What took long began a segment; waited in a page fault; waited elsewhere in the kernel; was taken
    /// off its processor; met page faults; none of it.
    long: [u64; 6],
}

impl Times {
    fn new(count: u64) -> Times {
        // Room for all, without a page fault when it is used.
        let mut us = vec![1.0; count as usize];
        us.clear();
        Times { us, rolls: Vec::new(), faults: 0, long: [0; 6] }
    }

    fn time(&mut self, rolls: bool, what: impl FnOnce()) {
        let before = usage();
        let started = Instant::now();
        what();
        let took = started.elapsed();
        let us = took.as_nanos() as f32 / 1_000.0;
        self.us.push(us);
        if rolls {
            self.rolls.push(us);
        }
        let after = usage();
        let faults = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
        self.faults += faults;
        if took > LONG {
            let waited = after.ru_nvcsw > before.ru_nvcsw;
            let causes = [
                rolls,
                waited && faults > 0,
                waited,
                after.ru_nivcsw > before.ru_nivcsw,
                faults > 0,
                true,
            ];
            let cause = causes.iter().position(|&is_it| is_it).unwrap_or_default();
            self.long[cause] += 1;
        }
    }

    fn tell(mut self, what: &str) {
        self.us.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| self.us[((self.us.len() - 1) as f64 * share) as usize];
        let [rolled, in_fault, waited, taken, faulted, other] = self.long;
        println!(
            "{what}: p50 {:.1} p99 {:.1} p99.9 {:.1} p99.99 {:.1} max {:.0} us; {} of {} above 1 ms: \
             {rolled} began a segment, {in_fault} waited in a page fault, {waited} elsewhere in the kernel, {taken} were \
             taken off the processor, {faulted} only met page faults, {other} none of it; {} page faults in all",
            at(0.5),
            at(0.99),
            at(0.999),
            at(0.9999),
            at(1.0),
            self.long.iter().sum::<u64>(),
            self.us.len(),
            self.faults,
        );
        self.rolls.sort_unstable_by(f32::total_cmp);
        if let (Some(median), Some(max)) = (self.rolls.get(self.rolls.len() / 2), self.rolls.last())
        {
            println!(
                "      {} began a segment: median {median:.0} max {max:.0} us",
                self.rolls.len()
            );
        }
    }
}

/// What the kernel says of this thread.
fn usage() -> libc::rusage {
    // SAFETY: all zero bits are a valid `rusage`; the call fills the one that it is given.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage
    }
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
