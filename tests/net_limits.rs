//! Peers that want too much or do too little: bounded, closed, and no harm to the others.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[test]
fn the_largest_frame_is_taken_and_one_byte_more_is_refused() {
    let size = 100 << 20;
    let server = serve(limits(|limits| limits.max_frame = size));
    let mut client = server.connect();
    let mut largest = frame(SKIP, &vec![7; size - 5]);
    largest.extend(frame(ECHO, b"behind it"));
    client.stream.write_all(&largest).unwrap();
    assert_eq!(client.receive(), b"behind it");
    assert_eq!(server.shared.frames.load(Ordering::SeqCst), 2);
    until("the buffer is given back", || server.sum(|stats| stats.rings.get()) == 0);
    assert!(server.budget.used() <= 4 << 20, "{} bytes are kept", server.budget.used());

    client.stream.write_all(&(size as u32 - 3).to_be_bytes()).unwrap();
    client.assert_closed();
}

#[test]
fn a_prefix_of_two_gigabytes_is_refused_at_once() {
    let server = serve(options());
    for prefix in [0x7fff_ffffu32, 0xffff_ffff, 0] {
        let mut client = server.connect();
        client.stream.write_all(&prefix.to_be_bytes()).unwrap();
        client.assert_closed();
    }
    assert_eq!(server.connect().call(ECHO, b"fine"), b"fine");
}

#[test]
fn a_slow_sender_is_served_and_does_not_disturb() {
    let server = serve(options());
    let (mut slow, mut other) = (server.connect(), server.connect());
    for byte in [frame(ECHO, b"slowly"), frame(ECHO, b"again")].concat() {
        slow.stream.write_all(&[byte]).unwrap();
        assert_eq!(other.call(ECHO, b"quick"), b"quick");
    }
    assert_eq!(slow.receive(), b"slowly");
    assert_eq!(slow.receive(), b"again");
    until("no buffer is lent", || server.sum(|stats| stats.rings.get()) == 0);
}

#[test]
fn a_client_that_reads_nothing_is_bounded_and_others_are_served() {
    let server = serve(limits(|limits| limits.max_unsent = 1 << 20));
    let mut greedy = server.connect();
    greedy.stream.set_nonblocking(true).unwrap();
    let request = frame(ECHO, &vec![1; 100_000]);
    let mut other = server.connect();
    let (mut refused, mut sent) = (0, 0);
    // It sends until neither we nor the kernel take anything more.
    while refused < 200 {
        match greedy.stream.write(&request[sent % request.len()..]) {
            Ok(n) => (sent, refused) = (sent + n, 0),
            Err(_) => refused += 1,
        }
        assert_eq!(other.call(ECHO, b"me too"), b"me too");
        let used = server.budget.used();
        assert!(used < 8 << 20, "{used} bytes of memory");
    }
    assert!(server.sum(|stats| stats.unsent.get()) >= 1 << 20, "it was stopped by the limit");
    // When it reads at last, everything comes.
    greedy.stream.set_nonblocking(false).unwrap();
    for _ in 0..sent / request.len() {
        assert_eq!(greedy.receive().len(), 100_000);
    }
}

