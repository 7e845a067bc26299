//! Standard error, for the lines of the log. Whoever reads it may be slow, or have stopped reading for good: a
//! worker that says something must not wait for that, nor a stop.
//!
//! A line that finds no room waits for [`PATIENCE`]. If there is none still, the stream is *stalled*: lines are
//! dropped, without waiting, until there is room again. Then it is told how many were lost. A file has always room.

use barnabas::net;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_millis(100);
/// Where there is room at all, so many bytes have it (`PIPE_BUF`).
const PIECE: usize = 4096;

/// See the module's comment.
pub(crate) struct ErrorStream<S> {
    to: S,
    /// The line that says how many were lost.
    loss: fn(u64) -> String,
    is_stalled: bool,
    lost: u64,
    /// A line was cut off.
    is_within: bool,
}

impl<S: Write + AsFd> ErrorStream<S> {
    pub(crate) fn new(to: S, loss: fn(u64) -> String) -> ErrorStream<S> {
        ErrorStream { to, loss, is_stalled: false, lost: 0, is_within: false }
    }

    /// Writes all of a line; false if there was no room for some of it.
    fn put(&mut self, line: &[u8]) -> io::Result<bool> {
        for piece in line.chunks(PIECE) {
            let patience = if self.is_stalled { Duration::ZERO } else { PATIENCE };
            self.is_stalled = !net::has_room(self.to.as_fd(), patience)?;
            if self.is_stalled {
                return Ok(false);
            }
            self.to.write_all(piece)?;
            self.is_within = !piece.ends_with(b"\n");
        }
        Ok(true)
    }

    fn tell_lost(&mut self) -> io::Result<bool> {
        if self.lost == 0 {
            return Ok(true);
        }
        let end = if self.is_within { "\n" } else { "" };
        let told = self.put(format!("{end}{}", (self.loss)(self.lost)).as_bytes())?;
        if told {
            self.lost = 0;
        }
        Ok(told)
    }
}

impl<S: Write + AsFd> Write for ErrorStream<S> {
    /// Takes a line, whether or not it is written.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !(self.tell_lost()? && self.put(line)?) {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
