//! What a turn leaves to the next one: who has much to do does not keep others waiting for all of it.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;

const BUSY: u64 = 1_000;

fn number(answer: &[u8]) -> u64 {
    u64::from_be_bytes(answer.try_into().unwrap())
}

/// The frames that were handled before a small one that came after the first of them.
fn handled_before(busy: &mut [Client], server: &Server) -> u64 {
    let mut small = server.connect();
    let share = BUSY as usize / busy.len();
    let work: Vec<u8> = (0..share).flat_map(|_| frame(WORK, &200u64.to_be_bytes())).collect();
    busy[0].send(GATE, b"");
    until("the worker is at the gate", || server.shared.frames.load(Ordering::SeqCst) == 1);
    busy.iter_mut().for_each(|client| client.stream.write_all(&work).unwrap());
    small.send(WORK, &0u64.to_be_bytes());
    server.shared.gate.store(true, Ordering::SeqCst);
    let handled = number(&small.receive());
    // The others lose nothing by it.
    busy[0].receive();
    for client in busy {
        (0..share).for_each(|_| _ = client.receive());
    }
    assert_eq!(server.shared.frames.load(Ordering::SeqCst), BUSY + 2);
    handled
}

#[test]
fn a_thousand_frames_of_one_connection_do_not_keep_another_waiting_for_all_of_them() {
    let server = serve(options());
    let handled = handled_before(&mut [server.connect()], &server);
    assert!(handled < BUSY / 4, "{handled} of {BUSY} frames came before");
}

#[test]
fn a_hundred_connections_with_much_to_do_all_get_on() {
    let server = serve(options());
    let mut busy: Vec<_> = (0..100).map(|_| server.connect()).collect();
    handled_before(&mut busy, &server);
    let turns = server.sum(|stats| stats.turns.get());
    assert!(turns > BUSY / 50, "{turns} turns for {BUSY} frames that take 200 us each");
}

#[test]
fn what_had_come_when_the_stop_was_ordered_is_answered_however_much_it_is() {
    let mut server = serve(options());
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    clients[0].send(GATE, b"");
    until("the worker is at the gate", || server.shared.frames.load(Ordering::SeqCst) == 1);
    let work: Vec<u8> = (0..100).flat_map(|_| frame(WORK, &100u64.to_be_bytes())).collect();
    clients.iter_mut().for_each(|client| client.stream.write_all(&work).unwrap());
    let (shared, address) = (server.shared.clone(), server.address);
    let opener = std::thread::spawn(move || {
        until("the stop has begun", || TcpStream::connect(address).is_err());
        shared.gate.store(true, Ordering::SeqCst);
    });
    server.stop();
    opener.join().unwrap();
    clients[0].receive();
    for client in &mut clients {
        (0..100).for_each(|_| _ = client.receive());
    }
}
