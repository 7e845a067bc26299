//! What the tests of the log share: directories that go away, settings, batches, and reading back.
#![allow(dead_code)] // Each test file is a crate of its own and uses what it needs.
#![allow(clippy::unwrap_used)] // Only tests call this.

use barnabas::config::TopicConfig;
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{
    AppendError, Appended, Bound, Keepers, Log, Opening, Recovery, RecoveryReport,
};
use barnabas::wire::records::{Batch, BatchBuilder, BatchHeader, HEADER_LEN};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is removed when the value is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new(name: &str) -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("barnabas-log-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    /// One in memory where there is such a thing: for tests that flush much and model the disk
    /// themselves.
    pub fn in_memory(name: &str) -> TempDir {
        let memory = Path::new("/dev/shm");
        let on_disk = TempDir::new(name);
        if !memory.is_dir() {
            return on_disk;
        }
        let path = memory.join(on_disk.path().file_name().unwrap());
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of a partition in it.
    pub fn partition(&self) -> PathBuf {
        self.0.join("topic-0")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings with small segments.
pub fn config(segment_bytes: i32, index_interval_bytes: i32) -> Arc<TopicConfig> {
    Arc::new(TopicConfig {
        segment_bytes,
        index_interval_bytes,
        segment_index_bytes: 1 << 16,
        ..TopicConfig::default()
    })
}

/// The keepers of all tests of a file.
pub fn keepers() -> Keepers {
    static ONE: std::sync::OnceLock<Keepers> = std::sync::OnceLock::new();
    ONE.get_or_init(|| Keepers::spawn().unwrap()).clone()
}

pub fn create(dir: &Path, config: &Arc<TopicConfig>) -> Log {
    Log::create(dir.to_path_buf(), config.clone(), keepers()).unwrap()
}

/// Opens a log that was left in this way, with what is known of it besides.
pub fn open(
    dir: &Path,
    config: &Arc<TopicConfig>,
    how: impl Into<Opening>,
) -> (Log, RecoveryReport) {
    Log::open(dir.to_path_buf(), config.clone(), how, keepers()).unwrap()
}

/// What is known of a log whose records below `log_start` were deleted.
pub fn beginning_at(how: Recovery, log_start: i64) -> Opening {
    Opening { log_start: Some(log_start), ..Opening::from(how) }
}

/// What is known of a log that is on the disk up to `recovery_point`.
pub fn flushed_to(how: Recovery, recovery_point: i64) -> Opening {
    Opening { recovery_point: Some(recovery_point), ..Opening::from(how) }
}

/// A batch of `count` records of `size` bytes each, the timestamps counting up from `timestamp`.
pub fn batch(count: i32, size: usize, timestamp: i64) -> Vec<u8> {
    fill(BatchBuilder::new(), count, size, timestamp)
}

/// The same from an idempotent producer.
pub fn produced(id: i64, epoch: i16, sequence: i32, count: i32) -> Vec<u8> {
    fill(BatchBuilder::new().producer(id, epoch, sequence), count, 10, 1_000)
}

/// The end of a transaction.
pub fn marker(id: i64, epoch: i16, coordinator_epoch: i32, commit: bool) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(id, epoch, -1).transactional(true).control(true);
    let key = [0, 0, 0, u8::from(commit)];
    let mut value = vec![0, 0];
    value.extend_from_slice(&coordinator_epoch.to_be_bytes());
    builder.append(2_000, Some(&key), Some(&value), &[]);
    builder.finish()
}

/// A batch of a transaction.
pub fn transactional(id: i64, epoch: i16, sequence: i32, count: i32) -> Vec<u8> {
    fill(BatchBuilder::new().producer(id, epoch, sequence).transactional(true), count, 10, 1_000)
}

pub fn fill(mut builder: BatchBuilder, count: i32, size: usize, timestamp: i64) -> Vec<u8> {
    for number in 0..count {
        let value = vec![b'a' + (number % 26) as u8; size];
        builder.append(timestamp + i64::from(number), Some(b"key"), Some(&value), &[]);
    }
    builder.finish()
}

pub fn header(bytes: &[u8]) -> BatchHeader {
    BatchHeader::read(bytes.first_chunk::<HEADER_LEN>().unwrap())
}

pub fn validated(bytes: &[u8]) -> Validated<'_> {
    Validated {
        bytes: Cow::Borrowed(bytes),
        timestamps: Patch::Keep,
        header: header(bytes),
        log_append_time_ms: -1,
    }
}

pub fn try_append(log: &Log, bytes: &[u8]) -> Result<Appended, AppendError> {
    log.append(&validated(bytes), 0, 1_000)
}

/// Appends and shows to consumers.
pub fn append(log: &Log, bytes: &[u8]) -> Appended {
    let appended = try_append(log, bytes).unwrap();
    log.advance_high_watermark(appended.next_offset);
    appended
}

/// All batches from `offset` up to the bound, as they lie on disk, read range by range.
pub fn read_all(log: &Log, offset: i64, bound: Bound) -> Vec<Vec<u8>> {
    let (mut batches, mut at) = (Vec::new(), offset);
    loop {
        let read = log.read(at, 1 << 20, true, bound).unwrap();
        let Some(range) = read.range else { return batches };
        for batch in split(range.bytes().unwrap()) {
            at = header(&batch).next_offset();
            batches.push(batch);
        }
    }
}

/// Bytes of whole batches, one by one; panics unless they are exactly that and their CRCs match.
pub fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let (batch, rest) = Batch::parse(bytes).unwrap();
        assert!(batch.crc_is_valid(), "CRC of the batch at {}", batch.base_offset());
        batches.push(batch.as_bytes().to_vec());
        bytes = rest;
    }
    batches
}

/// A batch as it must lie in the log.
pub fn stored(bytes: &[u8], base_offset: i64, leader_epoch: i32) -> Vec<u8> {
    let mut stored = bytes.to_vec();
    stored[..8].copy_from_slice(&base_offset.to_be_bytes());
    stored[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    stored
}

/// A small generator of pseudo-random numbers (xorshift64*): a seed replays a failure.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Lets no file of this process grow beyond `bytes`, as on a full disk. It counts for the whole process: a
/// file of tests that uses it has one test only.
pub fn limit_files_to(bytes: u64) {
    // SAFETY: plain system calls with arguments that live; the signal is only ignored.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit), 0);
        limit.rlim_cur = bytes.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
    }
}

/// The names of the files in a directory, in order.
pub fn files(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
