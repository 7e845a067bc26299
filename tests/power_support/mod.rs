//! A disk that forgets: what a power cut leaves of a directory.
//!
//! It watches every sync of the process and knows what each file and each directory below its root
//! had for sure when its last sync began. [`Disk::cut`] builds a directory in which all of that is
//! there, and of everything that came later an arbitrary part: each name as it was or as it is (a
//! rename is one change), each size old or new, each 512 bytes old or new.
#![allow(dead_code)] // Each test file is a crate of its own and uses what it needs.
#![allow(clippy::unwrap_used)] // Only tests call this.

use crate::support::Random;
use barnabas::log::Keepers;
use barnabas::log::sync::{self, Observer, Synced};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

const SECTOR: usize = 512;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    inode: u64,
    is_dir: bool,
}

type Names = BTreeMap<OsString, Entry>;

/// What is known of a file: held open, so that nobody else gets its number.
struct Known {
    file: File,
    /// As of its last sync.
    durable: Vec<u8>,
    /// As of the beginning of a sync that has not ended, by the thread that waits for it.
    pending: HashMap<ThreadId, Vec<u8>>,
}

#[derive(Default)]
struct Model<P> {
    files: HashMap<u64, Known>,
    directories: HashMap<u64, (Names, HashMap<ThreadId, Names>)>,
    syncs: u64,
    cut_at: Option<(u64, Random)>,
    /// What the cut left, if it came.
    left: Option<(PathBuf, P)>,
}

/// See the module's comment. `P` is what a test was promised.
pub struct Disk<P> {
    root: PathBuf,
    /// Where a cut puts what it leaves.
    to: PathBuf,
    model: Mutex<Model<P>>,
    /// What the test was promised so far: noted with the cut.
    pub promised: Mutex<P>,
}

impl<P: Clone + Default + Send + 'static> Disk<P> {
    /// Watches `root`; what a cut leaves goes to `to`, that must not exist.
    pub fn watch(root: &Path, to: &Path) -> Arc<Disk<P>> {
        let disk = Arc::new(Disk {
            root: root.to_owned(),
            to: to.to_owned(),
            model: Mutex::default(),
            promised: Mutex::default(),
        });
        sync::observe(Some(disk.clone()));
        disk
    }

    /// Cuts the power when so many syncs from now on have begun.
    pub fn cut_at(&self, syncs: u64, random: Random) {
        let mut model = self.lock();
        let at = model.syncs + syncs;
        model.cut_at = Some((at, random));
    }

    /// Cuts the power now, unless it is cut already; where the rest is, and what was promised then.
    pub fn cut(&self, random: Random) -> (PathBuf, P) {
        sync::observe(None);
        let mut model = self.lock();
        let promised = self.promised.lock().unwrap().clone();
        if model.left.is_none() {
            self.leave(&mut model, random, promised);
        }
        model.left.clone().unwrap()
    }

    /// Whether the cut has come.
    pub fn is_cut(&self) -> bool {
        self.lock().left.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Model<P>> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, model: &mut Model<P>, mut random: Random, promised: P) {
        fs::create_dir(&self.to).unwrap();
        let root = fs::metadata(&self.root).unwrap().ino();
        let now = walk(&self.root);
        leave_directory(model, &now, root, &self.to, &mut random);
        model.left = Some((self.to.clone(), promised));
    }
}

/// A directory below `dir` on such a disk, and the keepers of its logs. They have no threads, so that
/// each seed is one history: flushes that are asked for are done at once.
pub fn disk_of_logs<P>(dir: &Path) -> (PathBuf, Arc<Disk<P>>, Keepers)
where
    P: Clone + Default + Send + 'static,
{
    let root = dir.join("data");
    fs::create_dir(&root).unwrap();
    let disk = Disk::watch(&root, &dir.join("left"));
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    keepers.flusher.set_data_dir(&root);
    (root, disk, keepers)
}

