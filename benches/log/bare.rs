//! What an append costs beside the least that it could: a CRC and a memcpy of the same bytes into
//! memory that is there, in turns, in the same run.
//!
//! The log's append does not check the CRC, for batches that the broker itself builds need none:
//! validation does, and goes over the records too. So there are two ratios.

use super::{BURST, PAUSE, create, thread_ns};
use barnabas::config::TopicConfig;
use barnabas::log::validate::{Patch, Rules, Scratch, Validated, validate};
use barnabas::log::{Keepers, Log};
use barnabas::wire::records::{BatchBuilder, BatchHeader, crc};
use std::borrow::Cow;
use std::hint::black_box;
use std::path::Path;

/// Bytes by the way of appending.
const TOTAL: usize = 256 << 20;
/// Records of so many bytes, and how many there are in a batch.
const BATCHES: [(usize, usize); 6] =
    [(100, 1), (100, 10), (100, 150), (1 << 10, 1), (1 << 10, 16), (1 << 10, 1_000)];

pub fn run(dir: &Path) {
    for (record, count) in BATCHES {
        measure(dir, record, count);
    }
}

fn measure(dir: &Path, record: usize, count: usize) {
    let keepers = Keepers::spawn().expect("threads");
    let logs = ["bare-0", "bare-1"].map(|name| create(dir, name, &keepers));
    let bytes = batch(record, count);
    let mut memory = vec![1u8; TOTAL];
    let each = (BURST / bytes.len()).max(1);
    let bursts = TOTAL / bytes.len() / each;
    let [mut bare, mut append, mut validated] = [0; 3];
    for number in 0..bursts {
        let target = &mut memory[number * each * bytes.len()..][..each * bytes.len()];
        bare += time(|| crc_and_copy(&bytes, target));
        append += time(|| append_only(&logs[0], &bytes, each));
        validated += time(|| validate_and_append(&logs[1], &bytes, each));
        std::thread::sleep(PAUSE);
    }
    black_box(&memory);
    let of = |ns: u64| ns as f64 / (bursts * each) as f64;
    println!(
        "append, {count:>4} records of {record:>4} B, {:>7} B: CRC and memcpy {:>8.0} ns; append {:>8.0} ns, \
         {:.2} of it; validation and append {:>8.0} ns, {:.2} of it",
        bytes.len(),
        of(bare),
        of(append),
        append as f64 / bare as f64,
        of(validated),
        validated as f64 / bare as f64,
    );
    for log in logs {
        log.mark_deleted().and_then(|()| log.remove()).expect("removed");
    }
    keepers.stop();
}

fn batch(record: usize, count: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    // About ten bytes of a record are not its value.
    let value = vec![b'v'; record - 10];
    (0..count).for_each(|_| _ = builder.append(1_000, None, Some(&value), &[]));
    builder.finish()
}

/// The processor time of this thread.
fn time(what: impl FnOnce()) -> u64 {
    let started = thread_ns();
    what();
    thread_ns() - started
}

fn crc_and_copy(bytes: &[u8], target: &mut [u8]) {
    for place in target.chunks_exact_mut(bytes.len()) {
        // As of a batch: what the broker writes into its header is not part of the sum.
        assert_ne!(crc::crc32c(black_box(&bytes[21..])), 0);
        place.copy_from_slice(bytes);
    }
}

fn append_only(log: &Log, bytes: &[u8], times: usize) {
    let header = BatchHeader::read(bytes.first_chunk().expect("a header"));
    let validated = Validated {
        bytes: Cow::Borrowed(bytes),
        timestamps: Patch::Keep,
        header,
        log_append_time_ms: -1,
    };
    for _ in 0..times {
        let appended = log.append(&validated, 0, 1_000).expect("appended");
        log.advance_high_watermark(appended.next_offset);
    }
}

fn validate_and_append(log: &Log, bytes: &[u8], times: usize) {
    let (config, mut scratch) = (TopicConfig::default(), Scratch::new());
    let rules =
        Rules { config: &config, now_ms: 1_000, produce_version: 10, topic: "bare", partition: 1 };
    for _ in 0..times {
        let validated = validate(bytes, &rules, &mut scratch).expect("valid");
        let appended = log.append(&validated, 0, 1_000).expect("appended");
        log.advance_high_watermark(appended.next_offset);
    }
}
