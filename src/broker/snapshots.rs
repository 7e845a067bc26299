//! The controller takes snapshots of the metadata while it works: one at a time, written by a thread
//! of their own that ends with them.

use std::sync::Arc;
use std::thread::{JoinHandle, ThreadId};
use std::time::Instant;

use super::controller::Controller;
use super::shared::now_ms;

/// The thread that writes a snapshot, while there is one.
pub(super) type Writing = JoinHandle<Result<(), String>>;

impl Controller {
    /// Begins a snapshot if one is due and none is being written.
    pub(super) fn snapshot_if_due(&mut self) {
        self.reap_snapshot();
        if self.writing.is_some() || !self.metadata.is_snapshot_due(Instant::now()) {
            return;
        }
        let snapshot = self.metadata.snapshot(&self.shared.image());
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("snapshot".into());
        let write = move || {
            let outcome = snapshot.write();
            let this = std::thread::current().id();
            // If the controller has no time for this, it looks at its next change.
            let _ = shared.on_controller(move |controller| controller.snapshot_written(this));
            outcome
        };
        match thread.spawn(write) {
            Ok(thread) => self.writing = Some(thread),
            Err(why) => ::log::warn!(error:% = why; "no snapshot of the metadata"),
        }
    }

    /// Takes over what became of a snapshot; its thread, which says so, is about to end.
    fn snapshot_written(&mut self, by: ThreadId) {
        if let Some(thread) = self.writing.take_if(|thread| thread.thread().id() == by) {
            self.conclude(thread);
        }
    }

    /// Looks what became of a snapshot that is no longer being written.
    fn reap_snapshot(&mut self) {
        let Some(thread) = self.writing.take_if(|thread| thread.is_finished()) else { return };
        self.conclude(thread);
    }

    /// Waits for a snapshot that is being written.
    pub(super) fn finish_snapshot(&mut self) {
        if let Some(thread) = self.writing.take() {
            self.conclude(thread);
        }
    }

    fn conclude(&self, thread: Writing) {
        match thread.join() {
            Ok(Ok(())) => self.metadata.clean(now_ms()),
            Ok(Err(why)) => ::log::warn!(error:% = why; "a snapshot of the metadata failed"),
            Err(_) => ::log::error!("the thread that wrote a snapshot of the metadata panicked"),
        }
    }
}
