//! Receives that go on.

use super::super::pool::WINDOW;
use super::super::slab::Key;
use super::many::CALM;
use super::receive::DIRECT;
use super::tests::*;
use super::*;
use std::io::{Read, Write};
use std::net::Shutdown;

/// A connection whose receive goes on.
fn calm(bench: &mut Bench, index: u32) -> (ConnId, std::net::TcpStream) {
    let (id, peer) = bench.connect(index);
    bench.uring.sockets[index as usize].as_mut().expect("added").calm = CALM;
    bench.turn();
    assert_eq!(bench.socket(id).receiving, Receiving::Many);
    (id, peer)
}

/// Bytes that are all different from their neighbours, and none zero.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251 + 1) as u8).collect()
}

/// Sends bytes until all are in the socket of the driver.
fn send(bench: &Bench, id: ConnId, peer: &mut std::net::TcpStream, bytes: &[u8]) {
    peer.write_all(bytes).expect("sent");
    await_bytes(&bench.socket(id).stream, bytes.len());
}

/// Sockets that hold much, and buffers as after a crowd.
fn with_room(bench: &mut Bench, bytes: usize) {
    socket2::SockRef::from(&bench.listener).set_recv_buffer_size(bytes).expect("a large buffer");
    (0..5).for_each(|_| bench.uring.buffers.ran_out());
}

/// Takes what has completed while nobody is told.
fn complete(bench: &mut Bench) {
    while bench.uring.queue.is_empty() {
        bench.uring.queue.enter(Some(Duration::ZERO)).expect("an enter");
    }
}

#[test]
fn who_gets_little_at_a_time_is_armed_once_for_all() {
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, false);
        let (id, mut peer) = bench.connect(0);
        for round in 1..3 * usize::from(CALM) {
            peer.write_all(&[7; 100]).expect("sent");
            bench.until("it is served", |bench| bench.host.heard.len() == round * 100);
            bench.uring.prepare(&mut bench.host);
            let is_many = bench.socket(id).receiving == Receiving::Many;
            assert_eq!(is_many, round >= usize::from(CALM), "in round {round}");
            if round > usize::from(CALM) && !is_polled {
                assert!(bench.uring.queue.is_all_begun(), "nothing is to be submitted");
            }
        }
    }
}

#[test]
fn what_is_large_ends_it_and_the_next_large_have_nothing_to_end() {
    let mut bench = Bench::new(false);
    let (id, mut peer) = calm(&mut bench, 0);
    send(&bench, id, &mut peer, &pattern(DIRECT));
    bench.turn();
    assert_eq!(bench.socket(id).receiving, Receiving::Ending);
    bench.until("it ends", |bench| bench.socket(id).receiving == Receiving::Buffer);
    for round in 2..10 {
        send(&bench, id, &mut peer, &pattern(DIRECT));
        bench.until("it comes", |bench| bench.host.heard.len() == round * DIRECT);
        assert_eq!(bench.socket(id).receiving, Receiving::Buffer);
    }
}

#[test]
fn the_rest_of_a_large_frame_goes_where_it_belongs() {
    let mut bench = Bench::new(false);
    let (id, mut peer) = calm(&mut bench, 0);
    bench.host.own = vec![0; 2 * DIRECT];
    let bytes = pattern(2 * DIRECT + 1_000);
    send(&bench, id, &mut peer, &bytes[..1_000]);
    bench.until("it is lent", |bench| bench.socket(id).receiving == Receiving::Own);
    peer.write_all(&bytes[1_000..]).expect("sent");
    bench.until("all is there", |bench| bench.host.heard.len() == bytes.len());
    assert!(bench.host.heard == bytes && bench.socket(id).calm == 0);
}

