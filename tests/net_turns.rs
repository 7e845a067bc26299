//! What a turn leaves to the next one: who has much to do does not keep others waiting for all of it.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use std::io::{Read, Write};
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

/// Stops the server when all that was sent has come, and lets its worker, which is at the gate, go on once the
/// stop has begun.
fn stop_at_the_gate(server: &mut Server, clients: &[Client]) {
    clients.iter().for_each(Client::await_taken);
    let (shared, address) = (server.shared.clone(), server.address);
    let opener = std::thread::spawn(move || {
        until("the stop has begun", || TcpStream::connect(address).is_err());
        shared.gate.store(true, Ordering::SeqCst);
    });
    server.stop();
    opener.join().unwrap();
}

#[test]
fn what_had_come_when_the_stop_was_ordered_is_answered_however_much_it_is() {
    let mut server = serve(options());
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    // Whom nobody has accepted yet a stop turns away.
    until("all are the worker's", || server.shared.opened.load(Ordering::SeqCst) == 20);
    clients[0].send(GATE, b"");
    until("the worker is at the gate", || server.shared.frames.load(Ordering::SeqCst) == 1);
    let work: Vec<u8> = (0..100).flat_map(|_| frame(WORK, &100u64.to_be_bytes())).collect();
    clients.iter_mut().for_each(|client| client.stream.write_all(&work).unwrap());
    stop_at_the_gate(&mut server, &clients);
    clients[0].receive();
    for client in &mut clients {
        (0..100).for_each(|_| _ = client.receive());
    }
}

/// More than any one wait brings.
#[test]
fn a_stop_answers_what_had_come_on_two_thousand_connections() {
    const CROWD: u64 = 2_000;
    allow_descriptors(5 * CROWD / 2);
    let mut server = serve(options());
    let mut clients: Vec<_> = (0..CROWD).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.call(ECHO, b"warm");
    }
    let mut gate = server.connect();
    gate.send(GATE, b"");
    until("the worker is at the gate", || server.shared.frames.load(Ordering::SeqCst) == CROWD + 1);
    clients.iter_mut().for_each(|client| client.send(ECHO, b"last"));
    stop_at_the_gate(&mut server, &clients);
    gate.receive();
    for client in &mut clients {
        assert_eq!(client.receive(), b"last");
    }
}

/// They ask again as soon as they are answered, as long as there is somebody.
#[test]
fn a_stop_ends_though_its_peers_send_on() {
    let mut server = serve(options());
    let ask_on = |mut client: Client| {
        let mut answer = [0; 8];
        let ask = frame(ECHO, b"more");
        while client.stream.write_all(&ask).is_ok() && client.stream.read_exact(&mut answer).is_ok()
        {
        }
    };
    let askers: Vec<_> = (0..8)
        .map(|_| server.connect())
        .map(|client| std::thread::spawn(move || ask_on(client)))
        .collect();
    until("all are busy", || server.shared.frames.load(Ordering::SeqCst) > BUSY);
    server.stop();
    askers.into_iter().for_each(|asker| asker.join().unwrap());
}
