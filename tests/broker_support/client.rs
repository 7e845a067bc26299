//! A client: a plain socket and the crate's own codec, used the other way round.

use super::GUARD;
use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Reader, Root, Writer};
use barnabas::wire::header::{RequestHeader, ResponseHeader};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection to a broker.
pub struct Client {
    pub stream: TcpStream,
    next: i32,
}

/// A request whose answer is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub api: ApiKey,
    pub version: i16,
    pub correlation_id: i32,
}

/// An answer whose header fits its request.
pub struct Answer {
    frame: Vec<u8>,
    body: usize,
    version: i16,
}

impl Answer {
    /// The answer's body, to its last byte.
    pub fn read<'a, R: Root<'a>>(&'a self) -> R {
        let mut reader = Reader::new(&self.frame[self.body..]);
        let response = R::decode(&mut reader, self.version).unwrap();
        assert_eq!(reader.remaining(), 0, "bytes behind the answer");
        response
    }
}

/// A request as a frame: size, header, body.
pub fn frame<'a, M: Root<'a>>(correlation_id: i32, version: i16, request: &M) -> (Vec<u8>, Sent) {
    let api = ApiKey::from_i16(M::KEY).unwrap();
    let mut w = Writer::new();
    w.write_i32(0);
    let (api_key, client_id) = (M::KEY, Some("broker-test"));
    RequestHeader { api_key, api_version: version, correlation_id, client_id }.encode(&mut w);
    request.encode(&mut w, version);
    w.patch_i32(0, i32::try_from(w.len() - 4).unwrap());
    (w.into_bytes(), Sent { api, version, correlation_id })
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        Client { stream, next: 0 }
    }

    /// How the broker calls this client in its log.
    pub fn name(&self) -> String {
        self.stream.local_addr().unwrap().to_string()
    }

    /// A second handle of the same connection, to write while the first reads.
    pub fn twin(&self) -> Client {
        Client { stream: self.stream.try_clone().unwrap(), next: self.next }
    }

    /// A request as a frame, not yet sent.
    pub fn frame<'a, M: Root<'a>>(&mut self, version: i16, request: &M) -> (Vec<u8>, Sent) {
        self.next += 1;
        frame(self.next, version, request)
    }

    pub fn send<'a, M: Root<'a>>(&mut self, version: i16, request: &M) -> Sent {
        let (bytes, sent) = self.frame(version, request);
        self.send_bytes(&bytes);
        sent
    }

    /// Sends bytes. That the broker is gone, or does not want them, shows in what is received.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(why) if !is_end(why.kind()) => panic!("cannot send: {why}"),
            _ => {}
        }
    }

    /// The next frame without its size; `None` at the end of the connection.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut size = [0; 4];
        match self.stream.read_exact(&mut size) {
            Ok(()) => {}
            Err(why) if is_end(why.kind()) => return None,
            Err(why) => panic!("no answer: {why}"),
        }
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        match self.stream.read_exact(&mut frame) {
            Ok(()) => Some(frame),
            Err(why) if is_end(why.kind()) => None,
            Err(why) => panic!("half an answer: {why}"),
        }
    }

    /// The answer to the request, which must be the next frame; `None` at the end.
    pub fn try_answer(&mut self, sent: Sent) -> Option<Answer> {
        let frame = self.receive()?;
        let mut reader = Reader::new(&frame);
        let header = ResponseHeader::decode(&mut reader, sent.api, sent.version).unwrap();
        assert_eq!(header.correlation_id, sent.correlation_id, "answers come in order");
        let body = frame.len() - reader.remaining();
        Some(Answer { frame, body, version: sent.version })
    }

    pub fn answer(&mut self, sent: Sent) -> Answer {
        let answer = self.try_answer(sent);
        answer.unwrap_or_else(|| panic!("the connection was closed instead of answering {sent:?}"))
    }

    pub fn call<'a, M: Root<'a>>(&mut self, version: i16, request: &M) -> Answer {
        let sent = self.send(version, request);
        self.answer(sent)
    }

    /// Expects the end of the connection, and nothing before it.
    pub fn assert_closed(&mut self) {
        assert_eq!(self.receive(), None, "an answer instead of the end");
    }
}

/// The peer has closed or reset the connection.
pub fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Lets time pass: reads from a connection on which nothing may come.
pub fn pass(client: &Client, time: Duration) {
    client.stream.set_read_timeout(Some(time)).unwrap();
    let read = (&client.stream).read(&mut [0]);
    let kind = read.as_ref().map_err(std::io::Error::kind);
    let quiet = matches!(kind, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(quiet, "something came: {read:?}");
    client.stream.set_read_timeout(Some(GUARD)).unwrap();
}