#[test]
fn a_client_that_reads_nothing_is_closed_after_the_idle_timeout() {
    let server = serve(limits(|limits| limits.idle_timeout = Duration::from_millis(300)));
    let mut greedy = server.connect();
    greedy.stream.set_nonblocking(true).unwrap();
    let request = frame(ECHO, &vec![1; 100_000]);
    let mut other = server.connect();
    let mut at = 0;
    until("it is closed", || {
        match greedy.stream.write(&request[at % request.len()..]) {
            Ok(n) => at += n,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
        assert_eq!(other.call(ECHO, b"me too"), b"me too");
        false
    });
    until("its memory is free", || server.sum(|stats| stats.unsent.get()) == 0);
}

#[test]
fn idle_connections_and_unfinished_frames_are_closed_and_waiting_ones_are_not() {
    let server = serve(limits(|limits| limits.idle_timeout = Duration::from_millis(1_000)));
    let (mut idle, mut unfinished) = (server.connect(), server.connect());
    let (mut waiting, mut held) = (server.connect(), server.connect());
    let mut gone = server.connect();
    gone.send(PARK, b"for ever");
    gone.stream.shutdown(Shutdown::Write).unwrap();
    held.stream.write_all(&[frame(HOLD, b"held"), frame(ECHO, b"next")].concat()).unwrap();
    unfinished.stream.write_all(&frame(ECHO, b"half of it")[..8]).unwrap();
    waiting.send(TIMER, &2_500u64.to_be_bytes());
    idle.assert_ended();
    unfinished.assert_ended();
    gone.assert_ended();
    assert_eq!(waiting.receive(), b"timer", "we owed it an answer: it was not idle");
    waiting.assert_ended();
    assert_eq!(held.receive(), b"held");
    server.senders[0].send(Message::Resume).unwrap();
    assert_eq!(held.receive(), b"next", "it waited for us");
}

#[test]
fn an_address_with_all_its_connections_has_the_next_one_turned_away() {
    let server = serve(limits(|limits| limits.max_connections_per_ip = 2));
    let (mut one, mut two) = (server.connect(), server.connect());
    assert_eq!(one.call(ECHO, b"one"), b"one");
    assert_eq!(two.call(ECHO, b"two"), b"two");
    server.connect().assert_closed();
    drop(one);
    until("its place is free", || server.places_taken() == 1);
    assert_eq!(server.connect().call(ECHO, b"three"), b"three");
}

#[test]
fn who_finds_no_place_waits_until_there_is_one() {
    waits_until_there_is_a_place(limits(|limits| limits.max_open = 2));
    waits_until_there_is_a_place(limits(|limits| limits.max_connections = 2));
}

fn waits_until_there_is_a_place(options: barnabas::net::Options) {
    let server = serve(options);
    let (mut one, mut two) = (server.connect(), server.connect());
    assert_eq!(one.call(ECHO, b"one"), b"one");
    assert_eq!(two.call(ECHO, b"two"), b"two");
    let mut waiting: Vec<_> = (0..5).map(|_| server.connect()).collect();
    waiting.iter_mut().for_each(|late| late.stream.write_all(&frame(ECHO, b"late")).unwrap());
    assert_eq!(one.call(ECHO, b"again"), b"again");
    assert_eq!(server.places_taken(), 2);
    drop(one);
    for mut late in waiting {
        assert_eq!(late.receive(), b"late");
        assert!(server.places_taken() <= 2);
    }
    assert_eq!(two.call(ECHO, b"still there"), b"still there");
}

#[test]
fn a_listener_finds_the_places_that_are_kept_for_it() {
    let mut options = limits(|limits| limits.max_open = 4);
    let kept = options.listeners[0].clone();
    options.listeners.push(barnabas::net::Listen { keeps: 2, ..kept });
    let server = serve(options);
    let [crowded, keeping] = server.addresses[..] else { panic!("two listeners") };
    let (mut one, mut two) = (Client::connect(crowded), Client::connect(crowded));
    assert_eq!(
        (one.call(ECHO, b"one"), two.call(ECHO, b"two")),
        (b"one".to_vec(), b"two".to_vec())
    );
    let mut late = Client::connect(crowded);
    late.stream.write_all(&frame(ECHO, b"late")).unwrap();
    let mut heard = Client::connect(keeping);
    assert_eq!(heard.call(ECHO, b"heard"), b"heard");
    assert_eq!(server.places_taken(), 3);
    drop(one);
    drop(heard);
    assert_eq!(late.receive(), b"late");
}

#[test]
fn limits_on_connections_are_not_about_a_listener_that_places_are_kept_for() {
    let mut options = limits(|limits| {
        (limits.max_connections, limits.max_connections_per_ip) = (2, 2);
    });
    let kept = options.listeners[0].clone();
    options.listeners.push(barnabas::net::Listen { keeps: 2, ..kept });
    let server = serve(options);
    let [crowded, keeping] = server.addresses[..] else { panic!("two listeners") };
    let mut heard: Vec<_> = (0..4).map(|_| Client::connect(keeping)).collect();
    heard.iter_mut().for_each(|client| assert_eq!(client.call(ECHO, b"heard"), b"heard"));
    let (mut one, mut two) = (Client::connect(crowded), Client::connect(crowded));
    assert_eq!(one.call(ECHO, b"one"), b"one");
    assert_eq!(two.call(ECHO, b"two"), b"two");
    let mut late = Client::connect(crowded);
    late.stream.write_all(&frame(ECHO, b"late")).unwrap();
    assert_eq!(Client::connect(keeping).call(ECHO, b"heard"), b"heard");
    until("it has gone", || server.places_taken() == 6);
    drop(heard);
    until("they have gone", || server.places_taken() == 2);
    drop(one);
    assert_eq!(late.receive(), b"late");
}

#[test]
fn a_crowd_of_unfinished_frames_stays_within_memory_and_finishes() {
    let limit = 4 << 20;
    let server = serve(limits(|limits| limits.max_memory = limit));
    let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let body = vec![9; 1_000_000];
    let request = frame(ECHO, &body);
    let threads: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            let (mut stream, request) = (client.stream.try_clone().unwrap(), request.clone());
            std::thread::spawn(move || {
                request.chunks(50_000).for_each(|piece| stream.write_all(piece).unwrap());
            })
        })
        .collect();
    let mut most = 0;
    for client in &mut clients {
        most = most.max(server.budget.used());
        assert!(client.receive() == body);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // Beyond the limit: a receive window, the ring of one frame while it grows, and one answer a
    // connection.
    assert!(most <= limit + (1 << 18) + (2 << 20) + 40 * 1_000_004, "{most} bytes");
    drop(clients);
    until("no buffer is lent", || server.sum(|stats| stats.rings.get()) == 0);
}

#[test]
fn a_crowd_that_stalls_gives_way_to_those_that_send() {
    let server = serve(limits(|limits| limits.max_memory = 1 << 20));
    let request = frame(ECHO, &[9; 200_000]);
    let mut stalled: Vec<_> = (0..30).map(|_| server.connect()).collect();
    for client in &mut stalled {
        client.stream.set_nonblocking(true).unwrap();
        let _ = client.stream.write(&request[..70_000]);
    }
    until("memory is short", || server.budget.used() >= 800_000);
    let mut honest = server.connect();
    assert_eq!(honest.call(ECHO, &[9; 200_000]), [9; 200_000]);
}

#[test]
fn noise_closes_its_connection_and_harms_nobody() {
    let server = serve(options());
    let mut other = server.connect();
    let mut state = 1u64;
    for _ in 0..200 {
        let mut client = server.connect();
        let noise: Vec<u8> = (0..500)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let _ = client.stream.write_all(&noise);
        let _ = client.stream.shutdown(Shutdown::Write);
        let _ = client.stream.read_to_end(&mut Vec::new());
        assert_eq!(other.call(ECHO, b"fine"), b"fine");
    }
    until("all are closed", || server.connections() == 1);
    assert_eq!(server.sum(|stats| stats.rings.get()), 0);
}
