//! Whoever holds HTTP connections of the real broker and says nothing keeps nobody out, whichever driver it has:
//! a new one takes the place of the one that waits longest, and no answer that is under way is lost by that.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

/// The limits that docs/HTTP.md promises.
const CONNECTIONS: usize = 256;
const TAILS: usize = 192;

const PROBES: [&str; 3] = ["/livez", "/readyz", "/healthz"];

/// Runs it with both drivers, two workers each, and a topic `t`.
fn with_both(test: impl Fn(&Broker, SocketAddr)) {
    allow_descriptors(4096);
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let (broker, address) = start_pages(dir.path(), &["--io", io, "--workers", "2"]);
        broker.client().create("t", 1);
        test(&broker, address);
        broker.stop_cleanly();
    }
}

/// Connections of which the broker knows, in this order: each has asked for something.
fn known(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let one = |_| {
        let mut stream = connect(address);
        assert_eq!(ask(&mut stream), 200);
        stream
    };
    (0..count).map(one).collect()
}

/// The status of one more answer on this connection, which goes on.
fn ask(stream: &mut TcpStream) -> u16 {
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    answer(stream, false).0
}

/// So many more connections that say nothing, once the broker has closed all of them but `stay`.
fn silent(address: SocketAddr, count: usize, stay: usize) -> Vec<TcpStream> {
    let streams: Vec<_> = (0..count).map(|_| connect(address)).collect();
    let is_open = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.peek(&mut [0]).is_err_and(|why| why.kind() == ErrorKind::WouldBlock)
    };
    while streams.iter().filter(is_open).count() > stay {}
    assert_eq!(streams.iter().filter(is_open).count(), stay);
    streams
}

