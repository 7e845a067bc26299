//! A broker at rest: which it is only when nothing is left to be written down.

use std::time::Duration;

/// What was changed before is looked at and written down now, or not while the broker is watched (by default
/// up to a minute later, once); and what is looked at every five minutes is looked at later.
pub const AT_REST: [&str; 10] = [
    "--set",
    "replica.high.watermark.checkpoint.interval.ms=3600000",
    "--set",
    "log.flush.offset.checkpoint.interval.ms=3600000",
    "--set",
    "log.flush.start.offset.checkpoint.interval.ms=3600000",
    "--set",
    "log.initial.task.delay.ms=3600000",
    "--set",
    "log.cleaner.backoff.ms=3600000",
];

/// How long a broker is watched at rest: `BARNABAS_IDLE_SECONDS`.
pub fn idle_time() -> Duration {
    let seconds = std::env::var("BARNABAS_IDLE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(3, |seconds| seconds.parse().unwrap()))
}
