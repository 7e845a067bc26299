//! The price of a byte, against producers that never stop and disks of any pace.

use super::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MIB: u64 = 1 << 20;

#[test]
fn up_to_half_of_the_limit_nothing_is_paid_and_without_one_never() {
    let of = |unwritten, limit| price(unwritten, limit, 10_000_000, 1_000_000);
    assert_eq!(of(50 * MIB, 100 * MIB), Duration::ZERO);
    assert_eq!(of(1 << 60, NEVER), Duration::ZERO);
    let step = 50 * MIB / 32;
    assert_eq!(of(50 * MIB + step, 100 * MIB), Duration::from_millis(100), "its own time");
    assert_eq!(of(50 * MIB + 2 * step, 100 * MIB), Duration::from_millis(400));
    assert_eq!(of(100 * MIB, 100 * MIB), DEAR);
    assert_eq!(price(u64::MAX, 1, 0, u64::MAX), DEAREST, "whatever the figures");
}

/// See `request.timeout.ms` and `max.in.flight.requests.per.connection` in Kafka's ProducerConfig.
#[test]
fn the_last_of_five_requests_is_answered_in_time() {
    let (in_flight, time_out) = (5, Duration::from_secs(30));
    let of = |unwritten| price(unwritten, 100 * MIB, 1, u64::MAX);
    assert_eq!(of(51 * MIB), DEAR, "a second up to the limit");
    assert_eq!(of(100 * MIB), DEAR);
    assert!((DEAR..DEAREST).contains(&of(110 * MIB)), "then it rises");
    assert_eq!(of(125 * MIB), DEAREST);
    assert_eq!(of(u64::MAX), DEAREST);
    assert!(DEAREST * (in_flight - 1) < time_out * 2 / 3, "there is time left for the rest");
}

#[test]
fn the_pace_is_measured_while_too_much_waits_and_only_then() {
    let mut measure = Measure::default();
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    assert_eq!(measure.written(1000, true, at(0)), None, "since when is not known");
    assert_eq!(measure.written(1000, true, at(50)), None);
    assert_eq!(measure.written(1000, true, at(100)), Some(20_000));
    assert_eq!(measure.written(1000, false, at(150)), None);
    assert_eq!(measure.written(1000, true, at(9_000)), None, "it had rested");
    assert_eq!(measure.written(4000, true, at(9_100)), Some(30_000), "half of it is news");
    assert_eq!(measure.written(3000, false, at(9_200)), Some(30_000), "until then it worked");
    assert_eq!(measure.written(3000, true, at(19_200)), None, "it rested, though much came since");
}

#[test]
fn whatever_lowers_the_level_ends_a_measurement() {
    let pressure = Pressure::new();
    pressure.set_limit(Some(100));
    let (one, other) = (Share::of(&pressure), Share::of(&pressure));
    let is_measuring = || pressure.measure.lock().unwrap().since.is_some();
    one.appended(60);
    other.appended(30);
    one.written_to(10);
    assert!(is_measuring(), "80 of 50 are left");
    other.give_up();
    assert!(!is_measuring(), "50 of 50 are left");
    one.appended(30);
    one.written_to(11);
    assert!(is_measuring(), "79 of 50 are left");
    one.written_to(40);
    assert!(!is_measuring(), "50 of 50 are left");
}

#[test]
fn every_byte_is_given_back_once_whatever_becomes_of_its_log() {
    let pressure = Pressure::new();
    let (one, other) = (Share::of(&pressure), Share::of(&pressure));
    one.appended(100);
    other.appended(10);
    one.written(30, 80);
    assert_eq!(pressure.unwritten(), 80);
    one.written(60, 80);
    assert_eq!(pressure.unwritten(), 30, "no more than the flush is about");
    one.written_to(80);
    one.written_to(70);
    assert_eq!(pressure.unwritten(), 30);
    one.appended(5);
    one.give_up();
    one.give_up();
    assert_eq!(pressure.unwritten(), 10);
    one.appended(7);
    assert_eq!(pressure.unwritten(), 10, "nor what was under way");
    drop(one);
    assert_eq!(pressure.unwritten(), 10);
    other.written_to(1000);
    assert_eq!(pressure.unwritten(), 0, "what was not appended was not written");
}

