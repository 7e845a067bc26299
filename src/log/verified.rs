//! What is known to be right of a segment whose bytes this process has not written itself.
//!
//! A clean start believes files without reading them. So a byte that has changed on the disk since
//! would be served, and its reader would be the first to notice. Instead every batch that was found
//! when the segment was opened is checked when it is first read: length, format, order and CRC; once
//! per process. This is the record of what was: a few ranges of bytes, each with the entries of the
//! offset index that point into it, which were checked on the way. Bytes that this process has
//! appended, or that recovery has checked, need no record.
//!
//! A reader asks [`Verified::covered_end`], which is one comparison once all is verified or for what lies
//! at the end of the log. The record is bounded: what it forgets is checked once more.

use super::scan::Bad;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Ranges that are remembered of one segment. Readers go forward, and each of them makes one that
/// grows until it meets the next.
const MAX_RANGES: usize = 16;

/// A batch that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt {
    /// Where it begins in the `.log`.
    pub(crate) position: u64,
    /// What is wrong with it.
    pub(crate) reason: Bad,
    /// The first offset behind it that can be read, if there is one in the segment.
    pub(crate) next: Option<i64>,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Corrupt { position, reason, .. } = self;
        write!(f, "it is damaged at byte {position}: {reason}; restore it from a copy, or skip ")?;
        match self.next {
            Some(next) => write!(
                f,
                "what is lost: consumers by seeking to offset {next}, all of them by deleting the \
                 records before it (kafka-delete-records)"
            ),
            None => write!(
                f,
                "the rest of this segment: consumers by seeking to the offset that the next \
                 segment's file is named after, all of them by deleting the records before it \
                 (kafka-delete-records)"
            ),
        }
    }
}

impl std::error::Error for Corrupt {}

impl From<Corrupt> for io::Error {
    fn from(corrupt: Corrupt) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, corrupt)
    }
}

/// Batches one after the other that were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Their bytes in the `.log`.
    pub(crate) bytes: Range<u64>,
    /// The first one's base offset, and the offset after the last one.
    pub(crate) offsets: Range<i64>,
    /// The entries of the offset index that point to them, by their numbers: all are right.
    pub(crate) entries: Range<usize>,
}

/// See the module's comment.
pub(crate) struct Verified {
    /// Bytes of the `.log` that were there when it was opened and are to be checked.
    found: u64,
    /// No batch among them has this offset or a later one.
    upper: AtomicI64,
    /// Verified from here on, and entries from this number on: what this process appends.
    from: AtomicU64,
    entries_from: AtomicUsize,
    /// Some entry of the index does not fit the batches: none of them is believed any more.
    index_lies: AtomicBool,
    checked: Mutex<Vec<Checked>>,
}

impl Verified {
    /// Of a segment in which `found` bytes were found that nobody has checked.
    pub(crate) fn nothing_of(found: u64, upper: i64) -> Arc<Verified> {
        let nothing = if found == 0 { 0 } else { usize::MAX };
        Arc::new(Verified {
            found,
            upper: AtomicI64::new(upper),
            from: AtomicU64::new(found),
            entries_from: AtomicUsize::new(nothing),
            index_lies: AtomicBool::new(false),
            checked: Mutex::default(),
        })
    }

    /// Of a segment that is this process' own work, or was checked by recovery: shared by all.
    pub(crate) fn all() -> Arc<Verified> {
        static ALL: OnceLock<Arc<Verified>> = OnceLock::new();
        ALL.get_or_init(|| Verified::nothing_of(0, i64::MAX)).clone()
    }

    /// Whether all of the segment is verified, from its beginning.
    pub(crate) fn is_everything(&self) -> bool {
        self.from.load(Ordering::Acquire) == 0
    }

    /// Where the verified range ends that `at` lies in; `at` itself if it lies in none.
    pub(crate) fn covered_end(&self, at: u64) -> u64 {
        if at >= self.from.load(Ordering::Acquire) {
            return u64::MAX;
        }
        let checked = self.lock();
        let around = checked.iter().find(|checked| checked.bytes.contains(&at));
        match around.map(|around| around.bytes.end) {
            Some(end) if end >= self.found => u64::MAX,
            Some(end) => end,
            None => at,
        }
    }

    /// The index entry of that number points to a batch, and to the one that it describes.
    pub(crate) fn trusts_entry(&self, number: usize) -> bool {
        if self.index_lies.load(Ordering::Relaxed) {
            return false;
        }
        number >= self.entries_from.load(Ordering::Acquire)
            || self.lock().iter().any(|checked| checked.entries.contains(&number))
    }

    /// Whether the index as a whole can be used.
    pub(crate) fn index_lies(&self) -> bool {
        self.index_lies.load(Ordering::Relaxed)
    }

    /// Some entry was found to be wrong; true if that is news.
    pub(crate) fn index_has_lied(&self) -> bool {
        !self.index_lies.swap(true, Ordering::Relaxed)
    }

