//! The net room with real sockets: replies, their order, file ranges, timers, messages.
#![allow(clippy::unwrap_used)]

mod net_common;

use barnabas::net::{Listen, Options};
use net_common::*;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn ten_thousand_pipelined_frames_are_answered_in_order() {
    let server = serve(options());
    let mut client = server.connect();
    let frames: Vec<u8> = (0..10_000u32).flat_map(|n| frame(ECHO, &n.to_be_bytes())).collect();
    client.stream.write_all(&frames).unwrap();
    for n in 0..10_000u32 {
        assert_eq!(client.receive(), n.to_be_bytes());
    }
    let sends = server.sum(|stats| stats.sends.get());
    assert!(sends < 1_000, "{sends} writes for 10000 replies: they are written a turn at a time");
}

#[test]
fn a_request_by_itself_costs_one_turn() {
    const REQUESTS: u64 = 1_000;
    let options = options();
    // Of a polled ring each write is told by itself.
    let each = if options.sqpoll { 2 } else { 1 };
    let server = serve(options);
    let mut client = server.connect();
    client.call(ECHO, b"first");
    let before = server.sum(|stats| stats.turns.get());
    for n in 0..REQUESTS {
        assert_eq!(client.call(ECHO, &n.to_be_bytes()), n.to_be_bytes());
    }
    let turns = server.sum(|stats| stats.turns.get()) - before;
    assert!(turns <= each * REQUESTS + 100, "{turns} turns for {REQUESTS} requests");
}

#[test]
fn two_thousand_connections_at_once_are_served() {
    let server = serve(Options { workers: 2, ..options() });
    let mut clients: Vec<_> = (0..2_000).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(ECHO, &n.to_be_bytes());
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.receive(), n.to_be_bytes());
    }
    let each: Vec<u64> = server.stats.iter().map(|stats| stats.connections()).collect();
    assert_eq!(each, [1_000, 1_000], "the least loaded worker gets the next one");
    drop(clients);
    until("all are closed", || server.connections() == 0);
    assert_eq!(server.shared.closed.load(Ordering::SeqCst), 2_000);
}

#[test]
fn a_parked_request_holds_only_replies_back() {
    let mut server = serve(options());
    let (mut one, mut two) = (server.connect(), server.connect());
    one.send(PARK, b"sleeping");
    one.send(ECHO, b"behind");
    until("both have been handled", || server.shared.frames.load(Ordering::SeqCst) == 2);
    assert_eq!(two.call(RELEASE, b"sleeping"), b"sleeping");
    assert_eq!(one.receive(), b"sleeping");
    assert_eq!(one.receive(), b"behind");
    server.stop();
}

#[test]
fn a_held_connection_is_fed_again_after_resume() {
    let server = serve(options());
    let mut client = server.connect();
    let both = [frame(HOLD, b"held"), frame(ECHO, b"next")].concat();
    client.stream.write_all(&both).unwrap();
    assert_eq!(client.receive(), b"held");
    // What is behind it, received with it or later, waits.
    client.send(ECHO, b"last");
    assert_eq!(server.connect().call(ECHO, b"others do not"), b"others do not");
    assert_eq!(server.shared.frames.load(Ordering::SeqCst), 2);
    server.senders[0].send(Message::Resume).unwrap();
    assert_eq!(client.receive(), b"next");
    assert_eq!(client.receive(), b"last");
}

#[test]
fn a_resume_within_the_request_is_not_lost() {
    let server = serve(options());
    let mut client = server.connect();
    assert_eq!(client.call(BOUNCE, b"one"), b"one");
    assert_eq!(client.call(BOUNCE, b"two"), b"two");
}

fn file_replies(mapped: bool) {
    let size = 62_000_000;
    let server = serve_file(options(), Some(TestFile::new(size, mapped)));
    let mut client = server.connect();
    let ranges =
        [(0, 1), (1, 100), (77, 32_768), (5, 262_143), (3, 262_144), (100_000, 1_000_000), (9, 0)];
    for (start, len) in ranges {
        client.send(FILE, &range(start, len));
    }
    client.send(FILE, &range(9_000_000, 50 << 20)); // more than any socket buffer holds
    client.send(ECHO, b"behind");
    for (start, len) in ranges {
        assert!(client.receive() == pattern(start as usize, len as usize));
    }
    // A slow reader: a little at a time, while others are served.
    let mut other = server.connect();
    let mut prefix = [0; 4];
    client.stream.read_exact(&mut prefix).unwrap();
    let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
    for piece in body.chunks_mut(300_000) {
        client.stream.read_exact(piece).unwrap();
        assert_eq!(other.call(ECHO, b"me too"), b"me too");
    }
    assert!(body == pattern(9_000_000, 50 << 20));
    assert_eq!(client.receive(), b"behind");
    assert!(server.budget.used() < 1 << 20, "file ranges take no memory");
}

