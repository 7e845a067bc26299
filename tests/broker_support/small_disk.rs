//! A disk of a few megabytes: a tmpfs in a mount namespace of its own, for which no rights are
//! needed. It lives as long as the process that holds the namespace, so brokers can be killed and
//! started on it again.

use super::{TempDir, binary, command_of};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A small disk.
pub struct SmallDisk {
    holder: Child,
    /// Where it is for those who are in the namespace.
    mount: PathBuf,
    _dir: TempDir,
}

impl SmallDisk {
    /// Mounts a disk of so many bytes. A machine where that is not allowed cannot run the test.
    pub fn new(bytes: u64) -> SmallDisk {
        let dir = TempDir::new();
        let mount = dir.join("disk");
        std::fs::create_dir(&mount).unwrap();
        let script = "mount -t tmpfs -o size=$0 none \"$1\" && echo mounted && exec cat";
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", script, &bytes.to_string()]).arg(&mount);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.spawn();
        let mut holder =
            started.unwrap_or_else(|why| panic!("no small disk without unshare: {why}"));
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line != "mounted\n" {
            let _ = holder.kill();
            let output = holder.wait_with_output().unwrap();
            let why = String::from_utf8_lossy(&output.stderr);
            panic!("this machine lets nobody mount a tmpfs in a user namespace: {why}");
        }
        SmallDisk { holder, mount, _dir: dir }
    }

    /// A command that runs a broker with its data on the disk.
    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.holder.id().to_string();
        command.args(["-t", &pid, "-U", "-m", "--preserve-credentials"]).arg(binary());
        command.env("TMPDIR", &self.mount);
        command_of(command, &[&["--port", "0"], more].concat())
    }

    /// The same with the data directory that is meant to be kept.
    pub fn broker(&self, more: &[&str]) -> Command {
        let mut command = self.command(&["--data-dir", self.mount.join("data").to_str().unwrap()]);
        command.args(more);
        command
    }

    /// What is on the disk, seen from outside.
    pub fn path(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.mount.strip_prefix("/").unwrap())
    }

    /// The data directory, seen from outside.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Takes all the room that there is.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.path().join("filler")).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if std::io::Write::write_all(&mut filler, &vec![1; size]).is_err() {
                size /= 4;
            }
        }
    }

    /// Takes some of it.
    pub fn take(&self, bytes: usize) {
        std::fs::write(self.path().join("taken"), vec![1; bytes]).unwrap();
    }

    /// Gives all of it back.
    pub fn release(&self) {
        for name in ["filler", "taken"] {
            let _ = std::fs::remove_file(self.path().join(name));
        }
    }

    /// Bytes that are free.
    pub fn free(&self) -> i64 {
        barnabas::log::volume::bytes(&self.path()).unwrap().1
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
