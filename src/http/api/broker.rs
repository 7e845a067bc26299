//! `GET /v1/broker`

use super::super::desk::Facts;
use crate::broker::Shared;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Broker {
    version: &'static str,
    broker_id: i32,
    uptime_seconds: u64,
    port: u16,
    http_port: u16,
    io_threads: usize,
    platform: String,
    log_dir: String,
    segment_size: i64,
}

pub(super) fn broker(shared: &Shared, facts: &Facts) -> Broker {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        other => other,
    };
    Broker {
        version: env!("CARGO_PKG_VERSION"),
        broker_id: shared.node.node_id,
        uptime_seconds: facts.started.elapsed().as_secs(),
        port: facts.port,
        http_port: facts.http_port,
        io_threads: shared.worker_count(),
        platform: format!("{system} ({})", facts.driver),
        log_dir: shared.data_dir.to_string_lossy().into_owned(),
        segment_size: i64::from(shared.config().topic_defaults().segment_bytes),
    }
}
