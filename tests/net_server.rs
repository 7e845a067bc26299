//! The net room with real sockets: replies, order, backpressure, ends of connections.
#![allow(clippy::unwrap_used)]

mod net_common;

use barnabas::net::{Counter, Options};
use net_common::*;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
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
    let server = serve(limits(|limits| limits.idle_timeout = Duration::from_millis(200)));
    let (mut idle, mut unfinished, mut waiting) =
        (server.connect(), server.connect(), server.connect());
    unfinished.stream.write_all(&frame(ECHO, b"half of it")[..8]).unwrap();
    waiting.send(TIMER, &1_000u64.to_be_bytes());
    idle.assert_closed();
    unfinished.assert_closed();
    assert_eq!(waiting.receive(), b"timer", "we owed it an answer: it was not idle");
    waiting.assert_closed();
}

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
        let requests = [frame(CLOSE, b"farewell"), frame(ECHO, &[0; 50_000])].concat();
        client.stream.write_all(&requests).unwrap();
        assert_eq!(client.receive(), b"farewell");
        client.assert_closed();
    }
    assert_eq!(server.shared.frames.load(Ordering::SeqCst), 50, "nothing behind it was handled");
}

fn file_replies(mapped: bool) {
    let size = 62_000_000;
    let server = serve_file(options(), Some(TestFile::new(size, mapped)));
    let mut client = server.connect();
    let ranges = [(0, 1), (1, 100), (77, 32_767), (5, 32_768), (100_000, 1_000_000), (9, 0)];
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

#[test]
fn ipv6_and_several_listeners_work() {
    let listeners = ["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"].map(|a| a.parse().unwrap()).to_vec();
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

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let server = serve(options());
    let taken = Options { listeners: vec![server.address], ..options() };
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
fn limits_on_connections_turn_the_next_one_away() {
    let server = serve(limits(|limits| limits.max_connections_per_ip = 2));
    let (mut one, mut two) = (server.connect(), server.connect());
    assert_eq!(one.call(ECHO, b"one"), b"one");
    assert_eq!(two.call(ECHO, b"two"), b"two");
    server.connect().assert_closed();
    drop(one);
    until("its place is free", || server.connections() == 1);
    assert_eq!(server.connect().call(ECHO, b"three"), b"three");

    let server = serve(limits(|limits| limits.max_connections = 1));
    assert_eq!(server.connect().call(ECHO, b"one"), b"one");
    until("its place is free", || server.connections() == 0);
    let _kept = server.connect();
    server.connect().assert_closed();
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
                // A crowd that is too large may cost some of its members their connections.
                for piece in request.chunks(50_000) {
                    if stream.write_all(piece).is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    let mut most = 0;
    let mut answered = 0;
    for client in &mut clients {
        most = most.max(server.budget.used());
        let mut answer = vec![0; 1_000_004];
        if client.stream.read_exact(&mut answer).is_ok() {
            assert!(answer[4..] == body);
            answered += 1;
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // Beyond the limit: one receive window a worker, and one answer a connection.
    assert!(most <= limit + (1 << 20) + 40 * 1_000_004, "{most} bytes");
    assert!(answered >= 20, "{answered} of 40 frames were finished");
    drop(clients);
    until("no buffer is lent", || server.sum(|stats| stats.rings.get()) == 0);
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
    let asleep = || state().iter().all(|(sleeps, _)| *sleeps > 0);
    until("they sleep", asleep);
    std::thread::sleep(Duration::from_millis(2_500)); // lets the trim timer pass
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
    assert_eq!(server.sum(|stats| Counter::get(&stats.rings)), 0);
}
