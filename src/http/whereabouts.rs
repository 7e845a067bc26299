//! Where a running broker's pages are, in a file of its data directory, for a `barnabas healthcheck` that does not
//! know the flags which that broker was started with: a container's. It is there while the broker runs, and is believed
//! while somebody holds the directory's lock: else a killed one has left it.

use crate::broker::{LOCK, PAGES};
use crate::log::{is_locked, open_regular, read_text, write_whole};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// More are no addresses of a listener.
const MAX_SIZE: u64 = 4096;

/// The file of a running broker: removed when this value is dropped.
pub struct Whereabouts(PathBuf);

impl Whereabouts {
    /// Leaves these addresses in a data directory. Where that cannot be, it is logged.
    #[must_use]
    pub fn leave(directory: &Path, pages: &[SocketAddr]) -> Whereabouts {
        let path = directory.join(PAGES);
        let lines: String = pages.iter().map(|address| format!("{address}\n")).collect();
        // The next start under another umask, or of another user, is not to fail at this.
        let done = remove(&path).and_then(|()| match pages {
            [] => Ok(()),
            _ => write_whole(&path, lines.as_bytes()),
        });
        if let Err(why) = done {
            log::warn!(path:% = path.display(), error:% = why; "healthcheck needs the address");
        }
        Whereabouts(path)
    }
}

impl Drop for Whereabouts {
    fn drop(&mut self) {
        // If it stays, it is as after a kill.
        let _ = remove(&self.0);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// What the broker of this data directory says; nothing where there is none, or it has no pages.
///
/// # Errors
/// It cannot be read, or whoever said it is gone.
pub(super) fn found(directory: &Path) -> Result<Vec<SocketAddr>, String> {
    let path = directory.join(PAGES);
    let unreadable = |path: &Path, why: io::Error| {
        format!("cannot read {}: {why}; --http-port says whom to ask", path.display())
    };
    let text = match read_text(&path, MAX_SIZE) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|why| unreadable(&path, why))?,
    };
    let lock = directory.join(LOCK);
    match open_regular(&lock).and_then(|file| is_locked(&file)) {
        Ok(true) => Ok(text.lines().map_while(|line| line.parse().ok()).collect()),
        Err(why) if why.kind() != ErrorKind::NotFound => Err(unreadable(&lock, why)),
        _ => Err(format!("no broker runs on {}: one was killed there", directory.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::lock_exclusively;
    use std::fs::File;

    /// Elsewhere a process is not told of its own locks.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn addresses_are_found_while_they_hold() {
        let directory = std::env::temp_dir().join(format!("barnabas-found-{}", std::process::id()));
        fs::create_dir(&directory).expect("a directory");
        let pages = ["127.0.0.1:8080", "[::1]:8080"].map(|text| text.parse().expect("an address"));
        let lock = File::create(directory.join(LOCK)).expect("a file");
        assert!(lock_exclusively(&lock).expect("files can be locked"));
        let left = Whereabouts::leave(&directory, &pages);
        assert_eq!(found(&directory), Ok(pages.to_vec()));
        drop(left);
        assert_eq!(found(&directory), Ok(Vec::new()));
        // What one that was killed left goes with the next start, also if that has no pages.
        fs::write(directory.join(PAGES), "127.0.0.1:1\n").expect("a file");
        drop(Whereabouts::leave(&directory, &[]));
        assert!(!directory.join(PAGES).exists());
        fs::write(directory.join(PAGES), "nonsense\n127.0.0.1:1\n").expect("a file");
        assert_eq!(found(&directory), Ok(Vec::new()));
        drop(lock);
        assert!(found(&directory).expect_err("nobody is there").contains("no broker runs"));
        fs::remove_dir_all(&directory).expect("empty");
    }
}
