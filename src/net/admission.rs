//! Who may come in: connections in all, per address, and per worker.
//!
//! Who finds no place waits, as in Kafka (ConnectionQuotas.waitForConnectionSlot); of an address that has as many as
//! it may have the next one is turned away, as in Kafka too. Listeners that places are kept for are outside of
//! `max_connections` and `max_connections_per_ip`: Kafka has none like them.
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
    max_open: usize,
    counts: Mutex<Counts>,
    /// Connections of each worker.
    loads: Vec<AtomicUsize>,
}

#[derive(Default)]
struct Counts {
    max: usize,
    max_per_ip: usize,
    total: usize,
    /// Those that are within `max` and `max_per_ip`.
    limited: usize,
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

    /// From now on there may be so many, and so many from one address. Who is in already stays; who waits
    /// for a place may find one.
    pub fn set_limits(&self, all: usize, per_ip: usize) {
        let mut counts = self.0.counts();
        (counts.max, counts.max_per_ip) = (all, per_ip);
        wake(counts);
    }
}

/// What a listener's connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Places that it leaves to other listeners.
    pub(crate) spares: usize,
    /// Whether `max_connections` and `max_connections_per_ip` are about it.
    pub(crate) is_limited: bool,
}

#[cfg(test)]
impl Share {
    pub(crate) const ALL: Share = Share { spares: 0, is_limited: true };
}

/// Why there is no place: the limit that is reached, in connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    Connections(usize),
    OpenFiles(usize),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = "the next ones wait until one is closed";
        match self {
            Lack::Connections(max) => {
                write!(f, "there are {max} connections, as many as max.connections allows: {waits}")
            }
            Lack::OpenFiles(max) => write!(
                f,
                "there are {max} connections, as many as the limit on open files leaves room for: \
                 {waits}; raise it (ulimit -n, LimitNOFILE)"
            ),
        }
    }
}

/// A connection is turned away: its address has so many, the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooMany(usize);

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its address has {} connections, the limit", self.0)
    }
}

impl Admissions {
    pub(crate) fn new(limits: &Limits, workers: usize) -> Arc<Admissions> {
        let loads = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        let counts = Counts {
            max: limits.max_connections,
            max_per_ip: limits.max_connections_per_ip,
            ..Counts::default()
        };
        Arc::new(Admissions { max_open: limits.max_open, counts: Mutex::new(counts), loads })
    }

    /// Whether one more may be accepted at all; if not, `waiting` is told when that changes.
    pub(crate) fn place(&self, share: Share, waiting: &Sender<Order>) -> Result<(), Lack> {
        let mut counts = self.counts();
        let open = self.max_open - share.spares;
        let lack = if share.is_limited && counts.limited >= counts.max {
            Lack::Connections(counts.max)
        } else if counts.total >= open {
            Lack::OpenFiles(open)
        } else {
            return Ok(());
        };
        counts.waiting = Some(waiting.clone());
        Err(lack)
    }

