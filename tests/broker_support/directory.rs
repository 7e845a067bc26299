//! Directories that go away, and pictures of what is in them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is removed when the value is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("barnabas-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The flag that names a settings file with this line: what a flag gives itself cannot be changed while a
    /// broker runs.
    pub fn config(&self, line: &str) -> [String; 2] {
        let path = self.join("server.properties");
        fs::write(&path, line).unwrap();
        ["--config".to_owned(), path.to_str().unwrap().to_owned()]
    }

    /// The names of what is directly in it.
    pub fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The sorted names of what is directly in a directory.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Everything below a path: for files their bytes, and of all the time of the last change.
pub fn picture(path: &Path) -> BTreeMap<PathBuf, (i64, i64, Option<Vec<u8>>)> {
    let mut picture = BTreeMap::new();
    let Ok(meta) = fs::symlink_metadata(path) else { return picture };
    let bytes = meta.is_file().then(|| fs::read(path).unwrap());
    picture.insert(path.to_owned(), (meta.mtime(), meta.mtime_nsec(), bytes));
    if meta.is_dir() {
        for name in names(path) {
            picture.extend(self::picture(&path.join(name)));
        }
    }
    picture
}

/// Bytes on the disk that a directory and all below it take.
pub fn disk_usage(path: &Path) -> u64 {
    let meta = fs::symlink_metadata(path).unwrap();
    let below = if meta.is_dir() { names(path) } else { Vec::new() };
    meta.blocks() * 512 + below.iter().map(|name| disk_usage(&path.join(name))).sum::<u64>()
}
