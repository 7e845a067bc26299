//! A broker, and the tool told what to do with it.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

const LATENCY: &str = env!("CARGO_BIN_EXE_latency");

/// The broker beside this tool's binary: `cargo test --workspace` builds it there.
fn broker_binary() -> PathBuf {
    let path = PathBuf::from(LATENCY).with_file_name("barnabas");
    assert!(path.exists(), "no broker at {}: run cargo test --workspace", path.display());
    path
}

pub struct Broker {
    pub child: Child,
    pub address: String,
}

impl Broker {
    pub fn start() -> Broker {
        let mut command = Command::new(broker_binary());
        command.args(["--port", "0", "--http-port", "0", "--ephemeral"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("//").next().unwrap().to_owned();
        Broker { child, address }
    }

    /// Its address and its process, for the tool.
    pub fn target(&self) -> String {
        format!("{},{}", self.address, self.child.id())
    }

    /// Stops it where it is: it is there and answers nobody.
    pub fn freeze(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn run(words: &[&str]) -> (Output, String, String) {
    let short = ["--seconds", "0.5", "--warmup", "0.1", "--quiet"];
    let output = Command::new(LATENCY).args(short).args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// The number in a row of the table.
pub fn value(table: &str, row: &str) -> f64 {
    let line = table.lines().find(|line| line.starts_with(row));
    let line = line.unwrap_or_else(|| panic!("no {row} in {table}"));
    line[24..].split_whitespace().next().unwrap().parse().unwrap()
}

/// The tool at work, and what it tells meanwhile.
pub struct Running {
    pub child: Child,
    pub progress: BufReader<ChildStderr>,
}

impl Running {
    pub fn start(words: &[&str]) -> Running {
        let mut command = Command::new(LATENCY);
        let mut child =
            command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let progress = BufReader::new(child.stderr.take().unwrap());
        Running { child, progress }
    }

    /// The next line in which it says this.
    pub fn says(&mut self, part: &str) -> String {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert_ne!(self.progress.read_line(&mut line).unwrap(), 0, "it ended without {part:?}");
        }
        line
    }

    /// Its exit code, its table, and what else it said.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        let mut error = String::new();
        self.progress.read_to_string(&mut error).unwrap();
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), error)
    }
}

/// A file of this process that is gone afterwards.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("latency-{}-{name}", std::process::id())))
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }

    /// How many latencies the CSV that was written here has.
    pub fn count(&self) -> u64 {
        self.read().trim().rsplit(',').next().unwrap().parse().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
