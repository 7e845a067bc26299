//! Lets a test look at a log, and at its directory, between the steps of a swap, a truncation, a deletion
//! or a flush: where a crash could leave it, or another thread come in between. Does nothing outside tests.

/// The next change of the directory is about to be made.
#[cfg(not(test))]
pub(crate) fn reached(_: &std::path::Path) {}

#[cfg(test)]
pub(crate) use watched::{reached, watch};

#[cfg(test)]
mod watched {
    use std::cell::RefCell;
    use std::path::Path;

    type Watcher = Box<dyn FnMut(&Path)>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    }

    /// Tells who watches on this thread.
    pub(crate) fn reached(dir: &Path) {
        let watcher = WATCHER.take();
        let Some(mut watcher) = watcher else { return };
        watcher(dir);
        WATCHER.set(Some(watcher));
    }

    /// From now on `watcher` is called on this thread; nobody if `None`.
    pub(crate) fn watch(watcher: Option<Watcher>) {
        WATCHER.set(watcher);
    }
}
