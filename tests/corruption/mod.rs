//! A data directory with a bit of everything, and ways to harm it.
#![allow(clippy::unwrap_used)] // Only tests call this.

use crate::broker_support::*;
use barnabas::wire::records::{Batch, BatchBuilder, Codec};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Batches by base offset, without what the broker writes into a header beside it.
pub type Written = BTreeMap<i64, Vec<u8>>;
/// What was produced, by partition.
pub type Truth = BTreeMap<String, Written>;

/// A batch as it must be served, whatever the leader epoch: no checksum is over that.
pub fn as_written(batch: &Batch<'_>) -> Vec<u8> {
    let mut bytes = batch.as_bytes().to_vec();
    bytes[12..16].fill(0);
    bytes
}

/// A directory that a broker has left behind.
pub struct Original {
    pub dir: PathBuf,
    pub truth: Truth,
}

const SMALL_SEGMENTS: (&str, &str) = ("segment.bytes", "1048576");

impl Original {
    /// Makes one; it ends as a stop leaves it, or a crash.
    pub fn make(dir: PathBuf, killed: bool) -> Original {
        compact(&dir);
        let broker = Broker::start(&dir, &[]);
        let mut client = broker.client();
        let mut made = Made { client: &mut client, truth: Truth::new() };
        let mut seed = 0;
        let mut next = || {
            seed += 1;
            seed
        };
        made.topic("small", &[("index.interval.bytes", "500")]);
        for _ in 0..40 {
            made.produce("small", &batch(next(), 3, 60));
        }
        made.topic("codecs", &[("index.interval.bytes", "500")]);
        for _ in 0..4 {
            for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
                made.produce("codecs", &compressed(codec, next(), 5, 100));
            }
        }
        made.topic("segments", &[SMALL_SEGMENTS]);
        for _ in 0..5 {
            made.produce("segments", &batch_of_size(next(), 500_000));
            made.produce("segments", &batch(next(), 2, 50));
        }
        made.topic("compacted", &[("cleanup.policy", "compact")]);
        made.produce("compacted", &batch(next(), 3, 60));
        made.topic("sequences", &[("index.interval.bytes", "500")]);
        let (producer, epoch) = made.client.producer_id();
        for n in 0..20 {
            made.produce("sequences", &sequenced(producer, epoch, 2 * n, next(), 2, 60));
        }
        made.topic("empty", &[]);
        let mut truth = made.truth;
        // What is left there is what is served.
        let left = client.fetch_all(("cleaned", 0));
        let left =
            batches(&left).into_iter().map(|batch| (batch.base_offset(), as_written(&batch)));
        truth.insert("cleaned".to_owned(), left.collect());
        assert!((3..40).contains(&truth["cleaned"].len()), "{}", truth["cleaned"].len());
        drop(client);
        if killed {
            broker.kill();
        } else {
            broker.stop_cleanly();
        }
        Original { dir, truth }
    }
}

/// Makes a topic of several segments of which the first were compacted.
fn compact(dir: &Path) {
    let promptly = ["--set", "log.cleaner.backoff.ms=10"];
    let broker = Broker::start(dir, &promptly);
    let mut client = broker.client();
    let settings = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01")];
    client.create_with("cleaned", 1, &[&settings[..], &[SMALL_SEGMENTS]].concat());
    for number in 0..40_u8 {
        let value = Random::new(u64::from(number)).bytes(100_000);
        let mut builder = BatchBuilder::new();
        let builder = builder.append(1_000, Some(&[number % 7]), Some(&value), &[]);
        client.append(("cleaned", 0), &builder.finish());
    }
    let end = std::time::Instant::now() + GUARD;
    let first = || fs::metadata(dir.join("cleaned-0/00000000000000000000.log"));
    while first().is_ok_and(|first| first.len() > 700_000) || broker.log().is_empty() {
        assert!(std::time::Instant::now() < end, "it is not compacted: {:#?}", broker.log());
        std::thread::yield_now();
    }
    drop(client);
    broker.stop_cleanly();
}

struct Made<'c> {
    client: &'c mut Client,
    truth: Truth,
}

impl Made<'_> {
    fn topic(&mut self, name: &str, configs: &[(&str, &str)]) {
        self.client.create_with(name, 1, configs);
        self.truth.insert(name.to_owned(), Written::new());
    }

    fn produce(&mut self, topic: &str, batch: &[u8]) {
        let offset = self.client.append((topic, 0), batch);
        let mut bytes = stored(batch, offset, 0);
        bytes[12..16].fill(0);
        self.truth.get_mut(topic).unwrap().insert(offset, bytes);
    }
}

