//! The `barnabas` binary: flags become a configuration, the configuration a running broker.

use std::process::ExitCode;

use barnabas::config::flags::{self, Command};

/// What a broker exits with if it cannot start with what it was given.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Result<Vec<String>, _> =
        std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect();
    let Ok(arguments) = arguments else {
        return unusable("the command line is not UTF-8 text");
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match flags::parse(&arguments) {
        Err(line) => unusable(&line),
        Ok(Command::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Command::Run(_start)) => ExitCode::SUCCESS,
    }
}

fn unusable(line: &str) -> ExitCode {
    eprintln!("barnabas: {line}");
    ExitCode::from(UNUSABLE)
}
