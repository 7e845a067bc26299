//! What is to be measured: the options, checked.

use barnabas::wire::records::Codec;
use std::path::PathBuf;
use std::time::Duration;

/// What a request is, and what its latency means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A Produce, until it is acknowledged.
    Produce,
    /// A Fetch of data that are there, until all of its answer is here.
    Fetch,
    /// A record, from when it is due to be sent until a consumer has it.
    EndToEnd,
}

impl Mode {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Produce => "produce",
            Mode::Fetch => "fetch",
            Mode::EndToEnd => "end-to-end",
        }
    }
}

/// A broker that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is called in the report.
    pub name: String,
    /// host:port
    pub address: String,
    /// Its process, if what it uses is to be measured too.
    pub pid: Option<u32>,
}

/// The load, the same for all brokers.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// See [`Mode`].
    pub mode: Mode,
    /// One at least; the first is what the others are compared with.
    pub brokers: Vec<Target>,
    /// Records a second; none: as many as get done.
    pub rate: Option<f64>,
    /// Bytes of a record's value; 16 at least.
    pub size: usize,
    /// Records of a batch; a request has one batch.
    pub batch: usize,
    /// 1 or −1 (all).
    pub acks: i16,
    /// Of the batches.
    pub codec: Codec,
    /// Of the topic.
    pub partitions: i32,
    /// Connections that produce, or fetch in [`Mode::Fetch`].
    pub connections: usize,
    /// Connections that consume in [`Mode::EndToEnd`]; each reads all partitions.
    pub consumers: usize,
    /// Requests that a connection may have on the way.
    pub in_flight: usize,
    /// Bytes that a fetch asks for.
    pub fetch_bytes: i32,
    /// Bytes that are there to be fetched.
    pub preload: u64,
    /// How long it is measured.
    pub duration: Duration,
    /// How long it runs before that.
    pub warmup: Duration,
    /// How long answers are waited for after that.
    pub patience: Duration,
    /// How often each broker has its turn.
    pub rounds: usize,
    /// A topic that is there already; else one is made for each turn, and deleted.
    pub topic: Option<String>,
    /// Whether progress is told.
    pub quiet: bool,
    /// Where the distribution goes as CSV.
    pub csv: Option<PathBuf>,
    /// And as a plot.
    pub svg: Option<PathBuf>,
}

impl Plan {
    /// Records in a request of the open load.
    pub fn records(&self) -> usize {
        match self.mode {
            Mode::Fetch => 1,
            Mode::Produce | Mode::EndToEnd => self.batch,
        }
    }

    /// What the load is, in a line.
    pub fn describe(&self) -> String {
        let pace = match self.rate {
            Some(rate) => format!("{rate:.0} a second, open loop"),
            None => format!("closed loop, {} on the way by the connection", self.in_flight),
        };
        let acks = if self.acks == -1 { "all".to_owned() } else { self.acks.to_string() };
        let what = match self.mode {
            Mode::Fetch => format!(
                "fetches of {} KiB, {} MiB there",
                self.fetch_bytes >> 10,
                self.preload >> 20
            ),
            _ => format!(
                "records of {} B, {} in a batch, acks={acks}, codec {}",
                self.size,
                self.batch,
                self.codec.name()
            ),
        };
        format!(
            "{}: {what}, {} partition(s), {} connection(s), {pace}",
            self.mode.name(),
            self.partitions,
            self.connections
        )
    }
}
