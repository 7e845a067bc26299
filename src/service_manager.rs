//! What systemd is told where it started us with `Type=notify` (sd_notify(3)): that the broker is ready, that it
//! stops, and, where it set a watchdog, that it lives. Started by anybody else nothing here does anything.
//!
//! The broker lives as long as every worker answers when it is asked: a thread that only says so by itself would
//! say it of workers that hang, too. They are asked each half of the watchdog's time, as systemd advises; so
//! whoever hangs is found out when that time has passed once, and a broker that nobody watches is never woken.

use barnabas::broker::Shared;
use sd_notify::NotifyState;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A manager that does not take a message within this time is not told: nobody waits for it for ever.
const PATIENCE: Duration = Duration::from_secs(1);
/// The workers are asked no more often, whatever the watchdog's time is.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// The listeners answer; `line` says where. From here on the watchdog is kept quiet, if there is one.
pub fn ready(shared: &Arc<Shared>, line: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(line.trim_end())]);
    // No time at all is none (sd_watchdog_enabled(3)).
    let Some(patience) = sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) else {
        return;
    };
    let (shared, pause) = (shared.clone(), (patience / 2).max(LEAST_PAUSE));
    let thread = std::thread::Builder::new().name("watchdog".into());
    if let Err(why) = thread.spawn(move || watch(&shared, pause)) {
        log::error!(error:% = why; "no thread that tells the watchdog of the workers");
    }
}

/// A stop has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    if let Err(why) = send(&name, message.as_bytes()) {
        log::warn!(error:% = why, states:?; "$NOTIFY_SOCKET cannot be told");
    }
}

/// Not with the crate's own: it knows no abstract names, and waits for as long as the socket is full.
fn send(name: &OsStr, message: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(message, &address(name)?).map(drop)
}

/// The socket of that name: a path, or one without a file where it begins with `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = name.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}

/// Ends with the process.
fn watch(shared: &Shared, pause: Duration) {
    let mut pulse = Pulse::default();
    loop {
        let beats = pulse.beats(|answers| shared.ask_workers(answers));
        if beats {
            tell(&[NotifyState::Watchdog]);
        } else {
            log::warn!(pause:?; "a worker has not answered for so long");
        }
        // Nobody wakes it before. An answer that comes late, but in time, is not found too late.
        std::thread::park_timeout(if beats { pause } else { pause / 8 });
    }
}

/// What was asked last.
#[derive(Default)]
struct Pulse {
    asked: usize,
    answers: Arc<AtomicUsize>,
}

impl Pulse {
    /// Whether all that were asked have answered; then they are asked again by `ask`, which says how many
    /// there are. Whoever has not is not asked twice.
    fn beats(&mut self, ask: impl FnOnce(&Arc<AtomicUsize>) -> usize) -> bool {
        let beats = self.answers.load(Ordering::Relaxed) >= self.asked;
        if beats {
            self.answers = Arc::default();
            self.asked = ask(&self.answers);
        }
        beats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_beats_while_every_worker_answers() {
        let mut pulse = Pulse::default();
        let mut asked = Vec::new();
        let mut beats = |asked: &mut Vec<Arc<AtomicUsize>>| {
            pulse.beats(|answers| {
                asked.push(answers.clone());
                2
            })
        };
        assert!(beats(&mut asked), "nobody was asked yet");
        for round in 1..3 {
            assert!(!beats(&mut asked), "nobody has answered");
            asked[round - 1].fetch_add(1, Ordering::Relaxed);
            assert!(!beats(&mut asked), "one has not");
            assert_eq!(asked.len(), round, "they are asked once");
            // An answer to an earlier question is none to this one.
            asked[0].fetch_add(usize::from(round == 2), Ordering::Relaxed);
            assert_eq!(beats(&mut asked), round == 3);
            asked[round - 1].fetch_add(1, Ordering::Relaxed);
            assert!(beats(&mut asked), "both have");
        }
    }
}
