//! What a start takes away is kept first: a copy is on the disk, by its name too, before the file is cut
//! that it was in. And what is to be gone is gone for sure before something else is in its place.
#![allow(clippy::unwrap_used)]

mod log_support;

use barnabas::log::sync::{self, Observer, Synced};
use barnabas::log::{Damage, Recovery, reset_files};
use log_support::*;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file's name and bytes.
type Contents = (String, Vec<u8>);

/// What was on the disk for sure after each sync, of one directory.
#[derive(Default)]
struct Disk {
    dir: PathBuf,
    /// Each file that was synced, with its bytes then.
    files: Mutex<Vec<Contents>>,
    /// What was in the directory whenever its names were: names and bytes.
    names: Mutex<Vec<Vec<Contents>>>,
}

fn contents(dir: &Path) -> Vec<Contents> {
    files(dir).into_iter().map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

impl Observer for Disk {
    fn begin(&self, _what: Synced<'_>) -> io::Result<()> {
        Ok(())
    }

    fn done(&self, what: Synced<'_>) {
        match what {
            Synced::File(path, _) if path.parent() == Some(&self.dir) => {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                self.files.lock().unwrap().push((name, fs::read(path).unwrap()));
            }
            Synced::Directory(path) if path == self.dir => {
                self.names.lock().unwrap().push(contents(path));
            }
            _ => {}
        }
    }
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn watch(dir: &Path) -> (Arc<Disk>, MutexGuard<'static, ()>) {
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let disk = Arc::new(Disk { dir: dir.to_owned(), ..Disk::default() });
    sync::observe(Some(disk.clone()));
    (disk, alone)
}

/// A log of ten batches, as a crash leaves it, with a bit flipped in the fifth; where that begins.
fn damaged(dir: &Path) -> usize {
    let log = create(dir, &config(1 << 20, 4096));
    let sizes: Vec<usize> = (0..10)
        .map(|number| {
            let bytes = produced(500, 0, 2 * number, 2);
            append(&log, &bytes);
            bytes.len()
        })
        .collect();
    drop(log);
    let path = dir.join("00000000000000000000.log");
    let mut bytes = fs::read(&path).unwrap();
    let at: usize = sizes[..4].iter().sum();
    bytes[at + 70] ^= 1;
    fs::write(path, bytes).unwrap();
    at
}

/// A copy with this was whole on the disk, and its name, when the log had still all its bytes.
fn assert_kept(disk: &Disk, copied: &[u8], before: &[u8]) {
    let is_copy = |(name, bytes): &&Contents| {
        name.starts_with("00000000000000000000.log.cut-at-8") && bytes == copied
    };
    let synced = disk.files.lock().unwrap().clone();
    let copy = synced.iter().find(is_copy).unwrap_or_else(|| panic!("the copy was not synced"));
    let names = disk.names.lock().unwrap();
    let is_in_time = names.iter().any(|there| {
        let log = ("00000000000000000000.log".to_owned(), before.to_vec());
        there.contains(copy) && there.contains(&log)
    });
    assert!(is_in_time, "its name was not synced before the log was cut");
}

#[test]
fn the_end_that_recovery_cuts_off_is_on_the_disk_before() {
    let dir = TempDir::new("kept");
    let at = damaged(&dir.partition());
    let path = dir.partition().join("00000000000000000000.log");
    let before = fs::read(&path).unwrap();
    let (disk, _alone) = watch(&dir.partition());
    let (log, report) = open(&dir.partition(), &config(1 << 20, 4096), Recovery::Unclean);
    sync::observe(None);
    assert_eq!((report.log_end, report.cuts.len()), (8, 1), "{report:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), at as u64);
    assert_kept(&disk, &before[at..], &before);
    drop(log);
}

#[test]
fn the_metadata_log_that_is_to_be_cut_is_copied_to_the_disk_before() {
    let dir = TempDir::new("copied");
    damaged(&dir.partition());
    let before = fs::read(dir.partition().join("00000000000000000000.log")).unwrap();
    let damage = Damage::find(&dir.partition(), &mut |_| {}).unwrap().unwrap();
    let (disk, _alone) = watch(&dir.partition());
    let names: Vec<_> =
        (0..2).map(|_| damage.keep_copy(&dir.partition()).unwrap().unwrap()).collect();
    sync::observe(None);
    assert_kept(&disk, &before, &before);
    // The second one takes nobody's place.
    assert_ne!(names[0], names[1]);
    names.iter().for_each(|name| assert_eq!(fs::read(dir.partition().join(name)).unwrap(), before));
}

#[test]
fn what_a_reset_removes_is_gone_for_sure_before_the_new_segment_is_there() {
    let dir = TempDir::new("reset");
    damaged(&dir.partition());
    fs::write(dir.partition().join("notes"), "mine").unwrap();
    let (disk, _alone) = watch(&dir.partition());
    reset_files(&dir.partition(), 70).unwrap();
    sync::observe(None);
    let names = disk.names.lock().unwrap();
    let is_of_log = |(name, _): &Contents| name.starts_with("0000");
    assert!(names.iter().any(|there| !there.iter().any(is_of_log)), "{names:?}");
    let left = contents(&dir.partition());
    let expected = [("00000000000000000070.log", &b""[..]), ("notes", &b"mine"[..])];
    let expected = expected.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    assert!(expected.iter().all(|file| left.contains(file)), "{left:?}");
    assert_eq!(left.iter().filter(|file| is_of_log(file)).count(), 1, "{left:?}");
}
