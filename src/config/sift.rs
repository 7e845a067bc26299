//! The arguments of which flags can be made, and what is wrong with all others.
//!
//! The parser of flags stops at the first mistake; who mends a command line wants to know them all. Which
//! flags there are, it tells. Pure.

use std::collections::BTreeSet;

use argh::{ArgsInfo, FlagInfo, FlagInfoKind, Optionality};

use super::error::ConfigError;
use super::flags::Flags;
use super::nearest::nearest_of;

/// What the parser can read of the arguments behind `command`, which is empty where there is none, and what is
/// wrong with the rest.
pub(super) fn readable<'a>(
    command: &str,
    arguments: &[&'a str],
    commands: &[&str],
) -> (Vec<&'a str>, Vec<ConfigError>) {
    let info = Flags::get_args_info();
    let (mut readable, mut problems, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut rest = arguments.iter().copied().enumerate().peekable();
    while let Some((at, argument)) = rest.next() {
        if matches!(argument, "-h" | "--help") {
            readable.push("--help");
            continue;
        }
        let Some(flag) = info.flags.iter().find(|flag| flag.long == argument) else {
            let may_be = if at == 0 && command.is_empty() { commands } else { &[] };
            problems.push(unrecognized(argument, near(argument, info.flags, may_be)));
            // Most likely it is the value of that flag.
            if argument.starts_with('-') {
                rest.next_if(|(_, next)| !next.starts_with('-'));
            }
            continue;
        };
        if let FlagInfoKind::Switch = flag.kind {
            readable.push(argument);
            continue;
        }
        let Some((_, value)) = rest.next() else {
            problems.push(problem(&format!("No value provided for option '{argument}'")));
            continue;
        };
        if !seen.insert(argument) && flag.optionality != Optionality::Repeating {
            problems.push(problem(&format!("Option '{argument}' is given twice")));
            continue;
        }
        readable.extend([argument, value]);
    }
    (readable, problems)
}

/// What was meant by something that is no flag: one of those, or of these commands.
fn near(argument: &str, flags: &[FlagInfo<'_>], commands: &[&str]) -> Option<String> {
    if argument.starts_with('-') {
        return near_flag(argument, flags);
    }
    nearest_of(argument, commands.iter().copied()).map(str::to_owned)
}

/// What was meant by something that begins like a flag.
fn near_flag(argument: &str, flags: &[FlagInfo<'_>]) -> Option<String> {
    let (name, value) = match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    };
    let near = nearest_of(name, flags.iter().map(|flag| flag.long))?;
    Some(value.map_or(near.to_owned(), |value| format!("{near} {value}")))
}

fn unrecognized(argument: &str, near: Option<String>) -> ConfigError {
    match near {
        Some(near) => {
            let what = format!("Unrecognized argument: {argument}; did you mean {near}?");
            ConfigError::Flag(None, what)
        }
        None => problem(&format!("Unrecognized argument: {argument}")),
    }
}

fn problem(what: &str) -> ConfigError {
    ConfigError::Flag(None, format!("{what} (barnabas --help lists the flags)"))
}
