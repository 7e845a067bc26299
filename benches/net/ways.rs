//! Ways to send a range of a file that is in memory, beside each other: what we do (`sendfile` for large ranges, one
//! write for small ones) and what io_uring could do in its place. One blocking connection on loopback, whose
//! other end throws away what comes.
//!
//! On loopback the kernel copies what is sent without copying, too: a notification says so (`ZC_COPIED`). On
//! a network card that gathers from memory it need not; there this bench tells more.

use super::{Mapped, next_start, pin, thread_cpu};
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

const RUNS: usize = 5;
const TOTAL: usize = 1 << 30;
/// Notifications that may be owed.
const OWED: usize = 16;
/// Asks that a notification says whether it was copied after all, and says so.
const REPORT_USAGE: u16 = 1 << 3;
const COPIED: i32 = i32::MIN;

type Way = fn(&Pair, &Mapped, usize) -> Option<f64>;

const WAYS: &[(&str, Way)] = &[
    ("sendfile", by_sendfile),
    ("write from the mapping", by_write),
    ("io_uring, send from the mapping", |pair, file, size| by_ring(pair, file, size, Kind::Send)),
    ("io_uring, SEND_ZC from the mapping", |pair, file, size| {
        by_ring(pair, file, size, Kind::Free)
    }),
    ("io_uring, SEND_ZC, registered memory", |pair, file, size| {
        by_ring(pair, file, size, Kind::Registered)
    }),
];

/// All ways, in turns, for each size.
pub fn run(file: &Mapped) {
    println!("{:<40} {:>8} {:>9} {:>6} {:>8}", "way", "KiB", "s/GB", "ratio", "copied");
    for size in [16 << 10, 64 << 10, 1 << 20] {
        let mut costs = vec![Vec::new(); WAYS.len()];
        let mut copied = vec![None; WAYS.len()];
        for _ in 0..RUNS {
            for (i, (_, way)) in WAYS.iter().enumerate() {
                let (cost, share) = measured(*way, file, size);
                costs[i].push(cost);
                copied[i] = share;
            }
        }
        let medians = costs.into_iter().map(|mut costs| {
            costs.sort_by(f64::total_cmp);
            costs[RUNS / 2]
        });
        let medians: Vec<f64> = medians.collect();
        for (i, (name, _)) in WAYS.iter().enumerate() {
            let share = copied[i].map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
            let (cost, ratio) = (medians[i], medians[i] / medians[0]);
            println!("{name:<40} {:>8} {cost:>9.3} {ratio:>6.2} {share:>8}", size >> 10);
        }
    }
}

/// Processor seconds of the sending thread by the GB, and the share of sends that were copied after all.
fn measured(way: Way, file: &Mapped, size: usize) -> (f64, Option<f64>) {
    let pair = Pair::new();
    let began = thread_cpu();
    let copied = way(&pair, file, size);
    let cost = (thread_cpu() - began) / TOTAL as f64 * 1e9;
    pair.end();
    (cost, copied)
}

/// A connection whose other end is a thread that throws away what comes.
struct Pair {
    stream: TcpStream,
    other: std::thread::JoinHandle<()>,
}

impl Pair {
    fn new() -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("bound");
        let other = std::thread::spawn(move || {
            pin(1);
            let stream = TcpStream::connect(address).expect("connect");
            // SAFETY: with MSG_TRUNC on TCP nothing is stored.
            let receive = || unsafe {
                libc::recv(stream.as_raw_fd(), std::ptr::null_mut(), 1 << 20, libc::MSG_TRUNC)
            };
            while receive() > 0 {}
        });
        let (stream, _) = listener.accept().expect("accept");
        stream.set_nodelay(true).expect("nodelay");
        pin(0);
        Pair { stream, other }
    }

    fn end(self) {
        drop(self.stream);
        self.other.join().expect("the other end");
    }
}

fn by_sendfile(pair: &Pair, file: &Mapped, size: usize) -> Option<f64> {
    let mut at = 0;
    for _ in 0..TOTAL / size {
        let mut offset = next_start(&mut at, size) as libc::off_t;
        let end = offset + size as libc::off_t;
        while offset < end {
            let (to, from) = (pair.stream.as_raw_fd(), file.file.as_fd().as_raw_fd());
            // SAFETY: a plain system call on two open files; it moves the offset.
            let n = unsafe { libc::sendfile(to, from, &raw mut offset, (end - offset) as usize) };
            assert!(n > 0, "sendfile: {}", std::io::Error::last_os_error());
        }
    }
    None
}

fn by_write(pair: &Pair, file: &Mapped, size: usize) -> Option<f64> {
    let mut at = 0;
    for _ in 0..TOTAL / size {
        let start = next_start(&mut at, size);
        (&pair.stream).write_all(&file.map[start..start + size]).expect("write");
    }
    None
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Send,
    /// Without copying, from any memory.
    Free,
    /// The same, from memory that the ring knows; a mapping of a file cannot be registered.
    Registered,
}

fn by_ring(pair: &Pair, file: &Mapped, size: usize, kind: Kind) -> Option<f64> {
    let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    let mut ring = builder.build(64).expect("a ring");
    let memory = vec![7u8; size];
    if kind == Kind::Registered {
        let slice = libc::iovec { iov_base: memory.as_ptr() as *mut _, iov_len: size };
        // SAFETY: the memory lives until the ring is gone.
        unsafe { ring.submitter().register_buffers(&[slice]) }.expect("register memory");
    }
    let fd = types::Fd(pair.stream.as_raw_fd());
    let (mut at, mut owed, mut copied) = (0, 0, 0);
    for _ in 0..TOTAL / size {
        let start = next_start(&mut at, size);
        let from = file.map[start..start + size].as_ptr();
        let (len, whole) = (size as u32, libc::MSG_WAITALL);
        let zero_copy =
            |from| opcode::SendZc::new(fd, from, len).flags(whole).zc_flags(REPORT_USAGE);
        let entry = match kind {
            Kind::Send => opcode::Send::new(fd, from, len).flags(whole).build(),
            Kind::Free => zero_copy(from).build(),
            Kind::Registered => zero_copy(memory.as_ptr()).buf_index(Some(0)).build(),
        };
        // SAFETY: what is sent lives until the ring is gone.
        unsafe { ring.submission().push(&entry) }.expect("room in the ring");
        let mut is_sent = false;
        while !is_sent || owed > OWED {
            ring.submit_and_wait(1).expect("enter");
            for done in ring.completion() {
                if cqueue::notif(done.flags()) {
                    owed -= 1;
                    copied += usize::from(done.result() & COPIED != 0);
                    continue;
                }
                assert_eq!(done.result(), size as i32, "a send that is not whole");
                owed += usize::from(cqueue::more(done.flags()));
                is_sent = true;
            }
        }
    }
    while owed > 0 {
        ring.submit_and_wait(1).expect("enter");
        for done in ring.completion() {
            owed -= 1;
            copied += usize::from(done.result() & COPIED != 0);
        }
    }
    (kind != Kind::Send).then(|| copied as f64 / (TOTAL / size) as f64)
}
