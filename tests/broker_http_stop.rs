//! A stop answers what was asked over HTTP before it.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::io::Write;
use std::net::TcpStream;

/// Three of four have messages to produce.
const CLIENTS: usize = 64;
/// So many each that they still wait for the desk when the workers are told to stop.
const MESSAGES: usize = 40;

fn signal(broker: &Broker, signal: i32) {
    // SAFETY: it concerns our own child; no memory is passed.
    assert_eq!(unsafe { libc::kill(broker.pid() as i32, signal) }, 0);
}

/// All of it has come while the broker was halted, so that it finds the requests and the order to stop together.
#[test]
fn requests_that_have_come_are_answered_and_what_was_answered_is_kept() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--workers", "1"]);
    broker.client().create("t", 1);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(address)).collect();
    for client in &mut clients {
        // So that somebody has accepted it.
        write!(client, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert_eq!(answer(client, false).0, 200);
    }
    signal(&broker, libc::SIGSTOP);
    for (at, client) in clients.iter_mut().enumerate() {
        let body = format!(r#"{{"messages":[{}]}}"#, [r#"{"value":"kept"}"#; MESSAGES].join(","));
        let request = match at % 4 {
            0 if at == 0 => "GET /v1/topics/t/tail HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            0 => "GET /v1/topics/t/messages?partition=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                .to_owned(),
            _ => format!(
                "POST /v1/topics/t/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        };
        client.write_all(request.as_bytes()).unwrap();
    }
    signal(&broker, libc::SIGTERM);
    signal(&broker, libc::SIGCONT);
    let mut stored = 0;
    for (at, client) in clients.iter_mut().enumerate() {
        let (status, _, body) = answer(client, false);
        match status {
            200 if at % 4 == 0 => {}
            200 => stored += 1,
            503 => assert!(String::from_utf8(body).unwrap().contains("stops"), "number {at}"),
            _ => panic!("number {at} is answered with {status}"),
        }
    }
    assert_eq!(stored, CLIENTS / 4 * 3, "a stop has time for them");
    broker.stop_cleanly();
    let (broker, address) = start_pages(dir.path(), &[]);
    let topic = page(address, "/v1/topics/t");
    assert_eq!(topic["partitions"][0]["end_offset"], stored * MESSAGES);
    broker.stop_cleanly();
}