    /// Counts a connection from `ip` in, for which there is a [`Self::place`], on the worker that has the fewest.
    pub(crate) fn admit(
        self: &Arc<Admissions>,
        ip: IpAddr,
        share: Share,
    ) -> Result<Admission, TooMany> {
        let ip = share.is_limited.then(|| ip.to_canonical());
        let mut counts = self.counts();
        if let Some(ip) = ip {
            let max = counts.max_per_ip;
            if counts.per_ip.get(&ip).copied().unwrap_or(0) >= max {
                return Err(TooMany(max));
            }
            counts.limited += 1;
            *counts.per_ip.entry(ip).or_default() += 1;
        }
        counts.total += 1;
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

/// Tells who waits for a place to look again. It has few orders, and one that has ended needs no place.
fn wake(mut counts: MutexGuard<'_, Counts>) {
    let waiting = counts.waiting.take();
    drop(counts);
    waiting.into_iter().for_each(|acceptor| _ = acceptor.send(Order::Place));
}

/// One connection's place in the counts.
pub(crate) struct Admission {
    admissions: Arc<Admissions>,
    /// The address that it is counted for, if it is.
    ip: Option<IpAddr>,
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
        write!(f, "Admission({:?} to worker {})", self.ip, self.worker)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.admissions.counts();
        assert!(counts.total > 0, "each admission is counted once");
        counts.total -= 1;
        if let Some(ip) = self.ip {
            counts.limited -= 1;
            if let Entry::Occupied(mut count) = counts.per_ip.entry(ip) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        self.admissions.loads[self.worker].fetch_sub(1, Ordering::Relaxed);
        wake(counts);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mailbox::Mailbox;
    use super::*;

    const LIMITED: Share = Share::ALL;
    const FREE: Share = Share { spares: 0, is_limited: false };

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
        let (acceptor, mut orders) = Mailbox::for_thread(4);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let admit = |ip| admissions.admit(ip, LIMITED);
        let a = admit(one).expect("room");
        let b = admit(one).expect("room");
        assert_ne!(a.worker(), b.worker(), "each worker gets one");
        assert_eq!(admit(one).err(), Some(TooMany(2)));
        assert_eq!(admissions.place(LIMITED, &acceptor), Ok(()));
        let c = admit(two).expect("room");
        assert_eq!(admissions.place(LIMITED, &acceptor), Err(Lack::Connections(3)));
        assert!(orders.is_empty());
        let worker = a.worker();
        drop((a, c));
        assert!(matches!(orders.try_recv(), Some(Order::Place)), "it is told once");
        assert!(orders.is_empty());
        assert_eq!(admissions.total(), 1);
        assert_eq!(admit(one).ok().map(|d| d.worker()), Some(worker));
        drop(b);
        assert!(admissions.counts().per_ip.is_empty(), "no address is remembered for ever");
    }

    #[test]
    fn limits_that_change_hold_for_who_comes_then() {
        let admissions = limited(9, 9, 1);
        let (acceptor, mut orders) = Mailbox::for_thread(4);
        let ip = IpAddr::from([10, 0, 0, 1]);
        let admit = || admissions.admit(ip, LIMITED);
        let _kept = [admit().expect("room"), admit().expect("room")];
        let doorkeeper = Doorkeeper::new(admissions.clone());
        doorkeeper.set_limits(9, 1);
        assert_eq!(admit().err(), Some(TooMany(1)));
        doorkeeper.set_limits(1, 9);
        assert_eq!(admissions.place(LIMITED, &acceptor), Err(Lack::Connections(1)));
        doorkeeper.set_limits(3, 3);
        assert!(matches!(orders.try_recv(), Some(Order::Place)), "who waits looks again");
        assert_eq!(admissions.place(LIMITED, &acceptor), Ok(()));
        assert!(admit().is_ok());
    }

    #[test]
    fn who_has_places_kept_is_within_the_descriptors_only() {
        let limits = Limits {
            max_connections: 1,
            max_connections_per_ip: 1,
            max_open: 3,
            ..Limits::default()
        };
        let admissions = Admissions::new(&limits, 1);
        let (acceptor, _orders) = Mailbox::for_thread(4);
        let ip = IpAddr::from([10, 0, 0, 1]);
        let free = admissions.admit(ip, FREE).expect("room");
        assert_eq!(admissions.place(LIMITED, &acceptor), Ok(()), "it is not counted there");
        let limited = admissions.admit(ip, LIMITED).expect("room");
        assert_eq!(admissions.place(LIMITED, &acceptor), Err(Lack::Connections(1)));
        assert_eq!(admissions.place(FREE, &acceptor), Ok(()));
        let other = admissions.admit(ip, FREE).expect("room");
        assert_eq!(admissions.place(FREE, &acceptor), Err(Lack::OpenFiles(3)));
        drop((free, limited, other));
        assert_eq!(admissions.place(LIMITED, &acceptor), Ok(()));
        let spares = Share { spares: 2, is_limited: true };
        let _one = admissions.admit(ip, FREE).expect("room");
        assert_eq!(admissions.place(spares, &acceptor), Err(Lack::OpenFiles(1)));
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let admissions = limited(9, 1, 1);
        let mapped = "::ffff:10.0.0.1".parse().expect("valid");
        let _first = admissions.admit(mapped, LIMITED).expect("room");
        assert!(admissions.admit(IpAddr::from([10, 0, 0, 1]), LIMITED).is_err());
    }
}
