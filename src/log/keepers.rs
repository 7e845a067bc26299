//! The threads that do what a worker must never wait for. Every log has a handle to all of them.

use super::flusher::Flusher;
use super::janitor::Janitor;
use super::preparer::Preparer;
use std::io;

/// Handles to the keeper threads that logs need. Clones share the threads.
#[derive(Clone, Debug)]
pub struct Keepers {
    /// Grows files and faults pages in ahead of need.
    pub preparer: Preparer,
    /// Brings logs to the disk.
    pub flusher: Flusher,
    /// Removes files some time after they were given up.
    pub janitor: Janitor,
}

impl Keepers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn() -> io::Result<Keepers> {
        let janitor = Janitor::spawn()?;
        let flusher = Flusher::spawn(janitor.clone())?;
        Ok(Keepers { preparer: Preparer::spawn()?, flusher, janitor })
    }

    /// Does what was asked so far and ends the threads. Logs go on without them.
    pub fn stop(&self) {
        self.preparer.stop();
        self.flusher.stop();
        self.janitor.stop();
    }
}
