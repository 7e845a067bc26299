//! Mailboxes: nothing is lost, nobody sleeps over a message, and nobody is woken for nothing.
#![allow(clippy::unwrap_used)]

use barnabas::net::{Bell, Mailbox, Received, SendError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn messages_come_in_order_and_at_once() {
    let (sender, mut receiver) = Mailbox::new(|| {});
    (0..10).for_each(|n| sender.send(n).unwrap());
    assert_eq!(receiver.try_recv(), Some(0));
    let mut taken = VecDeque::from([-1]);
    receiver.take(&mut taken);
    assert_eq!(taken, [-1, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(receiver.is_empty());
}

#[test]
fn the_waker_fires_only_for_a_sleeper_and_once_a_sleep() {
    let fired = Arc::new(AtomicUsize::new(0));
    let count = fired.clone();
    let bell = Bell::new(move || _ = count.fetch_add(1, Ordering::SeqCst));
    let (sender, mut receiver) = Mailbox::with_bell(bell.clone(), 100);
    let other = Mailbox::with_bell::<u8>(bell.clone(), 100);
    sender.send(1).unwrap();
    assert_eq!(fired.load(Ordering::SeqCst), 0, "it is awake");
    receiver.take(&mut VecDeque::new());
    bell.about_to_sleep();
    assert!(receiver.is_empty());
    (0..50).for_each(|n| sender.send(n).unwrap());
    other.0.send(1).unwrap();
    assert_eq!((fired.load(Ordering::SeqCst), bell.rings()), (1, 1));
    bell.awake();
    sender.send(1).unwrap();
    assert_eq!(fired.load(Ordering::SeqCst), 1);
}

#[test]
fn a_full_mailbox_gives_the_message_back() {
    let (sender, mut receiver) = Mailbox::for_thread(2);
    sender.send("a").unwrap();
    sender.send("b").unwrap();
    assert_eq!(sender.send("c"), Err(SendError::Full("c")));
    assert_eq!(receiver.recv(), Some("a"));
    sender.send("d").unwrap();
}

#[test]
fn ends_are_noticed_on_the_other_side() {
    let (sender, receiver) = Mailbox::for_thread(2);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError::Closed(1)));

    let (sender, mut receiver) = Mailbox::for_thread(2);
    let second = sender.clone();
    sender.send(1).unwrap();
    drop(sender);
    drop(second);
    assert_eq!((receiver.recv(), receiver.recv()), (Some(1), None));

    // Also by a thread that is waiting already.
    let (sender, mut receiver) = Mailbox::for_thread::<u8>(1);
    let waiting = thread::spawn(move || receiver.recv());
    drop(sender);
    assert_eq!(waiting.join().unwrap(), None);
}

#[test]
fn a_wait_ends_at_its_deadline() {
    let (sender, mut receiver) = Mailbox::for_thread(2);
    let deadline = Instant::now() + Duration::from_millis(20);
    assert_eq!(receiver.recv_deadline(deadline), Received::TimedOut);
    assert!(Instant::now() >= deadline);
    sender.send(1).unwrap();
    assert_eq!(receiver.recv_deadline(deadline), Received::Message(1), "what is there comes first");
    drop(sender);
    assert_eq!(receiver.recv_deadline(deadline), Received::Closed);
}

#[test]
fn a_message_may_send_when_it_is_dropped() {
    struct Echo(Option<barnabas::net::Sender<Echo>>);
    impl Drop for Echo {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                let _ = sender.send(Echo(None));
            }
        }
    }
    let (sender, receiver) = Mailbox::for_thread(9);
    sender.send(Echo(Some(sender.clone()))).unwrap();
    drop(receiver); // must not wait for its own lock
}

const SENDERS: usize = 4;
const EACH: usize = 50_000;

/// A loop as workers have it: it sleeps on a token channel, with no time-out, and only the bell
/// ends that. A lost wake-up would hang the test.
#[test]
fn no_wake_up_of_a_loop_is_lost() {
    let (wake, sleep) = mpsc::channel();
    let bell = Bell::new(move || _ = wake.send(()));
    let (sender, mut receiver) = Mailbox::with_bell(bell.clone(), usize::MAX);
    let start = Arc::new(Barrier::new(SENDERS + 1));
    let senders: Vec<_> = (0..SENDERS)
        .map(|of| {
            let (sender, start) = (sender.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                for n in 0..EACH {
                    sender.send((of, n)).unwrap();
                    if n % 64 == of {
                        thread::yield_now(); // lets the loop run dry and sleep
                    }
                }
            })
        })
        .collect();
    start.wait();
    let (mut next, mut sleeps, mut taken) = ([0; SENDERS], 0, VecDeque::new());
    while next.iter().sum::<usize>() < SENDERS * EACH {
        bell.about_to_sleep();
        if receiver.is_empty() {
            sleep.recv().unwrap();
            sleeps += 1;
        }
        bell.awake();
        receiver.take(&mut taken);
        for (of, n) in taken.drain(..) {
            assert_eq!(n, next[of], "in the order of sending");
            next[of] += 1;
        }
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    // A ring that came just before the loop decided to stay awake may be over.
    let over = sleep.try_iter().count();
    assert_eq!(bell.rings(), sleeps + over);
    assert!(bell.rings() <= SENDERS * EACH);
}

#[test]
fn no_wake_up_of_a_thread_is_lost() {
    let (there, mut at_there) = Mailbox::for_thread(16);
    let (back, mut at_back) = Mailbox::for_thread(16);
    let echo = thread::spawn(move || {
        while let Some(n) = at_there.recv() {
            back.send(n).unwrap();
        }
    });
    for n in 0..20_000 {
        there.send(n).unwrap();
        assert_eq!(at_back.recv(), Some(n));
    }
    drop(there);
    echo.join().unwrap();
}