/// Producers that send a request as soon as they may, and a disk.
struct Run {
    producers: u64,
    request: u64,
    /// What the disk takes in a second, and from half of the time on.
    disk: [u64; 2],
    limit: u64,
}

/// What came of it in the last third of the time.
#[derive(Debug)]
struct Outcome {
    /// The most that was unwritten.
    most: u64,
    /// The part of the time in which the disk had something to write.
    busy: f64,
    /// What the slowest and the fastest producer have brought.
    shares: (u64, u64),
}

impl Run {
    /// All of it in simulated time: the disk gives back pieces, each when it is written.
    fn simulate(&self, seconds: u64) -> Outcome {
        let nanos = |duration: Duration| duration.as_nanos() as u64;
        let (end, from) = (seconds * 1_000_000_000, seconds * 666_666_667);
        let (mut measure, mut rate, mut unwritten) = (Measure::default(), FIRST_RATE, 0);
        let mut queue: BinaryHeap<Reverse<(u64, u64)>> =
            (0..self.producers).map(|producer| Reverse((producer * 1000, producer))).collect();
        let mut brought = vec![0; self.producers as usize];
        let (mut most, mut idle) = (0, 0);
        let (mut disk_at, start) = (0, Instant::now());
        while let Some(Reverse((now, producer))) = queue.pop().filter(|next| next.0.0 < end) {
            while disk_at < now && unwritten > 0 {
                let piece = unwritten.min(4 * MIB);
                let pace = self.disk[usize::from(disk_at > end / 2)];
                disk_at += (piece as f64 * 1e9 / pace as f64) as u64;
                unwritten -= piece;
                let is_high = unwritten > self.limit / 2;
                let at = start + Duration::from_nanos(disk_at);
                rate = measure.written(piece, is_high, at).unwrap_or(rate);
            }
            if disk_at < now {
                idle += if now > from { now - disk_at.max(from) } else { 0 };
                disk_at = now;
            }
            unwritten += self.request;
            if now > from {
                most = most.max(unwritten);
                brought[producer as usize] += self.request;
            }
            // It takes a moment to bring it, too: all of them share 2 GB in a second.
            let own = self.request * self.producers / 2 + 1;
            let wait = nanos(price(unwritten, self.limit, rate, self.request));
            queue.push(Reverse((now + own + wait, producer)));
        }
        let busy = 1.0 - idle as f64 / (end - from) as f64;
        let shares = (*brought.iter().min().unwrap(), *brought.iter().max().unwrap());
        Outcome { most, busy, shares }
    }
}

impl Run {
    /// Below what they settle; `None`: nowhere, one request of each takes the disk longer than it may cost.
    fn bound(&self) -> Option<u64> {
        let slowest = self.disk[0].min(self.disk[1]) as f64;
        match (self.producers * self.request) as f64 / slowest {
            ..0.9 => Some(self.limit),
            0.9..3.6 => Some(self.limit / 4 * 5),
            _ => None,
        }
    }
}

#[test]
fn producers_settle_below_the_limit_and_the_disk_never_rests() {
    for producers in [1, 2, 16, 100, 1000] {
        for request in [MIB / 64, MIB / 16, MIB / 4, MIB] {
            for disk in
                [[200_000_000, 200_000_000], [20_000_000, 400_000_000], [400_000_000, 20_000_000]]
            {
                let run = Run { producers, request, disk, limit: 512 * MIB };
                let Some(bound) = run.bound() else { continue };
                // Besides what they bring at once, and what came before it was seen that the disk is slower.
                let besides = run.limit / 8 + producers * request;
                let seen = run.simulate(30);
                let of = format!("{producers} producers of {request} bytes, {disk:?}: {seen:?}");
                assert!(seen.most <= bound + besides, "{of}");
                assert!(seen.busy > 0.98, "{of}");
                assert!(seen.shares.1 <= 3 * seen.shares.0 + 2 * request, "{of}");
            }
        }
    }
}
