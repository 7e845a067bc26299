//! Copies and calls in turn, and a preparer that is in the way.

use super::super::growing::tests::scratch as tail;
use super::super::growth::LARGEST_STEP;
use super::super::{FOLIO, Tail};
use super::*;
use std::iter::once;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const HEAD: usize = 61;

/// A byte of the file, which tells its place and is never zero.
fn byte(at: u64) -> u8 {
    (at % 251) as u8 + 1
}

fn append(tail: &mut Tail, len: u64) {
    let bytes: Vec<u8> = (tail.len()..tail.len() + len).map(byte).collect();
    tail.make_way(len, 1).unwrap();
    tail.write(once([&bytes[..HEAD], &bytes[HEAD..]])).unwrap();
    tail.publish(len).unwrap();
}

fn assert_whole(file: &Arc<GrowingFile>) {
    let mapped = file.slice(0, file.len()).unwrap();
    let mut read = vec![0; mapped.len()];
    file.file().unwrap().read_exact_at(&mut read, 0).unwrap();
    assert!(mapped == read, "the mapping and the file differ");
    let wrong = read.iter().enumerate().find(|(at, found)| **found != byte(*at as u64));
    assert_eq!(wrong, None);
}

#[test]
fn a_large_batch_is_written_by_a_call_and_nothing_is_mapped_for_it() {
    let mut tail = tail(64 << 20);
    append(&mut tail, LARGE);
    append(&mut tail, 3 * LARGE);
    assert!(tail.shared().is_by_call() && !tail.shared().is_mapped());
    let growing = tail.shared().lock();
    assert!(tail.shared().allocated() > tail.len());
    tail.shared().make(&growing, tail.shared().allocated(), None).unwrap();
    drop(growing);
    assert_eq!(tail.shared().reserve(), tail.len(), "there the next one is written");
    // A small one goes the same way meanwhile.
    append(&mut tail, 100);
    assert!(tail.shared().is_by_call() && !tail.shared().is_mapped());
    assert_whole(tail.shared());
}

#[test]
fn a_call_makes_pages_to_the_end_of_their_piece_and_the_next_ones_fill_them() {
    let mut tail = tail(64 << 20);
    append(&mut tail, LARGE + 1_000);
    let shared = tail.shared().clone();
    let mut made = Vec::new();
    while tail.len() < 20 * PIECE {
        append(&mut tail, 10_000);
        made.push(shared.reserve());
        assert!(shared.reserve() >= tail.len() && shared.reserve() < tail.len() + PIECE);
        assert!(shared.reserve().is_multiple_of(PIECE) && shared.reserve() <= shared.allocated());
        let mut behind = vec![1; (shared.allocated() - tail.len()) as usize];
        shared.file().unwrap().read_exact_at(&mut behind, tail.len()).unwrap();
        assert!(behind.iter().all(|&byte| byte == 0), "what is behind the end looks like nothing");
    }
    made.dedup();
    assert!(made.windows(2).all(|two| two[1] == two[0] + PIECE), "{made:?}");
    assert_whole(&shared);
}

#[test]
fn no_more_is_made_than_there_are_blocks_for() {
    let mut tail = tail(2 * PIECE + 5_000);
    append(&mut tail, PIECE);
    append(&mut tail, PIECE + 100);
    assert_eq!(tail.shared().reserve(), 2 * PIECE + 5_000);
    append(&mut tail, 4_900);
    assert_whole(tail.shared());
    assert_eq!(tail.shared().file().unwrap().metadata().unwrap().len(), 2 * PIECE + 5_000);
}

#[cfg(target_os = "linux")]
#[test]
fn where_flushes_come_often_nothing_is_made_ahead_and_nothing_is_dirty_behind_them() {
    let mut tail = tail(64 << 20);
    let shared = tail.shared().clone();
    let pages = || (0..shared.reserve() / PAGE).filter(|&page| is_mapped(&shared, page)).count();
    for round in 0..5 {
        append(&mut tail, LARGE + 1_000);
        assert_eq!(round > 0, shared.reserve() == tail.len(), "{round}");
        shared.front(tail.len()).unwrap()().unwrap();
        match round % 2 {
            0 => shared.flushed(),
            _ => shared.flushed_behind(),
        }
        assert_eq!(pages(), 0, "pages are mapped that nobody writes to");
    }
    append(&mut tail, 16 * LARGE);
    shared.flushed();
    append(&mut tail, LARGE);
    assert!(shared.reserve() > tail.len());
    assert_whole(&shared);
}

