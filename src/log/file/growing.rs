//! A file that one writer appends to through a shared mapping while many read it.
//!
//! Three numbers, one law: `len <= reserve <= capacity`.
//!
//! * `capacity`: bytes of address space that the mapping covers. It may lie far beyond the end of
//!   the file; that costs nothing until it is touched.
//! * `reserve`: bytes of the file that exist and have blocks, and pages in memory when they are new; or
//!   were written by calls, see [`super::by_call`]. Nothing beyond may ever be touched through the mapping: it would
//!   be a SIGBUS. It grows in steps that grow with the file, ahead of the tail, mostly by the preparer.
//! * `len`: bytes that were written and published. They never change again while the file is
//!   mapped.
//!
//! The discipline that makes sharing sound: exactly one [`Tail`] exists per file; it alone writes,
//! and only into `len..reserve`. Readers get slices of `0..len` only. The tail moves `len` forward
//! (Release) when the bytes are complete; a reader that loads it (Acquire) sees them whole. So no
//! byte is ever written while a slice of it exists. Other processes must not write to or truncate
//! the file while we run; the data directory's lock keeps other brokers away.
//!
//! Should somebody truncate it all the same, or the disk fail, then the file is *faulted*: nothing
//! of it is given out any more, nothing is published, and whoever holds a slice asks
//! [`GrowingFile::intact`] after the last look at it (see [`super::fault`]).

use super::blocks::Steps;
use super::descriptor::Descriptor;
use super::growth::{FIRST_STEP, LARGEST_STEP, PIECE_OUTRUN};
use super::mapping::Mapping;
use super::trouble::{Beyond, Faulted, Short};
use super::{Batch, PAGE};
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The shared half: what readers and the preparer hold. See the module's comment.
pub(crate) struct GrowingFile {
    pub(super) descriptor: Descriptor,
    pub(super) capacity: u64,
    pub(super) map: OnceLock<Mapping>,
    len: AtomicU64,
    pub(super) reserve: AtomicU64,
    /// Up to here pages were faulted in, or need not be: the first ones are left to be faulted in
    /// when they are needed, for most logs stay small. Only a hint.
    pub(super) ready: AtomicU64,
    /// So many bytes of it have blocks: the reserve, or more while their pages are not made yet.
    pub(super) allocated: AtomicU64,
    /// Held while the file changes its size, and while pages are made behind the reserve.
    pub(super) growing: Mutex<()>,
    /// The tail writes by calls, also behind the reserve: nobody else writes there. The tail alone changes it.
    pub(super) by_call: AtomicBool,
    pub(super) steps: Steps,
    /// A large batch was among those; the tail's alone.
    pub(super) takes_large: AtomicBool,
    /// So many flushes in a row have found little: see [`super::by_call`].
    pub(super) slow_flushes: AtomicU32,
    /// Little came between the last two flushes.
    pub(super) is_flushed_often: AtomicBool,
    /// While it writes by calls: so many batches in a row were small. The tail's alone.
    pub(super) small_in_a_row: AtomicU32,
    /// The tail waits for that lock.
    pub(super) is_awaited: AtomicBool,
    /// No tail writes any more: what has not begun to grow the file by now does not.
    pub(super) is_sealed: AtomicBool,
    /// So many bytes ahead of the tail are faulted in at most, see [`GrowingFile::flushed`].
    pub(super) window: AtomicU64,
    /// The length at the last flush.
    pub(super) flushed_len: AtomicU64,
    /// Write-back was started up to here.
    pub(super) written_back: AtomicU64,
    /// The preparer has been asked to grow it and has not done so yet.
    pub(super) asked: AtomicBool,
}

