//! What went through a topic's partitions, counted where it goes through.
//!
//! Each worker counts in a lane of its own, a cache line that nobody else writes to, so that counting takes neither a
//! lock nor a locked instruction; who wants to know adds the lanes up. Which lane is a thread's the thread itself
//! knows: whoever has none (the coordinator, the threads of HTTP) shares the last one, with atomic additions. Lanes are
//! made when the first thing is counted, so a topic that nobody uses has none, and they go with their topic.

use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Lanes that topics have beside the shared one: as many as a broker of this process has workers.
static LANES: AtomicUsize = AtomicUsize::new(0);

/// Says how many workers there are to be, before the first of them counts.
pub fn make_lanes(workers: usize) {
    LANES.fetch_max(workers, Ordering::Relaxed);
}

/// Gives the calling thread the lane with this index. No two threads of one broker may have the same.
pub fn take_lane(worker: usize) {
    LANE.set(worker);
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records appended.
    pub messages_in: u64,
    /// Bytes of batches appended.
    pub bytes_in: u64,
    /// Bytes of batches given to fetches.
    pub bytes_out: u64,
    /// Batches that producers brought, whatever became of them.
    pub produces: u64,
    /// Partitions that fetches were answered for.
    pub fetches: u64,
    /// Of the batches, those that were refused for no usual reason.
    pub failed_produces: u64,
    /// Of the partitions, those that could not be read for no usual reason.
    pub failed_fetches: u64,
}

const MESSAGES_IN: usize = 0;
const BYTES_IN: usize = 1;
const BYTES_OUT: usize = 2;
const PRODUCES: usize = 3;
const FETCHES: usize = 4;
const FAILED_PRODUCES: usize = 5;
const FAILED_FETCHES: usize = 6;

impl Counts {
    const LEN: usize = 7;

    fn array(&self) -> [u64; Self::LEN] {
        let Counts { messages_in, bytes_in, bytes_out, produces, fetches, .. } = *self;
        let failed = (self.failed_produces, self.failed_fetches);
        [messages_in, bytes_in, bytes_out, produces, fetches, failed.0, failed.1]
    }
}

impl From<[u64; Counts::LEN]> for Counts {
    fn from(counts: [u64; Counts::LEN]) -> Counts {
        let [messages_in, bytes_in, bytes_out, produces, fetches, failed_produces, failed_fetches] =
            counts;
        Counts {
            messages_in,
            bytes_in,
            bytes_out,
            produces,
            fetches,
            failed_produces,
            failed_fetches,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        let mut sums = self.array();
        sums.iter_mut().zip(more.array()).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
        *self = sums.into();
    }
}

/// One cache line.
#[derive(Default, Debug)]
#[repr(align(64))]
struct Lane([AtomicU64; Counts::LEN]);

/// The counts of one topic.
#[derive(Default, Debug)]
pub struct Traffic {
    lanes: OnceLock<Box<[Lane]>>,
}

impl Traffic {
    /// A batch was appended.
    #[inline]
    pub fn appended(&self, messages: u64, bytes: u64) {
        self.count([(MESSAGES_IN, messages), (BYTES_IN, bytes)]);
    }

    /// A producer has brought a batch.
    #[inline]
    pub fn produced(&self) {
        self.count([(PRODUCES, 1)]);
    }

    /// It was refused for no usual reason.
    #[cold]
    pub fn produce_failed(&self) {
        self.count([(FAILED_PRODUCES, 1)]);
    }

    /// A fetch was answered with so many bytes.
    #[inline]
    pub fn fetched(&self, bytes: u64) {
        self.count([(FETCHES, 1), (BYTES_OUT, bytes)]);
    }

    /// It could not be read for no usual reason.
    #[cold]
    pub fn fetch_failed(&self) {
        self.count([(FAILED_FETCHES, 1)]);
    }

    /// Counts on the calling thread's lane.
    #[inline]
    fn count<const N: usize>(&self, more: [(usize, u64); N]) {
        let lanes = match self.lanes.get() {
            Some(lanes) => lanes,
            None => self.begin(),
        };
        let (own, lane) = (LANE.get(), lanes.len() - 1);
        let is_own = own < lane;
        let Some(Lane(counts)) = lanes.get(if is_own { own } else { lane }) else { return };
        for (at, more) in more {
            if is_own {
                let sum = counts[at].load(Ordering::Relaxed).wrapping_add(more);
                counts[at].store(sum, Ordering::Relaxed);
            } else {
                counts[at].fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    #[cold]
    fn begin(&self) -> &[Lane] {
        let lanes = LANES.load(Ordering::Relaxed) + 1;
        self.lanes.get_or_init(|| (0..lanes).map(|_| Lane::default()).collect())
    }

    /// All lanes together; nothing where nothing was ever counted.
    pub fn sum(&self) -> Option<Counts> {
        let mut sum = Counts::default();
        for lane in self.lanes.get()? {
            sum += Counts::from(std::array::from_fn(|at| lane.0[at].load(Ordering::Relaxed)));
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_of_workers_and_the_shared_one_add_up() {
        make_lanes(2);
        let traffic = Traffic::default();
        assert_eq!(traffic.sum(), None);
        let count = |worker: Option<usize>| {
            worker.into_iter().for_each(take_lane);
            for _ in 0..10_000 {
                traffic.appended(2, 30);
                traffic.fetched(7);
                traffic.fetch_failed();
                traffic.produced();
            }
        };
        std::thread::scope(|scope| {
            // One that has more workers than were told of uses the shared lane.
            for worker in [Some(0), Some(1), None, None, Some(1 << 20)] {
                scope.spawn(move || count(worker));
            }
        });
        let expected = Counts {
            messages_in: 100_000,
            bytes_in: 1_500_000,
            bytes_out: 350_000,
            produces: 50_000,
            fetches: 50_000,
            failed_produces: 0,
            failed_fetches: 50_000,
        };
        assert_eq!(traffic.sum(), Some(expected));
        assert_eq!(size_of::<Lane>(), 64);
    }
}