/// It takes the buffers that are there; that is no reason to give more.
#[test]
fn a_burst_of_one_is_no_shortage() {
    let mut bench = Bench::new(false);
    socket2::SockRef::from(&bench.listener).set_recv_buffer_size(8 * WINDOW).expect("a buffer");
    let (id, mut peer) = calm(&mut bench, 0);
    let given = bench.uring.buffers.given();
    let bytes = pattern(4 * WINDOW);
    send(&bench, id, &mut peer, &bytes);
    bench.until("all is there", |bench| bench.host.heard.len() == bytes.len());
    bench.turn();
    assert!(bench.host.heard == bytes);
    assert_eq!((bench.uring.buffers.given(), bench.uring.vain), (given, 0));
}

#[test]
fn what_comes_in_a_pause_is_one_go_and_the_rest_stays_with_the_peer() {
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, false);
        let (id, mut peer) = calm(&mut bench, 0);
        bench.host.paused = true;
        bench.turn();
        assert_eq!(bench.socket(id).receiving, Receiving::Many, "a pause by itself ends nothing");
        send_first(&mut peer, b"first");
        bench.until("it has ended", |bench| bench.socket(id).receiving == Receiving::No);
        assert_eq!((&bench.host.heard[..], bench.socket(id).is_watched), (&b"first"[..], true));
        send(&bench, id, &mut peer, b"second");
        (0..5).for_each(|_| bench.turn());
        assert_eq!(bench.host.heard, b"first");
        bench.host.paused = false;
        bench.uring.receive(id);
        bench.until("the rest comes", |bench| bench.host.heard == b"firstsecond");
    }
}

fn send_first(peer: &mut std::net::TcpStream, bytes: &[u8]) {
    peer.write_all(bytes).expect("sent");
}

/// What stopped it is over, and the host has said so, before the kernel has ended what was to end.
#[test]
fn what_is_asked_for_while_it_ends_is_not_lost() {
    for is_refused in [false, true] {
        let mut bench = Bench::new(false);
        let (id, mut peer) = calm(&mut bench, 0);
        (bench.host.paused, bench.host.refuses) = (!is_refused, is_refused);
        send(&bench, id, &mut peer, b"first");
        bench.turn();
        assert_eq!(bench.socket(id).receiving, Receiving::Ending);
        (bench.host.paused, bench.host.refuses) = (false, false);
        bench.uring.receive(id);
        bench.until("it is armed", |bench| bench.socket(id).receiving == Receiving::Buffer);
        send_first(&mut peer, b"second");
        bench.until("the rest comes", |bench| bench.host.heard == b"firstsecond");
    }
}

#[test]
fn what_is_refused_stays_in_order_and_the_end_behind_it() {
    for is_asked_early in [false, true] {
        let mut bench = Bench::new(false);
        with_room(&mut bench, 16 * WINDOW);
        let (id, mut peer) = calm(&mut bench, 0);
        bench.host.refuses = true;
        let bytes = pattern(5 * WINDOW + 77);
        send(&bench, id, &mut peer, &bytes);
        peer.shutdown(Shutdown::Write).expect("half closed");
        bench.turn();
        let kept = bench.socket(id).kept.len();
        assert!(kept >= 2 && bench.uring.buffers.full() == kept, "{kept} are kept");
        bench.host.refuses = !is_asked_early;
        bench.uring.receive(id);
        (0..5).for_each(|_| bench.turn());
        if !is_asked_early {
            assert_eq!((bench.host.ended, bench.host.heard.len()), (0, 0));
            assert!(bench.uring.buffers.full() <= 8, "nothing is received behind what is refused");
            bench.host.refuses = false;
            bench.uring.receive(id);
        }
        bench.until("the end", |bench| bench.host.ended == 1);
        assert!(bench.host.heard == bytes, "bytes are lost or moved");
        assert_eq!(bench.uring.buffers.full(), 0);
    }
}

#[test]
fn it_tells_of_the_end_and_of_a_break() {
    for is_reset in [false, true] {
        let mut bench = Bench::new(false);
        let (id, mut peer) = calm(&mut bench, 0);
        send(&bench, id, &mut peer, b"last");
        if is_reset {
            bench.turn();
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&peer).set_linger(linger).expect("a reset");
        }
        drop(peer);
        bench.until("it is noticed", |bench| bench.host.ended + bench.host.failed == 1);
        assert_eq!((&bench.host.heard[..], bench.host.failed == 1), (&b"last"[..], is_reset));
        assert_eq!(bench.socket(id).receiving, Receiving::No);
    }
}