impl GrowingFile {
    fn new(file: File, capacity: u64, len: u64, reserve: u64, growing: bool) -> GrowingFile {
        assert!(len <= reserve && reserve <= capacity, "{len} <= {reserve} <= {capacity}");
        GrowingFile {
            descriptor: Descriptor::new(file),
            capacity,
            map: OnceLock::new(),
            len: AtomicU64::new(len),
            reserve: AtomicU64::new(reserve),
            ready: AtomicU64::new(len.max(FIRST_STEP)),
            allocated: AtomicU64::new(reserve),
            growing: Mutex::new(()),
            by_call: AtomicBool::new(false),
            steps: Steps::new(),
            takes_large: AtomicBool::new(false),
            slow_flushes: AtomicU32::new(0),
            is_flushed_often: AtomicBool::new(false),
            small_in_a_row: AtomicU32::new(0),
            is_awaited: AtomicBool::new(false),
            is_sealed: AtomicBool::new(!growing),
            window: AtomicU64::new(LARGEST_STEP),
            flushed_len: AtomicU64::new(len),
            written_back: AtomicU64::new(0),
            asked: AtomicBool::new(false),
        }
    }

    /// A file of `len` bytes that nobody writes to any more.
    pub(crate) fn sealed(file: File, len: u64) -> Arc<GrowingFile> {
        Arc::new(GrowingFile::new(file, len, len, len, false))
    }

    /// Bytes written and published.
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Bytes that the mapping covers, the most that the file can hold.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// It was read from or written to through its mapping.
    pub(crate) fn is_mapped(&self) -> bool {
        self.map.get().is_some()
    }

    /// It is being appended to, so it is worth growing ahead of need.
    pub(crate) fn is_in_use(&self) -> bool {
        self.is_mapped() || self.is_by_call()
    }

    /// Bytes on disk, used or not.
    pub(crate) fn reserve(&self) -> u64 {
        self.reserve.load(Ordering::Acquire)
    }

    /// An error once a page of the file could not be had: then what was read before counts no more.
    #[inline]
    pub(crate) fn intact(&self) -> io::Result<()> {
        self.map.get().map_or(Ok(()), check)
    }

    /// An error if the file has fewer bytes than it was given: somebody has truncated it. Where
    /// that leaves a part of a page no fault tells of it. Takes the lock on growth: for keepers.
    pub(crate) fn is_whole(&self) -> io::Result<()> {
        let _growing = self.lock_next();
        self.check_size(self.allocated())?;
        self.intact()
    }

    /// Bytes that have blocks.
    pub(super) fn allocated(&self) -> u64 {
        self.allocated.load(Ordering::Acquire)
    }

    /// An error if the file has fewer bytes than that, which it was given.
    pub(super) fn check_size(&self, needs: u64) -> io::Result<()> {
        // Not by its metadata: a file whose times were looked at gets new ones with the next write, on Linux, and each
        // is written to the journal. Nobody reads or writes where the file's cursor is.
        let has = (&**self.file()?).seek(io::SeekFrom::End(0))?;
        if has < needs { Err(Short { has, needs }.into()) } else { Ok(()) }
    }

