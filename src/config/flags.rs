//! The command line: flags become settings, and nothing else happens here.
//!
//! Whatever is wrong gives one line; `main` prints it to standard error and exits with code 2 before
//! anything is touched.

use std::path::PathBuf;
use std::str::FromStr;

use argh::{ArgsInfo, FromArgs};

use super::broker::Config;
use super::commands::{self, CONFIG, HEALTHCHECK};
use super::effective::Shown;
use super::environment::Variable;
use super::error::ConfigError;
use super::setting::Check;
use super::sift;
use super::sources::{self, FlagValues, Sourced, Sources};
use super::table;

/// A message broker that speaks Apache Kafka's protocol.
///
/// Settings: flags, then --set, then what was set while a broker ran (kafka-configs), then variables
/// (KAFKA_NUM_PARTITIONS, BARNABAS_WORKERS, BARNABAS_HTTP_PORT), then the file. What flags and --set give cannot be changed
/// while the broker runs.
#[derive(FromArgs, ArgsInfo, Debug)]
pub(super) struct Flags {
    /// settings file: Kafka's server.properties, or TOML with the same names (*.toml)
    #[argh(option, arg_name = "file")]
    config: Option<PathBuf>,

    /// name or address to listen on (localhost); 0.0.0.0 or :: for all of this machine's
    #[argh(option, arg_name = "host")]
    host: Option<String>,

    /// port to listen on (9092); 0 picks a free one and prints it
    #[argh(option, arg_name = "port")]
    port: Option<String>,

    /// port for metrics, health and REST (8080, on 127.0.0.1); 0 serves none
    #[argh(option, arg_name = "port")]
    http_port: Option<String>,

    /// directory of all data (./data)
    #[argh(option, arg_name = "dir")]
    data_dir: Option<String>,

    /// id of this broker (1)
    #[argh(option, arg_name = "n")]
    node_id: Option<String>,

    /// worker threads (one per core)
    #[argh(option, arg_name = "n")]
    workers: Option<String>,

    /// how sockets are driven: mio, uring or auto (auto)
    #[argh(option, arg_name = "driver")]
    io: Option<String>,

    /// with --io uring: a thread of the kernel's polls for each worker; needs a core of its own
    #[argh(switch)]
    sqpoll: bool,

    /// each worker stays on a core of its own
    #[argh(switch)]
    pin: bool,

    /// off, error, warn, info or debug (info)
    #[argh(option, arg_name = "level")]
    log_level: Option<String>,

    /// text, or json for an object in each line (text)
    #[argh(option, arg_name = "format")]
    log_format: Option<String>,

    /// keep data in a temporary directory that is removed at exit
    #[argh(switch)]
    ephemeral: bool,

    /// any setting by Kafka's own name; may be given often; stands above kafka-configs
    #[argh(option, arg_name = "key=value")]
    set: Vec<String>,

    /// with config: only what was set somewhere, nothing that is at its default
    #[argh(switch)]
    non_default: bool,

    /// print the version and exit
    #[argh(switch)]
    version: bool,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Run a broker.
    Run(Box<Start>),
    /// Print the settings that would hold.
    ShowConfig(Box<Show>),
    /// Ask the broker that runs with this configuration how it is.
    Healthcheck(Box<Start>),
    /// Print this to standard output and exit with code 0: help or version.
    Print(String),
}

/// Settings to be printed.
#[derive(Debug)]
pub struct Show {
    /// What a broker would be started with.
    pub sourced: Sourced,
    /// Which of them, and how.
    pub shown: Shown,
}

/// A broker to be started.
#[derive(Debug)]
pub struct Start {
    /// Its configuration.
    pub config: Config,
    /// Whether its data goes to a temporary directory instead of [`Config::data_dir`].
    pub ephemeral: bool,
    /// Lines for the log, at warn level, once there is a log.
    pub warnings: Vec<String>,
}

/// Reads the command line; `arguments` are those after the program's name, `variables` those of the
/// environment that are about settings. An error is one line for each problem.
pub fn parse(arguments: &[&str], variables: Vec<Variable>) -> Result<Command, String> {
    let (command, arguments) = match arguments {
        // The help lists this word beside its flag.
        ["help", ..] => ("", &["--help"][..]),
        [command @ (CONFIG | HEALTHCHECK), rest @ ..] => (*command, rest),
        all => ("", all),
    };
    let (spelt, mut problems) = sift::readable(command, arguments, commands::ALL);
    let flags = match Flags::from_args(&["barnabas"], &spelt) {
        Ok(flags) => flags,
        Err(exit) if exit.status.is_ok() => {
            return Ok(Command::Print(commands::help(&exit.output)));
        }
        Err(exit) => return Err(refusal(&exit.output)),
    };
    if flags.version && problems.is_empty() {
        return Ok(Command::Print(format!("barnabas {}\n", env!("CARGO_PKG_VERSION"))));
    }
    if flags.ephemeral && flags.data_dir.is_some() {
        let what = "--ephemeral and --data-dir exclude each other".to_owned();
        problems.push(ConfigError::Conflict(what));
    }
    if flags.non_default && command != CONFIG {
        let what = "--non-default is for barnabas config".to_owned();
        problems.push(ConfigError::Conflict(what));
    }
    let values = values(&flags, &mut problems);
    let Flags { config, set, .. } = &flags;
    let given = Sources { file: config.as_deref(), variables, sets: set, flags: values, problems };
    let sourced = sources::from_sources(&given).map_err(|error| error.to_string())?;
    let Flags { ephemeral, non_default, .. } = flags;
    if command == CONFIG {
        let shown = Shown { ephemeral, non_default };
        return Ok(Command::ShowConfig(Box::new(Show { sourced, shown })));
    }
    let (config, warnings) = (sourced.config, sourced.warnings);
    let start = Box::new(Start { config, ephemeral, warnings });
    Ok(if command == HEALTHCHECK { Command::Healthcheck(start) } else { Command::Run(start) })
}

