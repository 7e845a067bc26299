//! Answers whose bytes are given away, piece by piece, are as whole as those that are copied: more pieces than one write
//! takes, readers that take a part, ends amid one.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use socket2::SockRef;
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Many pieces, of which none, some or many fit in one write; the last is larger than what a socket takes at once.
const ANSWERS: [(u64, u32); 6] =
    [(33, 1), (64, 4096), (65, 4097), (200, 10_000), (300, 32 << 10), (3, 4 << 20)];

fn given((count, len): (u64, u32)) -> Vec<u8> {
    pattern(0, count as usize * len as usize)
}

fn server() -> Server {
    serve_file(options(), Some(TestFile::new(1, false)))
}

#[test]
fn answers_of_many_pieces_arrive_whole_and_in_order() {
    let server = server();
    let mut client = server.connect();
    for (count, len) in ANSWERS {
        assert!(client.call(GIVE, &range(count, len)) == given((count, len)), "{count} of {len}");
    }
    // Behind one that waits they wait too, among others that are copied.
    let mut requests = frame(PARK, b"sleeping");
    for (count, len) in ANSWERS {
        requests.extend([frame(GIVE, &range(count, len)), frame(ECHO, b"between")].concat());
    }
    client.stream.write_all(&requests).unwrap();
    until("it is parked", || server.shared.frames.load(Ordering::SeqCst) > 6);
    server.connect().call(RELEASE, b"sleeping");
    assert_eq!(client.receive(), b"sleeping");
    for (count, len) in ANSWERS {
        assert!(client.receive() == given((count, len)), "{count} of {len}");
        assert_eq!(client.receive(), b"between");
    }
    until("nothing is kept", || server.budget.used() < 1 << 20);
}

#[test]
fn who_takes_a_little_at_a_time_gets_all_of_it_and_then_the_end() {
    let server = server();
    for (count, len) in ANSWERS {
        let mut client = server.connect();
        let requests = [frame(GIVE, &range(count, len)), frame(CLOSE, b"farewell")].concat();
        client.stream.write_all(&requests).unwrap();
        let (mut all, mut piece) = (Vec::new(), [0; 3001]);
        loop {
            match client.stream.read(&mut piece).unwrap() {
                0 => break,
                n => all.extend_from_slice(&piece[..n]),
            }
        }
        let size = (count as u32 * len).to_be_bytes();
        let expected = [&size[..], &given((count, len)), &[0, 0, 0, 8], b"farewell"].concat();
        assert!(all == expected, "{count} of {len}: {} of {} bytes", all.len(), expected.len());
    }
}

#[test]
fn who_goes_amid_one_takes_nothing_with_him() {
    let server = server();
    let mut other = server.connect();
    for (count, len) in ANSWERS {
        let mut one = server.connect();
        one.send(GIVE, &range(count, len));
        one.stream.read_exact(&mut [0; 20]).unwrap();
        SockRef::from(&one.stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(one);
        until("it is closed", || server.connections() == 1);
        assert!(other.call(GIVE, &range(40, 5000)) == given((40, 5000)));
    }
    until("nothing is kept", || server.budget.used() < 1 << 20);
}