/// It was closed without a word.
fn assert_gone(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

fn assert_well(broker: &Broker, address: SocketAddr, dir: &Path) {
    for path in PROBES {
        let (status, _, body) = get(address, path);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    }
    let listener = format!("barnabas.http.listener={address}");
    let data = format!("log.dirs={}", dir.display());
    let arguments = ["healthcheck", "--set", &listener, "--set", &data];
    let checked = command(&arguments).output().unwrap();
    assert!(checked.status.success(), "{checked:?} {}", broker.line);
}

/// One that goes on, once its head is there.
fn tail(address: SocketAddr) -> Result<TcpStream, Value> {
    let mut stream = connect(address);
    stream.write_all(b"GET /v1/topics/t/tail HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    match answer(&mut stream, false) {
        (200, ..) => Ok(stream),
        (status, _, body) => {
            assert_eq!(status, 503);
            Err(serde_json::from_slice(&body).unwrap())
        }
    }
}

#[test]
fn who_says_nothing_keeps_nobody_out() {
    with_both(|broker, address| {
        let dir = TempDir::new();
        let silent = silent(address, 2 * CONNECTIONS, CONNECTIONS);
        assert_well(broker, address, dir.path());
        // Nor does who begins a request and goes no further.
        let mut begun = Vec::new();
        for _ in 0..2 * CONNECTIONS {
            let mut stream = connect(address);
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").unwrap();
            begun.push(stream);
            assert_eq!(get(address, "/livez").0, 200);
        }
        assert_well(broker, address, dir.path());
        drop((silent, begun));
    });
}

#[test]
fn kafka_clients_that_have_all_their_places_leave_http_its_own() {
    for limit in ["max.connections=2", "max.connections.per.ip=2"] {
        let dir = TempDir::new();
        let (broker, address) = start_pages(dir.path(), &["--set", limit]);
        let mut clients = [broker.client(), broker.client()];
        clients.iter_mut().for_each(|client| _ = client.api_versions());
        let known = known(address, 3);
        assert_well(&broker, address, dir.path());
        drop((clients, known));
        broker.stop_cleanly();
    }
}

#[test]
fn the_one_that_waits_longest_goes() {
    with_both(|_, address| {
        let mut old = known(address, CONNECTIONS);
        // The first has asked again, so the second is the one that waits longest.
        assert_eq!(ask(&mut old[0]), 200);
        let mut new = connect(address);
        assert_eq!(ask(&mut new), 200);
        assert_gone(&mut old[1]);
        // A part of a request is waited for no longer than all of it; but it is told why nothing came of it.
        old[2].write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let told = loop {
            new = connect(address);
            assert_eq!(ask(&mut new), 200);
            old[2].set_nonblocking(true).unwrap();
            let is_told = old[2].peek(&mut [0]).is_ok();
            old[2].set_nonblocking(false).unwrap();
            if is_told {
                break answer(&mut old[2], false);
            }
        };
        assert_eq!(told.0, 503);
        assert!(String::from_utf8(told.2).unwrap().contains("Too many HTTP connections are open"));
        assert_gone(&mut old[2]);
        assert_eq!((ask(&mut old[0]), ask(old.last_mut().unwrap())), (200, 200));
    });
}

/// All of it has come while the broker was halted: nobody whose request is there already goes for another one.
#[test]
fn who_has_asked_is_answered_before_the_broker_has_looked() {
    const MORE: usize = 600;
    with_both(|broker, address| {
        let mut streams = known(address, CONNECTIONS);
        broker.halt();
        streams.extend((0..MORE).map(|_| connect(address)));
        for stream in &mut streams {
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        }
        broker.signal(libc::SIGCONT);
        let mut answers: Vec<u16> =
            streams.iter_mut().map(|stream| answer(stream, false).0).collect();
        answers.sort_unstable();
        answers.dedup();
        assert!(answers.iter().all(|status| [200, 503].contains(status)), "{answers:?}");
        // And there are no more of them than there may be when others have come.
        drop(known(address, MORE));
        drop(silent(address, 2 * CONNECTIONS, CONNECTIONS));
    });
}

#[test]
fn an_answer_that_is_under_way_is_not_lost() {
    with_both(|_, address| {
        let mut live = tail(address).unwrap();
        let silent = known(address, 2 * CONNECTIONS);
        let message = json!({"messages": [{"value": "here"}]});
        assert_eq!(send(address, "POST", "/v1/topics/t/messages", &message).0, 200);
        // Where it begins was told first.
        let mut event = vec![0; "id: ".len() + 22 + ":0\n\ndata: ".len()];
        live.read_exact(&mut event).unwrap();
        assert!(event.starts_with(b"id: ") && event.ends_with(b":0\n\ndata: "), "{event:?}");
        drop(silent);
    });
}

/// Asks for two pages, the last ones, and has room for next to nothing of them.
fn lazy(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    // What the broker's system keeps for it goes by this.
    socket.set_tcp_mss(1000).unwrap();
    // And by what it remembers of the address: nobody else comes from this one.
    let [.., a, b] = std::process::id().to_be_bytes();
    socket.bind(&SocketAddr::from(([127, 1, a, b], 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let asked = |field| format!("GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n{field}\r\n");
    stream.write_all((asked("") + &asked("Connection: close\r\n")).as_bytes()).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    stream
}

/// It was cut off; else it has all of what it asked for.
fn is_cut(stream: &mut TcpStream) -> bool {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {
            let text = String::from_utf8(all).unwrap();
            assert_eq!((text.matches("HTTP/1.1 200 OK").count(), text.ends_with('}')), (2, true));
            false
        }
        Err(why) => {
            assert_eq!(why.kind(), ErrorKind::ConnectionReset);
            true
        }
    }
}

/// As many have to go as there may be, and none reads its last answer: the first is cut off for one that comes, and nobody
/// who is in nobody's way.
#[test]
fn readers_that_have_to_go_and_leave_their_answers_lying_are_cut_off_in_their_order() {
    const CUT: &str = "others need its place, and its reader is too slow";
    allow_descriptors(4096);
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let settings = ["--io", io, "--workers", "1", "--log-level", "debug"];
        let (broker, address) = start_pages(dir.path(), &settings);
        let mut lazy: Vec<_> = (0..CONNECTIONS).map(|_| lazy(address)).collect();
        // They have a while for it, and everybody is served meanwhile.
        let begun = Instant::now();
        while !broker.log().iter().any(|line| line.contains(CUT)) {
            assert_eq!(get(address, "/livez").0, 200);
            assert!(begun.elapsed() < GUARD, "{io}: nobody was cut off");
        }
        let cut: Vec<_> = lazy.iter_mut().map(is_cut).collect();
        let count = cut.iter().filter(|is_cut| **is_cut).count();
        assert!((1..CONNECTIONS / 4).contains(&count), "{io}: {count} were cut off");
        assert!(cut[..count].iter().all(|is_cut| *is_cut), "{io}: {cut:?}");
        broker.stop_cleanly();
    }
}

#[test]
fn tails_have_a_part_of_the_connections() {
    with_both(|broker, address| {
        let dir = TempDir::new();
        let mut tails: Vec<_> = (0..TAILS).map(|_| tail(address).unwrap()).collect();
        let refused = tail(address).unwrap_err();
        assert_eq!(refused["code"], json!("UNAVAILABLE"));
        assert!(refused["error"].as_str().unwrap().contains("Too many answers go on"), "{refused}");
        let silent = silent(address, 2 * CONNECTIONS, CONNECTIONS - TAILS);
        assert_well(broker, address, dir.path());
        assert_eq!(get(address, "/v1/topics/t/messages").0, 200);
        // One that ends makes room for another one.
        drop(tails.pop());
        while tail(address).is_err() {}
        drop(silent);
    });
}