/// What the flags say about settings; adds what cannot be read.
fn values(flags: &Flags, problems: &mut Vec<ConfigError>) -> FlagValues {
    FlagValues {
        host: flags.host.clone(),
        port: number("--port", None, flags.port.as_deref(), problems),
        http_port: number("--http-port", None, flags.http_port.as_deref(), problems),
        data_dir: flags.data_dir.clone(),
        node_id: number("--node-id", Some("node.id"), flags.node_id.as_deref(), problems),
        workers: number("--workers", Some("barnabas.workers"), flags.workers.as_deref(), problems),
        io: flags.io.clone(),
        sqpoll: flags.sqpoll,
        pin: flags.pin,
        log_level: flags.log_level.clone(),
        log_format: flags.log_format.clone(),
    }
}

/// What is wrong with the flags, as one line: what a person gets to see must not depend on a terminal's
/// width.
fn refusal(message: &str) -> String {
    let parts: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{} (barnabas --help lists the flags)", parts.join(" ").trim_end_matches('.'))
}

/// The number after a flag; `setting` is what is not known without it. (Of a listener the rest is.)
fn number<T: FromStr + Bounded>(
    flag: &str,
    setting: Option<&'static str>,
    text: Option<&str>,
    problems: &mut Vec<ConfigError>,
) -> Option<T> {
    let text = text?;
    let number = text.parse().ok();
    if number.is_none() {
        let check = setting.and_then(table::broker_setting).map(|setting| setting.check);
        let range = match check {
            Some(Check::Between(least, most)) => format!("{least} to {most}"),
            _ => T::RANGE.to_owned(),
        };
        let what = format!("it must be a number from {range}");
        let what = refusal(&format!("Error parsing option '{flag}' with value '{text}': {what}"));
        problems.push(ConfigError::Flag(setting, what));
    }
    number
}

/// A type of number that a flag may have.
trait Bounded {
    const RANGE: &str;
}

impl Bounded for u16 {
    const RANGE: &str = "0 to 65535";
}

