//! HTTP as its clients speak it: over a plain socket, one answer after the other.

use super::{Broker, GUARD};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

const LISTENER: &str = "barnabas.http.listener=127.0.0.1:0";

/// A broker, and where its pages are.
pub fn start_pages(dir: &Path, more: &[&str]) -> (Broker, SocketAddr) {
    let broker = Broker::start(dir, &[&["--set", LISTENER], more].concat());
    let address = pages_of(&broker).unwrap();
    (broker, address)
}

/// The address that its line tells.
pub fn pages_of(broker: &Broker) -> Option<SocketAddr> {
    let (_, rest) = broker.line.split_once(", http://")?;
    Some(rest.trim().parse().unwrap())
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    stream
}

/// An answer: status, head, body.
pub type PageAnswer = (u16, String, Vec<u8>);

/// Reads one answer; with `without_body` that of a HEAD.
pub fn answer(stream: &mut TcpStream, without_body: bool) -> PageAnswer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let field =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let length = field("Content-Length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; if without_body { 0 } else { length }];
    stream.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head, body)
}

/// One page, on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> PageAnswer {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let answer = answer(&mut stream, false);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it was to be the last");
    answer
}

/// The same where it must be JSON and must be there.
pub fn page(address: SocketAddr, path: &str) -> Value {
    let (status, head, body) = get(address, path);
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// A refusal as JSON.
pub fn error(address: SocketAddr, path: &str) -> (u16, Value) {
    let (status, _, body) = get(address, path);
    (status, serde_json::from_slice(&body).unwrap())
}

/// A request with a JSON body, on a connection of its own; what comes back must be JSON.
pub fn send(address: SocketAddr, method: &str, path: &str, body: &Value) -> (u16, Value) {
    send_text(address, method, path, &body.to_string())
}

/// The same with whatever text for a body.
pub fn send_text(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = connect(address);
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    let (status, head, body) = answer(&mut stream, false);
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    (status, serde_json::from_slice(&body).unwrap())
}
