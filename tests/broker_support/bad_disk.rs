//! A disk that fails when it is told to: a library that is loaded before the C library and lets
//! system calls on chosen files fail.

use super::{TempDir, command};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, compiled, and the file by which it is told what fails.
pub struct BadDisk {
    library: PathBuf,
    control: PathBuf,
}

impl BadDisk {
    /// Compiles it into the directory. Needs a C compiler, as building the broker does.
    pub fn new(dir: &TempDir) -> BadDisk {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker_support/bad_disk.c");
        let library = dir.join("bad_disk.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        let compiled = compiler.output().unwrap_or_else(|why| panic!("cannot run cc: {why}"));
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        BadDisk { library, control: dir.join("bad_disk.control") }
    }

    /// A command that runs a broker on it.
    pub fn broker(&self, data: &Path, more: &[&str]) -> Command {
        let arguments = [&["--port", "0", "--data-dir", data.to_str().unwrap()], more].concat();
        let mut command = command(&arguments);
        command.env("LD_PRELOAD", &self.library).env("BAD_DISK", &self.control);
        command
    }

    /// From now on `call` fails with `code` on files whose path has `part` in it; `call` is one of
    /// sync, syncfs, fallocate, truncate, write, open, rename.
    pub fn fail(&self, call: &str, part: &str, code: i32) {
        // Put in place whole: it is read at every call.
        let next = self.control.with_extension("next");
        std::fs::write(&next, format!("{call} {part} {code}\n")).unwrap();
        std::fs::rename(next, &self.control).unwrap();
    }

    /// It is well again.
    pub fn heal(&self) {
        let _ = std::fs::remove_file(&self.control);
    }
}
