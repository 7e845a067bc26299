//! The command line, and what it must hold to be a plan.

use crate::plan::{Mode, Plan, Target};
use argh::FromArgs;
use barnabas::wire::records::Codec;
use std::path::PathBuf;
use std::time::Duration;

/// The least that an end-to-end record needs: when it was due, and that it is ours.
pub const LEAST_SIZE: usize = 16;

/// Latency and throughput of brokers that speak Apache Kafka's protocol. Several --broker are measured in turn,
/// and compared with the first.
#[derive(FromArgs, Debug)]
struct Options {
    /// a broker: [NAME=]HOST:PORT[,PID]; with its process id its processor time and memory are told too
    #[argh(option, arg_name = "broker")]
    broker: Vec<String>,
    /// produce (the default), fetch, or end-to-end
    #[argh(option, default = "String::from(\"produce\")", arg_name = "mode")]
    mode: String,
    /// records (of fetch: requests) a second; without it as many as get done
    #[argh(option, arg_name = "n")]
    rate: Option<f64>,
    /// bytes of a record's value (1024)
    #[argh(option, default = "1024", arg_name = "bytes")]
    size: usize,
    /// records of a batch; a request has one batch (1)
    #[argh(option, default = "1", arg_name = "n")]
    batch: usize,
    /// acknowledgements: 1 or all (the default)
    #[argh(option, default = "String::from(\"all\")", arg_name = "acks")]
    acks: String,
    /// none (the default), gzip, snappy, lz4, zstd
    #[argh(option, default = "String::from(\"none\")", arg_name = "codec")]
    codec: String,
    /// partitions of the topic (1)
    #[argh(option, default = "1", arg_name = "n")]
    partitions: i32,
    /// connections that produce, or that fetch (1)
    #[argh(option, default = "1", arg_name = "n")]
    connections: usize,
    /// connections that consume, in mode end-to-end (1)
    #[argh(option, default = "1", arg_name = "n")]
    consumers: usize,
    /// requests that a connection may have on the way (5)
    #[argh(option, default = "5", arg_name = "n")]
    in_flight: usize,
    /// bytes that a fetch asks for (1048576)
    #[argh(option, default = "1 << 20", arg_name = "bytes")]
    fetch_bytes: i32,
    /// mebibytes that are there for mode fetch (256)
    #[argh(option, default = "256", arg_name = "mib")]
    preload: u64,
    /// seconds that are measured (10)
    #[argh(option, default = "10.0", arg_name = "s")]
    seconds: f64,
    /// seconds before that (2)
    #[argh(option, default = "2.0", arg_name = "s")]
    warmup: f64,
    /// seconds that answers are waited for after that (30)
    #[argh(option, default = "30.0", arg_name = "s")]
    patience: f64,
    /// turns of each broker (1)
    #[argh(option, default = "1", arg_name = "n")]
    rounds: usize,
    /// a topic that is there already; else one is made for each turn and deleted afterwards
    #[argh(option, arg_name = "name")]
    topic: Option<String>,
    /// the whole distribution as CSV
    #[argh(option, arg_name = "file")]
    csv: Option<PathBuf>,
    /// the distribution as a plot
    #[argh(option, arg_name = "file")]
    svg: Option<PathBuf>,
    /// no progress on standard error
    #[argh(switch)]
    quiet: bool,
}

/// Why there is no plan: help was asked for, or something is wrong.
#[derive(Debug)]
pub struct Refusal {
    pub text: String,
    pub is_help: bool,
}

impl From<String> for Refusal {
    fn from(text: String) -> Refusal {
        Refusal { text, is_help: false }
    }
}

/// The plan that a command line is for.
///
/// # Errors
/// With the line to print.
pub fn parse(arguments: &[String]) -> Result<Plan, Refusal> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let options = Options::from_args(&["latency"], &arguments)
        .map_err(|early| Refusal { text: early.output, is_help: early.status.is_ok() })?;
    options.plan().map_err(Refusal::from)
}

impl Options {
    fn plan(self) -> Result<Plan, String> {
        self.check()?;
        let brokers: Vec<Target> =
            self.broker.iter().map(|text| target(text)).collect::<Result<_, _>>()?;
        Ok(Plan {
            mode: mode(&self.mode)?,
            brokers,
            rate: self.rate,
            size: self.size,
            batch: self.batch,
            acks: acks(&self.acks)?,
            codec: codec(&self.codec)?,
            partitions: self.partitions,
            connections: self.connections,
            consumers: self.consumers,
            in_flight: self.in_flight,
            fetch_bytes: self.fetch_bytes,
            preload: self.preload << 20,
            duration: Duration::from_secs_f64(self.seconds),
            warmup: Duration::from_secs_f64(self.warmup),
            patience: Duration::from_secs_f64(self.patience),
            rounds: self.rounds,
            topic: self.topic,
            quiet: self.quiet,
            csv: self.csv,
            svg: self.svg,
        })
    }

