//! Where a running broker's pages are, in a file of its data directory, for a `barnabas healthcheck` that does not
//! know the flags which that broker was started with: a container's. It is there while the broker runs; what a killed one
//! left is wrong until the next start, and nobody else reads it.

use crate::log::{read_text, write_whole};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const NAME: &str = ".barnabas.http";
/// More are no addresses of a listener.
const MAX_SIZE: u64 = 4096;

/// The file of a running broker: removed when this value is dropped.
pub struct Whereabouts(PathBuf);

impl Whereabouts {
    /// Leaves these addresses in a data directory. Where that cannot be, it is logged.
    #[must_use]
    pub fn leave(directory: &Path, pages: &[SocketAddr]) -> Whereabouts {
        let path = directory.join(NAME);
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

/// What a broker left in this data directory; nothing where there is none, or no addresses.
pub(super) fn found(directory: &Path) -> Vec<SocketAddr> {
    let text = read_text(&directory.join(NAME), MAX_SIZE).unwrap_or_default();
    text.lines().map_while(|line| line.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_while_they_hold() {
        let directory = std::env::temp_dir().join(format!("barnabas-found-{}", std::process::id()));
        fs::create_dir(&directory).expect("a directory");
        let pages = ["127.0.0.1:8080", "[::1]:8080"].map(|text| text.parse().expect("an address"));
        let left = Whereabouts::leave(&directory, &pages);
        assert_eq!(found(&directory), pages);
        drop(left);
        assert_eq!(found(&directory), []);
        // What one that was killed left goes with the next start, also if that has no pages.
        fs::write(directory.join(NAME), "127.0.0.1:1\n").expect("a file");
        drop(Whereabouts::leave(&directory, &[]));
        assert!(!directory.join(NAME).exists());
        fs::write(directory.join(NAME), "nonsense\n127.0.0.1:1\n").expect("a file");
        assert_eq!(found(&directory), []);
        fs::remove_dir_all(&directory).expect("empty");
    }
}
