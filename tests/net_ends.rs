//! How connections and servers end: half-closed, reset, closed by us, stopped.
#![allow(clippy::unwrap_used)]

mod net_common;

use barnabas::net::Options;
use net_common::*;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

#[test]
fn a_half_closed_client_gets_its_answers_and_then_the_end() {
    let server = serve(options());
    let (mut half, mut other) = (server.connect(), server.connect());
    let requests = [
        frame(PARK, b"sleeping"),
        frame(ECHO, b"behind"),
        frame(ECHO, b"unfinished")[..7].to_vec(),
    ];
    half.stream.write_all(&requests.concat()).unwrap();
    half.stream.shutdown(Shutdown::Write).unwrap();
    until("both are handled", || server.shared.frames.load(Ordering::SeqCst) == 2);
    other.call(RELEASE, b"sleeping");
    assert_eq!(half.receive(), b"sleeping");
    assert_eq!(half.receive(), b"behind");
    assert_eq!(half.stream.read(&mut [0; 1]).unwrap(), 0, "a proper end");
    until("it is closed", || server.connections() == 1);
}

#[test]
fn a_half_closed_client_gets_all_of_a_long_pipeline() {
    let server = serve(limits(|limits| (limits.max_unsent, limits.max_slots) = (10_000, 10)));
    let mut client = server.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        for n in 0..20_000u32 {
            writer.write_all(&frame(ECHO, &[n as u8; 300])).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    for n in 0..20_000u32 {
        assert_eq!(client.receive(), [n as u8; 300]);
    }
    thread.join().unwrap();
    assert_eq!(client.stream.read(&mut [0; 1]).unwrap(), 0);
}

fn reset(client: Client) {
    SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_reset_frees_the_connection_and_its_slots() {
    let server = serve(options());
    let (mut one, mut other) = (server.connect(), server.connect());
    until("both are there", || server.connections() == 2);
    one.send(PARK, b"sleeping");
    until("it is parked", || server.shared.frames.load(Ordering::SeqCst) == 1);
    reset(one);
    until("it is closed", || server.connections() == 1);
    other.call(RELEASE, b"sleeping");
    assert_eq!(server.shared.refused.load(Ordering::SeqCst), 1, "the reply found nobody");
}

#[test]
fn a_reset_is_seen_while_a_connection_is_not_read() {
    let server = serve(options());
    let mut one = server.connect();
    one.stream.write_all(&[frame(HOLD, b"held"), frame(ECHO, b"next")].concat()).unwrap();
    assert_eq!(one.receive(), b"held");
    reset(one);
    until("it is closed", || server.connections() == 0);
}

#[test]
fn a_slot_of_a_closed_connection_never_reaches_the_one_in_its_place() {
    let server = serve(options());
    let mut other = server.connect();
    until("it is there", || server.connections() == 1);
    for round in 0..50 {
        let mut old = server.connect();
        old.send(PARK, b"sleeping");
        let frames = 1 + round * 3;
        until("it is parked", || server.shared.frames.load(Ordering::SeqCst) == frames);
        reset(old);
        until("it is closed", || server.connections() == 1);
        let mut new = server.connect(); // takes its place in the slab
        new.send(PARK, b"newcomer");
        until("it is parked", || server.shared.frames.load(Ordering::SeqCst) == frames + 1);
        other.call(RELEASE, b"sleeping");
        assert_eq!(server.shared.refused.load(Ordering::SeqCst), round + 1);
        new.stream.set_nonblocking(true).unwrap();
        assert!(new.stream.read(&mut [0; 1]).is_err(), "nothing came for it");
        reset(new);
        until("it is closed", || server.connections() == 1);
        // The newcomer's slot is void as well; its name is parked anew in the next round.
    }
}

#[test]
fn an_answer_before_a_close_arrives() {
    let server = serve(options());
    for _ in 0..50 {
        let mut client = server.connect();
        let requests = [frame(CLOSE, b"farewell"), frame(ECHO, &[0; 500_000])].concat();
        client.stream.write_all(&requests).unwrap();
        assert_eq!(client.receive(), b"farewell");
        client.assert_closed();
    }
    assert_eq!(server.shared.frames.load(Ordering::SeqCst), 50, "nothing behind it was handled");
}

#[test]
fn stop_answers_what_has_come_and_what_is_parked() {
    let mut server = serve(Options { workers: 2, ..options() });
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(PARK, &n.to_be_bytes());
        client.send(ECHO, &vec![3; 300_000]);
        client.stream.write_all(&frame(ECHO, b"unfinished")[..6]).unwrap();
    }
    let mut held = server.connect();
    held.stream.write_all(&[frame(HOLD, b"held"), frame(ECHO, b"next")].concat()).unwrap();
    until("all has been handled", || server.shared.frames.load(Ordering::SeqCst) == 41);
    let address = server.address;
    server.stop();
    assert_eq!(server.shared.drained.load(Ordering::SeqCst), 2);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.receive(), n.to_be_bytes());
        assert_eq!(client.receive(), vec![3; 300_000]);
        client.assert_closed();
    }
    assert_eq!(held.receive(), b"held");
    assert_eq!(held.receive(), b"next");
    held.assert_closed();
    assert_eq!(server.shared.closed.load(Ordering::SeqCst), 21, "every session was ended");
}

#[test]
fn stop_answers_every_frame_that_was_sent_before_it() {
    let mut server = serve(options());
    let mut client = server.connect();
    assert_eq!(client.call(ECHO, b"settled"), b"settled");
    let frames: Vec<u8> = (0..3_000u32).flat_map(|n| frame(ECHO, &n.to_be_bytes())).collect();
    client.stream.write_all(&frames).unwrap();
    server.stop();
    for n in 0..3_000u32 {
        assert_eq!(client.receive(), n.to_be_bytes());
    }
    client.assert_closed();
}

#[test]
fn stop_ends_at_its_deadline_whoever_does_not_read() {
    let mut server = serve(limits(|limits| limits.max_unsent = 1 << 30));
    let mut greedy = server.connect();
    let request = frame(ECHO, &vec![1; 30_000_000]);
    greedy.stream.write_all(&request).unwrap();
    until("it is answered", || server.shared.frames.load(Ordering::SeqCst) == 1);
    server.running.take().unwrap().stop(Instant::now() + Duration::from_millis(100));
    assert_eq!(server.shared.closed.load(Ordering::SeqCst), 1);
}

#[test]
fn a_worker_that_panics_is_told_and_one_that_is_stopped_is_not() {
    let start = |failures: mpsc::Sender<()>| {
        let bound = barnabas::net::bind::<Message>(&options()).unwrap();
        let address = bound.addresses()[0];
        let bound = bound.on_failure(move || failures.send(()).unwrap());
        let running = bound.start(|_| Echo::new(Arc::default(), None)).unwrap();
        (running, Client::connect(address))
    };
    let (failures, told) = mpsc::channel();
    let (running, mut client) = start(failures.clone());
    client.send(PARK, b"short");
    told.recv_timeout(Duration::from_secs(60)).expect("it was told");
    drop(running);

    let (running, mut client) = start(failures);
    assert_eq!(client.call(ECHO, b"hello"), b"hello");
    running.stop(Instant::now() + Duration::from_secs(20));
    assert_eq!(told.iter().count(), 0, "nothing more is told");
}
