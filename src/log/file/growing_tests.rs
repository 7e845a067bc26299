//! The tail and the preparer, each ahead of the other.

use super::*;

fn tail() -> Tail {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let unique = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("barnabas-growing-{}-{unique}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    Tail::new(file, 0, 64 << 20).unwrap()
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
    tail.shared.grow(8 << 20, None).unwrap();
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
