//! How much unwritten data the system bears before it slows down whoever writes.
//!
//! The kernel starts write-back of its own accord at `vm.dirty_background_bytes`, or at
//! `vm.dirty_background_ratio` percent of the memory that is available, and puts writers to sleep half way
//! from there to `vm.dirty_bytes` or `vm.dirty_ratio` (Documentation/admin-guide/sysctl/vm.rst). Of a
//! memory control group (v2) the ratios count of its own limit.

use super::read_text;
use std::path::Path;

/// More is never useful: it is seconds of what a disk takes.
const LARGEST: u64 = 1 << 30;
/// Less than that would slow producers down for a single flush in the background.
const SMALLEST: u64 = 16 << 20;
/// Where the system does not say.
const UNKNOWN: u64 = 256 << 20;

/// Unwritten bytes at which the kernel begins to write back by itself, within bounds.
#[must_use]
pub fn background_limit() -> u64 {
    let vm = |name: &str| number(&text(&format!("/proc/sys/vm/{name}"))?);
    let available = available().unwrap_or(0);
    let start = threshold(vm("dirty_background_bytes"), vm("dirty_background_ratio"), available);
    let end = threshold(vm("dirty_bytes"), vm("dirty_ratio"), available);
    // As the kernel does where they are the wrong way round.
    let limit = match (start, end) {
        (Some(start), Some(end)) => start.min(end / 2),
        (start, _) => start.unwrap_or(UNKNOWN),
    };
    limit.clamp(SMALLEST, LARGEST)
}

fn threshold(bytes: Option<u64>, ratio: Option<u64>, available: u64) -> Option<u64> {
    let of_memory = || Some(available / 100 * ratio?).filter(|&bytes| bytes > 0);
    bytes.filter(|&bytes| bytes > 0).or_else(of_memory)
}

/// Bytes of memory that can hold file data: of the system, and of our control group.
fn available() -> Option<u64> {
    let memory = field(&text("/proc/meminfo")?, "MemAvailable:")? << 10;
    let group = text("/proc/self/cgroup").and_then(|groups| {
        let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?.to_owned();
        number(&text(&format!("/sys/fs/cgroup{path}/memory.max"))?)
    });
    Some(memory.min(group.unwrap_or(u64::MAX)))
}

fn field(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    number(line.split_whitespace().next()?)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn text(path: &str) -> Option<String> {
    read_text(Path::new(path), 1 << 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_before_a_share_of_the_memory() {
        assert_eq!(threshold(Some(5), Some(10), 1000), Some(5));
        assert_eq!(threshold(Some(0), Some(10), 1000), Some(100));
        assert_eq!(threshold(Some(0), Some(0), 1000), None);
        assert_eq!(threshold(None, None, 1000), None);
        assert_eq!(field("MemFree: 12 kB\nMemAvailable:   34 kB\n", "MemAvailable:"), Some(34));
        assert!((SMALLEST..=LARGEST).contains(&background_limit()));
    }
}
