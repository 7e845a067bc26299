//! When requests are due.
//!
//! In an open load the k-th request of the p-th of P connections is due at the start + (kP + p) intervals,
//! whatever has become of those before it: nothing has to be kept of those that are late. In a closed load a
//! request is due when it can be sent. Nanoseconds of the load's clock.

/// See the module's comment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// When the first one of the connection is due.
    first: f64,
    /// Between two of the connection.
    interval: f64,
    /// Requests that were sent.
    sent: u64,
}

impl Pace {
    /// Of one of `of` connections that together send `rate` requests a second.
    pub fn open(start: u64, rate: f64, connection: usize, of: usize) -> Pace {
        let between = 1e9 / rate;
        Pace {
            first: start as f64 + between * connection as f64,
            interval: between * of as f64,
            sent: 0,
        }
    }

    /// When the next request is due.
    pub fn due(&self) -> u64 {
        (self.first + self.interval * self.sent as f64) as u64
    }

    /// It was sent.
    pub fn advance(&mut self) {
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn connections_take_turns_and_nothing_is_left_out() {
        let mut paces: Vec<Pace> = (0..3).map(|one| Pace::open(1_000, 1e9, one, 3)).collect();
        let mut all = Vec::new();
        for _ in 0..4 {
            for pace in &mut paces {
                all.push(pace.due());
                pace.advance();
            }
        }
        assert_eq!(all, (1_000..1_012).collect::<Vec<u64>>());
    }

    #[test]
    fn what_is_late_stays_due_when_it_was() {
        let mut pace = Pace::open(0, 1_000.0, 0, 1);
        pace.advance();
        assert_eq!(pace.due(), 1_000_000);
        assert_eq!(pace.due(), 1_000_000, "it does not move with the clock");
    }
}
