//! What the broker costs, beside the least that the same bytes cost. docs/PERFORMANCE.md explains
//! the figures.
//!
//! The real binary runs as a child, its worker on processor 0, everything else on processor 1. What
//! counts is processor time, which the kernel accounts in nanoseconds per thread; throughput and
//! latency on a shared machine say little. A floor program (`floor.rs`) gets the same bytes from the
//! same load in the same run, and ratios are printed: they survive a noisy machine, figures do not.
//!
//! `cargo bench --bench broker [-- SECTION ...]`, sections: ready, start, produce, fetch,
//! fanout, small, answers, footprint, many, scale, workers, groups, members, filter; and outrun, only by its name.
//! `BARNABAS_BIN` measures another binary, `BENCH_IO` names the driver, `BENCH_RUNS` sets the number of runs, `BENCH_CASE` is part of
//! the names of the cases that are wanted.

mod answers;
mod beats;
mod bulk;
mod counters;
mod echo;
mod fanout;
mod filter;
mod floor;
mod footprint;
mod frames;
mod groups;
mod load;
mod many;
mod members;
mod outrun;
mod process;
mod ready;
mod scale;
mod small;
mod start;
mod table;

const SECTIONS: &[(&str, fn())] = &[
    ("ready", ready::run),
    ("start", start::run),
    ("produce", bulk::produce),
    ("fetch", bulk::fetch),
    ("fanout", fanout::run),
    ("small", small::run),
    ("answers", answers::run),
    ("footprint", footprint::run),
    ("many", many::run),
    ("scale", scale::run),
    ("workers", scale::workers),
    ("groups", groups::run),
    ("members", members::run),
    ("filter", filter::run),
];
/// What needs a disk of its own, see there.
const OUTRUN: &str = "outrun";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(flag, rest)| (flag.as_str(), rest)) {
        Some((floor::FLAG, rest)) => return floor::run(rest),
        Some((echo::FLAG, rest)) => return echo::run(rest),
        _ => {}
    }
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    machine();
    if wanted.iter().any(|filter| *filter == OUTRUN) {
        return outrun::run();
    }
    for (name, section) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|filter| name.contains(filter.as_str())) {
            let began = std::time::Instant::now();
            section();
            println!("({name}: {:.0} s)\n", began.elapsed().as_secs_f64());
        }
    }
}

/// What of the machine moves the figures.
fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let load = read("/proc/loadavg");
    println!("broker: {}", process::binary().display());
    println!("processors: {}, load average: {}", process::processors(), load.trim());
    println!(
        "congestion control: {} here, cubic on the load's side where it may be set",
        read("/proc/sys/net/ipv4/tcp_congestion_control").trim()
    );
    match counters::syscall_event() {
        Ok(_) => println!("system calls: counted by perf_event_open, raw_syscalls:sys_enter"),
        Err(why) => println!("system calls: not counted, {why}"),
    }
    println!();
}
