//! The HTTP listener: `barnabas.http.listener` and what belongs to it.
//!
//! One address, `host:port` with an IPv6 address in brackets, or `off`. No name is resolved here.

use super::broker::Config;
use super::listeners::{self, Endpoint};
use super::value::{InvalidConfig, Value};
use std::time::Duration;

/// Where pages are served.
pub(super) const LISTENER: &str = "barnabas.http.listener";
/// What no address is called.
pub(super) const OFF: &str = "off";

impl Config {
    /// Where HTTP is served; `None` where it is not.
    #[must_use]
    pub fn http_listener(&self) -> Option<Endpoint> {
        parse(self.get(LISTENER).unwrap_or(OFF)).ok().flatten()
    }

    /// `barnabas.http.timeout.ms`
    #[must_use]
    pub fn http_timeout(&self) -> Duration {
        let ms = self.number("barnabas.http.timeout.ms");
        Duration::from_millis(ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(30_000))
    }

    /// Names that HTTP requests may call this broker by, beside those that it has anyway.
    #[must_use]
    pub fn http_hosts(&self) -> Vec<String> {
        match self.value("barnabas.http.hosts") {
            Some(Value::List(names)) => names,
            _ => Vec::new(),
        }
    }
}

/// The address that a text stands for; nothing for `off`.
pub(super) fn parse(text: &str) -> Result<Option<Endpoint>, InvalidConfig> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case(OFF) {
        return Ok(None);
    }
    match listeners::parse(&format!("HTTP://{text}")) {
        Some(endpoint) => Ok(Some(endpoint)),
        None => {
            let why = format!("{LISTENER} must be host:port or {OFF}, not {text}");
            Err(InvalidConfig::because(LISTENER, why))
        }
    }
}

/// What `--http-port` makes of the setting: 0 switches it off, another port replaces its own.
pub(super) fn with_port(text: &str, port: u16) -> Result<String, InvalidConfig> {
    if port == 0 {
        return Ok(OFF.to_owned());
    }
    let host = parse(text)?.map_or("127.0.0.1".to_owned(), |endpoint| endpoint.host);
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_nothing() {
        let parsed = |text| parse(text).map(|found| found.map(|one| (one.host, one.port)));
        let some = |host: &str, port| Ok(Some((host.to_owned(), port)));
        assert_eq!(parsed("127.0.0.1:8080"), some("127.0.0.1", 8080));
        assert_eq!(parsed(" [::1]:0 "), some("::1", 0));
        assert_eq!(parsed(":80"), some("", 80));
        assert_eq!((parsed("off"), parsed("OFF"), parsed("")), (Ok(None), Ok(None), Ok(None)));
        for wrong in ["8080", "localhost", "localhost:x", "localhost:70000", "a b:1", "[::1"] {
            let message = parse(wrong).map(|_| ()).expect_err(wrong).to_string();
            assert!(message.contains("host:port or off"), "{message}");
        }
    }

    #[test]
    fn the_flag_replaces_the_port() {
        for (text, port, expected) in [
            ("127.0.0.1:8080", 0, "off"),
            ("127.0.0.1:8080", 81, "127.0.0.1:81"),
            ("[::]:8080", 81, "[::]:81"),
            (":8080", 81, ":81"),
            ("off", 81, "127.0.0.1:81"),
        ] {
            assert_eq!(with_port(text, port).as_deref(), Ok(expected));
        }
    }
}
