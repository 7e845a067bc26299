//! Systems of any kind, as files in a directory.

use super::*;
use std::fs;

const MIB: u64 = 1 << 20;

/// The files of a system; gone at its end.
struct System(PathBuf);

impl Drop for System {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl System {
    /// Of 64 GiB, half of it available, with the kernel's own settings.
    fn new(name: &str) -> System {
        let name = format!("barnabas-dirty-{}-{name}", std::process::id());
        System(std::env::temp_dir().join(name))
            .with("proc/meminfo", "MemTotal:  67108864 kB\nMemAvailable:   33554432 kB\n")
            .with("proc/sys/vm/dirty_background_bytes", "0\n")
            .with("proc/sys/vm/dirty_background_ratio", "10\n")
            .with("proc/sys/vm/dirty_bytes", "0\n")
            .with("proc/sys/vm/dirty_ratio", "20\n")
    }

    fn with(self, file: &str, content: &str) -> System {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A file of a control group with so many MiB.
    fn group(self, file: &str, mib: u64) -> System {
        self.with(&format!("{GROUPS}/{file}"), &format!("{}\n", mib * MIB))
    }

    fn limit(&self) -> u64 {
        limit_of(&self.0)
    }

    /// What the groups let the process take, in MiB.
    fn groups(&self) -> Option<u64> {
        group_limit(&self.0).map(|bytes| bytes / MIB)
    }
}

#[test]
fn bytes_go_before_a_share_of_the_memory() {
    assert_eq!(threshold(Some(5), Some(10), 1000), Some(5));
    assert_eq!(threshold(Some(0), Some(10), 1000), Some(100));
    assert_eq!(threshold(Some(0), Some(0), 1000), None);
    assert_eq!(threshold(None, None, 1000), None);
    assert_eq!(
        kilobytes("MemFree: 12 kB\nMemAvailable:   34 kB\n", "MemAvailable:"),
        Some(34 << 10)
    );
    assert!((1..=LARGEST).contains(&background_limit()));
}

#[test]
fn without_groups_the_settings_count_within_bounds() {
    assert_eq!(System::new("plain").limit(), LARGEST);
    let bytes = |start: &str, end: &str| {
        let system = System::new("bytes").with("proc/sys/vm/dirty_background_bytes", start);
        system.with("proc/sys/vm/dirty_bytes", end).limit()
    };
    assert_eq!(bytes("100000000", "0"), 100_000_000);
    assert_eq!(bytes("100000000", "60000000"), 30_000_000, "the wrong way round");
    assert_eq!(bytes("1", "0"), SMALLEST);
    let small =
        System::new("small").with("proc/meminfo", "MemTotal: 40000 kB\nMemAvailable: 9 kB\n");
    assert_eq!(small.limit(), 10_240_000, "a quarter");
    let nothing = System(std::env::temp_dir().join("barnabas-dirty-of-nothing"));
    assert_eq!(nothing.limit(), UNKNOWN);
}

#[test]
fn the_least_of_all_groups_above_counts() {
    let own = "0::/a/b/c\n";
    let with = |name: &str| System::new(name).with("proc/self/cgroup", own);
    assert_eq!(with("none").groups(), None);
    let unlimited = with("max").with(&format!("{GROUPS}/a/b/c/memory.max"), "max\n");
    assert_eq!(unlimited.groups(), None);
    assert_eq!(unlimited.limit(), LARGEST);
    let above = unlimited.group("a/b/memory.max", 900).group("a/memory.max", 512);
    assert_eq!(above.groups(), Some(512));
    assert_eq!(above.limit(), 512 * MIB / 100 * 10);
    assert_eq!(above.group("a/memory.high", 256).groups(), Some(256));
    let beside = with("beside").group("a/x/memory.max", 1).group("memory.max/x", 1);
    assert_eq!(beside.groups(), None, "those of others");
    assert_eq!(with("root").group("memory.max", 300).groups(), Some(300), "a container's own");
}

#[test]
fn a_path_of_the_host_or_from_outside_leads_to_the_containers_own_group() {
    for path in ["0::/", "0::/../..", "0::/../other", "0::/docker/0a1b:2", "0::/gone (deleted)"] {
        let system = System::new("host").with("proc/self/cgroup", path).group("memory.max", 512);
        assert_eq!(system.groups(), Some(512), "{path}");
        let outside = System::new("outside").with("proc/self/cgroup", path);
        let outside = outside.with("sys/fs/memory.max", "1").with("sys/memory.max", "1");
        assert_eq!(outside.groups(), None, "{path}");
    }
    for broken in ["", "\n\n", "0:", "::", "memory", "5:memory"] {
        assert_eq!(
            System::new("broken").with("proc/self/cgroup", broken).groups(),
            None,
            "{broken}"
        );
    }
}

#[test]
fn groups_of_version_1_count_too() {
    let lines = "12:cpu,cpuacct:/d\n5:hugetlb,memory:/d/e\n1:name=systemd:/d\n0::/\n";
    let with = |name: &str| System::new(name).with("proc/self/cgroup", lines);
    let none = with("v1-none")
        .with(&format!("{GROUPS}/memory/d/e/memory.limit_in_bytes"), "9223372036854771712");
    assert_eq!(none.limit(), LARGEST);
    let above = none.group("memory/d/memory.limit_in_bytes", 2048);
    assert_eq!(above.groups(), Some(2048));
    assert_eq!(above.group("memory/memory.limit_in_bytes", 640).groups(), Some(640));
    let other = with("v1-other").group("cpu/d/memory.limit_in_bytes", 1);
    assert_eq!(other.group("d/memory.limit_in_bytes", 1).groups(), None);
}

#[test]
fn more_than_a_quarter_of_what_the_group_may_take_is_never_left_unwritten() {
    let system = System::new("quarter").with("proc/sys/vm/dirty_background_bytes", "1073741824");
    let system = system.with("proc/sys/vm/dirty_bytes", "4294967296");
    assert_eq!(system.limit(), LARGEST);
    let system = system.with("proc/self/cgroup", "0::/a").group("a/memory.max", 512);
    assert_eq!(system.limit(), 128 * MIB);
    assert_eq!(system.group("a/memory.high", 32).limit(), 8 * MIB, "however little");
}