/// Runs `history` for `usual` seeds, `LOG_POWER_SEEDS`, or the one of `LOG_POWER_SEED`.
pub fn each_seed(usual: u64, history: fn(u64)) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("LOG_POWER_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("LOG_POWER_SEEDS").unwrap_or(usual),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| history(seed));
        assert!(outcome.is_ok(), "replay with LOG_POWER_SEED={seed}");
    }
}

impl<P: Clone + Default + Send + 'static> Observer for Disk<P> {
    fn begin(&self, what: Synced<'_>) -> io::Result<()> {
        let mut model = self.lock();
        model.syncs += 1;
        if model.left.is_none()
            && let Some((at, random)) = model.cut_at.take()
        {
            match at <= model.syncs {
                true => {
                    let promised = self.promised.lock().unwrap().clone();
                    self.leave(&mut model, random, promised);
                }
                false => model.cut_at = Some((at, random)),
            }
        }
        match what {
            Synced::File(_, file) => model.begin_file(file, u64::MAX),
            Synced::Front(_, file, len) => model.begin_file(file, len),
            Synced::Directory(path) => model.begin_directory(path),
            Synced::Volume(_) => {
                for (path, is_dir) in everything(&self.root) {
                    match is_dir {
                        true => model.begin_directory(&path),
                        false => model.begin_file(&File::open(path)?, u64::MAX),
                    }
                }
            }
        }
        Ok(())
    }

    fn done(&self, what: Synced<'_>) {
        let mut model = self.lock();
        let thread = std::thread::current().id();
        match what {
            Synced::File(_, file) | Synced::Front(_, file, _) => model.known(file).done(thread),
            Synced::Directory(path) => {
                // It may have got another name or be gone since.
                let Ok(inode) = fs::metadata(path).map(|meta| meta.ino()) else { return };
                let (durable, pending) = model.directories.entry(inode).or_default();
                if let Some(names) = pending.remove(&thread) {
                    *durable = names;
                }
            }
            Synced::Volume(_) => {
                model.files.values_mut().for_each(|known| known.done(thread));
                for (durable, pending) in model.directories.values_mut() {
                    if let Some(names) = pending.remove(&thread) {
                        *durable = names;
                    }
                }
            }
        }
    }
}

impl Known {
    fn done(&mut self, thread: ThreadId) {
        if let Some(bytes) = self.pending.remove(&thread) {
            self.durable = bytes;
        }
    }
}

impl<P> Model<P> {
    /// The sync is about the first `len` bytes and the size: what lies behind is as it was.
    fn begin_file(&mut self, file: &File, len: u64) {
        let known = self.known(file);
        let mut bytes = bytes_of(&known.file);
        let front = bytes.len().min(usize::try_from(len).unwrap_or(usize::MAX));
        let behind = &mut bytes[front..];
        behind.fill(0);
        let before = known.durable.get(front..).unwrap_or_default();
        let both = before.len().min(behind.len());
        behind[..both].copy_from_slice(&before[..both]);
        known.pending.insert(std::thread::current().id(), bytes);
    }

    fn known(&mut self, file: &File) -> &mut Known {
        self.files.entry(file.metadata().unwrap().ino()).or_insert_with(|| Known {
            file: readable(file),
            durable: Vec::new(),
            pending: HashMap::new(),
        })
    }

    fn begin_directory(&mut self, path: &Path) {
        let Ok(inode) = fs::metadata(path).map(|meta| meta.ino()) else { return };
        for (name, entry) in names_in(path) {
            // Files that nobody ever synced are held too.
            if !entry.is_dir
                && let Ok(file) = File::open(path.join(name))
            {
                self.known(&file);
            }
        }
        let pending = &mut self.directories.entry(inode).or_default().1;
        pending.insert(std::thread::current().id(), names_in(path));
    }
}

/// The same file, perhaps opened for writing only, for reading.
fn readable(file: &File) -> File {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

fn bytes_of(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    let mut at = 0;
    while at < bytes.len() {
        match file.read_at(&mut bytes[at..], at as u64).unwrap() {
            0 => bytes.truncate(at),
            n => at += n,
        }
    }
    bytes
}

fn names_in(path: &Path) -> Names {
    let mut names = Names::new();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if let Ok(meta) = entry.metadata() {
            names.insert(entry.file_name(), Entry { inode: meta.ino(), is_dir: meta.is_dir() });
        }
    }
    names
}

