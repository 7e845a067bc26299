//! What HTTP does not do for clients that want too much, or that are not what they seem.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::records::{BatchBuilder, Codec};
use broker_support::*;
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A topic with a message that takes six times as many bytes in JSON, and a small one behind it.
fn fill(broker: &Broker, topic: &str, bytes: usize) {
    let mut client = broker.client();
    client.create(topic, 1);
    for value in [vec![1; bytes], b"small".to_vec()] {
        let mut batch = BatchBuilder::new().codec(Codec::Lz4);
        batch.append(TIME, None, Some(&value), &[]);
        client.append((topic, 0), &batch.finish());
    }
}

#[test]
fn a_query_that_is_not_known_changes_nothing() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    broker.client().create("orders", 1);
    for query in ["validate_only=true", "validate_only", "x=1"] {
        let path = format!("/v1/topics/orders?{query}");
        let (status, problem) = send(address, "DELETE", &path, &json!({}));
        assert_eq!((status, &problem["code"]), (400, &json!("BAD_REQUEST")), "{query}");
        let offsets = json!({"offsets": [{"topic": "orders", "partition": 0, "offset": 0}]});
        let path = format!("/v1/groups/g/offsets?{query}");
        assert_eq!(send(address, "POST", &path, &offsets).0, 400);
    }
    assert_eq!(get(address, "/v1/topics/orders").0, 200);
    assert_eq!(get(address, "/v1/groups/g").0, 404);
    // What only looks is not so strict, as with others.
    assert_eq!(get(address, "/livez?probe=1").0, 200);
    broker.stop_cleanly();
}

#[test]
fn an_array_is_no_object() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    broker.client().create("t", 1);
    for (path, body) in [
        ("/v1/topics", json!(["x", 1, 1, {}])),
        ("/v1/topics/t/messages", json!([[{"value": "v"}]])),
        ("/v1/topics/t/messages", json!({"messages": [["k", "text", "v", "text", [], 0, null]]})),
        (
            "/v1/topics/t/messages",
            json!({"messages": [{"value": "v", "headers": [["k", "v", "text"]]}]}),
        ),
        ("/v1/groups/g/offsets", json!({"offsets": [["t", 0, 5]]})),
    ] {
        let (status, problem) = send(address, "POST", path, &body);
        assert_eq!((status, &problem["code"]), (400, &json!("BAD_REQUEST")), "{path} {body}");
    }
    assert_eq!(get(address, "/v1/topics/x").0, 404);
    assert_eq!(page(address, "/v1/topics/t/messages"), json!([]));
    broker.stop_cleanly();
}

#[test]
fn pages_of_other_sites_get_nothing() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    for (site, expected) in
        [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
    {
        let mut stream = connect(address);
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: {site}\r\n\r\n"
        )
        .unwrap();
        assert_eq!(answer(&mut stream, false).0, expected, "{site}");
    }
    broker.stop_cleanly();
}

/// Asks for a page and reads its status, no more.
fn begin(address: SocketAddr, path: &str) -> (TcpStream, String) {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    (stream, String::from_utf8(status.to_vec()).unwrap())
}

#[test]
fn pages_that_nobody_reads_do_not_pile_up() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    fill(&broker, "t", 5 << 20);
    let path = "/v1/topics/t/messages?limit=1";
    let mut unread = Vec::new();
    loop {
        let (stream, status) = begin(address, path);
        unread.push(stream);
        if status != "HTTP/1.1 200" {
            assert_eq!(status, "HTTP/1.1 503");
            break;
        }
        assert!(unread.len() < 12, "so many pages of 30 MiB wait");
    }
    // Others are told how the broker is, and what there is.
    for path in ["/livez", "/healthz", "/metrics", "/v1/topics", "/v1/clients"] {
        assert_eq!(get(address, path).0, 200, "{path}");
    }
    drop(unread);
    while begin(address, path).1 != "HTTP/1.1 200" {}
    broker.stop_cleanly();
}

/// Who sends all of it before it looks for an answer finds one, and not that the connection was reset.
#[test]
fn what_is_too_large_is_read_to_its_end_before_the_connection_is_closed() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let body = vec![b' '; 8 << 20];
    for length in ["Content-Length: 8388608", "Transfer-Encoding: chunked"] {
        let mut stream = connect(address);
        write!(
            stream,
            "POST /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n800000\r\n"
        )
        .unwrap();
        stream.write_all(&body).unwrap();
        let (status, head, _) = answer(&mut stream, false);
        assert_eq!(status, 413);
        assert!(head.contains("Connection: close"), "{head}");
        let mut rest = Vec::new();
        assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0, "it ends by itself");
    }
    // It is not read for ever.
    let mut stream = connect(address);
    write!(
        stream,
        "POST /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    )
    .unwrap();
    let sent = (0..64).map(|_| stream.write_all(&body)).take_while(Result::is_ok).count();
    assert!(sent < 64, "the connection takes more and more");
    broker.stop_cleanly();
}

/// What is too large is read for a while, so that the answer is seen, but not for as long as something comes.
#[test]
fn who_goes_on_with_what_is_too_large_is_cut_off() {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let settings =
            ["--io", io, "--set", "barnabas.http.timeout.ms=300", "--log-level", "debug"];
        let (broker, address) = start_pages(dir.path(), &settings);
        let mut stream = connect(address);
        write!(
            stream,
            "POST /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: 16000000\r\n\r\n"
        )
        .unwrap();
        assert_eq!(answer(&mut stream, false).0, 413);
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let until = Instant::now() + GUARD;
        // Each byte by itself, as long as it is wanted.
        while stream.write_all(b"x").is_ok()
            && stream.read(&mut [0]).is_err_and(|why| why.kind() == ErrorKind::WouldBlock)
        {
            assert!(Instant::now() < until, "for ever");
        }
        broker.logged(&["closed the connection", "it does not end what is too large"]);
        broker.stop_cleanly();
    }
}
