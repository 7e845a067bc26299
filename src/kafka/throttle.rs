//! Slowing a producer down to what the disk takes, as Kafka's quotas do it (KIP-219): the answer leaves at
//! once and says `throttle_time_ms`, and for as long the connection is not read. So those who do not heed it
//! are held as well. A timer of the worker ends it; nothing waits. What a byte costs is the log's business
//! (`log::Flusher::price_of`).

use std::time::Duration;

use super::service::{KafkaService, ParkedRequest};
use crate::net::{ConnId, Context, Flow, TimerId};

/// The longest time that a connection is not read, and that it can owe: no more than the log asks for at most,
/// see there.
const LONGEST: Duration = Duration::from_secs(4);

/// What a connection owes: less than a millisecond is kept until it is one.
#[derive(Debug, Default)]
pub struct Debt(Duration);

impl Debt {
    /// Adds a price; gives the whole milliseconds that are due.
    pub fn charge(&mut self, price: Duration) -> i32 {
        let owed = self.0.saturating_add(price).min(LONGEST);
        let due = owed.as_millis() as u32;
        self.0 = owed.saturating_sub(Duration::from_millis(due.into()));
        due.cast_signed()
    }
}

/// A connection that is not read for a while.
pub struct Muted {
    conn: ConnId,
    timer: TimerId,
}

impl Muted {
    /// The connection.
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// Reads it again.
    pub fn end(self, cx: &mut Context<'_>) {
        cx.cancel_timer(self.timer);
        cx.resume(self.conn);
    }
}

/// Does not read the connection for so many milliseconds.
pub fn mute(service: &mut KafkaService, cx: &mut Context<'_>, conn: ConnId, ms: i32) -> Flow {
    let ms = ms.max(0).unsigned_abs();
    if ms == 0 || service.draining {
        return Flow::Next;
    }
    let key = service.parked.reserve();
    let timer = cx.set_timer(cx.now() + Duration::from_millis(ms.into()), key);
    service.parked.put(key, ParkedRequest::Muted(Muted { conn, timer }));
    Flow::Hold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_prices_add_up_and_large_ones_end() {
        let mut debt = Debt::default();
        let due: i32 = (0..1000).map(|_| debt.charge(Duration::from_micros(30))).sum();
        assert_eq!(due, 30);
        assert_eq!(debt.charge(Duration::from_secs(3600)), 4_000);
        assert_eq!(debt.charge(Duration::ZERO), 0, "the rest is forgiven");
    }
}
