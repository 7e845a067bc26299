//! What it costs to look for messages over HTTP: processor time of all threads for a GB of the log, which is in the
//! page cache and not compressed. One record at the log's end is what is looked for.
//!
//! `messages` is asked for piece by piece, as the console does, `tail` once, from the beginning on.

use super::frames::{self, Client};
use super::load::Load;
use super::process::{self, Scratch, Server};
use super::table::{Spread, heading};
use barnabas::wire::records::BatchBuilder;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Bytes of the log.
const LOG: usize = 512 << 20;
/// Bytes of a batch, about.
const BATCH: usize = 1_000_000;
/// Bytes of values, and a name for them.
const SIZES: [(usize, &str); 2] = [(1000, "1 KB"), (100, "100 B")];
/// What is looked for, percent-encoded: only the last record has it.
const FILTERS: [(&str, &str); 10] = [
    ("value", "value=Zaphod"),
    ("value, many near misses", "value=%22name%22:%22Zaphod%22"),
    ("key", "key=order-zaphod"),
    ("header", "header=rare"),
    ("header and text", "header=trace=zaphod"),
    ("key and value", "key=order&value=Zaphod"),
    ("JSON path, text", "json=$.user.name=Zaphod"),
    ("JSON path, number", "json=$.total=42424242"),
    ("JSON path alone", "json=$.user.president"),
    // Both names are in all values, which so must be read.
    ("JSON path, all read", "json=$.user.total"),
];

/// Both ways, with each filter.
pub fn run() {
    heading("filter: processor time of all threads for a GB of the log that is looked through");
    println!("{:<38} {:>9} {:>17} {:>9} {:>17}", "", "messages", "", "tail", "");
    for (size, name) in SIZES {
        if FILTERS.iter().any(|(what, _)| process::wanted(&case(name, what))) {
            log_of(size, name);
        }
    }
}

fn case(size: &str, what: &str) -> String {
    format!("{size}, {what}")
}

fn log_of(size: usize, name: &str) {
    let data = Scratch::new("filter");
    let http = free_address();
    let mut command = process::broker_command_with_http(data.path(), http.port());
    command.args(["--port", "0", "--workers", "1"]);
    // The records are from 2023.
    command.args(["--set", "log.retention.ms=-1"]);
    let broker = Server::start(command);
    let bytes = fill(&broker, size);
    for (what, filter) in FILTERS {
        let case = case(name, what);
        if process::wanted(&case) {
            let runs = || 0..process::runs();
            let messages = Spread::of(
                runs().map(|_| cost(&broker, bytes, || messages(http, filter))).collect(),
            );
            let tail =
                Spread::of(runs().map(|_| cost(&broker, bytes, || tail(http, filter))).collect());
            println!("{case:<38} {} {}", shown(&messages), shown(&tail));
        }
    }
    broker.stop();
}

fn shown(Spread { median, least, most }: &Spread) -> String {
    format!("{median:>9.3} ({least:>6.3} - {most:>6.3})")
}

/// Seconds of processor time for a GB.
fn cost(broker: &Server, bytes: usize, look: impl FnOnce() -> usize) -> f64 {
    broker.settle();
    let before = broker.cpu();
    assert_eq!(look(), 1, "the last record, and no other");
    broker.cpu().since(before).all as f64 / bytes as f64
}

/// Fills the topic; bytes of its log.
fn fill(broker: &Server, size: usize) -> usize {
    let mut client = Client::connect(broker.address);
    client.create("bench");
    let batch = batch(BATCH / (size + 60), size, "Arthur", "order");
    let request = frames::produce("bench", &batch);
    let load = Load {
        address: broker.address,
        requests: &request,
        request: request.len(),
        answer: frames::check_produced(&client.call(&request)),
        conns: 1,
        window: 4,
        total: LOG / batch.len(),
    };
    load.run(&mut load.connect());
    let last = self::batch(1, size, "Zaphod", "order-zaphod");
    frames::check_produced(&client.call(&frames::produce("bench", &last)));
    (load.total() + 1) * batch.len() + last.len()
}

/// Orders as JSON of about `size` bytes, with a key and a header.
fn batch(count: usize, size: usize, who: &str, key: &str) -> Vec<u8> {
    let is_wanted = who == "Zaphod";
    let mut builder = BatchBuilder::new();
    for i in 0..count {
        let number = i * 7919 % 100_003;
        let total = if is_wanted { 42_424_242 } else { number };
        let president = if is_wanted { ",\"president\":true,\"total\":1" } else { "" };
        let head = format!(
            "{{\"id\":{number},\"user\":{{\"name\":\"{who}\"{president}}},\"total\":{total},\"note\":\""
        );
        let words = ["towel ", "tea ", "Zebra, ", "mostly harmless ", "fish "];
        let text = words.iter().cycle().skip(i % 5).flat_map(|word| word.chars());
        let note: String = text.take(size.saturating_sub(head.len() + 2)).collect();
        let key = format!("{key}-{number}");
        let trace = format!("{number:016x}{}", if is_wanted { "zaphod" } else { "" });
        let mut headers = vec![("trace", Some(trace.as_bytes()))];
        if is_wanted {
            headers.push(("rare", None));
        }
        let value = format!("{head}{note}\"}}");
        let time = 1_700_000_000_000 + i as i64;
        builder.append(time, Some(key.as_bytes()), Some(value.as_bytes()), &headers);
    }
    builder.finish()
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has one")
}

/// How many messages there are, asked for until the end.
fn messages(http: SocketAddr, filter: &str) -> usize {
    let mut stream = BufReader::new(TcpStream::connect(http).expect("HTTP is served"));
    let (mut next, mut end, mut found) = (0, 1, 0);
    while next < end {
        let query = format!("partition=0&limit=1000&offset={next}&{filter}");
        ask(stream.get_mut(), &format!("/v1/topics/bench/messages?{query}"));
        let head = head(&mut stream);
        let mut body = vec![0; field(&head, "content-length:") as usize];
        stream.read_exact(&mut body).expect("a whole body");
        found += String::from_utf8_lossy(&body).matches("\"offset\"").count();
        (next, end) = (field(&head, "x-next-offset:"), field(&head, "x-end-offset:"));
    }
    found
}

/// How many events come until the first.
fn tail(http: SocketAddr, filter: &str) -> usize {
    let mut stream = BufReader::new(TcpStream::connect(http).expect("HTTP is served"));
    ask(stream.get_mut(), &format!("/v1/topics/bench/tail?partition=0&offset=0&{filter}"));
    head(&mut stream);
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert_ne!(stream.read_line(&mut line).expect("a line"), 0, "it goes on");
        assert!(!line.starts_with("event: error"), "{line}");
    }
    1
}

fn ask(stream: &mut TcpStream, target: &str) {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
}

fn head(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).expect("a line"), 0, "a whole head");
    }
    if !head.starts_with("HTTP/1.1 200 ") {
        let mut body = vec![0; field(&head.to_ascii_lowercase(), "content-length:") as usize];
        stream.read_exact(&mut body).expect("a whole body");
        panic!("{head}{}", String::from_utf8_lossy(&body));
    }
    head.to_ascii_lowercase()
}

fn field(head: &str, name: &str) -> i64 {
    let line = head.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|text| text.trim().parse().ok()).expect(name)
}
