//! What a log costs: appends in nanoseconds per KiB, look-ups in nanoseconds, the tail of appends
//! while the disk is busy, how many answers one sync gives, and what compaction costs.
//!
//! `make bench BENCH=log BENCH_ARGS="SECTION... gb=N /DIR"`: sections are `append`, `read`, `tail`,
//! `commit` and `compact` (default: all), N the gigabytes that `tail` and `compact` take per line (default 1), DIR where the
//! logs are made (default: the temporary directory). Processor time is that of the appending thread;
//! what the preparer spends is told beside it: together they are what an append costs, apart they are
//! what a worker notices.
//!
//! Two rates: *paced*, where the preparer has time to fault pages in ahead (the rule: an append is
//! a copy), and *flat out*, where it is outrun and the appender meets the faults itself. Beside that, an append stands next to a bare CRC and memcpy of the same
//! bytes. Figures
//! are of one machine at one moment: compare them only with figures of the same run.

mod bare;
mod commit;
mod compact;
mod tail;

use barnabas::config::TopicConfig;
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{Bound, Keepers, Log};
use barnabas::wire::records::{BatchBuilder, BatchHeader, HEADER_LEN};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of each log.
const SEGMENT: u32 = 256 << 20;
/// Bytes that are appended per measurement.
const TOTAL: usize = 512 << 20;
const READS: u64 = 1_000_000;
/// Appended at a time; then, if paced, the preparer gets time for as much.
const BURST: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(2);

/// Where, what and how much.
struct Arguments {
    dir: PathBuf,
    sections: Vec<String>,
    gigabytes: u64,
}

impl Arguments {
    fn read() -> Arguments {
        let (mut dir, mut sections, mut gigabytes) = (std::env::temp_dir(), Vec::new(), 1);
        // `cargo bench` passes flags of its own.
        for argument in std::env::args().skip(1).filter(|one| !one.starts_with('-')) {
            match argument.strip_prefix("gb=") {
                Some(number) => gigabytes = number.parse().expect("gb=NUMBER"),
                None if argument.starts_with('/') => dir = argument.into(),
                None => sections.push(argument),
            }
        }
        Arguments { dir, sections, gigabytes }
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }
}

fn main() {
    let arguments = Arguments::read();
    let dir = arguments.dir.join(format!("barnabas-bench-log-{}", std::process::id()));
    if arguments.wants("append") {
        warm(TOTAL);
        for size in [100, 1 << 10, 16 << 10, 128 << 10, 1 << 20] {
            appends(&dir, size, true);
            appends(&dir, size, false);
        }
        bare::run(&dir);
    }
    if arguments.wants("read") {
        reads(&dir);
    }
    if arguments.wants("tail") {
        tail::run(&dir, arguments.gigabytes << 30);
    }
    if arguments.wants("commit") {
        commit::run(&dir);
    }
    if arguments.wants("compact") {
        compact::run(&dir, arguments.gigabytes << 30);
    }
    let _ = std::fs::remove_dir_all(&dir);
}

/// Touches and frees memory, so that a virtual machine has it when the page cache asks for it.
fn warm(len: usize) {
    drop(std::hint::black_box(vec![1u8; len]));
}

fn batch(size: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    let value = vec![b'v'; size.saturating_sub(HEADER_LEN + 10)];
    builder.append(1_000, None, Some(&value), &[]);
    builder.finish()
}

fn create(dir: &Path, name: &str, keepers: &Keepers) -> Log {
    let config = TopicConfig { segment_bytes: SEGMENT as i32, ..TopicConfig::default() };
    Log::create(dir.join(name), Arc::new(config), keepers.clone()).expect("a log")
}

fn appends(dir: &Path, size: usize, paced: bool) {
    let keepers = Keepers::spawn().expect("a thread");
    let log = create(dir, &format!("appends-{size}"), &keepers);
    let bytes = batch(size);
    let header = BatchHeader::read(bytes.first_chunk().expect("a header"));
    let validated = Validated {
        bytes: Cow::Borrowed(&bytes),
        timestamps: Patch::Keep,
        header,
        log_append_time_ms: -1,
    };
    let burst = (BURST / bytes.len()).max(1);
    let bursts = TOTAL / bytes.len() / burst;
    let (mut own, mut slowest, all) = (0, 0, process_ns());
    for _ in 0..bursts {
        let (started, clock) = (thread_ns(), Instant::now());
        for _ in 0..burst {
            let appended = log.append(&validated, 0, 1_000).expect("appended");
            log.advance_high_watermark(appended.next_offset);
        }
        own += thread_ns() - started;
        slowest = clock.elapsed().as_micros().max(slowest);
        if paced {
            std::thread::sleep(PAUSE);
        }
    }
    let all = process_ns() - all;
    let kib = (bursts * burst * bytes.len()) as f64 / 1024.0;
    println!(
        "append {:>8} B, {}: {:>7.1} ns/KiB ({:>7.0} ns each) on the worker, {:>6.1} ns/KiB elsewhere; \
         slowest MiB {slowest} us",
        bytes.len(),
        if paced { "paced   " } else { "flat out" },
        own as f64 / kib,
        own as f64 / (bursts * burst) as f64,
        all.saturating_sub(own) as f64 / kib,
    );
    log.mark_deleted().and_then(|()| log.remove()).expect("removed");
    keepers.stop();
}

fn reads(dir: &Path) {
    let keepers = Keepers::spawn().expect("a thread");
    let log = create(dir, "reads-0", &keepers);
    let bytes = batch(1 << 10);
    for _ in 0..256 << 10 {
        let appended = log.append_internal(&bytes, 0).expect("appended");
        log.advance_high_watermark(appended.next_offset);
    }
    let end = log.offsets().high_watermark as u64;
    let mut state = 88_172_645_463_325_252u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end) as i64
    };
    let mut measure = |what: &str, read: &mut dyn FnMut(i64) -> u64| {
        let (started, mut sum) = (thread_ns(), 0);
        for _ in 0..READS {
            sum += read(random());
        }
        let each = (thread_ns() - started) as f64 / READS as f64;
        println!("{what}: {each:.0} ns (checksum {})", sum % 1_000);
    };
    measure("read 1 MiB at a random offset", &mut |offset| {
        let read = log.read(offset, 1 << 20, true, Bound::HighWatermark).expect("read");
        u64::from(read.len())
    });
    measure("read the last batch", &mut |_| {
        let read = log.read(end as i64 - 1, 1 << 20, true, Bound::HighWatermark).expect("read");
        u64::from(read.len())
    });
    measure("read at the end (nothing)", &mut |_| {
        let read = log.read(end as i64, 1 << 20, true, Bound::HighWatermark).expect("read");
        u64::from(read.len())
    });
    measure("bytes_from of the last batch", &mut |_| {
        log.bytes_from(end as i64 - 1, Bound::HighWatermark, 1).expect("in range")
    });
    measure("offsets", &mut |_| log.offsets().log_end as u64);
    log.mark_deleted().and_then(|()| log.remove()).expect("removed");
    keepers.stop();
}

fn thread_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn process_ns() -> u64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a plain system call that writes to the value it is given.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
