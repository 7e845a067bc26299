//! How much unwritten data the system bears before it slows down whoever writes.
//!
//! The kernel starts write-back of its own accord at `vm.dirty_background_bytes`, or at
//! `vm.dirty_background_ratio` percent of the memory that is available, and puts writers to sleep half way
//! from there to `vm.dirty_bytes` or `vm.dirty_ratio` (Documentation/admin-guide/sysctl/vm.rst). In a
//! memory control group the ratios count of what the group may take, and that is the least that it or a group
//! above it may: `memory.max` and `memory.high` (cgroup-v2.rst), `memory.limit_in_bytes` (cgroup-v1/memory.rst).
//! Of version 1 the kernel counts by the whole system, and a group full of unwritten data waits for memory
//! instead: so more than a quarter of the memory is never taken, whatever is set.

use super::read_text;
use std::path::{Component, Path, PathBuf};

/// More is never useful: it is seconds of what a disk takes.
const LARGEST: u64 = 1 << 30;
/// Less than that would slow producers down for a single flush in the background.
const SMALLEST: u64 = 16 << 20;
/// Where the system does not say.
const UNKNOWN: u64 = 256 << 20;

/// Where control groups are found; those of version 1 by controller.
const GROUPS: &str = "sys/fs/cgroup";

/// Unwritten bytes at which the kernel begins to write back by itself, within bounds.
#[must_use]
pub fn background_limit() -> u64 {
    limit_of(Path::new("/"))
}

/// The same of the system whose files are below `root`.
fn limit_of(root: &Path) -> u64 {
    let vm = |name: &str| number(&text(&root.join("proc/sys/vm").join(name))?);
    let memory = text(&root.join("proc/meminfo")).unwrap_or_default();
    let of_groups = group_limit(root).unwrap_or(u64::MAX);
    let available = kilobytes(&memory, "MemAvailable:").map_or(0, |free| free.min(of_groups));
    let start = threshold(vm("dirty_background_bytes"), vm("dirty_background_ratio"), available);
    let end = threshold(vm("dirty_bytes"), vm("dirty_ratio"), available);
    // As the kernel does where they are the wrong way round.
    let limit = match (start, end) {
        (Some(start), Some(end)) => start.min(end / 2),
        (start, _) => start.unwrap_or(UNKNOWN),
    };
    let all = kilobytes(&memory, "MemTotal:").unwrap_or(u64::MAX).min(of_groups);
    limit.clamp(SMALLEST, LARGEST).min(all / 4)
}

fn threshold(bytes: Option<u64>, ratio: Option<u64>, available: u64) -> Option<u64> {
    let of_memory = || Some(available / 100 * ratio?).filter(|&bytes| bytes > 0);
    bytes.filter(|&bytes| bytes > 0).or_else(of_memory)
}

/// The least that the control groups of the process let it take, those above its own among them.
fn group_limit(root: &Path) -> Option<u64> {
    let (groups, text_of) = (root.join(GROUPS), text(&root.join("proc/self/cgroup"))?);
    text_of.lines().filter_map(|line| limit_of_group(&groups, line)).min()
}

/// The same by one line of `/proc/self/cgroup`: number, controllers, path (cgroups(7)).
fn limit_of_group(groups: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    if controllers.is_empty() {
        return least(groups, path, &["memory.max", "memory.high"]);
    }
    let is_memory = controllers.split(',').any(|controller| controller == "memory");
    is_memory.then(|| least(&groups.join("memory"), path, &["memory.limit_in_bytes"]))?
}

/// The least of the numbers in these files, in a group's directory and all above it. In a container the path may be
/// the host's, of which nothing is there: then the top is its own group.
fn least(top: &Path, path: &str, names: &[&str]) -> Option<u64> {
    let is_name = |part: &Component<'_>| matches!(part, Component::Normal(_));
    let path: PathBuf = Path::new(path).components().filter(is_name).collect();
    let files = path.ancestors().flat_map(|group| names.iter().map(move |name| group.join(name)));
    files.filter_map(|file| number(&text(&top.join(file))?)).min()
}

fn kilobytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    number(line.split_whitespace().next()?)?.checked_mul(1 << 10)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn text(path: &Path) -> Option<String> {
    read_text(path, 1 << 16).ok()
}

#[cfg(test)]
#[path = "dirty_limit_tests.rs"]
mod tests;
