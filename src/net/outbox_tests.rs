//! What an outbox offers to be written, and in how many calls.

use super::super::pool::Budget;
use super::super::region::Region;
use super::*;
use std::os::fd::AsFd;
use std::sync::Arc;

const KIB: u32 = 1024;

/// A mapping without a file.
struct Mapped(Vec<u8>);

impl Region for Mapped {
    fn file(&self) -> Option<Arc<dyn AsFd>> {
        None
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        self.0.get(start as usize..start as usize + len as usize)
    }
}

/// An answer with a range of so many bytes between three and two of its own.
fn answer(outbox: &mut Outbox, pool: &mut Pool, len: u32) {
    let region = Arc::new(Mapped(vec![7; len as usize]));
    let range = Part::File(FileRange { region, start: 0, len });
    let slot = outbox.open();
    assert!(outbox.fill(slot, &[Part::Bytes(b"abc"), range, Part::Bytes(b"de")], pool));
}

/// What is offered: the bytes of its slices, and whether a range of a file follows; `None` is a range by itself.
fn offered(outbox: &mut Outbox) -> Option<(Vec<usize>, bool)> {
    let mut gather = Gather::new();
    match outbox.output(&mut gather) {
        Output::Gathered { more } => {
            Some((gather.slices().iter().map(|slice| slice.len()).collect(), more))
        }
        Output::File(_) => None,
        Output::Nothing => Some((Vec::new(), false)),
    }
}

#[test]
fn an_answer_of_100_kb_is_one_write_and_one_of_a_megabyte_three() {
    let (mut outbox, mut pool) = (Outbox::default(), Pool::new(Budget::new(1 << 20)));
    answer(&mut outbox, &mut pool, 100_000);
    assert_eq!(offered(&mut outbox), Some((vec![3, 100_000, 2], false)));
    outbox.written(100_005, &mut pool);
    assert!(outbox.is_empty());

    answer(&mut outbox, &mut pool, 1024 * KIB);
    assert_eq!(offered(&mut outbox), Some((vec![3], true)));
    outbox.written(3, &mut pool);
    assert_eq!(offered(&mut outbox), None);
    // What is left of a range is small enough to go with its end.
    outbox.written((1000 * KIB) as usize, &mut pool);
    assert_eq!(offered(&mut outbox), Some((vec![24 * 1024, 2], false)));
}

#[test]
fn one_write_gathers_no_more_ranges_than_a_share() {
    let (mut outbox, mut pool) = (Outbox::default(), Pool::new(Budget::new(1 << 20)));
    (0..4).for_each(|_| answer(&mut outbox, &mut pool, 200 * KIB));
    let range = 200 * 1024;
    // Behind 256 KiB of ranges the next one waits, and what stands before it is told to wait for it.
    assert_eq!(offered(&mut outbox), Some((vec![3, range, 5, range, 5], true)));
    outbox.written(3 + range + 5 + range + 5, &mut pool);
    assert_eq!(offered(&mut outbox), Some((vec![range, 5, range, 2], false)));
}