/// A page of the mapping that this process has.
#[cfg(target_os = "linux")]
fn is_mapped(file: &GrowingFile, page: u64) -> bool {
    let at = file.map.get().unwrap().as_ptr() as u64 + page * PAGE;
    let mut entry = [0; 8];
    let pages = std::fs::File::open("/proc/self/pagemap").unwrap();
    pages.read_exact_at(&mut entry, at / PAGE * 8).unwrap();
    u64::from_ne_bytes(entry) >> 63 == 1
}

#[test]
fn who_goes_back_to_copies_has_pages_until_the_preparer_has_been_there() {
    for first in (10_000..80_000).step_by(7_000) {
        let mut tail = tail(64 << 20);
        append(&mut tail, LARGE + first);
        (0..CALM).for_each(|_| tail.shared().flushed_behind());
        append(&mut tail, 10_000);
        assert!(!tail.shared().is_by_call());
        let begin = tail.len();
        while !tail.shared().is_by_call() {
            tail.shared().should_grow(tail.len());
            append(&mut tail, 10_000);
        }
        assert!(tail.len() - begin >= FOLIO / 2, "{} after {first}", tail.len() - begin);
        assert_whole(tail.shared());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn zeros_that_cannot_be_written_are_no_error() {
    // SAFETY: plain system calls; the descriptor is the file's alone.
    let file = unsafe {
        use std::os::fd::{AsRawFd, FromRawFd};
        let file = std::fs::File::from_raw_fd(libc::memfd_create(
            c"zeros".as_ptr(),
            libc::MFD_ALLOW_SEALING,
        ));
        file.set_len(1_500).unwrap();
        assert_eq!(libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_GROW), 0);
        file
    };
    let parts: [&[u8]; 5] = [&[7; 500], &[8; 400], &[], &[9; 61], &[10; 539]];
    assert!(!sys::write_with_zeros(&file, parts.into_iter(), 1_000, 0).unwrap());
    assert!(sys::write_with_zeros(&file, parts.into_iter(), 0, 0).unwrap());
    let mut read = vec![0; 1_500];
    file.read_exact_at(&mut read, 0).unwrap();
    assert!(read == parts.concat());
    assert!(sys::write_with_zeros(&file, parts.into_iter(), 0, 1).is_err());
}

#[test]
fn one_large_batch_does_not_make_a_large_file() {
    let mut tail = tail(1 << 30);
    append(&mut tail, LARGE);
    assert!(tail.shared().allocated() <= 2 * FOLIO, "{}", tail.shared().allocated());
    while tail.len() < 16 << 20 {
        append(&mut tail, LARGE);
        if tail.shared().should_grow(tail.len()) {
            tail.shared().grow_ahead().unwrap();
        }
        let allocated = tail.shared().allocated();
        assert!(allocated <= 2 * tail.len() + FOLIO, "{allocated} for {}", tail.len());
        assert!(allocated >= tail.len() + LARGE, "who writes would have to wait for blocks");
    }
    assert!(!tail.shared().is_mapped(), "pages were made");
}

#[test]
fn who_has_outrun_the_preparer_writes_by_calls_until_little_comes() {
    let mut tail = tail(64 << 20);
    append(&mut tail, 100);
    append(&mut tail, 20_000);
    assert!(!tail.shared().is_by_call(), "nobody was asked for pages yet");
    assert!(tail.shared().should_grow(tail.len()));
    while !tail.shared().is_by_call() {
        append(&mut tail, 10_000);
    }
    tail.shared().unask();
    for _ in 0..CALM - 1 {
        append(&mut tail, 10_000);
        tail.shared().flushed_behind();
    }
    append(&mut tail, LITTLE);
    tail.shared().flushed_behind();
    for _ in 0..CALM {
        append(&mut tail, 10_000);
        assert!(tail.shared().is_by_call(), "much has come");
        tail.shared().flushed_behind();
    }
    append(&mut tail, LARGE);
    assert!(tail.shared().is_by_call(), "a large batch changes nothing");
    append(&mut tail, 10_000);
    assert!(!tail.shared().is_by_call());
    assert!(tail.shared().should_grow(tail.len()), "the preparer is asked for pages again");
    tail.shared().grow_ahead().unwrap();
    append(&mut tail, 10_000);
    assert!(!tail.shared().is_by_call());
    assert_whole(tail.shared());
}

#[test]
fn the_next_segment_begins_by_calls_for_large_batches_alone() {
    let mut tail = tail(64 << 20);
    append(&mut tail, 20_000);
    assert!(tail.shared().should_grow(tail.len()));
    while !tail.shared().is_by_call() {
        append(&mut tail, 10_000);
    }
    assert!(!tail.shared().takes_large(), "it was outrun: it may be faster there");
    append(&mut tail, LARGE);
    append(&mut tail, 10_000);
    assert!(tail.shared().takes_large());
    (0..CALM).for_each(|_| tail.shared().flushed_behind());
    append(&mut tail, 10_000);
    assert!(!tail.shared().takes_large() && !tail.shared().is_by_call());
    while !tail.shared().is_by_call() {
        append(&mut tail, 10_000);
    }
    assert!(!tail.shared().takes_large(), "the large ones were before");
}

#[test]
fn small_batches_are_copied_again_though_nothing_flushes() {
    let mut tail = tail(64 << 20);
    append(&mut tail, LARGE);
    for _ in 0..SMALL_IN_A_ROW - 1 {
        append(&mut tail, 100);
    }
    append(&mut tail, SMALL);
    for _ in 0..SMALL_IN_A_ROW {
        append(&mut tail, 100);
        assert!(tail.shared().is_by_call(), "others came between them");
    }
    append(&mut tail, 100);
    assert!(!tail.shared().is_by_call());
    append(&mut tail, LARGE);
    append(&mut tail, 100);
    assert!(tail.shared().is_by_call(), "it is counted anew");
    assert_whole(tail.shared());
}

/// A file in memory that cannot grow and was cut: a write across its end puts a part of its bytes there.
#[cfg(target_os = "linux")]
#[test]
fn of_a_batch_that_could_not_be_written_nothing_is_left() {
    use std::os::fd::{AsRawFd, FromRawFd};
    // SAFETY: plain system calls; the descriptor is nobody else's.
    let file = unsafe {
        let made = libc::memfd_create(c"by-call".as_ptr(), libc::MFD_ALLOW_SEALING);
        std::fs::File::from_raw_fd(made)
    };
    let seals = file.try_clone().unwrap();
    let mut tail = Tail::new(file, 0, 64 << 20).unwrap();
    append(&mut tail, LARGE);
    tail.make_way(LARGE, 1).unwrap();
    seals.set_len(LARGE + 2 * PAGE).unwrap();
    // SAFETY: a plain system call on an open file.
    assert_eq!(unsafe { libc::fcntl(seals.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_GROW) }, 0);
    // The first of them fit, the last does not.
    let batch = vec![7; LARGE as usize / 16];
    tail.write(std::iter::repeat_n([&batch[..HEAD], &batch[HEAD..]], 16)).unwrap_err();
    assert_eq!(tail.len(), LARGE);
    let mut behind = vec![1; 2 * PAGE as usize];
    seals.read_exact_at(&mut behind, LARGE).unwrap();
    assert!(behind.iter().all(|byte| *byte == 0), "a part of the batch is there");
}

/// One that takes pieces of a MiB, up to so many bytes, with a preparer that is never late: so often it was needed.
fn filled(tail: &mut Tail, to: u64) -> u32 {
    let mut asked = 0;
    while tail.len() < to {
        append(tail, 1 << 20);
        if tail.shared().should_grow(tail.len()) {
            tail.shared().grow_ahead().unwrap();
            asked += 1;
            assert!(!tail.shared().should_grow(tail.len()), "a step is enough for a while");
        }
    }
    asked
}

#[test]
fn a_fast_log_gets_its_blocks_seldom() {
    let mut tail = tail(1 << 30);
    assert!(filled(&mut tail, 64 << 20) <= 16);
    let asked = filled(&mut tail, 320 << 20);
    assert!(asked <= 3, "{asked} times for 256 MiB");
}

#[test]
fn what_would_last_for_long_is_given_back() {
    for is_by_call in [true, false] {
        let mut tail = tail(1 << 30);
        filled(&mut tail, 40 << 20);
        if !is_by_call {
            (0..=SMALL_IN_A_ROW).for_each(|_| append(&mut tail, 100));
        }
        assert_eq!(tail.shared().is_by_call(), is_by_call);
        assert!(!tail.shared().give_back().unwrap(), "all of it came lately");
        append(&mut tail, 100);
        assert!(tail.shared().give_back().unwrap(), "a trickle needs no step");
        let left = tail.shared().allocated();
        assert!(left < tail.len() + 4 * FOLIO, "{left} bytes for {}", tail.len());
        assert_eq!(tail.shared().file().unwrap().metadata().unwrap().len(), left);
        assert!(!tail.shared().give_back().unwrap(), "there is nothing more");
        filled(&mut tail, 48 << 20);
        append(&mut tail, 10_000);
        assert_whole(tail.shared());
    }
}

#[test]
fn a_log_that_begins_by_calls_has_a_step_of_blocks_and_no_pages() {
    let mut tail = tail(64 << 20);
    tail.shared().begin_by_call(LARGEST_STEP).unwrap();
    assert!(tail.shared().is_by_call() && tail.shared().is_in_use());
    assert_eq!((tail.shared().allocated(), tail.shared().reserve()), (LARGEST_STEP, 0));
    assert!(!tail.shared().should_grow(0), "it has what it needs");
    append(&mut tail, 100);
    assert!(!tail.shared().is_mapped());
    assert!(!tail.shared().takes_large(), "so far that is of the segment before");
    append(&mut tail, LARGE);
    assert!(tail.shared().takes_large());
    assert_whole(tail.shared());
}

#[test]
fn who_begins_to_write_by_calls_waits_for_who_makes_pages() {
    let mut tail = tail(64 << 20);
    append(&mut tail, 100);
    tail.shared().asked.store(true, Ordering::Relaxed);
    let (shared, reserve) = (tail.shared().clone(), tail.shared().reserve());
    let (holds, has_lock) = std::sync::mpsc::channel();
    let maker = std::thread::spawn(move || {
        let growing = shared.lock();
        shared.allocate(&growing, reserve + FOLIO).unwrap();
        holds.send(()).unwrap();
        while !shared.is_by_call() {
            std::thread::yield_now();
        }
        // Time enough for a tail that does not wait; one that does has to wait for so long.
        let end = Instant::now() + Duration::from_millis(50);
        while shared.len() == 100 && Instant::now() < end {
            std::thread::yield_now();
        }
        sys::make_pages(&shared.file().unwrap(), reserve, reserve + FOLIO);
    });
    has_lock.recv().unwrap();
    append(&mut tail, reserve + 10_000);
    maker.join().unwrap();
    assert_whole(tail.shared());
}

#[test]
fn copies_and_calls_in_turn_beside_a_preparer_leave_every_byte_where_it_belongs() {
    for round in 0..4u64 {
        let mut tail = tail(64 << 20);
        let (shared, is_over) = (tail.shared().clone(), Arc::new(AtomicBool::new(false)));
        let preparer = {
            let is_over = is_over.clone();
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    // Always a little late.
                    if shared.reserve() < shared.len() + 20_000 {
                        shared.grow_ahead_by(FOLIO).unwrap();
                        shared.asked.store(true, Ordering::Relaxed);
                    }
                    shared.slow_flushes.store(CALM, Ordering::Relaxed);
                }
            })
        };
        let mut changes = 0;
        for number in 0..500u64 {
            let size = [100, 5_000, 16_384, LARGE][(number * 7 + round) as usize % 4] + number;
            let before = tail.shared().is_by_call();
            append(&mut tail, size);
            changes += u32::from(before != tail.shared().is_by_call());
        }
        is_over.store(true, Ordering::Relaxed);
        preparer.join().unwrap();
        assert!(changes > 10, "{changes} changes");
        assert_whole(tail.shared());
    }
}

#[test]
fn nothing_is_written_behind_a_file_that_somebody_has_truncated() {
    let mut tail = tail(64 << 20);
    append(&mut tail, LARGE);
    tail.shared().file().unwrap().set_len(1000).unwrap();
    let error = tail.make_way(LARGE, 1).unwrap_err();
    assert!(error.to_string().contains("somebody has truncated it"), "{error}");
}
