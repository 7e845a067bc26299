//! Quiet writes: their success brings no completion, their failure does.

use super::tests::*;
use super::*;
use std::io::Read;

/// A connection that is received from, with something to write that was given to the ring.
fn with_output(bench: &mut Bench, output: &[u8]) -> (ConnId, std::net::TcpStream) {
    let (id, peer) = bench.connect(0);
    bench.turn();
    bench.host.output = output.to_vec();
    bench.uring.send(id);
    bench.uring.flush(&mut bench.host);
    (id, peer)
}

#[test]
fn a_quiet_write_completes_nothing_and_is_told_of_after_the_wait() {
    let mut bench = Bench::new(false);
    let (id, mut peer) = with_output(&mut bench, b"answer");
    assert_eq!(bench.uring.quiet, [id]);
    bench.uring.queue.enter(Some(Duration::ZERO)).expect("submitted");
    let mut bytes = [0; 6];
    peer.read_exact(&mut bytes).expect("it has come");
    assert!(bench.uring.queue.is_empty(), "no completion");
    assert_eq!(bench.host.written, [0usize; 0]);
    bench.turn();
    assert_eq!((&bytes, &bench.host.written[..]), (b"answer", &[6][..]));
    assert!(bench.uring.quiet.is_empty() && !bench.socket(id).sends);
}

#[test]
fn who_waits_to_hear_of_a_write_is_not_told_late() {
    let cases: [fn(&mut Bench); 3] = [
        |bench| bench.host.waits = true,
        // Nothing is received, so nothing else need ever end the wait.
        |bench| bench.host.paused = true,
        |bench| *bench = Bench::of(true, false),
    ];
    for case in cases {
        let mut bench = Bench::new(false);
        case(&mut bench);
        let (_, _peer) = with_output(&mut bench, b"answer");
        assert!(bench.uring.quiet.is_empty());
        // Far longer than any test may take.
        let timeout = Some(Duration::from_secs(3_600));
        while bench.host.written.is_empty() {
            bench.uring.wait(&mut bench.host, timeout).expect("a completion");
        }
        assert_eq!(bench.host.written, [6]);
    }
}

#[test]
fn writes_that_the_kernel_carries_out_later_count_at_once() {
    let mut bench = Bench::new(false);
    let peers: Vec<_> = (0..10).map(|index| bench.connect(index)).collect();
    bench.turn();
    bench.host.output = b"answer".to_vec();
    bench.host.most = Some(3);
    peers.iter().for_each(|(id, _)| bench.uring.send(*id));
    bench.uring.flush(&mut bench.host);
    assert_eq!(bench.uring.to_send.len(), 7);
    assert!(bench.uring.has_work(), "the others are in the next turn");
}

#[test]
fn large_writes_are_not_quiet() {
    let mut bench = Bench::new(false);
    let (_, _peer) = with_output(&mut bench, &[1; 16 * 1024 + 1]);
    assert!(bench.uring.quiet.is_empty());
}

/// More than the socket takes, in quiet writes of a size that does not divide what it takes.
#[test]
fn a_full_socket_is_waited_for_and_loses_nothing() {
    const PIECE: usize = 12_345;
    let mut bench = Bench::new(false);
    let (id, mut peer) = bench.connect(0);
    bench.turn();
    let mut sent = Vec::new();
    let mut piece = |bench: &mut Bench, number: usize| {
        bench.host.output = (0..PIECE).map(|at| ((number * PIECE + at) % 251 + 1) as u8).collect();
        sent.extend_from_slice(&bench.host.output);
        bench.uring.send(id);
    };
    let mut number = 0;
    let mut was_slow = false;
    while !was_slow {
        piece(&mut bench, number);
        number += 1;
        for _ in 0..3 {
            bench.uring.flush(&mut bench.host);
            bench.turn();
            was_slow |= bench.socket(id).is_slow;
        }
    }
    assert!(bench.socket(id).sends, "it waits in the kernel");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).expect("all");
        bytes
    });
    for _ in 0..50 {
        while !bench.host.output.is_empty() || bench.socket(id).sends {
            bench.uring.flush(&mut bench.host);
            bench.turn();
        }
        assert!(!bench.socket(id).is_slow, "what was written whole was not too much");
        piece(&mut bench, number);
        number += 1;
    }
    while !bench.host.output.is_empty() || bench.socket(id).sends {
        bench.uring.flush(&mut bench.host);
        bench.turn();
    }
    bench.uring.close(&mut bench.host, id, Farewell::Gentle);
    bench.until("it is gone", |bench| bench.host.gone == 1);
    assert!(reader.join().expect("read") == sent, "bytes are lost or moved");
}
