//! What a process uses: processor time and memory, as `/proc` says.

use std::fs;

/// As of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds on a processor, of all threads that are alive.
    pub cpu_ns: u64,
    /// Bytes of resident memory.
    pub resident: u64,
}

/// What a process uses now; none if it is not there or not to be looked at.
pub fn of(pid: u32) -> Option<Usage> {
    let mut cpu_ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).unwrap_or_default();
        cpu_ns += stat.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(Usage { cpu_ns, resident: kib << 10 })
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_uses_something() {
        let usage = super::of(std::process::id()).expect("/proc");
        assert!(usage.cpu_ns > 0 && usage.resident > 0);
        assert_eq!(super::of(u32::MAX), None);
    }
}