    /// The verified range with the greatest beginning that is not beyond the offset.
    pub(crate) fn before(&self, offset: i64) -> Option<Checked> {
        let checked = self.lock();
        checked.iter().rev().find(|checked| checked.offsets.start <= offset).cloned()
    }

    /// No batch that was found has this offset.
    pub(crate) fn upper(&self) -> i64 {
        self.upper.load(Ordering::Relaxed)
    }

    /// Notes batches that were checked.
    pub(crate) fn add(&self, new: Checked) {
        debug_assert!(new.bytes.start < new.bytes.end, "{new:?}");
        let mut checked = self.lock();
        if new.bytes.start >= self.found {
            return;
        }
        let at = checked.partition_point(|checked| checked.bytes.start <= new.bytes.start);
        checked.insert(at, new);
        merge(&mut checked);
        if checked.len() > MAX_RANGES {
            let size = |checked: &Checked| checked.bytes.end - checked.bytes.start;
            let least = checked.iter().enumerate().min_by_key(|(_, checked)| size(checked));
            if let Some((least, _)) = least {
                checked.remove(least);
            }
        }
        if let Some(last) = checked.last().filter(|last| last.bytes.end >= self.found) {
            // A forgotten range may come back as a smaller one: what was said stays said.
            self.from.fetch_min(last.bytes.start, Ordering::Release);
            self.entries_from.fetch_min(last.entries.start, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Checked>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one of ranges that touch or overlap; they are in the order of their beginnings.
fn merge(checked: &mut Vec<Checked>) {
    checked.dedup_by(|next, before| {
        let touch = next.bytes.start <= before.bytes.end;
        if touch && next.bytes.end > before.bytes.end {
            before.bytes.end = next.bytes.end;
            before.offsets.end = next.offsets.end;
            before.entries.end = next.entries.end.max(before.entries.end);
        }
        touch
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Verified {
        fn covers(&self, from: u64, to: u64) -> bool {
            self.covered_end(from) >= to
        }
    }

    /// Batches of 10 bytes and one offset, each with an index entry.
    fn checked(from: u64, to: u64) -> Checked {
        let (first, next) = (from as i64 / 10, to as i64 / 10);
        Checked { bytes: from..to, offsets: first..next, entries: first as usize..next as usize }
    }

    #[test]
    fn a_reader_that_goes_forward_leaves_one_range() {
        let verified = Verified::nothing_of(1_000, 100);
        for from in (0..1_000).step_by(50) {
            assert!(!verified.covers(from, from + 50), "{from}");
            verified.add(checked(from, from + 50));
            assert!(verified.covers(0, from + 50), "{from}");
            assert_eq!(verified.lock().len(), 1);
        }
        assert!(verified.covers(0, 5_000), "and what is appended behind it");
        assert!(verified.trusts_entry(0) && verified.trusts_entry(12_345));
    }

    #[test]
    fn what_lies_between_ranges_is_not_covered() {
        let verified = Verified::nothing_of(1_000, 100);
        verified.add(checked(0, 100));
        verified.add(checked(500, 600));
        assert!(!verified.covers(0, 110));
        assert!(!verified.covers(100, 110) && !verified.covers(490, 510));
        assert!(verified.covers(510, 600) && !verified.covers(510, 610));
        assert!(verified.trusts_entry(9) && verified.trusts_entry(59));
        assert!(!verified.trusts_entry(10) && !verified.trusts_entry(60));
        assert_eq!(verified.before(70).unwrap(), checked(500, 600));
        assert_eq!(verified.before(49).unwrap(), checked(0, 100));
        verified.add(checked(90, 520));
        assert_eq!(*verified.lock(), [checked(0, 600)]);
    }

    #[test]
    fn what_this_process_appends_needs_no_check() {
        let verified = Verified::nothing_of(1_000, 100);
        assert!(verified.covers(1_000, 2_000));
        assert!(!verified.trusts_entry(usize::MAX - 1), "which entries are ours is not known yet");
        verified.add(checked(990, 1_000));
        assert!(verified.covers(990, 2_000) && verified.trusts_entry(99));
        assert!(!verified.covers(980, 990) && !verified.trusts_entry(98));
        assert!(Verified::all().covers(0, 100) && Verified::all().trusts_entry(0));
    }

    #[test]
    fn the_record_is_bounded_and_never_says_too_much() {
        let verified = Verified::nothing_of(1_000_000, 100_000);
        let at = |n: u64| n * 7_919 % 10_000 * 100;
        for n in 0..1_000 {
            verified.add(checked(at(n), at(n) + 10));
            assert!(verified.lock().len() <= MAX_RANGES);
        }
        assert!((0..1_000_000).step_by(100).all(|from| !verified.covers(from, from + 20)));
    }

    #[test]
    fn an_index_that_has_lied_is_not_believed_again() {
        let verified = Verified::nothing_of(100, 10);
        verified.add(checked(0, 100));
        assert!(verified.trusts_entry(3));
        assert!(verified.index_has_lied() && !verified.index_has_lied());
        assert!(!verified.trusts_entry(3));
        assert!(verified.covers(0, 100), "the batches are what they are");
    }
}
