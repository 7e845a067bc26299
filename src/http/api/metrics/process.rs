//! The process, by the names that Prometheus' client libraries have for it. From `/proc`, so on Linux alone; what
//! cannot be read is not told.

use super::family::Family;
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// Ticks of a second in what the kernel tells processes: so on every architecture that this runs on.
const TICKS: f64 = 100.0;

pub(super) fn process() -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
    let (stat, status) = (Stat::parse(&read("self/stat")), read("self/status"));
    let bytes = |field| Some(number_behind(&status, field)? * 1024);
    let start = || Some(number_behind(&read("stat"), "btime ")? as f64 + stat.as_ref()?.start);
    let open = || descriptors(Path::new("/proc/self/fd"));
    let gauge = |name, help| Family::new(name, help);
    [
        told(
            Family::counter(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            ),
            stat.as_ref().map(|stat| stat.cpu),
        ),
        told(
            gauge(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            ),
            start(),
        ),
        told(
            gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
            bytes("VmRSS:"),
        ),
        told(
            gauge("process_virtual_memory_bytes", "Virtual memory size in bytes."),
            bytes("VmSize:"),
        ),
        told(gauge("process_open_fds", "Number of open file descriptors."), open()),
        told(
            gauge("process_max_fds", "Maximum number of open file descriptors."),
            number_behind(&read("self/limits"), "Max open files"),
        ),
        told(
            gauge("process_threads", "Number of OS threads in the process."),
            number_behind(&status, "Threads:"),
        ),
    ]
    .concat()
}

/// A family of one line, where there is something to tell.
fn told(mut family: Family, value: Option<impl Display>) -> String {
    let Some(value) = value else { return String::new() };
    family.add(&[], value);
    family.lines
}

/// How many descriptors are listed in this directory. Linux says so as its size from 6.2 on; before that they are
/// counted, which takes long where there are many.
fn descriptors(path: &Path) -> Option<u64> {
    let told = fs::metadata(path).ok()?.len();
    // One of them is that of the listing.
    let counted = || Some((fs::read_dir(path).ok()?.count() as u64).saturating_sub(1));
    if told > 0 { Some(told) } else { counted() }
}

/// Of `/proc/self/stat`, in seconds.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu: f64,
    /// After the machine's start.
    start: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The second field is the program's name, in parentheses, whatever is in it.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let seconds =
            |field: usize| Some(fields.get(field - 3)?.parse::<u64>().ok()? as f64 / TICKS);
        let (user, system, start) = (seconds(14)?, seconds(15)?, seconds(22)?);
        Some(Stat { cpu: user + system, start })
    }
}

/// The number in the line that begins with this.
fn number_behind(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let line = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 9 0 12345 1 1 1";
        assert_eq!(Stat::parse(line), Some(Stat { cpu: 3.0, start: 123.45 }));
        for wrong in ["", "7 (a", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 1 1 2 3 4 x 50 0 0 20 0 9 0 1 1"]
        {
            assert_eq!(Stat::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = "VmSize:\t  123 kB\nMax open files            1024                 4096  files\nbtime 17\n";
        assert_eq!(number_behind(text, "VmSize:"), Some(123));
        assert_eq!(number_behind(text, "Max open files"), Some(1024));
        assert_eq!(number_behind(text, "btime "), Some(17));
        assert_eq!(number_behind("Max open files  unlimited", "Max open files"), None);
    }
}