#[test]
fn ranges_of_a_file_are_sent_from_its_mapping_and_by_sendfile() {
    file_replies(true);
}

#[test]
fn ranges_of_a_file_that_is_not_mapped_are_sent() {
    file_replies(false);
}

#[test]
fn a_range_beyond_the_end_of_its_file_closes_the_connection() {
    let server = serve_file(options(), Some(TestFile::new(1_000, false)));
    let mut client = server.connect();
    client.send(FILE, &range(500, 100_000));
    let mut all = Vec::new();
    client.stream.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), 4 + 500);
    assert_eq!(server.connect().call(ECHO, b"others live"), b"others live");
}

/// A listener for each address.
fn listens(addresses: &[&str]) -> Vec<Listen> {
    addresses.iter().map(|a| a.parse::<SocketAddr>().unwrap().into()).collect()
}

#[test]
fn ipv6_and_several_listeners_work() {
    let listeners = listens(&["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"]);
    let server = serve(Options { listeners, ..options() });
    for (at, address) in server.addresses.iter().enumerate() {
        let mut client = Client::connect(*address);
        assert_eq!(client.call(ECHO, b"hello"), b"hello");
        let peer = server.shared.peers.lock().unwrap()[at];
        assert_eq!((peer.listener, peer.local), (at, *address));
        assert_eq!(peer.remote, client.stream.local_addr().unwrap());
    }
    assert!(server.addresses[1].is_ipv6());
}

/// The address of a server's listener for those who come over IPv4.
fn over_ipv4(address: SocketAddr) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], address.port()))
}

#[test]
fn ipv4_is_ipv4_on_a_listener_of_both_families() {
    let server = serve(Options { listeners: listens(&["[::]:0"]), ..options() });
    let address = over_ipv4(server.address);
    let mut client = Client::connect(address);
    assert_eq!(client.call(ECHO, b"hello"), b"hello");
    let peer = server.shared.peers.lock().unwrap()[0];
    assert_eq!((peer.local, peer.remote), (address, client.stream.local_addr().unwrap()));
}

#[test]
fn a_listener_of_both_families_stays_one_beside_ipv4_on_another_port() {
    let listeners = listens(&["[::]:0", "127.0.0.1:0"]);
    let server = serve(Options { listeners, ..options() });
    for (at, address) in server.addresses.iter().enumerate() {
        assert_eq!(Client::connect(over_ipv4(*address)).call(ECHO, b"hello"), b"hello");
        assert_eq!(server.shared.peers.lock().unwrap()[at].listener, at);
    }
}

#[test]
fn each_family_can_have_a_listener_of_its_own_on_one_port() {
    let bound = |addresses: Vec<SocketAddr>| {
        let listeners = addresses.into_iter().map(Listen::from).collect();
        barnabas::net::bind::<()>(&Options { listeners, ..options() })
            .map_err(|why| why.to_string())
    };
    // Somebody else may take the port between the two binds.
    let attempts = (0..10).map(|_| {
        let wildcard = bound(vec!["[::]:0".parse().unwrap()])?.addresses()[0];
        bound(vec![wildcard, over_ipv4(wildcard)])
    });
    let errors: Vec<_> = attempts.map_while(|attempt| attempt.err()).collect();
    assert!(errors.len() < 10, "{errors:?}");
}

/// A listener with all of these addresses.
fn listen(addresses: &[&str]) -> Options {
    let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
    Options { listeners: vec![Listen { addresses, optional: false, keeps: 0 }], ..options() }
}

