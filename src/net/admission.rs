//! Who may come in: connections in all, per address, and per worker.
//!
//! An [`Admission`] is one connection's entry in these counts; dropping it, wherever that happens,
//! takes it out of them, and wakes the acceptor where that waits for it.

use super::acceptor::Order;
use super::mailbox::Sender;
use super::options::Limits;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts of connections.
pub(crate) struct Admissions {
    max: AtomicUsize,
    max_per_ip: AtomicUsize,
    max_open: usize,
    counts: Mutex<Counts>,
    /// Connections of each worker.
    loads: Vec<AtomicUsize>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    per_ip: HashMap<IpAddr, usize>,
    /// Who is told of the next place that is given back.
    waiting: Option<Sender<Order>>,
}

/// Changes how many connections there may be while the server runs.
#[derive(Clone)]
pub struct Doorkeeper(Arc<Admissions>);

impl Doorkeeper {
    pub(crate) fn new(admissions: Arc<Admissions>) -> Doorkeeper {
        Doorkeeper(admissions)
    }

    /// From now on there may be so many, and so many from one address. Who is in already stays.
    pub fn set_limits(&self, all: usize, per_ip: usize) {
        self.0.max.store(all, Ordering::Relaxed);
        self.0.max_per_ip.store(per_ip, Ordering::Relaxed);
    }
}

/// Why a connection is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    Total(usize),
    PerIp(usize),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Total(max) => write!(f, "there are {max} connections, the limit"),
            Refusal::PerIp(max) => write!(f, "its address has {max} connections, the limit"),
        }
    }
}

impl Admissions {
    pub(crate) fn new(limits: &Limits, workers: usize) -> Arc<Admissions> {
        let loads = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        let max = AtomicUsize::new(limits.max_connections);
        let max_per_ip = AtomicUsize::new(limits.max_connections_per_ip);
        let max_open = limits.max_open;
        Arc::new(Admissions { max, max_per_ip, max_open, counts: Mutex::default(), loads })
    }

    /// Whether one more may be accepted at all, where so many places are spared for others; if not, `waiting`
    /// is told when that changes.
    pub(crate) fn has_place(&self, spares: usize, waiting: &Sender<Order>) -> bool {
        let mut counts = self.counts();
        let has_place = counts.total < self.max_open - spares;
        if !has_place {
            counts.waiting = Some(waiting.clone());
        }
        has_place
    }

    /// Counts a connection from `ip` in, on the worker that has the fewest.
    pub(crate) fn admit(self: &Arc<Admissions>, ip: IpAddr) -> Result<Admission, Refusal> {
        let ip = ip.to_canonical();
        let mut counts = self.counts();
        let max = self.max.load(Ordering::Relaxed);
        if counts.total >= max {
            return Err(Refusal::Total(max));
        }
        let max = self.max_per_ip.load(Ordering::Relaxed);
        if counts.per_ip.get(&ip).copied().unwrap_or(0) >= max {
            return Err(Refusal::PerIp(max));
        }
        counts.total += 1;
        *counts.per_ip.entry(ip).or_default() += 1;
        drop(counts);
        let loads = self.loads.iter().map(|load| load.load(Ordering::Relaxed));
        let worker = loads.enumerate().min_by_key(|(_, load)| *load).map_or(0, |(at, _)| at);
        self.loads[worker].fetch_add(1, Ordering::Relaxed);
        Ok(Admission { admissions: self.clone(), ip, worker })
    }

    /// Connections that are counted.
    pub(crate) fn total(&self) -> usize {
        self.counts().total
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place in the counts.
pub(crate) struct Admission {
    admissions: Arc<Admissions>,
    ip: IpAddr,
    worker: usize,
}

impl Admission {
    /// The worker that the connection goes to.
    pub(crate) fn worker(&self) -> usize {
        self.worker
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admission({} to worker {})", self.ip, self.worker)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.admissions.counts();
        assert!(counts.total > 0, "each admission is counted once");
        counts.total -= 1;
        if let Entry::Occupied(mut count) = counts.per_ip.entry(self.ip) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        let waiting = counts.waiting.take();
        drop(counts);
        self.admissions.loads[self.worker].fetch_sub(1, Ordering::Relaxed);
        // It has few orders, and one that has ended needs no place.
        waiting.into_iter().for_each(|acceptor| _ = acceptor.send(Order::Place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(max: usize, max_per_ip: usize, workers: usize) -> Arc<Admissions> {
        let limits = Limits {
            max_connections: max,
            max_connections_per_ip: max_per_ip,
            ..Limits::default()
        };
        Admissions::new(&limits, workers)
    }

    #[test]
    fn limits_hold_and_places_come_back() {
        let admissions = limited(3, 2, 2);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let a = admissions.admit(one).expect("room");
        let b = admissions.admit(one).expect("room");
        assert_ne!(a.worker(), b.worker(), "each worker gets one");
        assert_eq!(admissions.admit(one).err(), Some(Refusal::PerIp(2)));
        let c = admissions.admit(two).expect("room");
        assert_eq!(admissions.admit(two).err(), Some(Refusal::Total(3)));
        let worker = a.worker();
        drop((a, c));
        assert_eq!(admissions.total(), 1);
        assert_eq!(admissions.admit(one).ok().map(|d| d.worker()), Some(worker));
        drop(b);
        assert!(admissions.counts().per_ip.is_empty(), "no address is remembered for ever");
    }

    #[test]
    fn limits_that_change_hold_for_who_comes_then() {
        let admissions = limited(9, 9, 1);
        let ip = IpAddr::from([10, 0, 0, 1]);
        let _kept = [admissions.admit(ip).expect("room"), admissions.admit(ip).expect("room")];
        let doorkeeper = Doorkeeper::new(admissions.clone());
        doorkeeper.set_limits(9, 1);
        assert_eq!(admissions.admit(ip).err(), Some(Refusal::PerIp(1)));
        doorkeeper.set_limits(1, 9);
        assert_eq!(admissions.admit(ip).err(), Some(Refusal::Total(1)));
        doorkeeper.set_limits(3, 3);
        assert!(admissions.admit(ip).is_ok());
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let admissions = limited(9, 1, 1);
        let _first = admissions.admit("::ffff:10.0.0.1".parse().expect("valid")).expect("room");
        assert!(admissions.admit(IpAddr::from([10, 0, 0, 1])).is_err());
    }
}
