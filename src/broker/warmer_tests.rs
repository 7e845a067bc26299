//! Who is taken for a reader that goes on, and how much is brought in for him.

use super::*;

fn reader(partition: &Arc<u8>, began: i64, next: i64) -> Reader<u8> {
    Reader { partition: Arc::downgrade(partition), began, next }
}

#[test]
fn who_goes_on_is_known_by_where_he_is() {
    let (one, other) = (Arc::new(0), Arc::new(0));
    let mut readers = Readers::default();
    readers.note(reader(&one, 100, 200));
    assert!(!readers.goes_on(&other, 150), "another partition");
    assert!(!readers.goes_on(&one, 100), "the same again");
    assert!(!readers.goes_on(&one, 201), "beyond what was brought in");
    assert!(readers.goes_on(&one, 200));
    assert!(!readers.goes_on(&one, 200), "he is about to be somewhere else");
    readers.note(reader(&one, 100, 200));
    readers.note(reader(&one, 150, 250));
    assert!(readers.goes_on(&one, 101) && readers.goes_on(&one, 250), "two of one partition");
}

#[test]
fn few_readers_are_remembered_and_none_of_a_partition_that_has_gone() {
    let mut readers = Readers::default();
    let all: Vec<_> = (0..MAX_READERS + 1).map(|_| Arc::new(0)).collect();
    all.iter().for_each(|partition| readers.note(reader(partition, 0, 10)));
    assert_eq!(readers.0.len(), MAX_READERS);
    assert!(!readers.goes_on(&all[0], 5) && readers.goes_on(&all[1], 5));
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
