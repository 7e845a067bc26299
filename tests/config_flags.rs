//! The binary itself: unusable flags give one line on standard error and exit code 2, and touch nothing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// An empty working directory that is gone with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path =
            std::env::temp_dir().join(format!("barnabas-flags-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Place(path)
    }

    fn barnabas(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_barnabas"));
        command.args(arguments).current_dir(&self.0).output().expect("the binary runs")
    }

    fn is_untouched(&self) -> bool {
        fs::read_dir(&self.0).expect("the directory").next().is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn unusable_flags_give_one_line_and_exit_code_2() {
    let place = Place::new("unusable");
    for (arguments, part) in [
        (&["--nosuch"][..], "--nosuch"),
        (&["--port", "x"], "--port"),
        (&["--set", "num.partition=2"], "did you mean num.partitions?"),
        (&["--set", "num.partitions=x"], "Not a number of type INT"),
        (&["--set", "ssl.key.password=pa55word"], "ssl.key.password is not supported yet: TLS"),
        (&["--io", "urinng"], "mio"),
        (&["--sqpoll"], "needs barnabas.io=uring (--io uring); it is auto"),
        (&["--sqpoll", "--io", "mio"], "needs barnabas.io=uring (--io uring); it is mio"),
        (
            &["--sqpoll", "--io", "uring", "--workers", "1024"],
            "makes 2048 threads, and the cores are",
        ),
        (&["--config", "absent.properties"], "absent.properties"),
        (&["--ephemeral", "--data-dir", "d"], "exclude each other"),
    ] {
        let output = place.barnabas(arguments);
        let error = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(error.starts_with("barnabas: ") && error.contains(part), "{arguments:?}: {error}");
        assert_eq!(error.matches('\n').count(), 1, "{arguments:?}: {error}");
        assert!(!error.contains("pa55word"), "{error}");
        assert!(place.is_untouched(), "{arguments:?}");
    }
}

#[test]
fn a_variable_that_is_not_text_is_told_and_not_shown() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new("variable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_barnabas"));
    command.arg("config").current_dir(&place.0);
    command.env("KAFKA_NUM_PARTITIONS", std::ffi::OsStr::from_bytes(b"secret\xff"));
    let output = command.output().expect("the binary runs");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(error, "barnabas: KAFKA_NUM_PARTITIONS: its value is not UTF-8 text\n");
}

#[test]
fn what_is_printed_says_what_a_start_would_say() {
    let place = Place::new("warnings");
    let mut command = Command::new(env!("CARGO_BIN_EXE_barnabas"));
    command.args(["config", "--data-dir", "x", "--set", "zookeeper.connect=a"]);
    command.envs([("KAFKA_NUM_PARTITON", "3"), ("BARNABAS_FOO", "1")]).current_dir(&place.0);
    let output = command.output().expect("the binary runs");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert_eq!(
        error,
        "barnabas: not in Kafka 4 any more, left out: --set: zookeeper.connect\n\
         barnabas: no settings of Kafka or of Barnabas, left out: \
         KAFKA_NUM_PARTITON (did you mean num.partitions?), BARNABAS_FOO: foo\n"
    );
    assert!(place.is_untouched());
}

#[test]
fn help_and_version_go_to_standard_output() {
    let place = Place::new("help");
    for (argument, part) in [
        ("--help", "Usage: barnabas"),
        ("-h", "Usage: barnabas"),
        ("--version", concat!("barnabas ", env!("CARGO_PKG_VERSION"))),
    ] {
        let output = place.barnabas(&[argument]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).expect("text").starts_with(part));
        assert_eq!(output.stderr, b"");
        assert!(place.is_untouched());
    }
}
