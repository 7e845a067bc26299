//! A connection that does not wait: frames go out as far as they go, and come in one by one.

use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes that are read at once, at least.
const READ: usize = 256 << 10;
/// The largest answer.
const LARGEST: usize = 1 << 30;

/// See the module's comment.
#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
    out: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
    /// Bytes of `input` that have come.
    filled: usize,
    /// Bytes of them that were taken.
    taken: usize,
}

impl Connection {
    /// Connects, and waits until that is done, for so long at most.
    pub fn to(address: SocketAddr, patience: Duration) -> Result<Connection, String> {
        let failed = |why| format!("nobody answers at {address}: {why}");
        let stream = std::net::TcpStream::connect_timeout(&address, patience).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_nonblocking(true).map_err(failed)?;
        let stream = TcpStream::from_std(stream);
        Ok(Connection { stream, out: Vec::new(), sent: 0, input: Vec::new(), filled: 0, taken: 0 })
    }

    /// Takes a frame to send.
    pub fn push(&mut self, frame: &[u8]) {
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        self.out.extend_from_slice(frame);
    }

    /// Sends what goes.
    pub fn flush(&mut self) -> Result<(), String> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err("the broker takes no more".into()),
                Ok(n) => self.sent += n,
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(format!("the connection broke: {why}")),
            }
        }
        Ok(())
    }

    /// Reads once; false when there is nothing more for now.
    pub fn fill(&mut self) -> Result<bool, String> {
        self.make_room();
        let Some(room) = self.input.get_mut(self.filled..) else { return Ok(false) };
        let wanted = room.len();
        match self.stream.read(room) {
            Ok(0) => Err("the broker has closed the connection".into()),
            Ok(n) => {
                self.filled += n;
                Ok(n == wanted)
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(why) if why.kind() == ErrorKind::Interrupted => Ok(true),
            Err(why) => Err(format!("the connection broke: {why}")),
        }
    }

    /// Room for the rest of the answer that has begun, or for some more.
    fn make_room(&mut self) {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, 0);
        } else if self.taken > READ {
            self.input.copy_within(self.taken..self.filled, 0);
            (self.filled, self.taken) = (self.filled - self.taken, 0);
        }
        let begun = self.size().unwrap_or(0) + 4;
        let wanted = (self.taken + begun).max(self.filled + READ);
        if self.input.len() < wanted {
            self.input.resize(wanted, 0);
        }
    }

    fn size(&self) -> Option<usize> {
        let bytes = self.input.get(self.taken..self.filled)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes) as usize)
    }

    /// The next whole answer, without its length.
    pub fn take(&mut self) -> Result<Option<&[u8]>, String> {
        let Some(size) = self.size() else { return Ok(None) };
        if size > LARGEST {
            return Err(format!("the broker sends an answer of {size} bytes"));
        }
        let (from, to) = (self.taken + 4, self.taken + 4 + size);
        if to > self.filled {
            return Ok(None);
        }
        self.taken = to;
        Ok(self.input.get(from..to))
    }
}
