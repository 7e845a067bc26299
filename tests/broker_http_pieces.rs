//! Requests that come in the smallest pieces there are: they are answered, and whoever sends them holds up nobody.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;

/// Bytes of a body: each is a chunk.
const BODY: usize = 60_000;
/// Connections that send one, each as often as this.
const SENDERS: usize = 8;
const TIMES: usize = 4;

/// Runs it with both drivers, of one worker, and a topic `t`.
fn with_both(test: impl Fn(SocketAddr)) {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let (broker, address) = start_pages(dir.path(), &["--io", io, "--workers", "1"]);
        broker.client().create("t", 1);
        test(address);
        broker.stop_cleanly();
    }
}

/// One whose body comes in chunks of a byte.
fn chunked(body: &str) -> Vec<u8> {
    let mut request = b"POST /v1/topics/t/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                        Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for byte in body.bytes() {
        request.extend_from_slice(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']);
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// A page of the worker's own, asked for time and again until `is_over`: how often.
fn pages_until(address: SocketAddr, is_over: impl Fn() -> bool) -> usize {
    let mut stream = connect(address);
    let mut pages = 0;
    while !is_over() {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert_eq!(answer(&mut stream, false).0, 200);
        pages += 1;
    }
    pages
}

#[test]
fn chunks_of_a_byte_are_one_body_and_hold_up_nobody() {
    with_both(|address| {
        let value = "v".repeat(BODY);
        let request = chunked(&json!({"messages": [{"value": value}]}).to_string());
        let send = || {
            let mut stream = connect(address);
            for _ in 0..TIMES {
                stream.write_all(&request).unwrap();
                let (status, _, body) = answer(&mut stream, false);
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            }
        };
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
            let pages = pages_until(address, || senders.iter().all(|sender| sender.is_finished()));
            assert!(pages >= TIMES, "{pages} pages while {SENDERS} sent {TIMES} requests each");
        });
        let messages: Value = page(address, "/v1/topics/t/messages?limit=100");
        let messages = messages.as_array().unwrap();
        assert_eq!(messages.len(), SENDERS * TIMES);
        assert!(messages.iter().all(|message| message["value"] == json!(value)));
    });
}

#[test]
fn requests_that_come_byte_by_byte_are_answered_and_hold_up_nobody() {
    with_both(|address| {
        let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
        let send = || {
            let mut stream = connect(address);
            stream.set_nodelay(true).unwrap();
            for byte in &request {
                stream.write_all(&[*byte]).unwrap();
            }
            (0..100).for_each(|_| assert_eq!(answer(&mut stream, false).0, 200));
        };
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
            let pages = pages_until(address, || senders.iter().all(|sender| sender.is_finished()));
            assert!(pages >= TIMES, "{pages} pages while {SENDERS} sent a hundred requests each");
        });
    });
}
