//! What compaction costs: bytes per second, processor time per GiB, memory; and a look at a log that has
//! nothing to clean.
//!
//! The time on the disk is part of the first: what is written is brought to the disk. Processor time
//! is that of this process while it cleans, nothing else runs in it.

use barnabas::config::TopicConfig;
use barnabas::log::{CleanerLimits, Keepers, Log};
use barnabas::wire::records::{BatchBuilder, Codec};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECORD: usize = 1000;
const RECORDS_PER_BATCH: u64 = 16;

/// A log to be cleaned.
struct Workload {
    name: &'static str,
    codec: Codec,
    /// Keys that its records are spread over.
    keys: u64,
}

/// Cleans logs of so many bytes before compression.
pub fn run(dir: &Path, bytes: u64) {
    for (name, codec, share) in [
        ("all records stay", Codec::None, 1.0),
        ("half of them stay", Codec::None, 0.5),
        ("one in a hundred stays", Codec::None, 0.01),
        ("half, lz4", Codec::Lz4, 0.5),
        ("half, zstd", Codec::Zstd, 0.5),
    ] {
        if !codec.is_built_in() {
            continue;
        }
        let keys = (((bytes / RECORD as u64) as f64 * share) as u64).max(1);
        one(&dir.join("compact-0"), &Workload { name, codec, keys }, bytes);
    }
}

fn one(dir: &Path, workload: &Workload, bytes: u64) {
    let keepers = Keepers::spawn().expect("threads");
    let config = TopicConfig { segment_bytes: 64 << 20, ..TopicConfig::default() };
    let log = Log::create(dir.to_owned(), Arc::new(config), keepers.clone()).expect("a log");
    fill(&log, workload, bytes);
    let cleanable = log.cleanable(None, 0).expect("a log");
    let limits = CleanerLimits { map_memory: 128 << 20, load_factor: 0.9 };
    let (began, cpu) = (Instant::now(), processor_time());
    let on = &mut |_| ControlFlow::Continue(());
    let cleaned = log.clean(&cleanable, limits, 0, on).expect("cleaned");
    let (took, cpu) = (began.elapsed(), processor_time() - cpu);
    let gib = cleaned.bytes.0 as f64 / f64::from(1 << 30);
    println!(
        "compact {:<24} {:>6.0} MiB/s of the log  {:>5.2} CPU s per GiB  {:>9} keys, map {:>4} MiB  {:.0} -> {:.0} MiB",
        workload.name,
        gib * 1024.0 / took.as_secs_f64(),
        cpu.as_secs_f64() / gib,
        cleaned.keys,
        cleaned.map_memory >> 20,
        gib * 1024.0,
        cleaned.bytes.1 as f64 / f64::from(1 << 20)
    );
    let began = Instant::now();
    for _ in 0..1000 {
        log.cleanable(Some(cleaned.up_to), 0).expect("a log");
    }
    let each = began.elapsed() / 1000;
    println!("compact {:<24} {each:?} to see that there is nothing to do", workload.name);
    keepers.stop();
    drop(log);
    std::fs::remove_dir_all(dir).expect("removed");
}

fn fill(log: &Log, workload: &Workload, bytes: u64) {
    let mut value = [0; RECORD];
    let mut random = 1_u64;
    for number in 0..bytes / RECORD as u64 / RECORDS_PER_BATCH {
        let mut builder = BatchBuilder::new().codec(workload.codec);
        for record in 0..RECORDS_PER_BATCH {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Half of it can be compressed.
            value[..RECORD / 2].iter_mut().enumerate().for_each(|(at, byte)| {
                *byte = (random >> (at % 57)) as u8;
            });
            let key = (number * RECORDS_PER_BATCH + record) % workload.keys;
            builder.append(1, Some(&key.to_be_bytes()), Some(&value), &[]);
        }
        let appended = log.append_internal(&builder.finish(), 0).expect("appended");
        log.advance_high_watermark(appended.next_offset);
    }
}

/// What this process has used so far, in user and in kernel mode.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let fields: Vec<&str> = stat[stat.rfind(')').map_or(0, |at| at + 2)..].split(' ').collect();
    let ticks: u64 = [11, 12].iter().map(|&at| fields[at].parse::<u64>().unwrap_or(0)).sum();
    Duration::from_millis(ticks * 10)
}
