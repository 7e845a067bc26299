//! What the kernel counts for a process: processor time, switches, system calls, memory.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};

/// One thread of a process.
pub struct Thread {
    pub id: u32,
    pub name: String,
    /// Nanoseconds on a processor.
    pub cpu: u64,
}

/// The threads of a process as of now.
pub fn threads(pid: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process with threads");
    let ids = tasks.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let one = |id: u32| {
        let of = |file: &str| fs::read_to_string(format!("/proc/{pid}/task/{id}/{file}")).ok();
        let cpu = of("schedstat")?.split_whitespace().next()?.parse().ok()?;
        Some(Thread { id, name: of("comm")?.trim().to_owned(), cpu })
    };
    ids.filter_map(one).collect()
}

/// Nanoseconds on a processor: of the thread that serves, and of all.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub serving: u64,
    pub all: u64,
}

impl Cpu {
    /// As of now. The first thread serves if none is called a worker.
    pub fn of(pid: u32) -> Cpu {
        let threads = threads(pid);
        let all = threads.iter().map(|thread| thread.cpu).sum();
        let worker = threads.iter().find(|thread| thread.name.starts_with("worker"));
        Cpu { serving: worker.or(threads.first()).map_or(0, |thread| thread.cpu), all }
    }

    pub fn since(self, earlier: Cpu) -> Cpu {
        Cpu { serving: self.serving - earlier.serving, all: self.all - earlier.all }
    }
}

/// Pages that a thread found missing, and waited for nothing else than the kernel's work.
pub fn faults(pid: u32, thread: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().nth(7).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Times that threads of a process were put on a processor, which they asked for or not.
pub fn switches(pid: u32) -> u64 {
    let of = |thread: &Thread| {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{}/status", thread.id));
        let status = status.unwrap_or_default();
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>()
    };
    threads(pid).iter().map(of).sum()
}

/// Time by the ticks of the clock that found the process running, which is all that `top` sees: in its own code,
/// and in the kernel's.
pub fn ticks(pid: u32) -> (u64, u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut times = fields.map(|field| field.parse().unwrap_or(0));
    (times.next().unwrap_or(0), times.next().unwrap_or(0))
}

/// Bytes of resident memory, as /proc/PID/status has them: in all, and not backed by files.
pub fn resident(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    (of("VmRSS:").unwrap_or(0) * 1024, of("RssAnon:").unwrap_or(0) * 1024)
}

/// Bytes of address space.
pub fn address_space(pid: u32) -> u64 {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = pages.split_whitespace().next().and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// The number of the kernel's event "a system call begins".
pub fn syscall_event() -> Result<u64, String> {
    let id = || {
        let path = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    if id().is_none() {
        // Mounts the tracing file system if it may.
        let mut perf = Command::new("perf");
        perf.args(["stat", "-e", "raw_syscalls:sys_enter", "true"]);
        let _ = perf.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
    id().ok_or_else(|| "there is no readable /sys/kernel/tracing".to_owned())
}

/// The beginning of the kernel's `perf_event_attr`; the rest is zero.
#[repr(C)]
struct EventAttributes {
    kind: u32,
    size: u32,
    config: u64,
    rest: [u64; 14],
}

/// `PERF_TYPE_TRACEPOINT`.
const TRACEPOINT: u32 = 2;

/// Counts the system calls of one thread.
pub struct Syscalls(fs::File);

impl Syscalls {
    /// Counts from now on; `None` where the kernel does not let us.
    pub fn of(thread: u32) -> Option<Syscalls> {
        let attributes = EventAttributes {
            kind: TRACEPOINT,
            size: size_of::<EventAttributes>() as u32,
            config: syscall_event().ok()?,
            rest: [0; 14],
        };
        // SAFETY: the attributes live across the call and say how long they are.
        let fd = unsafe {
            libc::syscall(libc::SYS_perf_event_open, &raw const attributes, thread, -1, -1, 0)
        };
        if fd < 0 {
            eprintln!("perf_event_open: {}", io::Error::last_os_error());
            return None;
        }
        // SAFETY: a descriptor that the call has just made, and that nobody else has.
        Some(Syscalls(unsafe { OwnedFd::from_raw_fd(fd as i32) }.into()))
    }

    /// The count so far.
    pub fn count(&mut self) -> u64 {
        let mut count = [0; 8];
        self.0.read_exact(&mut count).expect("a counter can be read");
        u64::from_ne_bytes(count)
    }
}
