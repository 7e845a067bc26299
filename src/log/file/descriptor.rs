//! The descriptor of a file that is appended to, which may be given back while nobody needs it.
//!
//! An append is a copy into a mapping and needs no descriptor; a step of the reserve, a flush, a trim and a batch that
//! is written by a call do. So where descriptors run short, those of files that were not written to of late are
//! closed while their mappings stay. Such a file is *lean*:
//!
//! ```text
//!           go_lean: by who has the writer's lock (log::rest)
//!   open ────────────────────────────────────────────────────> lean
//!        <────────────────────────────────────────────────────
//!           retrieve: before its name goes, and where it is written by calls
//! ```
//!
//! Who needs a lean file ([`Descriptor::get`]) opens it for as long as he holds what he got; others share that.
//!
//! * It is opened by its name, in its log's directory, wherever that is, while it stays there
//!   ([`crate::log::home`]). So only a file goes lean, and stays it, that bears its own name: whoever renames or
//!   replaces it, or ends its being written to (a roll, a log that rests), retrieves it first, under the writer's lock.
//! * What is opened must be the same file as before: device and inode say so. A file that has bytes is mapped before it
//!   goes lean, and as long as the mapping is there, no other file can get its inode. If it is another one, somebody
//!   has replaced it: an error, and nothing is written to that.
//! * No error of the disk gets lost: Linux keeps one that nobody was told of with the inode, which the mapping keeps in
//!   memory, and tells it to who opens the file next. One that somebody else was told of, another process that syncs our
//!   file, he does not hear of; but a sync through the mapping does, for that has the open file of its own which it was
//!   made of, and what is written to is synced so (`sync::front`).
//! * It is not opened under the lock on a segment's files, nor by who holds the home already.
//! * Who only reads opens it to read ([`Descriptor::get_to_read`]): on a volume that has become read-only that goes on.
//! * A lean file is sealed where its log is closed or deleted, and nowhere else: no name of its segment changes after
//!   that, but with the whole directory's.

use super::{GrowingFile, Replaced};
use crate::log::home::Home;
use crate::log::steps;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Descriptors that files of segments have at the moment.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many descriptors files of segments have, in all logs.
pub(crate) fn descriptors() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// An open file of a segment; counted.
#[derive(Debug)]
pub(crate) struct Opened(File);

impl Opened {
    pub(crate) fn new(file: File) -> Arc<Opened> {
        COUNT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Opened(file))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Deref for Opened {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The descriptor of one file. See the module's comment.
pub(super) struct Descriptor(Mutex<State>);

enum State {
    Open(Arc<Opened>),
    Lean(Lean),
}

struct Lean {
    name: Arc<Name>,
    /// Somebody has it open for a moment.
    lent: Weak<Opened>,
}

/// Where a lean file is found, and how it is known again.
struct Name {
    home: Home,
    name: Box<str>,
    device: u64,
    inode: u64,
}

impl Descriptor {
    pub(super) fn new(file: File) -> Descriptor {
        Descriptor(Mutex::new(State::Open(Opened::new(file))))
    }

    /// The file; a lean one is opened for as long as somebody holds it.
    pub(super) fn get(&self) -> io::Result<Arc<Opened>> {
        let name = match self.at_hand() {
            Ok(opened) => return Ok(opened),
            Err(name) => name,
        };
        // Without the lock: who only looks does not wait for who opens.
        let opened = name.open(Access::Write).map(Opened::new);
        match &mut *self.lock() {
            // It was retrieved meanwhile, and may bear another name since.
            State::Open(kept) => Ok(kept.clone()),
            State::Lean(lean) => {
                let opened = opened?;
                // One for all: who holds it relies on it that nobody opens another.
                Ok(lean.lent.upgrade().unwrap_or_else(|| {
                    lean.lent = Arc::downgrade(&opened);
                    opened
                }))
            }
        }
    }

    /// The same for who only reads: it can be had where nothing may be written any more.
    pub(super) fn get_to_read(&self) -> io::Result<Arc<Opened>> {
        let name = match self.at_hand() {
            Ok(opened) => return Ok(opened),
            Err(name) => name,
        };
        let opened = name.open(Access::Read);
        self.opened().map_or_else(|| opened.map(Opened::new), Ok)
    }

    /// The file if it is open, be it for a moment; else where it is found.
    fn at_hand(&self) -> Result<Arc<Opened>, Arc<Name>> {
        match &*self.lock() {
            State::Open(opened) => Ok(opened.clone()),
            State::Lean(lean) => lean.lent.upgrade().ok_or_else(|| lean.name.clone()),
        }
    }

    /// The file if it is open and stays so.
    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        match &*self.lock() {
            State::Open(opened) => Some(opened.clone()),
            State::Lean(_) => None,
        }
    }

    /// Gives the descriptor back: from now on it is found at that name in `home`.
    pub(super) fn give_back(&self, home: &Home, name: &str) -> io::Result<()> {
        let Some(opened) = self.opened() else { return Ok(()) };
        let found = opened.metadata()?;
        let (device, inode) = (found.dev(), found.ino());
        let name = Arc::new(Name { home: home.clone(), name: name.into(), device, inode });
        *self.lock() = State::Lean(Lean { name, lent: Arc::downgrade(&opened) });
        Ok(())
    }

    /// Keeps it open, as [`Descriptor::get`] gave it.
    pub(super) fn retrieve(&self, opened: Arc<Opened>) {
        *self.lock() = State::Open(opened);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GrowingFile {
    /// The file itself, for system calls; opened for as long as it is held, if it is lean.
    ///
    /// # Errors
    /// When a lean one cannot be opened.
    pub(crate) fn file(&self) -> io::Result<Arc<Opened>> {
        if let Some(opened) = self.descriptor.opened() {
            return Ok(opened);
        }
        let opened = self.descriptor.get()?;
        // Without its pages a mapping does not keep the inode.
        self.intact().map(|()| opened)
    }

    /// The same for who only reads.
    ///
    /// # Errors
    /// When a lean one cannot be opened.
    pub(crate) fn file_to_read(&self) -> io::Result<Arc<Opened>> {
        let opened = self.descriptor.get_to_read()?;
        self.intact().map(|()| opened)
    }

    /// The same, unless it is lean: then it is mapped.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        self.descriptor.opened()
    }

    /// Gives the descriptor back, see [`super::descriptor`]. For who has the writer's lock; the file bears that name.
    ///
    /// # Errors
    /// When it cannot be mapped, without which it must stay open.
    pub(crate) fn go_lean(&self, home: &Home, name: &str) -> io::Result<()> {
        assert!(!self.is_sealed(), "only what is written to goes lean");
        if self.len() > 0 {
            self.map()?;
        }
        self.descriptor.give_back(home, name)
    }

    /// Opens the file for good, if it is lean.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn retrieve(&self) -> io::Result<()> {
        self.descriptor.retrieve(self.file()?);
        Ok(())
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Name {
    fn open(&self, access: Access) -> io::Result<File> {
        let open = |dir: &Path| {
            steps::reached(dir);
            File::options().read(true).write(access == Access::Write).open(dir.join(&*self.name))
        };
        let file = self.home.with(open)?;
        let found = file.metadata()?;
        match (found.dev(), found.ino()) == (self.device, self.inode) {
            true => Ok(file),
            false => Err(Replaced.into()),
        }
    }
}