/// With what has come and nobody was told of, or without.
#[test]
fn who_is_closed_leaves_nothing_behind() {
    for (is_polled, has_bytes) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut bench = Bench::of(is_polled, false);
        let (id, mut peer) = calm(&mut bench, 0);
        if has_bytes {
            send_first(&mut peer, b"late");
            complete(&mut bench);
        }
        bench.uring.close(&mut bench.host, id, Farewell::Plain);
        assert_eq!((bench.host.gone, bench.socket(id).receiving), (0, Receiving::Ending));
        bench.until("it is gone", |bench| bench.host.gone == 1);
        assert_eq!((bench.host.heard.len(), bench.uring.buffers.full()), (0, 0));
        assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
    }
}

/// A cancellation that found nothing though there is something: once more; if there is nothing: not.
#[test]
fn a_cancellation_that_misses_is_repeated() {
    let mut bench = Bench::new(false);
    let (id, _peer) = calm(&mut bench, 0);
    bench.uring.told_to_end(Task::Receive, id, -libc::ENOENT);
    (0..5).for_each(|_| bench.turn());
    assert_eq!(bench.socket(id).receiving, Receiving::Many, "it was not to end");
    let socket = bench.uring.sockets[0].as_mut().expect("it is there");
    (socket.receiving, socket.calm) = (Receiving::Ending, 0);
    bench.uring.told_to_end(Task::Receive, id, -libc::ENOENT);
    bench.until("it has ended", |bench| bench.socket(id).receiving == Receiving::Buffer);
}

/// What is cancelled because its connection is closed.
#[test]
fn no_cancellation_that_misses_keeps_a_connection_from_its_end() {
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, true);
        let (id, _peer) = bench.connect(0);
        bench.until("it is watched", |bench| bench.socket(id).is_watched);
        bench.uring.told_to_end(Task::Break, id, -libc::ENOENT);
        (0..5).for_each(|_| bench.turn());
        assert!(bench.socket(id).is_watched, "it was not to end");
        // As if the cancellation that belongs to the close had found nothing.
        bench.uring.sockets[0].as_mut().expect("it is there").closing = Some(Farewell::Plain);
        bench.uring.told_to_end(Task::Break, id, -libc::ENOENT);
        bench.until("it is gone", |bench| bench.host.gone == 1);
    }
}

/// Nobody waits for the kernel before; much is under way, of all kinds.
#[test]
fn at_the_end_all_is_over_by_what_the_kernel_has_said() {
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, false);
        let mut peers: Vec<_> = (0..300).map(|index| calm(&mut bench, index).1).collect();
        bench.turn();
        bench.host.paused = true;
        peers.iter_mut().for_each(|peer| peer.write_all(&[7; 100]).expect("sent"));
        bench.turn();
        bench.uring.close(
            &mut bench.host,
            ConnId(Key { index: 7, generation: 1 }),
            Farewell::Gentle,
        );
        assert!(bench.uring.let_go());
        let mut sockets = bench.uring.sockets.iter().flatten();
        assert!(sockets.all(|socket| !socket.is_under_way()) && !bench.uring.awaits_wake);
    }
}

#[test]
fn what_was_kept_is_offered_in_several_turns_where_it_takes_long() {
    let mut bench = Bench::new(false);
    with_room(&mut bench, 16 * WINDOW);
    let (id, mut peer) = calm(&mut bench, 0);
    bench.host.refuses = true;
    let bytes = pattern(5 * WINDOW + 77);
    send(&bench, id, &mut peer, &bytes);
    bench.until("some are kept", |bench| bench.socket(id).kept.len() >= 3);
    bench.until("its receive has ended", |bench| bench.socket(id).receiving == Receiving::No);
    let kept = bench.socket(id).kept.len();
    (bench.host.refuses, bench.host.most) = (false, Some(1));
    bench.uring.receive(id);
    for left in (0..kept).rev() {
        assert!(bench.uring.has_work() || left + 1 == kept);
        bench.uring.prepare(&mut bench.host);
        assert_eq!(bench.socket(id).kept.len(), left);
        bench.host.done = 0;
    }
    bench.host.most = None;
    bench.until("all is there", |bench| bench.host.heard.len() == bytes.len());
    assert!(bench.host.heard == bytes, "bytes are lost or moved");
}

