//! Who must be told that something changed which is written down from time to time: how far logs are
//! on the disk, where they begin, what consumers see.
//!
//! It is told once, and again only after it has taken the change: a log that is appended to a million
//! times a second costs one load of a flag each, and where nothing changes nothing happens.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What changed in some log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// More of it is on the disk.
    RecoveryPoint,
    /// It begins at another offset.
    LogStart,
    /// Consumers see more of it.
    HighWatermark,
    /// It is compacted, and there is more to compact, or its settings changed.
    Dirty,
}

impl Change {
    /// All of them.
    pub const ALL: [Change; 4] =
        [Change::RecoveryPoint, Change::LogStart, Change::HighWatermark, Change::Dirty];
}

type Listener = Box<dyn Fn(Change) + Send + Sync>;

/// The changes that nobody has taken yet, and who is told.
#[derive(Default)]
pub(super) struct Changes {
    open: [AtomicBool; Change::ALL.len()],
    listener: OnceLock<Listener>,
}

impl Changes {
    /// Sets who is told. What changed before is told now.
    pub(super) fn listen(&self, listener: Listener) {
        let is_first = self.listener.set(listener).is_ok();
        assert!(is_first, "there is one listener");
        for change in Change::ALL {
            if self.take(change) {
                self.note(change);
            }
        }
    }

    /// Something changed.
    pub(super) fn note(&self, change: Change) {
        let open = &self.open[change as usize];
        if !open.load(Ordering::Relaxed)
            && !open.swap(true, Ordering::AcqRel)
            && let Some(listener) = self.listener.get()
        {
            listener(change);
        }
    }

    /// Takes the change: what changes from now on is told anew. To be called before the logs are
    /// looked at. False if there was none.
    pub(super) fn take(&self, change: Change) -> bool {
        self.open[change as usize].swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_change_is_told_once_until_it_is_taken() {
        let changes = Changes::default();
        changes.note(Change::LogStart);
        let told: Arc<Mutex<Vec<Change>>> = Arc::default();
        let hear = told.clone();
        changes.listen(Box::new(move |change| hear.lock().unwrap().push(change)));
        assert_eq!(*told.lock().unwrap(), [Change::LogStart], "also what was before");
        (0..3).for_each(|_| changes.note(Change::LogStart));
        changes.note(Change::HighWatermark);
        assert_eq!(*told.lock().unwrap(), [Change::LogStart, Change::HighWatermark]);
        assert!(changes.take(Change::LogStart) && !changes.take(Change::LogStart));
        assert!(!changes.take(Change::RecoveryPoint));
        (0..3).for_each(|_| changes.note(Change::LogStart));
        assert_eq!(told.lock().unwrap().len(), 3);
    }
}
