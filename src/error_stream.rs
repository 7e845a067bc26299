//! Standard error, for the lines of the log. Whoever reads it may be slow, or have stopped reading for good (a pipe, a
//! terminal whose session is gone): a worker that says something must not wait for that, nor a stop.
//!
//! A line goes into a queue, which a thread of its own writes out: nothing else can tell whether a write will wait. Where
//! the queue is full a line is dropped, and how many were is told with the next one that is written. What is in the queue
//! when the process ends is waited for, but not for long ([`Lines::settle`]).

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of lines that wait to be written.
const MOST: usize = 1 << 20;
/// How long the end of the process waits for them.
const PATIENCE: Duration = Duration::from_millis(500);

/// The lines that are to be written, of the whole process.
pub(crate) struct Lines {
    state: Mutex<State>,
    /// There is something to write.
    more: Condvar,
    /// All is written.
    done: Condvar,
}

struct State {
    waiting: Vec<u8>,
    lost: u64,
    is_writing: bool,
    /// There is a thread that writes.
    is_served: bool,
}

static LINES: Lines = Lines {
    state: Mutex::new(State { waiting: Vec::new(), lost: 0, is_writing: false, is_served: false }),
    more: Condvar::new(),
    done: Condvar::new(),
};

impl Lines {
    /// Those of this process.
    pub(crate) fn all() -> &'static Lines {
        &LINES
    }

    /// Begins to write to `out`; `loss` is the line that says how many were lost.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn serve(
        &'static self,
        mut out: impl Write + Send + 'static,
        loss: fn(u64) -> String,
    ) -> io::Result<()> {
        let write = move || {
            loop {
                let (lost, bytes) = self.next();
                // Nobody can be told that this fails.
                let _ = out.write_all(&bytes);
                if lost > 0 {
                    let _ = out.write_all(loss(lost).as_bytes());
                }
            }
        };
        std::thread::Builder::new().name("log-lines".to_owned()).spawn(write)?;
        self.lock().is_served = true;
        Ok(())
    }

    /// Waits for lines and takes them, and how many were lost behind them.
    fn next(&self) -> (u64, Vec<u8>) {
        let mut state = self.lock();
        state.is_writing = false;
        if state.waiting.is_empty() {
            self.done.notify_all();
        }
        while state.waiting.is_empty() {
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        let State { waiting, lost, .. } = &mut *state;
        (std::mem::take(lost), std::mem::take(waiting))
    }

    /// Waits until all is written, or nobody reads.
    pub(crate) fn settle(&self) {
        let until = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while state.is_served && (state.is_writing || !state.waiting.is_empty()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &'static Lines {
    /// Takes a line, whether or not there is room for it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        match state.waiting.len() + line.len() <= MOST {
            true => state.waiting.extend_from_slice(line),
            false => state.lost += 1,
        }
        self.more.notify_one();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