#[test]
fn memory_is_given_back_under_it_and_what_has_come_stays() {
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, false);
        let (id, mut peer) = calm(&mut bench, 0);
        for round in 1..10 {
            let socket = bench.uring.sockets[0].as_mut().expect("it is there");
            socket.calm = CALM; // A polled ring was without buffers, perhaps when bytes came.
            bench.until("it goes on", |bench| bench.socket(id).receiving != Receiving::No);
            send_first(&mut peer, &[7; 100]);
            complete(&mut bench);
            bench.uring.trim();
            bench.until("it is served", |bench| bench.host.heard.len() == round * 100);
            assert!(!bench.uring.is_trimmed(), "a buffer has been used");
            bench.uring.trim();
            assert!(bench.uring.is_trimmed());
            assert_eq!(bench.uring.buffers.bytes(0, 1), [0]);
        }
    }
}

#[test]
fn who_is_served_while_others_are_hungry_ends_and_stands_behind_them() {
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, false);
        let (served, mut peer) = calm(&mut bench, 0);
        let (hungry, _peer) = bench.connect(1);
        send_first(&mut peer, b"first");
        bench.uring.hungry.push_back(hungry);
        while bench.host.heard.is_empty() {
            bench.uring.wait(&mut bench.host, Some(Duration::ZERO)).expect("a wait");
        }
        assert_eq!(bench.socket(served).receiving, Receiving::Ending);
        while bench.socket(served).receiving == Receiving::Ending {
            bench.uring.wait(&mut bench.host, Some(Duration::ZERO)).expect("a wait");
        }
        assert_eq!(bench.uring.hungry, [hungry, served]);
        bench.until("all receive", |bench| {
            [hungry, served].iter().all(|id| bench.socket(*id).receiving == Receiving::Buffer)
        });
    }
}

/// More than there are buffers, all of which go on, with bytes at once, time and again.
#[test]
fn a_crowd_of_those_that_go_on_is_served_and_none_stays_behind() {
    const CROWD: u32 = 300;
    for is_polled in [false, true] {
        let mut bench = Bench::of(is_polled, false);
        let mut peers: Vec<_> = (0..CROWD).map(|index| calm(&mut bench, index).1).collect();
        for round in 1..4 {
            peers.iter_mut().for_each(|peer| peer.write_all(&[7; 100]).expect("sent"));
            bench.until("all is there", |bench| {
                bench.host.heard.len() == round * 100 * CROWD as usize
            });
        }
        assert!(bench.uring.vain > 0, "there was a crowd");
        bench.until("all are received from", |bench| {
            let mut sockets = bench.uring.sockets.iter().flatten();
            sockets.all(|socket| !matches!(socket.receiving, Receiving::No | Receiving::Ending))
        });
        assert_eq!(bench.uring.buffers.full(), 0);
    }
}

#[test]
fn a_write_is_quiet_beside_it_and_the_end_of_all_ends_it() {
    let mut bench = Bench::new(false);
    let (id, mut peer) = calm(&mut bench, 0);
    bench.host.output = b"answer".to_vec();
    bench.uring.send(id);
    bench.uring.flush(&mut bench.host);
    assert_eq!(bench.uring.quiet, [id]);
    bench.until("it is told", |bench| bench.host.written == [6]);
    assert!(bench.uring.let_go());
    assert!(!bench.socket(id).is_under_way() && !bench.uring.awaits_wake, "it was told so");
    send(&bench, id, &mut peer, b"late");
    bench.uring.queue.enter(Some(Duration::ZERO)).expect("an enter");
    assert!(bench.uring.queue.is_empty(), "nobody receives it");
}
