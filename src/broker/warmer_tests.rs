//! Who is taken for a reader that goes on, and how much is brought in for him.

use super::*;

#[test]
fn who_goes_on_is_known_by_where_he_is() {
    let (one, other) = (Arc::new(0), Arc::new(0));
    let mut readers = Readers::default();
    assert!(!readers.meet(&one, 100), "he begins");
    readers.brought(&one, 100, 200);
    assert!(!readers.meet(&other, 150), "another partition");
    assert!(!readers.meet(&one, 301), "beyond what the kernel has begun to read");
    assert!(readers.meet(&one, 300));
    assert!(!readers.meet(&one, 150), "he is somewhere else now");
    readers.brought(&one, 150, 250);
    readers.brought(&one, 300, 400);
    assert!(readers.meet(&one, 151) && readers.meet(&one, 400), "two of one partition");
}

#[test]
fn who_is_looked_at_twice_is_remembered_once() {
    let partition = Arc::new(0);
    let mut readers = Readers::default();
    for _ in 0..3 {
        assert!(!readers.meet(&partition, 100), "he is where he was");
        readers.brought(&partition, 100, 200);
    }
    assert_eq!(readers.0.len(), 1);
    // Of a fetch that is answered already something may be told later.
    assert!(readers.meet(&partition, 200));
    readers.brought(&partition, 100, 900);
    assert!(!readers.meet(&partition, 600));
}

#[test]
fn few_readers_are_remembered_and_none_of_a_partition_that_has_gone() {
    let mut readers = Readers::default();
    let all: Vec<_> = (0..=MAX_READERS).map(|_| Arc::new(0)).collect();
    for partition in &all {
        readers.meet(partition, 0);
        readers.brought(partition, 0, 10);
    }
    assert_eq!(readers.0.len(), MAX_READERS);
    assert!(!readers.meet(&all[0], 5) && readers.meet(&all[2], 5));
    let place = Arc::as_ptr(&all[2]);
    drop(all);
    assert!(readers.0.iter().all(|reader| reader.partition.upgrade().is_none()));
    // Its place in memory is not another's for as long as it is remembered.
    let others: Vec<_> = (0..1_000).map(|_| Arc::new(0)).collect();
    assert!(others.iter().all(|other| Arc::as_ptr(other) != place));
}

#[test]
fn who_begins_has_the_next_fetch_brought_in_and_who_goes_on_some_more() {
    assert_eq!(ahead_of(1 << 20, false), 1 << 20);
    assert_eq!(ahead_of(1 << 20, true), 4 << 20);
    assert_eq!(ahead_of(u32::MAX, true), 8 << 20);
}
