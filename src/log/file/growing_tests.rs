//! The tail and the preparer, each ahead of the other.

use super::super::FOLIO;
use super::*;

fn tail() -> Tail {
    scratch(64 << 20)
}

/// The tail of a file that nobody else finds.
pub(in super::super) fn scratch(capacity: u64) -> Tail {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let unique = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("barnabas-growing-{}-{unique}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    Tail::new(file, 0, capacity).unwrap()
}

/// What the tail does that has outrun the preparer.
fn reserve(tail: &Tail, to: u64) {
    let growing = tail.shared.lock();
    tail.shared.allocate(&growing, to).unwrap();
    tail.shared.make(&growing, to, None).unwrap();
}

#[test]
fn a_tail_that_outruns_the_preparer_faults_in_a_piece() {
    let mut tail = tail();
    tail.make_room(1 << 20).unwrap();
    let (ready, reserve) = (tail.shared.ready.load(Ordering::Relaxed), tail.shared.reserve());
    assert_eq!(ready, reserve.min((1 << 20) + PIECE_OUTRUN));
    tail.stage(&vec![7; 1 << 20]);
    tail.publish(1 << 20).unwrap();
    assert!(tail.shared.should_grow(tail.len()));
    assert!(!tail.shared.should_grow(tail.len()), "asked once");
}

#[test]
fn the_preparer_makes_pages_where_the_tail_has_made_a_reserve() {
    let mut tail = tail();
    reserve(&tail, 8 << 20);
    tail.make_room(1 << 20).unwrap();
    assert!(tail.shared.should_grow(tail.len()));
    tail.shared.grow_ahead().unwrap();
    assert_eq!(tail.shared.reserve(), 8 << 20, "there was enough");
    assert_eq!(tail.shared.ready.load(Ordering::Relaxed), 8 << 20);
    assert!(!tail.shared.should_grow(tail.len()), "nothing is lacking");
    tail.make_room(5 << 20).unwrap();
    tail.stage(&vec![7; 5 << 20]);
    tail.publish(5 << 20).unwrap();
    assert!(tail.shared.should_grow(tail.len()), "half of it is used");
    tail.shared.grow_ahead().unwrap();
    assert_eq!(tail.shared.reserve(), 16 << 20);
    assert_eq!(tail.shared.ready.load(Ordering::Relaxed), 16 << 20);
}

#[test]
fn after_a_flush_few_pages_are_made_ahead_and_more_where_much_comes() {
    let mut tail = tail();
    let append = |tail: &mut Tail, n: usize| {
        tail.make_room(n as u64).unwrap();
        tail.stage(&vec![7; n]);
        tail.publish(n as u64).unwrap();
    };
    reserve(&tail, 8 << 20);
    append(&mut tail, 1000);
    tail.shared.flushed();
    assert_eq!(tail.shared.ready.load(Ordering::Relaxed), PAGE, "not the whole reserve");
    assert!(!tail.shared.should_grow(tail.len()), "so few are not worth a question");
    append(&mut tail, 5000);
    assert_eq!(tail.shared.ready.load(Ordering::Relaxed), 2 * PAGE, "made by the tail");
    append(&mut tail, 2 << 20);
    tail.shared.flushed();
    let window = ((2 << 20) + 5000) / 4;
    let ready = tail.shared.ready.load(Ordering::Relaxed);
    assert_eq!(ready, (tail.len() + window).next_multiple_of(PAGE));
    assert!(!tail.shared.should_grow(tail.len()));
    append(&mut tail, 300 << 10);
    assert!(tail.shared.should_grow(tail.len()), "more than half of the window is used");
    tail.shared.grow_ahead().unwrap();
    let ready = tail.shared.ready.load(Ordering::Relaxed);
    assert_eq!((ready, tail.shared.reserve()), (tail.len() + window, 8 << 20));
}

/// The page faults of this thread so far.
fn faults() -> i64 {
    // SAFETY: all zero bits are a valid `rusage`; the call fills the one that it is given.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
        usage.ru_minflt + usage.ru_majflt
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_written_back_and_synced_behind_the_tail_is_not_what_it_writes_to() {
    let mut tail = tail();
    tail.shared.grow_ahead_by(32 << 20).unwrap();
    let bytes = vec![7; 100_000];
    // The first few pages are left to be faulted in.
    tail.make_room(FIRST_STEP).unwrap();
    tail.stage(&bytes[..FIRST_STEP as usize]);
    tail.publish(FIRST_STEP).unwrap();
    let mut faulted = 0;
    for _ in 0..200 {
        let before = faults();
        tail.make_room(bytes.len() as u64).unwrap();
        tail.stage(&bytes);
        faulted += faults() - before;
        tail.publish(bytes.len() as u64).unwrap();
        // As close behind the tail as a milestone may be.
        let place = tail.len() / FOLIO * FOLIO;
        tail.shared.start_write_back().unwrap();
        if let Some(sync) = tail.shared.front(place) {
            sync().unwrap();
        }
        tail.shared.flushed_behind();
    }
    assert_eq!(faulted, 0);
}

/// Pages of the first `len` bytes that are in the page table of this process.
#[cfg(target_os = "linux")]
fn mapped(tail: &Tail, len: u64) -> usize {
    const PRESENT: u64 = 1 << 63;
    let pages = (len / PAGE) as usize;
    let at = tail.shared.map().unwrap().as_ptr() as u64 / PAGE * 8;
    let mut entries = vec![0; pages * 8];
    File::open("/proc/self/pagemap").unwrap().read_exact_at(&mut entries, at).unwrap();
    let entries = entries.as_chunks::<8>().0;
    entries.iter().filter(|entry| u64::from_ne_bytes(**entry) & PRESENT != 0).count()
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_written_to_the_disk_is_not_mapped_and_is_still_there() {
    let mut tail = tail();
    let len = 3 * FOLIO + 5_000;
    let append = |tail: &mut Tail, len: u64| {
        let bytes: Vec<u8> = (tail.len()..tail.len() + len).map(|at| (at % 251) as u8).collect();
        tail.make_room(len).unwrap();
        tail.stage(&bytes);
        tail.publish(len).unwrap();
    };
    append(&mut tail, len);
    assert_eq!(mapped(&tail, 3 * FOLIO), 3 * (FOLIO / PAGE) as usize);
    tail.shared.write_out(len, |_| {}).unwrap();
    assert_eq!(mapped(&tail, 3 * FOLIO), 0);
    assert_ne!(mapped(&tail, 3 * FOLIO + PAGE), 0, "the tail goes on there");
    append(&mut tail, FOLIO);
    tail.shared.start_write_back().unwrap();
    assert_eq!(mapped(&tail, 4 * FOLIO), 0);
    let all = tail.shared.slice(0, tail.len()).unwrap();
    assert!(all.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
}

#[test]
fn what_others_write_to_a_settled_file_is_not_made_zero() {
    for _ in 0..50 {
        let tail = tail();
        let shared = tail.shared().clone();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let preparer = std::thread::spawn(move || {
            begun.send(()).unwrap();
            shared.grow_ahead_by(16 << 20).unwrap();
        });
        has_begun.recv().unwrap();
        let shared = tail.seal();
        shared.settle();
        let end = shared.file().unwrap().metadata().unwrap().len();
        let bytes = vec![7; end as usize];
        shared.file().unwrap().write_all_at(&bytes, 0).unwrap();
        preparer.join().unwrap();
        let mut found = vec![0; end as usize];
        shared.file().unwrap().read_exact_at(&mut found, 0).unwrap();
        assert!(found == bytes);
    }
}

#[test]
fn who_asks_for_too_much_is_told_of_what() {
    let mut tail = tail();
    tail.make_room(100).unwrap();
    tail.stage(&[7; 100]);
    tail.publish(100).unwrap();
    let file = tail.shared().clone();
    let told = |file: &GrowingFile| {
        let error = file.slice(90, 20).unwrap_err();
        let error = crate::log::StorageError::new("read", std::path::Path::new("f"), error);
        assert!(!error.is_permanent(), "{error}");
        error.to_string()
    };
    let writing = told(&file);
    assert!(writing.contains("f: bytes 90 to 110 were asked for, of 100 in"), "{writing}");
    assert!(
        !writing.contains("check the disk") && !writing.contains("not written to"),
        "{writing}"
    );
    tail.seal();
    let sealed = told(&file);
    assert!(sealed.contains("not written to"), "{sealed}");
    assert!(file.slice(u64::MAX, 2).is_err());
}