#[test]
fn a_listener_has_one_port_on_all_its_addresses() {
    let mut options = listen(&["127.0.0.1:0", "[::1]:0"]);
    options.listeners.extend(listens(&["127.0.0.1:0"]));
    let server = serve(options);
    let ports: Vec<u16> = server.addresses.iter().map(SocketAddr::port).collect();
    assert_eq!((ports.len(), ports[0]), (3, ports[1]), "{:?}", server.addresses);
    for (at, (address, listener)) in server.addresses.iter().zip([0, 0, 1]).enumerate() {
        assert_eq!(Client::connect(*address).call(ECHO, b"hello"), b"hello");
        let peer = server.shared.peers.lock().unwrap()[at];
        assert_eq!((peer.listener, peer.local), (listener, *address));
    }
}

/// No machine has an address that is for documentation (RFC 3849, RFC 5737).
#[test]
fn an_address_that_the_machine_does_not_have_is_left_out_where_there_is_another() {
    for (addresses, left) in
        [(["127.0.0.1:0", "[2001:db8::1]:0"], "127.0.0.1"), (["192.0.2.1:0", "[::1]:0"], "::1")]
    {
        let server = serve(listen(&addresses));
        let hosts: Vec<String> = server.addresses.iter().map(|a| a.ip().to_string()).collect();
        assert_eq!(hosts, [left]);
        assert_eq!(Client::connect(server.address).call(ECHO, b"hello"), b"hello");
    }
    for addresses in [&["192.0.2.1:0"][..], &["192.0.2.1:0", "[2001:db8::1]:0"]] {
        let error = barnabas::net::bind::<()>(&listen(addresses)).err().expect("nothing is there");
        assert!(error.to_string().starts_with("cannot listen on "), "{error}");
    }
}

#[test]
fn a_listener_is_not_opened_where_somebody_has_one_of_its_addresses() {
    let server = serve(Options { listeners: listens(&["[::1]:0"]), ..options() });
    let port = server.address.port();
    let taken = listen(&[&format!("127.0.0.1:{port}"), &format!("[::1]:{port}")]);
    let error = barnabas::net::bind::<()>(&taken).err().expect("it is in use");
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let server = serve(options());
    let taken = Options { listeners: vec![server.address.into()], ..options() };
    let error = barnabas::net::bind::<()>(&taken).err().expect("it is in use");
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}

#[test]
fn timers_answer_in_the_order_of_their_requests() {
    let server = serve(options());
    let mut client = server.connect();
    let start = Instant::now();
    client.send(TIMER, &30u64.to_be_bytes());
    client.send(TIMER, &10u64.to_be_bytes());
    client.send(ECHO, b"behind");
    assert_eq!(client.receive(), b"timer");
    assert!(start.elapsed() >= Duration::from_millis(30), "never early");
    assert_eq!(client.receive(), b"timer");
    assert_eq!(client.receive(), b"behind");
}

#[test]
fn an_idle_server_does_not_wake_up() {
    let mut server = serve(Options { workers: 2, ..options() });
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(PARK, &n.to_be_bytes());
    }
    until("all are parked", || server.shared.frames.load(Ordering::SeqCst) == 100);
    // Unused memory is given back once; after that only something new can end a wait. A turn
    // that counted itself after its sleep began would be one more, hence the counter of sleeps.
    let state = || server.stats.iter().map(|s| (s.sleeps.get(), s.turns.get())).collect::<Vec<_>>();
    // The turn that has parked the last one may not be over yet, nor counted.
    let mut last = (state(), Instant::now());
    until("they sleep", || {
        let now = state();
        if now != last.0 {
            last = (now, Instant::now());
        }
        let slept = last.0.iter().all(|(sleeps, turns)| *sleeps > 0 && *turns > 0);
        let idle_timers = server.sum(|stats| stats.timers.get()) == 100;
        idle_timers && slept && last.1.elapsed() >= Duration::from_millis(50)
    });
    let before = state();
    std::thread::sleep(Duration::from_millis(1_500)); // what is asserted is that nothing happens
    assert_eq!(state(), before);
    // And they still work.
    server.stop();
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.receive(), n.to_be_bytes());
    }
}

#[test]
fn a_storm_of_messages_arrives_whole_and_wakes_seldom() {
    let server = serve(options());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sender = server.senders[0].clone();
            std::thread::spawn(move || {
                (0..50_000).for_each(|_| sender.send(Message::Count(1)).unwrap());
            })
        })
        .collect();
    let mut client = server.connect();
    while !threads.iter().all(|thread| thread.is_finished()) {
        assert_eq!(client.call(ECHO, b"me too"), b"me too");
    }
    until("all have arrived", || server.shared.messages.load(Ordering::SeqCst) == 200_000);
}
