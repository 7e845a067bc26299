//! The broker as a process: started, watched, ended.

use super::{Client, GUARD};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

/// The binary under test.
pub fn binary() -> OsString {
    std::env::var_os("BARNABAS_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_barnabas").into())
}

/// Whether the binary was built as it is shipped, so that its size and speed say something. A
/// binary named by `BARNABAS_BIN` is taken to be.
pub fn is_release() -> bool {
    std::env::var_os("BARNABAS_BIN").is_some() || !cfg!(debug_assertions)
}

/// A command that runs the broker, not yet started.
pub fn command(arguments: &[&str]) -> Command {
    command_of(Command::new(binary()), arguments)
}

/// The same of another program: a copy of the broker, or one that runs it somewhere else.
pub fn command_of(mut command: Command, arguments: &[&str]) -> Command {
    // Settings of whoever runs the tests are none of theirs.
    for (name, _) in std::env::vars_os() {
        if ["KAFKA_", "BARNABAS_"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            command.env_remove(&name);
        }
    }
    // Many brokers run at once here: they do not fight for the default port of HTTP.
    if !arguments.iter().any(|argument| argument.contains("http")) {
        command.env("BARNABAS_HTTP_LISTENER", "off");
    }
    // Which driver is to be tested, unless a test says it.
    match std::env::var("TEST_IO").as_deref() {
        _ if arguments.contains(&"--io") => &mut command,
        _ if matches!(arguments.first(), Some(&"config" | &"healthcheck")) => &mut command,
        // It needs a core for each worker and as many again.
        Ok("sqpoll") if arguments.contains(&"--workers") => command.args(["--io", "uring"]),
        Ok("sqpoll") => command.args(["--io", "uring", "--sqpoll", "--workers", "1"]),
        Ok(io) => command.args(["--io", io]),
        Err(_) => &mut command,
    };
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Raises the limit on open files, of this process and of the brokers that it starts.
pub fn allow_descriptors(n: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it fills the struct that it is given.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_cur.max(n);
    limit.rlim_max = limit.rlim_max.max(n);
    // SAFETY: it reads the struct, and changes a limit of this process only.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } == 0;
    assert!(raised, "{n} open files are not allowed here: {}", std::io::Error::last_os_error());
}

/// The lines that a broker has written to standard error so far.
#[derive(Default)]
struct Lines {
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Lines {
    fn gather(&self, from: impl Read) {
        for line in BufReader::new(from).lines() {
            let line = line.unwrap_or_else(|why| format!("(unreadable: {why})"));
            self.lines.lock().unwrap().0.push(line);
            self.more.notify_all();
        }
        self.lines.lock().unwrap().1 = true;
        self.more.notify_all();
    }
}

/// A running broker. Dropping it kills it.
pub struct Broker {
    child: Child,
    /// Where it says that it listens.
    pub address: SocketAddr,
    /// Its one line on standard output.
    pub line: String,
    stdout: Option<JoinHandle<String>>,
    log: Arc<Lines>,
    stderr: Option<JoinHandle<()>>,
}

/// How a broker ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    /// What it wrote to standard output behind its one line.
    pub stdout: String,
    pub log: Vec<String>,
}

impl Broker {
    /// Starts a broker on a free port with its data in `dir`. Retention waits: the records of
    /// tests bear old timestamps, and a check would be work at rest.
    pub fn start(dir: &Path, more: &[&str]) -> Broker {
        Broker::start_with_retention(
            dir,
            &[&["--set", "log.initial.task.delay.ms=3600000"], more].concat(),
        )
    }

    /// The same with retention as it is set, from the start on.
    pub fn start_with_retention(dir: &Path, more: &[&str]) -> Broker {
        let dir = dir.to_str().unwrap();
        let arguments = [&["--port", "0", "--data-dir", dir], more].concat();
        Broker::spawn(command(&arguments))
    }

    /// Starts a broker and waits for its line on standard output.
    pub fn spawn(command: Command) -> Broker {
        Broker::try_spawn(command).unwrap_or_else(|refused| panic!("no listener in {refused:#?}"))
    }

    /// The same for one that may refuse to start.
    pub fn try_spawn(mut command: Command) -> Result<Broker, Refused> {
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Lines::default());
        let (stderr, gather) = (child.stderr.take().unwrap(), log.clone());
        let stderr = std::thread::spawn(move || gather.gather(stderr));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = address_in(&line);
        let Some(address) = address else {
            // The end of its standard output is its end; if it is not, it is now.
            let _ = if line.is_empty() { Ok(()) } else { child.kill() };
            let code = child.wait().unwrap().code();
            stderr.join().unwrap();
            let stderr = log.lines.lock().unwrap().0.join("\n");
            return Err(Refused { code, stdout: line, stderr });
        };
        let rest = move || {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            rest
        };
        let stdout = Some(std::thread::spawn(rest));
        Ok(Broker { child, address, line, stdout, log, stderr: Some(stderr) })
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: it signals our own child, which has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Halts it, all its threads, until SIGCONT.
    pub fn halt(&self) {
        self.signal(libc::SIGSTOP);
        let tasks = format!("/proc/{}/task", self.pid());
        let is_halted = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
            // One that has ended meanwhile is as good as halted.
            stat.map_or(true, |stat| stat[stat.rfind(')').unwrap()..].starts_with(") T"))
        };
        while !std::fs::read_dir(&tasks).unwrap().all(is_halted) {
            std::thread::yield_now();
        }
    }

    /// Ends it as a service manager does.
    pub fn stop(self) -> Ended {
        self.signal(libc::SIGTERM);
        self.ended()
    }

    /// Ends it cleanly and expects nothing but that.
    pub fn stop_cleanly(self) {
        let ended = self.stop();
        assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
        assert_eq!(ended.stdout, "");
    }

    /// Ends it as a crash does.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ended {
        let code = self.child.wait().unwrap().code();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        self.stderr.take().unwrap().join().unwrap();
        Ended { code, stdout, log: self.log() }
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().0.clone()
    }

    /// Waits until it has logged a line that has all the parts, and returns it.
    pub fn logged(&self, parts: &[&str]) -> String {
        self.logged_times(1, parts)
    }

    /// Waits until it has logged so many of them, and returns the last of these.
    pub fn logged_times(&self, times: usize, parts: &[&str]) -> String {
        let until = Instant::now() + GUARD;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            let fits = |line: &&String| parts.iter().all(|part| line.contains(part));
            if let Some(line) = lines.0.iter().filter(fits).nth(times - 1) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.1, "no line with {parts:?} in {:#?}", lines.0);
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// A number of kB from `/proc/PID/status`, in bytes.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let value = line.unwrap_or_else(|| panic!("no {field} in {status}"));
        value.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Clock ticks that all its threads have used, in user and in kernel mode.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let after_name = &stat[stat.rfind(')').unwrap() + 2..];
        let fields: Vec<&str> = after_name.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// How often its threads have gone to sleep by themselves, each.
    pub fn sleeps(&self) -> BTreeMap<String, u64> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let tasks = tasks.map(|task| task.unwrap().path());
        // A thread may end between being listed and being looked at.
        let statuses = tasks.filter_map(|task| {
            Some((task.clone(), std::fs::read_to_string(task.join("status")).ok()?))
        });
        let each = statuses.map(|(task, status)| {
            let of = |name: &str| {
                status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
            };
            let id = task.file_name().unwrap().to_string_lossy().into_owned();
            let count = of("voluntary_ctxt_switches:").parse().unwrap_or(0);
            (format!("{} {id}", of("Name:")), count)
        });
        each.collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.log.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            eprintln!("the broker's log: {:#?}", lines.0);
        }
        // It may have ended by itself; either way there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first address in the line that says that the broker is ready.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("://")?;
    rest.split([',', '\n']).next()?.trim().parse().ok()
}

/// What a broker said that did not start.
#[derive(Debug)]
pub struct Refused {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a broker that must not start. One that does is ended when the guard time is over.
pub fn refused(mut command: Command) -> Refused {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let (done, output) = std::sync::mpsc::channel();
    let wait = std::thread::spawn(move || {
        // Nobody listens any more when it has taken too long.
        let _ = done.send(child.wait_with_output().unwrap());
    });
    let output = output.recv_timeout(GUARD).unwrap_or_else(|_| {
        // SAFETY: our own child, whose end nobody has seen yet.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        panic!("it runs: {command:?}");
    });
    wait.join().unwrap();
    Refused {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
