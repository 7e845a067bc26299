//! Apache Kafka's coordinator in a process of its own (`groups_java/CoordinatorScript.java`).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// See the module's comment.
pub struct Kafka {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Kafka {
    pub fn start() -> Kafka {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let libs = root.join(".cache/kafka/4.3.1/libs");
        assert!(libs.is_dir(), "{} is not there: run `make kafka`", libs.display());
        let mut child = Command::new("java")
            .args(["-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m", "-cp"])
            .arg(libs.join("*"))
            .arg(root.join("tests/groups_java/CoordinatorScript.java"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("java");
        let commands = child.stdin.take().expect("it was asked for");
        let answers = BufReader::new(child.stdout.take().expect("it was asked for"));
        Kafka { child, commands, answers }
    }

    /// The answer to a command, and the records that it brought, in the order of their bytes.
    pub fn tell(&mut self, command: &str) -> Vec<String> {
        writeln!(self.commands, "{command}").expect("Kafka is there");
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.answers.read_line(&mut line).expect("Kafka is there");
            assert!(read > 0, "Kafka has ended at {command}");
            if line == "\n" {
                return lines;
            }
            lines.push(line.trim_end_matches('\n').to_owned());
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