impl Bounded for i32 {
    const RANGE: &str = "0 to 2147483647";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Start {
        match parse(arguments, Vec::new()) {
            Ok(Command::Run(start)) => *start,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    fn refused(arguments: &[&str]) -> String {
        let error = parse(arguments, Vec::new()).map(|_| ()).expect_err("refused");
        assert!(!error.is_empty() && !error.contains('\n'), "{error:?}");
        error
    }

    #[test]
    fn no_flags_mean_the_defaults() {
        let start = run(&[]);
        assert_eq!(start.config.listeners()[0].to_string(), "PLAINTEXT://localhost:9092");
        assert_eq!(start.config.data_dir(), std::path::Path::new("./data"));
        assert_eq!(start.config.node_id(), 1);
        assert!(start.config.workers() >= 1);
        assert_eq!(start.config.log_level(), ::log::LevelFilter::Info);
        assert!(!start.ephemeral);
        assert!(start.warnings.is_empty());
    }

    #[test]
    fn every_flag_has_its_effect() {
        let start = run(&[
            "--host",
            "::1",
            "--port",
            "0",
            "--data-dir",
            "/d",
            "--node-id",
            "7",
            "--workers",
            "3",
            "--io",
            "auto",
            "--log-level",
            "debug",
            "--set",
            "num.partitions=4",
            "--set",
            "log.roll.hours=2",
        ]);
        assert_eq!(start.config.listeners()[0].to_string(), "PLAINTEXT://[::1]:0");
        assert_eq!(start.config.data_dir(), std::path::Path::new("/d"));
        assert_eq!((start.config.node_id(), start.config.workers()), (7, 3));
        assert_eq!(start.config.log_level(), ::log::LevelFilter::Debug);
        assert_eq!(start.config.num_partitions(), 4);
        assert_eq!(start.config.topic_defaults().segment_ms, 7_200_000);
        assert!(run(&["--ephemeral"]).ephemeral);
    }

    #[test]
    fn whatever_is_wrong_gives_one_line() {
        for (arguments, part) in [
            (&["--nosuch"][..], "Unrecognized argument: --nosuch"),
            (&["stray"], "Unrecognized argument: stray (barnabas --help lists the flags)"),
            (&["confg"], "Unrecognized argument: confg; did you mean config?"),
            (&["config", "healthchek"], "Unrecognized argument: healthchek (barnabas"),
            (&["--prot", "1"], "Unrecognized argument: --prot; did you mean --port?"),
            (&["--port=1"], "Unrecognized argument: --port=1; did you mean --port 1?"),
            (&["--port", "1", "--port", "2"], "'--port' is given twice"),
            (&["--nosuch"], "(barnabas --help lists the flags)"),
            (
                &["--port", "70000"],
                "'--port' with value '70000': it must be a number from 0 to 65535",
            ),
            (&["--port"], "--port"),
            (&["--workers", "x"], "'--workers' with value 'x': it must be a number from 0 to 1024"),
            (&["--workers", "70000"], "it must be a number from 0 to 1024"),
            (&["--non-default"], "--non-default is for barnabas config"),
            (&["healthcheck", "--non-default"], "--non-default is for barnabas config"),
            (&["--workers", "5000"], "Value must be no more than 1024"),
            (&["--node-id", "-1"], "Value must be at least 0"),
            (&["--io", "epoll"], "--io: Invalid value epoll"),
            (&["--sqpoll"], "(--io uring); it is auto"),
            (&["--log-level", "loud"], "--log-level: Invalid value loud"),
            (&["--log-format", "xml"], "--log-format: Invalid value xml"),
            (&["--set", "num.partition=1"], "did you mean num.partitions?"),
            (&["--config", "/nonexistent"], "cannot read the settings file /nonexistent"),
            (&["--ephemeral", "--data-dir", "/d"], "exclude each other"),
            (&["--data-dir", ""], "log.dirs"),
        ] {
            let error = refused(arguments);
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
        // A value that looks like a flag is none.
        let error = refused(&["--config", "--host", "--host", "x"]);
        assert!(error.starts_with("cannot read the settings file --host"), "{error}");
    }

    #[test]
    fn all_flags_that_are_wrong_are_told_at_once() {
        let arguments = [
            "--nosuch",
            "4",
            "--port",
            "99999",
            "--http-port",
            "-1",
            "--set",
            "listeners=FOO://:1",
        ];
        let error = parse(&arguments, Vec::new()).map(drop).expect_err("refused");
        let lines: Vec<&str> = error.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 5, "{error}");
        let parts =
            ["4 problems", "--nosuch", "'--port' with", "'--http-port' with", "listener FOO"];
        for (line, part) in lines.iter().zip(parts) {
            assert!(line.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn the_help_tells_the_defaults_of_the_table() {
        let config = Config::default();
        let (listener, http) = (&config.listeners()[0], config.http_listener().expect("one"));
        let text = |name| config.get(name).unwrap_or_default().to_owned();
        assert_eq!(text("barnabas.workers"), "0");
        let defaults = [
            ("--host", listener.host.clone()),
            ("--port", listener.port.to_string()),
            ("--http-port", format!("{}, on {}", http.port, http.host)),
            ("--data-dir", text("log.dirs")),
            ("--node-id", text("node.id")),
            ("--workers", "one per core".to_owned()),
            ("--io", text("barnabas.io")),
            ("--log-level", text("barnabas.log.level")),
            ("--log-format", text("barnabas.log.format")),
        ];
        for (name, default) in defaults {
            let mut flags = Flags::get_args_info().flags.iter();
            let flag = flags.find(|flag| flag.long == name).expect(name);
            let told = format!("({default})");
            assert!(flag.description.contains(&told), "{name} {told}: {}", flag.description);
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        let print = |arguments: &[&str]| match parse(arguments, Vec::new()) {
            Ok(Command::Print(text)) => text,
            other => panic!("{other:?}"),
        };
        let help = print(&["--help"]);
        assert_eq!((print(&["-h"]), print(&["help"])), (help.clone(), help.clone()));
        for flag in ["--config", "--host", "--port", "--data-dir", "--node-id", "--workers", "--io"]
        {
            assert!(help.contains(flag), "{flag}: {help}");
        }
        assert!(help.starts_with("Usage: barnabas [config|healthcheck] [--config"), "{help}");
        for command in commands::ALL {
            assert!(help.contains(&format!("\n  {command:<16}  ")), "{command}: {help}");
        }
        match parse(&["config", "--set", "num.partitions=5"], Vec::new()) {
            Ok(Command::ShowConfig(show)) => assert_eq!(show.sourced.config.num_partitions(), 5),
            other => panic!("{other:?}"),
        }
        assert_eq!(print(&["--version"]), concat!("barnabas ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}
