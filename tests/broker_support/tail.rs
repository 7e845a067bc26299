//! An answer that goes on, as its client sees it.

use super::connect;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub struct Tail {
    pub stream: BufReader<TcpStream>,
    /// The last `id` that was told.
    last: Option<String>,
}

impl Tail {
    /// Asks for one, and reads its head.
    pub fn open(address: SocketAddr, path: &str) -> Tail {
        Tail::try_open(address, path).unwrap()
    }

    /// The same; nothing where it is refused.
    pub fn try_open(address: SocketAddr, path: &str) -> Option<Tail> {
        Tail::ask(address, path, "")
    }

    /// The same for who has seen this already.
    pub fn open_behind(address: SocketAddr, path: &str, id: &str) -> Tail {
        Tail::ask(address, path, &format!("Last-Event-ID: {id}\r\n")).unwrap()
    }

    fn ask(address: SocketAddr, path: &str, fields: &str) -> Option<Tail> {
        let mut stream = connect(address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").unwrap();
        let mut tail = Tail { stream: BufReader::new(stream), last: None };
        let head: Vec<String> =
            std::iter::from_fn(|| Some(tail.line())).take_while(|line| !line.is_empty()).collect();
        if head[0].starts_with("HTTP/1.1 503") || head[0].starts_with("HTTP/1.1 404") {
            return None;
        }
        assert_eq!(head[0], "HTTP/1.1 200 OK", "{head:?}");
        assert!(head.iter().any(|line| line == "Content-Type: text/event-stream"), "{head:?}");
        assert!(!head.iter().any(|line| line.starts_with("Content-Length")), "{head:?}");
        Some(tail)
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ended");
        let line = line.trim_end().to_owned();
        if let Some(id) = line.strip_prefix("id: ") {
            self.last = Some(id.to_owned());
        }
        line
    }

    /// The next event, comments and what stands by itself left out: its name, and its data.
    pub fn event(&mut self) -> (Option<String>, Value) {
        let (mut name, mut comments) = (None, 0);
        loop {
            let line = self.line();
            if let Some(data) = line.strip_prefix("data: ") {
                assert_eq!(self.line(), "");
                return (name, serde_json::from_str(data).unwrap());
            }
            // Comments come each 30 seconds, unless the test says otherwise: they must not keep it waiting for ever.
            comments += usize::from(line == ":");
            assert!(comments < 20, "nothing but comments");
            name = line.strip_prefix("event: ").map(str::to_owned);
        }
    }

    /// The next message.
    pub fn message(&mut self) -> Value {
        let (name, message) = self.event();
        assert_eq!(name, None, "{message}");
        message
    }

    /// The next id: how it goes on behind what came so far.
    pub fn id(&mut self) -> String {
        self.last = None;
        while self.last.is_none() {
            self.line();
        }
        assert_eq!(self.line(), "");
        self.last.take().unwrap()
    }

    /// Whether something has come that was not read.
    pub fn has_more(&self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let is_there = !self.stream.buffer().is_empty() || stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        is_there
    }

    pub fn assert_end(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        let rest = String::from_utf8_lossy(&rest);
        // Where it stands may be told once more.
        let is_told = |line: &str| line.is_empty() || line.starts_with("id: ");
        assert!(rest.lines().all(is_told), "{rest:?}");
    }
}