/// All files below a directory, by their paths in it.
pub fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        if path.is_dir() {
            found.extend(all_files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Copies a directory.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// What was done to a directory.
#[derive(Debug)]
pub struct Harm {
    /// In words, for whoever replays it.
    pub what: String,
    /// The files that are not as they were, in the directory.
    pub touched: Vec<PathBuf>,
    /// A file that no broker knows, and what is in it.
    pub unknown: Option<(PathBuf, Vec<u8>)>,
    /// Something cannot be opened as what it should be.
    pub in_the_way: bool,
    /// Logs of different partitions have taken each other's place.
    pub mixed: bool,
}

impl Harm {
    fn of(what: String, touched: &[&Path]) -> Harm {
        let touched = touched.iter().map(|path| path.to_path_buf()).collect();
        Harm { what, touched, unknown: None, in_the_way: false, mixed: false }
    }

    /// Does something to the directory, as the random numbers will have it.
    pub fn do_to(dir: &Path, random: &mut Random) -> Harm {
        let files = all_files(dir);
        let path = &files[random.below(files.len() as u64) as usize];
        let name = path.strip_prefix(dir).unwrap().display().to_string();
        match random.below(12) {
            0..5 => change(path, &name, random),
            5 => {
                let len = fs::metadata(path).unwrap().len();
                let to = random.below(len + 1);
                let file = fs::File::options().write(true).open(path).unwrap();
                file.set_len(to).unwrap();
                Harm::of(format!("{name}: truncated from {len} to {to}"), &[path])
            }
            6 => {
                let mut bytes = fs::read(path).unwrap();
                let more = random.below(300) as usize + 1;
                let tail = if random.below(2) == 0 { vec![0; more] } else { random.bytes(more) };
                bytes.extend(&tail);
                fs::write(path, bytes).unwrap();
                Harm::of(format!("{name}: {more} bytes more, from {:?} on", tail.first()), &[path])
            }
            7 => {
                fs::remove_file(path).unwrap();
                Harm::of(format!("{name}: removed"), &[path])
            }
            8 => {
                let other = &files[random.below(files.len() as u64) as usize];
                let ends =
                    |with| [path, other].iter().any(|it| it.to_string_lossy().ends_with(with));
                if ends(".log") && ends(".checkpoint") {
                    // Batches that were written, if as metadata: nothing in a log says that.
                    return change(path, &name, random);
                }
                let (one, two) = (fs::read(path).unwrap(), fs::read(other).unwrap());
                fs::write(path, two).unwrap();
                fs::write(other, one).unwrap();
                let what = format!("{name} and {}: swapped", other.display());
                let is_log = |path: &PathBuf| path.extension().is_some_and(|end| end == "log");
                Harm { mixed: is_log(path) && is_log(other), ..Harm::of(what, &[path, other]) }
            }
            9 => {
                fs::remove_file(path).unwrap();
                let kind = match random.below(3) {
                    0 => {
                        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
                        assert!(made.success());
                        "pipe"
                    }
                    1 => {
                        drop(std::os::unix::net::UnixListener::bind(path).unwrap());
                        "socket"
                    }
                    _ => {
                        fs::create_dir(path).unwrap();
                        "directory"
                    }
                };
                let harm = Harm::of(format!("{name}: a {kind} now"), &[path]);
                Harm { in_the_way: true, ..harm }
            }
            10 => duplicate(dir, path, &name, random),
            _ => strange(dir, random),
        }
    }
}

fn change(path: &Path, name: &str, random: &mut Random) -> Harm {
    let mut bytes = fs::read(path).unwrap();
    if bytes.is_empty() {
        return Harm::of(format!("{name}: empty, nothing changed"), &[path]);
    }
    let at = random.below(bytes.len() as u64) as usize;
    let what = match random.below(3) {
        0 => {
            bytes[at] ^= 1 << random.below(8);
            "a bit flipped"
        }
        1 => {
            let end = bytes.len().min(at + 1 + random.below(200) as usize);
            bytes[at..end].fill(0);
            "zeros"
        }
        _ => {
            let end = bytes.len().min(at + 1 + random.below(200) as usize);
            let noise = random.bytes(end - at);
            bytes[at..end].copy_from_slice(&noise);
            "noise"
        }
    };
    fs::write(path, bytes).unwrap();
    Harm::of(format!("{name}: {what} at byte {at}"), &[path])
}

/// A second file with the same bytes, as one that could be taken for a broker's own.
fn duplicate(dir: &Path, path: &Path, name: &str, random: &mut Random) -> Harm {
    let suffix = path.extension().map_or(String::new(), |end| format!(".{}", end.display()));
    let offset = [0, 1, 60, 1_000_000][random.below(4) as usize];
    let beside = match random.below(3) {
        // As a crash in the middle of a compaction leaves it.
        0 => path.with_file_name(format!("{}.swap", path.file_name().unwrap().display())),
        _ => path.with_file_name(format!("{offset:020}{suffix}")),
    };
    let existed = beside.exists();
    if !existed || beside != *path {
        fs::copy(path, &beside).unwrap();
    }
    let beside_name = beside.strip_prefix(dir).unwrap().display().to_string();
    Harm::of(format!("{name}: copied to {beside_name} (there before: {existed})"), &[&beside])
}

/// Something that no broker has made.
fn strange(dir: &Path, random: &mut Random) -> Harm {
    let content = random.bytes(100);
    let homes = ["", "small-0", "__cluster_metadata-0", "segments-0", "cleaned-0"];
    let home = dir.join(homes[random.below(homes.len() as u64) as usize]);
    let strange = [
        "notes.txt",
        "00000000000000000000.log.bak",
        "lost+found",
        "42.log",
        "what-ever",
        ".hidden",
        "00000000000000000007.unknown",
    ];
    let path = home.join(strange[random.below(strange.len() as u64) as usize]);
    let place = if random.below(2) == 0 {
        fs::write(&path, &content).unwrap();
        path
    } else {
        fs::create_dir(&path).unwrap();
        let inside = path.join("inside");
        fs::write(&inside, &content).unwrap();
        inside
    };
    let what = format!("{}: new", place.strip_prefix(dir).unwrap().display());
    Harm { unknown: Some((place, content)), ..Harm::of(what, &[]) }
}
