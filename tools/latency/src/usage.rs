//! What a process uses: processor time and memory, as `/proc` says.

use std::fs;

/// What `/proc/PID/stat` counts in: a hundredth of a second, whatever the kernel was built with.
const TICK_NS: u64 = 10_000_000;

/// As of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds on a processor of all threads that there are, if each was looked at.
    threads_ns: Option<u64>,
    /// Of all threads that there have been; user and system time are each cut off at a tick.
    all_ns: u64,
    /// Bytes of resident memory.
    pub resident: u64,
}

impl Usage {
    /// Nanoseconds on a processor since then. What threads took along that have ended (a virtual machine's
    /// compilers do) is known by the tick only: where it is no more than that, the threads that are left are exact.
    pub fn since(&self, before: &Usage) -> u64 {
        let all = self.all_ns.saturating_sub(before.all_ns);
        match self.threads_ns.zip(before.threads_ns) {
            Some((after, before)) if all <= after.saturating_sub(before) + 3 * TICK_NS => {
                after.saturating_sub(before)
            }
            _ => all,
        }
    }
}

/// What a process uses now; none if it is not there or not to be looked at.
pub fn of(pid: u32) -> Option<Usage> {
    let mut threads_ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).unwrap_or_default();
        threads_ns +=
            stat.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Some(Usage { threads_ns: Some(threads_ns), ..roughly(pid)? })
}

/// The same by the tick, without looking at each thread: a load has no time for that while it runs.
pub fn roughly(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets, and may have any in it. User and system time are the twelfth and the thirteenth behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(Usage { threads_ns: None, all_ns: ticks * TICK_NS, resident: kib << 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenth of a second of this thread's time.
    fn burn() {
        let spent = || {
            let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("/proc");
            stat.split_whitespace().next().expect("a number").parse::<u64>().expect("a number")
        };
        while spent() < 10 * TICK_NS {}
    }

    #[test]
    fn threads_that_have_ended_count() {
        let pid = std::process::id();
        let before = of(pid).expect("/proc");
        std::thread::spawn(burn).join().expect("it ends");
        let after = of(pid).expect("/proc");
        assert!(after.since(&before) >= 8 * TICK_NS, "{before:?} {after:?}");
        assert!(roughly(pid).expect("/proc").since(&before) >= 8 * TICK_NS);
        assert!(after.resident > 0);
    }

    #[test]
    fn what_is_less_than_a_tick_is_known_while_its_thread_lives() {
        let usage = |threads_ns, all_ns| Usage { threads_ns, all_ns, resident: 0 };
        let before = usage(Some(1_500), 0);
        assert_eq!(usage(Some(7_500), 2 * TICK_NS).since(&before), 6_000);
        assert_eq!(usage(Some(0), 9 * TICK_NS).since(&before), 9 * TICK_NS);
        assert_eq!(usage(None, TICK_NS).since(&before), TICK_NS);
    }

    #[test]
    fn who_is_not_there_uses_nothing() {
        assert_eq!(of(u32::MAX), None);
    }
}
