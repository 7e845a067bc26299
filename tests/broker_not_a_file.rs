//! Pipes, sockets, directories and devices in the places of a data directory's files: nothing waits for
//! somebody at the other end. A start refuses and names the file, or takes the partition offline with a
//! line that does, or goes on without it; `barnabas config` ends.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The start would write these beside the files that it replaces, or finds them left.
const BESIDE: [&str; 9] = [
    "meta.properties.tmp",
    ".kafka_cleanshutdown.tmp",
    "recovery-point-offset-checkpoint.tmp",
    "__cluster_metadata-0/quorum-state.tmp",
    "__cluster_metadata-0/00000000000000000002-0000000001.checkpoint",
    "t-0/leader-epoch-checkpoint.tmp",
    "t-0/00000000000000000000.log.swap",
    "t-0/00000000000000000000.index.swap",
    "t-0/00000000000000000000.txnindex",
];
const KINDS: [&str; 4] = ["pipe", "socket", "directory", "device"];

fn put(kind: &str, path: &Path) {
    let _ = fs::remove_file(path);
    match kind {
        "pipe" => {
            let name = CString::new(path.as_os_str().as_bytes()).unwrap();
            // SAFETY: the name is a C string.
            assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        }
        "socket" => drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "directory" => fs::create_dir(path).unwrap(),
        _ => std::os::unix::fs::symlink("/dev/full", path).unwrap(),
    }
}

/// A command that is killed when it takes so long that it can only be waiting for something.
fn guarded(mut command: Command) -> Command {
    let seconds = u32::try_from(GUARD.as_secs()).unwrap();
    // SAFETY: between fork and exec: a system call, and nothing is allocated.
    unsafe { command.pre_exec(move || Ok(_ = libc::alarm(seconds))) };
    command
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        match from.is_dir() {
            true => copy(&from, &to),
            false => _ = fs::copy(from, to).unwrap(),
        }
    }
}

fn files(dir: &Path, within: &str) -> Vec<String> {
    let of = |name: String| match dir.join(&name).is_dir() {
        true => files(&dir.join(&name), &format!("{within}{name}/")),
        false => vec![format!("{within}{name}")],
    };
    names(dir).into_iter().flat_map(of).collect()
}

/// What is found there after a start, and what was said of it.
fn start_with(kind: &str, name: &str, data: &Path) {
    let what = format!("{name} is a {kind}");
    let dir = data.to_str().unwrap();
    let file = name.rsplit('/').next().unwrap();
    let mut config = Command::new(binary());
    config.args(["config", "--data-dir", dir]);
    let shown = guarded(config).output().unwrap();
    assert!(matches!(shown.status.code(), Some(0 | 1)), "{what}: {shown:?}");
    let late = "log.initial.task.delay.ms=3600000";
    let arguments = ["--port", "0", "--data-dir", dir, "--set", late];
    match Broker::try_spawn(guarded(command(&arguments))) {
        Err(refused) => {
            assert_eq!(refused.code, Some(2), "{what}: {refused:#?}");
            assert!(refused.stderr.contains(file), "{what}: {refused:#?}");
            assert!(!name.starts_with("t-0/"), "{what}: {refused:#?}");
        }
        Ok(broker) => {
            let mut client = broker.client();
            client.append(("other", 0), &batch(9, 1, 10));
            let told =
                |line: &String| ["ERROR", "t-0", file].iter().all(|part| line.contains(part));
            let end = Instant::now() + GUARD;
            while client.produce(("t", 0), &batch(9, 1, 10)).code == ErrorCode::KAFKA_STORAGE_ERROR
            {
                if name.starts_with("t-0/") && broker.log().iter().any(told) {
                    break;
                }
                assert!(Instant::now() < end, "{what}, and nobody says so: {:#?}", broker.log());
                std::thread::yield_now();
            }
            drop(client);
            let ended = broker.stop();
            assert!(matches!(ended.code, Some(0 | 1)), "{what}: {ended:#?}");
        }
    }
}

#[test]
fn nothing_waits_for_what_is_not_a_file() {
    let dir = TempDir::new();
    for killed in [false, true] {
        let original = dir.join(if killed { "killed" } else { "stopped" });
        let broker = Broker::start(&original, &["--workers", "1"]);
        let mut client = broker.client();
        for topic in ["t", "other"] {
            client.create(topic, 1);
            client.append((topic, 0), &batch(1, 3, 100));
        }
        drop(client);
        if killed {
            broker.kill();
        } else {
            broker.stop_cleanly();
        }
        let places = files(&original, "").into_iter().chain(BESIDE.map(str::to_owned));
        let places = places.filter(|name| !name.starts_with("other-0"));
        for (at, name) in places.enumerate() {
            let data = dir.join("data");
            let _ = fs::remove_dir_all(&data);
            copy(&original, &data);
            // Pipes are what somebody would wait at: each place is one at least once.
            let kind = if killed { KINDS[at % 4] } else { KINDS[0] };
            put(kind, &data.join(&name));
            start_with(kind, &name, &data);
        }
    }
}
