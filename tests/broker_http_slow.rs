//! Clients of HTTP that read slowly, or not at all, whichever driver the broker has: who is given up is reset, so that
//! the kernel keeps nothing for it; who is not gets all of it.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::records::{BatchBuilder, Codec};
use broker_support::*;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A page of six times as many bytes of JSON.
const VALUE: usize = 5 << 20;
const PAGE: &str = "/v1/topics/t/messages?limit=1";
const TIMEOUT: &str = "barnabas.http.timeout.ms=500";
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs it with both drivers, and a topic `t` with one large message.
fn with_both(test: impl Fn(&Broker, SocketAddr)) {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let settings = ["--io", io, "--set", TIMEOUT, "--log-level", "debug"];
        let (broker, address) = start_pages(dir.path(), &settings);
        let mut client = broker.client();
        client.create("t", 1);
        let mut batch = BatchBuilder::new().codec(Codec::Zstd);
        batch.append(TIME, None, Some(&[0; VALUE]), &[]);
        client.append(("t", 0), &batch.finish());
        test(&broker, address);
        broker.stop_cleanly();
    }
}

/// Asks for this page, and has little room for it.
fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(GUARD)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// It was reset: what the broker's kernel still had for it is gone.
fn assert_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest).map_err(|why| why.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset), "after {} bytes", rest.len());
}

#[test]
fn who_reads_nothing_is_reset() {
    with_both(|broker, address| {
        let mut streams =
            [PAGE, "/v1/topics/t/tail?partition=0&offset=0"].map(|path| ask(address, path));
        broker.logged_times(2, &["closed the connection", "its reader is too slow"]);
        streams.iter_mut().for_each(assert_reset);
    });
}

/// Reads so many bytes, then waits for what never comes, time and again: a slow reader.
fn sip(
    stream: &mut TcpStream,
    bytes: usize,
    mut until: impl FnMut(usize) -> bool,
) -> std::io::Result<()> {
    let idle = std::net::UdpSocket::bind("127.0.0.1:0")?;
    idle.set_read_timeout(Some(Duration::from_millis(5)))?;
    let (mut all, mut piece) = (0, vec![0; bytes]);
    while !until(all) {
        assert!(idle.recv(&mut [0]).is_err());
        all += stream.read(&mut piece)?;
    }
    Ok(())
}

#[test]
fn who_takes_a_trickle_is_reset() {
    with_both(|broker, address| {
        let mut stream = ask(address, PAGE);
        let is_cut = |_| broker.log().iter().any(|line| line.contains("its reader is too slow"));
        // The last of them may be told of it.
        let _ = sip(&mut stream, 32, is_cut);
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        assert!(is_cut(0) && rest.len() < VALUE, "after {} bytes: {end:?}", rest.len());
    });
}

/// Reads much, and never takes less than is due, unless the machine lets it wait: then nothing is known.
fn reads_much(address: SocketAddr) -> Option<std::io::Result<()>> {
    let mut stream = connect(address);
    let request = "GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (mut asking, all) = (stream.try_clone().unwrap(), request.repeat(3000));
    // Until the connection ends.
    let asker = std::thread::spawn(move || asking.write_all(all.as_bytes()));
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    let taken = sip(&mut stream, 128 << 10, |all| {
        longest = longest.max(last.elapsed());
        last = Instant::now();
        all > 40 << 20
    });
    longest = longest.max(last.elapsed());
    drop(stream.shutdown(Shutdown::Both));
    drop(asker.join().unwrap());
    (longest < PATIENCE / 2).then_some(taken)
}

/// Whatever answers are made of: those that no desk has made count as well.
#[test]
fn who_takes_enough_is_not_cut_off() {
    with_both(|_, address| {
        let mut attempts = std::iter::repeat_with(|| reads_much(address)).take(50);
        let taken = attempts.find_map(|taken| taken);
        taken.unwrap().unwrap();
    });
}

/// What has been written when the broker closes a connection in order is the peer's, however late it looks.
#[test]
fn who_is_closed_in_order_gets_all_of_it() {
    with_both(|broker, address| {
        let mut stream = ask(address, "/v1/openapi.json");
        broker.logged(&["closed the connection", "its last answer is given"]);
        let (status, _, body) = answer(&mut stream, false);
        let whole: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(status == 200 && whole["openapi"].is_string());
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an end, no reset");
    });
}
