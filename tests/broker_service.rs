//! What a service manager needs: `Type=notify`, its watchdog, and a unit that it takes (`platform/systemd`).
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::io::ErrorKind::WouldBlock;
use std::iter;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

/// Where systemd would listen.
struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    fn new(dir: &TempDir) -> Manager {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(GUARD)).unwrap();
        Manager { socket, path }
    }

    fn command(&self, dir: &TempDir, arguments: &[&str]) -> Command {
        let data = dir.join("data");
        let own = ["--port", "0", "--data-dir", data.to_str().unwrap()];
        let mut command = command(&[&own, arguments].concat());
        command.env("NOTIFY_SOCKET", &self.path);
        command
    }

    /// The next message; waits for it.
    fn told(&self) -> String {
        let mut bytes = [0; 1024];
        let size = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..size].to_vec()).unwrap()
    }

    /// What has come, and nothing that is to come.
    fn has_been_told(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut bytes = [0; 1024];
        self.socket.set_nonblocking(true).unwrap();
        let ended = loop {
            match self.socket.recv(&mut bytes) {
                Ok(size) => all.push(String::from_utf8(bytes[..size].to_vec()).unwrap()),
                Err(why) => break why.kind(),
            }
        };
        assert_eq!(ended, WouldBlock);
        self.socket.set_nonblocking(false).unwrap();
        all
    }
}

/// A thread of a broker that does not run while this is there. All in one thread: the kernel asks for it.
struct Halted(i32);

impl Halted {
    fn worker(broker: &Broker, name: &str) -> Halted {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
        let is_named = |task: &std::path::PathBuf| {
            std::fs::read_to_string(task.join("comm")).unwrap().trim() == name
        };
        let task = tasks.map(|task| task.unwrap().path()).find(is_named).unwrap();
        let id = task.file_name().unwrap().to_str().unwrap().parse::<i32>().unwrap();
        // SAFETY: it concerns a thread of our own child; no memory is passed.
        unsafe {
            assert_eq!(libc::ptrace(libc::PTRACE_SEIZE, id, 0, 0), 0);
            assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, id, 0, 0), 0);
            assert_eq!(libc::waitpid(id, std::ptr::null_mut(), libc::__WALL), id);
        }
        Halted(id)
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // SAFETY: the thread that was halted goes on; no memory is passed.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, 0, 0) };
    }
}

#[test]
fn the_manager_is_told_of_the_start_and_the_stop_and_of_nothing_else() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    let broker = Broker::spawn(manager.command(&dir, &[]));
    let told = manager.told();
    assert_eq!(told, format!("READY=1\nSTATUS={}\n", broker.line.trim_end()));
    // A manager goes on with whatever needs the broker.
    broker.client().create("t", 1);
    assert_eq!(manager.has_been_told(), [""; 0]);
    broker.stop_cleanly();
    assert_eq!(manager.has_been_told(), ["STOPPING=1\n"]);
}

#[test]
fn a_start_that_fails_is_not_told_as_one() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    std::fs::write(dir.join("data"), "no directory").unwrap();
    assert_ne!(refused(manager.command(&dir, &[])).code, Some(0));
    assert_eq!(manager.has_been_told(), [""; 0]);
}

#[test]
fn a_manager_that_is_gone_is_no_reason_to_end() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    std::fs::remove_file(&manager.path).unwrap();
    let broker = Broker::spawn(manager.command(&dir, &[]));
    broker.logged(&["WARN", "NOTIFY_SOCKET"]);
    broker.client().create("t", 1);
    broker.stop_cleanly();
}

/// A name that begins with `@` is none of a file (sd_notify(3)).
#[cfg(target_os = "linux")]
#[test]
fn a_manager_may_listen_on_a_socket_without_a_path() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    let dir = TempDir::new();
    let name = format!("barnabas-notify-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(GUARD)).unwrap();
    let manager = Manager { socket, path: format!("@{name}").into() };
    let broker = Broker::spawn(manager.command(&dir, &[]));
    assert!(manager.told().starts_with("READY=1\n"));
    broker.stop_cleanly();
    assert_eq!(manager.told(), "STOPPING=1\n");
}

#[test]
fn a_manager_that_does_not_listen_is_not_waited_for() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    let broker = Broker::spawn(manager.command(&dir, &[]));
    // What one socket may have on the way can be less than fits in there.
    let fill = || {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        let sent = iter::from_fn(|| sender.send_to(b"WATCHDOG=1\n", &manager.path).ok()).count();
        (sent > 0).then_some(sender)
    };
    let _full: Vec<UnixDatagram> = iter::from_fn(fill).collect();
    broker.stop_cleanly();
    assert!(!manager.has_been_told().contains(&"STOPPING=1\n".to_owned()));
}

#[test]
fn a_watchdog_without_time_is_none() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    let mut command = manager.command(&dir, &[]);
    command.env("WATCHDOG_USEC", "0");
    let broker = Broker::spawn(command);
    broker.client().create("t", 1);
    let names: Vec<String> = broker.sleeps().into_keys().collect();
    assert!(!names.iter().any(|name| name.starts_with("watchdog")), "{names:?}");
    broker.stop_cleanly();
}

#[test]
fn the_watchdog_hears_of_it_while_every_worker_answers() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    let mut command = manager.command(&dir, &["--workers", "2"]);
    command.env("WATCHDOG_USEC", "200000");
    let broker = Broker::spawn(command);
    assert!(manager.told().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.told(), "WATCHDOG=1\n");
    }
    const COMPLAINT: [&str; 2] = ["WARN", "a worker has not answered"];
    let count = || broker.log().iter().filter(|line| line.contains(COMPLAINT[1])).count();
    let halted = Halted::worker(&broker, "worker-1");
    broker.logged_times(count() + 1, &COMPLAINT);
    // Only what was said before it was missed.
    manager.has_been_told();
    broker.logged_times(count() + 2, &COMPLAINT);
    assert_eq!(manager.has_been_told(), [""; 0]);
    drop(halted);
    assert_eq!(manager.told(), "WATCHDOG=1\n");
    broker.stop_cleanly();
}

/// `WATCHDOG_PID` is of somebody else: a process that the service started.
#[test]
fn the_watchdog_of_another_process_is_left_alone() {
    let dir = TempDir::new();
    let manager = Manager::new(&dir);
    let mut command = manager.command(&dir, &[]);
    command.env("WATCHDOG_USEC", "1").env("WATCHDOG_PID", std::process::id().to_string());
    let broker = Broker::spawn(command);
    broker.client().create("t", 1);
    let names: Vec<String> = broker.sleeps().into_keys().collect();
    assert!(!names.iter().any(|name| name.starts_with("watchdog")), "{names:?}");
    broker.stop_cleanly();
}
