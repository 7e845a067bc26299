//! What workers have answered: by API and version, with which errors, and how long it took.
//!
//! Each worker has a meter that only it writes to, with relaxed stores; who wants to know adds them up. A row is made
//! when the first request of its API is answered. Of a batch of requests that were answered in one turn all took as
//! long, so the clock is looked at once in a turn, at its end.

mod times;

use crate::catalog::make_lanes;
use crate::net::Counter;
use crate::wire::api::ApiKey;
use crate::wire::codec::Told;
use crate::wire::error::ErrorCode;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use times::{Taken, Times};

/// Versions that are counted one by one; more than any API has. The one behind them is for what is not served.
const VERSIONS: usize = 24;
/// Over how long quantiles are taken, at least; at most twice as long, if somebody asks that often.
const WINDOW: Duration = Duration::from_secs(150);

/// A request, as it is counted when it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// What was asked.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// When it came.
    pub received: Instant,
}

/// Requests of one API.
#[derive(Debug, Default)]
struct Row {
    versions: [Counter; VERSIONS + 1],
    times: Times,
    errors: OnceLock<Box<[Counter]>>,
}

/// Connections that came to one listener.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Those that were taken over.
    pub opened: Counter,
    /// Of these, those that are closed.
    pub closed: Counter,
}

/// What one worker has counted.
#[derive(Debug)]
pub struct Meter {
    rows: Box<[OnceLock<Box<Row>>]>,
    listeners: Box<[Arrivals]>,
}

impl Meter {
    fn new(listeners: usize) -> Meter {
        Meter {
            rows: ApiKey::ALL.iter().map(|_| OnceLock::new()).collect(),
            listeners: (0..listeners).map(|_| Arrivals::default()).collect(),
        }
    }

    fn row(&self, api: ApiKey) -> Option<&Row> {
        let row = self.rows.get(api as usize)?;
        Some(match row.get() {
            Some(row) => row,
            None => row.get_or_init(Box::default),
        })
    }

    /// Counts so many requests that have the same tag and were answered by now.
    #[inline]
    pub fn answered(&self, tag: &Tag, times: u64, now: Instant) {
        let Some(row) = self.row(tag.api) else { return };
        let version = usize::try_from(tag.version).unwrap_or(VERSIONS).min(VERSIONS);
        row.versions[version].add(times);
        row.times.add(now.saturating_duration_since(tag.received), times);
    }

    /// Counts errors that answers to requests of this API have told.
    #[cold]
    pub fn failed(&self, api: ApiKey, errors: &[Told]) {
        let Some(row) = self.row(api) else { return };
        let make = || ErrorCode::KNOWN.iter().map(|_| Counter::default()).collect();
        let counters = row.errors.get_or_init(make);
        for (code, times) in errors {
            // The codes are dense from -1 on.
            let at = usize::try_from(i32::from(code.0) + 1).ok();
            if let Some(counter) = at.and_then(|at| counters.get(at)) {
                counter.add(u64::from(*times));
            }
        }
    }

    /// The connections of a listener.
    pub fn arrivals(&self, listener: usize) -> Option<&Arrivals> {
        self.listeners.get(listener)
    }
}

/// What was counted of an API, by all workers.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// Answered requests by version; none are those of versions that are not served.
    pub versions: BTreeMap<Option<usize>, u64>,
    /// Errors that were told.
    pub errors: BTreeMap<ErrorCode, u64>,
    /// How long all took.
    pub times: Taken,
    /// How long those took that were answered of late.
    pub recent: Taken,
}

type Moment = (Instant, BTreeMap<ApiKey, Taken>);

/// The meters of all workers.
#[derive(Debug)]
pub struct Meters {
    workers: Box<[Meter]>,
    /// What was counted when somebody asked before, twice.
    before: Mutex<[Moment; 2]>,
}

impl Meters {
    /// For so many workers and listeners.
    pub fn new(workers: usize, listeners: usize) -> Meters {
        make_lanes(workers);
        let start = (Instant::now(), BTreeMap::new());
        Meters {
            workers: (0..workers).map(|_| Meter::new(listeners)).collect(),
            before: Mutex::new([start.clone(), start]),
        }
    }

    /// The meter of a worker.
    pub fn of(&self, worker: usize) -> Option<&Meter> {
        self.workers.get(worker)
    }

    /// All meters, in the order of the workers.
    pub fn all(&self) -> &[Meter] {
        &self.workers
    }

    /// What was counted of each API that was ever asked for.
    pub fn read(&self, now: Instant) -> BTreeMap<ApiKey, Answered> {
        let mut all: BTreeMap<ApiKey, Answered> = BTreeMap::new();
        for worker in &self.workers {
            for (api, row) in ApiKey::ALL.iter().zip(&worker.rows) {
                if let Some(row) = row.get() {
                    row.add_to(all.entry(*api).or_default());
                }
            }
        }
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        for (api, answered) in &mut all {
            let then = before[0].1.get(api);
            answered.recent =
                then.map_or_else(|| answered.times.clone(), |then| answered.times.since(then));
        }
        if now.saturating_duration_since(before[1].0) >= WINDOW {
            before.swap(0, 1);
            before[1] = (now, all.iter().map(|(api, one)| (*api, one.times.clone())).collect());
        }
        all
    }
}

impl Row {
    fn add_to(&self, sum: &mut Answered) {
        for (version, counter) in self.versions.iter().enumerate().filter(|(_, one)| one.get() > 0)
        {
            let version = (version < VERSIONS).then_some(version);
            *sum.versions.entry(version).or_default() += counter.get();
        }
        for (code, counter) in ErrorCode::KNOWN.iter().zip(self.errors.get().into_iter().flatten())
        {
            if counter.get() > 0 {
                *sum.errors.entry(*code).or_default() += counter.get();
            }
        }
        sum.times.add(&self.times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_add_up_and_quantiles_are_of_late() {
        let meters = Meters::new(2, 1);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let tag = |version| Tag { api: ApiKey::Fetch, version, received: start };
        for meter in meters.all() {
            meter.answered(&tag(12), 10, after(1));
            meter.answered(&tag(i16::MAX), 1, after(1));
            meter.failed(ApiKey::Fetch, &[(ErrorCode::OFFSET_OUT_OF_RANGE, 2), (ErrorCode(-1), 1)]);
        }
        let all = meters.read(after(1));
        let fetch = &all[&ApiKey::Fetch];
        assert_eq!(all.len(), 1);
        assert_eq!(fetch.versions, BTreeMap::from([(Some(12), 20), (None, 2)]));
        let expected = [(ErrorCode(-1), 2), (ErrorCode::OFFSET_OUT_OF_RANGE, 4)];
        assert_eq!(fetch.errors, BTreeMap::from(expected));
        assert_eq!((fetch.times.count(), fetch.recent.count()), (22, 22));
        // What is older than two windows does not count for quantiles.
        meters.read(after(151));
        meters.read(after(302));
        let (later, meter) = (tag(12), meters.of(0).unwrap());
        meter.answered(&Tag { received: after(302), ..later }, 5, after(303));
        let fetch = &meters.read(after(303))[&ApiKey::Fetch];
        assert_eq!((fetch.times.count(), fetch.recent.count()), (27, 5));
    }
}