    fn check(&self) -> Result<(), String> {
        let within =
            |name: &str, value: f64, least: f64, most: f64| match (least..=most).contains(&value) {
                true => Ok(()),
                false => Err(format!("--{name} must be from {least} to {most}, not {value}")),
            };
        if self.broker.is_empty() {
            return Err("which broker? Say --broker HOST:PORT".into());
        }
        within("size", self.size as f64, LEAST_SIZE as f64, 1e9)?;
        within("batch", self.batch as f64, 1.0, 1e6)?;
        within("partitions", f64::from(self.partitions), 1.0, 1e5)?;
        within("connections", self.connections as f64, 1.0, 1e5)?;
        within("consumers", self.consumers as f64, 1.0, 1e5)?;
        within("in-flight", self.in_flight as f64, 1.0, 1e4)?;
        within("fetch-bytes", f64::from(self.fetch_bytes), 1.0, f64::from(1 << 30))?;
        within("preload", self.preload as f64, 1.0, 1e6)?;
        within("seconds", self.seconds, 0.1, 86_400.0)?;
        within("warmup", self.warmup, 0.0, 3_600.0)?;
        within("patience", self.patience, 0.0, 3_600.0)?;
        within("rounds", self.rounds as f64, 1.0, 1e3)?;
        self.rate.map_or(Ok(()), |rate| within("rate", rate, 0.01, 1e9))
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    let modes = [Mode::Produce, Mode::Fetch, Mode::EndToEnd];
    let found = modes.into_iter().find(|mode| mode.name() == text);
    found.ok_or_else(|| format!("--mode is produce, fetch or end-to-end, not {text:?}"))
}

fn acks(text: &str) -> Result<i16, String> {
    match text {
        "1" => Ok(1),
        "all" | "-1" => Ok(-1),
        "0" => Err("a produce with acks=0 has no answer that could be timed: use 1 or all".into()),
        _ => Err(format!("--acks is 1 or all, not {text:?}")),
    }
}

fn codec(text: &str) -> Result<Codec, String> {
    let found = Codec::ALL.into_iter().find(|codec| codec.name() == text);
    found.ok_or_else(|| format!("--codec is none, gzip, snappy, lz4 or zstd, not {text:?}"))
}

/// `[NAME=]HOST:PORT[,PID]`
fn target(text: &str) -> Result<Target, String> {
    let wrong = || format!("a broker is given as [NAME=]HOST:PORT[,PID], not {text:?}");
    let (name, rest) = text.split_once('=').map_or((None, text), |(name, rest)| (Some(name), rest));
    let (address, pid) = match rest.split_once(',') {
        Some((address, pid)) => (address, Some(pid.parse().map_err(|_| wrong())?)),
        None => (rest, None),
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    Ok(Target { name: name.unwrap_or(address).to_owned(), address: address.to_owned(), pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).map_err(|refusal| refusal.text)
    }

    #[test]
    fn a_broker_is_enough() {
        let plan = plan("--broker localhost:9092").expect("a plan");
        assert_eq!((plan.mode, plan.acks, plan.batch, plan.rate), (Mode::Produce, -1, 1, None));
        assert_eq!(plan.brokers[0].name, "localhost:9092");
    }

    #[test]
    fn brokers_may_have_names_and_processes() {
        let plan = plan("--broker ours=[::1]:9092,77 --broker 10.0.0.1:9093").expect("a plan");
        let ours = Target { name: "ours".into(), address: "[::1]:9092".into(), pid: Some(77) };
        assert_eq!(plan.brokers[0], ours);
        assert_eq!(plan.brokers[1].pid, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, part) in [
            ("", "which broker?"),
            ("--broker x", "HOST:PORT"),
            ("--broker x:y", "HOST:PORT"),
            ("--broker x:1,pid", "HOST:PORT"),
            ("--broker x:1 --acks 0", "no answer"),
            ("--broker x:1 --mode both", "--mode is"),
            ("--broker x:1 --codec lzma", "--codec is"),
            ("--broker x:1 --size 15", "--size must be from 16"),
            ("--broker x:1 --rate 0", "--rate must be"),
            ("--broker x:1 --seconds inf", "--seconds must be"),
            ("--broker x:1 --frob", "frob"),
        ] {
            let text = plan(line).expect_err(line);
            assert!(text.contains(part), "{line}: {text}");
        }
    }
}