    /// `len` published bytes from `start` on. Fails if there are not that many, if they cannot be
    /// mapped, or once the file is faulted. Ask [`GrowingFile::intact`] before believing them.
    pub(crate) fn slice(&self, start: u64, len: u64) -> io::Result<&[u8]> {
        if start.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(self.beyond(start, len));
        }
        if len == 0 {
            return Ok(&[]);
        }
        let map = self.map()?;
        check(map)?;
        // SAFETY: `start + len <= self.len <= reserve <= capacity`: inside the mapping, and on
        // bytes that the file has. They are published, so nothing writes to them while `self`
        // is borrowed (see the module's comment), and the Acquire load above made them visible.
        Ok(unsafe { std::slice::from_raw_parts(map.as_ptr().add(start as usize), len as usize) })
    }

    #[cold]
    fn beyond(&self, from: u64, len: u64) -> io::Error {
        let (to, is_sealed) = (from.saturating_add(len), self.is_sealed());
        Beyond { from, to, len: self.len(), is_sealed }.into()
    }

    /// The mapping, made when it is first needed: an idle partition has none.
    #[inline]
    pub(super) fn map(&self) -> io::Result<&Mapping> {
        match self.map.get() {
            Some(map) => Ok(map),
            None => self.make_map(),
        }
    }

    #[cold]
    fn make_map(&self) -> io::Result<&Mapping> {
        let _once = self.lock();
        if self.map.get().is_none() {
            let len = usize::try_from(self.capacity).map_err(|_| io::ErrorKind::OutOfMemory)?;
            // Only a file that grows was opened for writing.
            let _ = self.map.set(Mapping::new(&*self.file()?, len, !self.is_sealed())?);
        }
        self.map.get().ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Nobody writes to it, or not any more.
    pub(crate) fn is_sealed(&self) -> bool {
        self.is_sealed.load(Ordering::Acquire)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        // What it guards is sizes that are stored last: nothing is half done.
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the reserve off. Only once the tail is sealed: nothing beyond `len` is touched then.
    pub(crate) fn trim(&self) -> io::Result<()> {
        let _growing = self.lock();
        assert!(self.is_sealed(), "a file that still grows cannot be trimmed");
        let len = self.len();
        // Who was about to grow it when it was sealed may have done so.
        let file = self.file()?;
        if file.metadata()?.len() > len {
            file.set_len(len)?;
        }
        self.allocated.store(len, Ordering::Release);
        self.reserve.store(len, Ordering::Release);
        Ok(())
    }
}

/// An error if some page of the mapping could not be had.
#[inline]
fn check(map: &Mapping) -> io::Result<()> {
    match map.fault() {
        None => Ok(()),
        Some(byte) => Err(faulted(byte)),
    }
}

#[cold]
fn faulted(byte: u64) -> io::Error {
    Faulted { byte }.into()
}

/// The writing half: there is exactly one per file, and whoever has it is the writer.
pub(crate) struct Tail {
    shared: Arc<GrowingFile>,
    len: u64,
}

impl Tail {
    /// Goes on writing behind the first `len` bytes of a file that has exactly those.
    pub(crate) fn new(file: File, len: u64, capacity: u64) -> io::Result<Tail> {
        let size = file.metadata()?.len();
        if size < len {
            return Err(Short { has: size, needs: len }.into());
        }
        let capacity = capacity.max(len);
        let reserve = size.min(capacity);
        let shared = Arc::new(GrowingFile::new(file, capacity, len, reserve, true));
        Ok(Tail { shared, len })
    }

    /// The readers' half.
    pub(crate) fn shared(&self) -> &Arc<GrowingFile> {
        &self.shared
    }

    /// Bytes written and published.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that can still be written, ever.
    pub(crate) fn room(&self) -> u64 {
        self.shared.capacity - self.len
    }

    /// Makes sure that [`Tail::write`] can write so many batches, `n` bytes in all, and decides how. See [`super::by_call`].
    pub(crate) fn make_way(&mut self, n: u64, batches: u32) -> io::Result<()> {
        assert!(n <= self.room(), "{n} bytes into a file with room for {}", self.room());
        match self.shared.goes_by_call(self.len, n, batches) {
            true => self.shared.make_space(self.len + n),
            false => self.make_room(n),
        }
    }

    /// Writes batches behind the end, where no reader looks yet. They are lost unless [`Tail::publish`] follows.
    /// [`Tail::make_way`] goes before. A copy puts the first bytes of each in last; of a call that did not come to its
    /// end the checksums tell.
    pub(crate) fn write<'b>(
        &mut self,
        batches: impl Iterator<Item = Batch<'b>> + Clone,
    ) -> io::Result<()> {
        if self.shared.is_by_call() {
            return self.shared.write_behind(self.len, batches);
        }
        let size = |[head, rest]: Batch<'_>| head.len() + rest.len();
        let mut space = self.staging(batches.clone().map(size).sum());
        for [head, rest] in batches {
            let (batch, behind) = space.split_at_mut(head.len() + rest.len());
            batch[head.len()..].copy_from_slice(rest);
            batch[..head.len()].copy_from_slice(head);
            space = behind;
        }
        Ok(())
    }

    /// Makes sure that `n` more bytes can be staged, doing the least that is needed itself where
    /// the preparer was outrun.
    pub(crate) fn make_room(&mut self, n: u64) -> io::Result<()> {
        assert!(n <= self.room(), "{n} bytes into a file with room for {}", self.room());
        let need = self.len + n;
        let reserve = self.shared.reserve.load(Ordering::Acquire);
        if need > reserve {
            self.shared.extend(need)?;
        }
        let map = self.shared.map()?;
        self.shared.intact()?;
        let ready = self.shared.ready.load(Ordering::Relaxed);
        if need > ready {
            let piece = PIECE_OUTRUN.min(self.shared.window.load(Ordering::Relaxed));
            let to = (need + piece).next_multiple_of(PAGE).min(self.shared.reserve());
            self.shared.fault_in(map, ready.max(self.len), to);
        }
        Ok(())
    }

    /// Copies the bytes behind the end, where no reader looks yet. They are lost unless [`Tail::publish`] follows.
    /// [`Tail::make_room`] goes before.
    pub(crate) fn stage(&mut self, bytes: &[u8]) {
        self.staging(bytes.len()).copy_from_slice(bytes);
    }

    /// The `n` bytes behind the end.
    fn staging(&mut self, n: usize) -> &mut [u8] {
        let end = self.len + n as u64;
        assert!(end <= self.shared.reserve.load(Ordering::Relaxed), "staged beyond the reserve");
        let Some(map) = self.shared.map.get() else { unreachable!("make_room maps the file") };
        // SAFETY: `len..end` is inside the mapping and the reserve. It is beyond the published
        // length, so no reader has a slice of it, and `&mut self` is the only tail there is.
        unsafe { std::slice::from_raw_parts_mut(map.as_mut_ptr().add(self.len as usize), n) }
    }

    /// Shows the first `n` staged bytes to the readers, for good. Fails, and shows nothing, if a
    /// page of the file could not be had: the bytes may not be there.
    pub(crate) fn publish(&mut self, n: u64) -> io::Result<()> {
        self.shared.intact()?;
        let len = self.len + n;
        assert!(len <= self.shared.reserve.load(Ordering::Relaxed), "published beyond the reserve");
        self.len = len;
        self.shared.len.store(len, Ordering::Release);
        Ok(())
    }

    /// Writes and publishes a few bytes by a system call, whether the file is mapped or not. For
    /// what is written once in a while: the kernel keeps mapping and file the same.
    pub(crate) fn append_by_call(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.len + bytes.len() as u64;
        assert!(end <= self.shared.capacity, "{end} bytes into {}", self.shared.capacity);
        let file = self.shared.file()?;
        let growing = self.shared.lock_next();
        file.write_all_at(bytes, self.len).inspect_err(|_| {
            // Without space a part of them may be there, where no trim would look for it.
            let _ = file.set_len(self.shared.allocated());
        })?;
        self.shared.allocated.fetch_max(end, Ordering::AcqRel);
        self.shared.reserve.fetch_max(end, Ordering::AcqRel);
        drop(growing);
        self.publish(bytes.len() as u64)
    }

    /// Ends writing: nobody writes to this file again through this, and its reserve may be trimmed.
    pub(crate) fn seal(self) -> Arc<GrowingFile> {
        // Without the lock: who appends does not wait for who grows the file.
        self.shared.is_sealed.store(true, Ordering::Release);
        self.shared
    }
}

#[cfg(test)]
#[path = "growing_tests.rs"]
pub(super) mod tests;