/// All files and directories from here on, this one too.
fn everything(path: &Path) -> Vec<(PathBuf, bool)> {
    let mut found = vec![(path.to_owned(), true)];
    for (name, entry) in names_in(path) {
        match entry.is_dir {
            true => found.extend(everything(&path.join(name))),
            false => found.push((path.join(name), false)),
        }
    }
    found
}

/// What there is now: names by directory, bytes by file.
#[derive(Default)]
struct Now {
    directories: HashMap<u64, Names>,
    files: HashMap<u64, Vec<u8>>,
}

fn walk(root: &Path) -> Now {
    let mut now = Now::default();
    for (path, is_dir) in everything(root) {
        let Ok(meta) = fs::metadata(&path) else { continue };
        match is_dir {
            true => _ = now.directories.insert(meta.ino(), names_in(&path)),
            false => {
                if let Ok(file) = File::open(&path) {
                    now.files.insert(meta.ino(), bytes_of(&file));
                }
            }
        }
    }
    now
}

fn leave_directory<P>(model: &Model<P>, now: &Now, inode: u64, to: &Path, random: &mut Random) {
    let none = Names::new();
    let old = model.directories.get(&inode).map_or(&none, |(durable, _)| durable);
    // A directory that is gone has no names that are new.
    let new = now.directories.get(&inode).unwrap_or(old);
    for (name, entry) in choose(old, new, random) {
        let path = to.join(name);
        match entry.is_dir {
            true => {
                fs::create_dir(&path).unwrap();
                leave_directory(model, now, entry.inode, &path, random);
            }
            false => fs::write(path, leave_file(model, now, entry.inode, random)).unwrap(),
        }
    }
}

/// Each name as it was or as it is. Names that a file had one after the other change together.
fn choose(old: &Names, new: &Names, random: &mut Random) -> Names {
    let mut left = Names::new();
    let mut open: BTreeSet<&OsString> = old.keys().chain(new.keys()).collect();
    while let Some(first) = open.pop_first() {
        let mut group = vec![first];
        let mut at = 0;
        while at < group.len() {
            let inodes = [old.get(group[at]), new.get(group[at])].map(|e| e.map(|e| e.inode));
            at += 1;
            if inodes[0] == inodes[1] {
                continue;
            }
            for (name, entry) in old.iter().chain(new) {
                if inodes.contains(&Some(entry.inode)) && open.remove(name) {
                    group.push(name);
                }
            }
        }
        let from = if random.one_in(2) { old } else { new };
        left.extend(group.iter().filter_map(|name| Some(((*name).clone(), *from.get(*name)?))));
    }
    left
}

fn leave_file<P>(model: &Model<P>, now: &Now, inode: u64, random: &mut Random) -> Vec<u8> {
    let known = model.files.get(&inode);
    let empty = Vec::new();
    let old = known.map_or(&empty, |known| &known.durable);
    let new = match now.files.get(&inode) {
        Some(bytes) => bytes.clone(),
        None => known.map(|known| bytes_of(&known.file)).unwrap_or_default(),
    };
    if *old == new {
        return new;
    }
    // All old, all new, or a mix: by pages mostly, sometimes torn within them.
    let unit = if random.one_in(4) { SECTOR } else { 4096 };
    let taste = random.below(4);
    let mut left = vec![0; if random.one_in(2) { old.len() } else { new.len() }];
    for (at, unit) in left.chunks_mut(unit).enumerate().map(|(n, chunk)| (n * unit, chunk)) {
        let is_new = match taste {
            0 => false,
            1 => true,
            _ => random.one_in(2),
        };
        let from = if is_new { &new } else { old };
        let there = from.get(at..).unwrap_or_default();
        let there = &there[..there.len().min(unit.len())];
        unit[..there.len()].copy_from_slice(there);
    }
    left
}
