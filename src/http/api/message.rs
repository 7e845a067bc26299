//! A message as JSON: StrikeMQ's `offset`, `timestamp`, `key` and `value`, and what it has besides.
//!
//! `headers` stand there if there are any. What is not UTF-8 is told in base64, and `key_encoding` or
//! `value_encoding` says so; else these are not there. A tombstone's value is null.

use super::records::Seen;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// What bytes that are no text are told in.
pub(super) const BASE64: &str = "base64";

#[derive(Serialize)]
pub(super) struct Message<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<i32>,
    offset: i64,
    timestamp: i64,
    key: Bytes<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    value: Bytes<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<Header<'r>>,
}

#[derive(Serialize)]
struct Header<'r> {
    key: Bytes<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    value: Bytes<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_encoding: Option<&'static str>,
}

/// Text, or base64, or null.
struct Bytes<'r>(Option<&'r [u8]>);

impl Bytes<'_> {
    fn encoding(&self) -> Option<&'static str> {
        self.0.is_some_and(|bytes| std::str::from_utf8(bytes).is_err()).then_some(BASE64)
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(bytes) = self.0 else { return to.serialize_none() };
        match std::str::from_utf8(bytes) {
            Ok(text) => to.serialize_str(text),
            Err(_) => to.collect_str(&Base64Display::new(bytes, &STANDARD)),
        }
    }
}

impl<'r> Message<'r> {
    /// With its partition, where messages of several stand beside each other.
    pub(super) fn of(seen: &Seen<'r>, partition: Option<i32>) -> Message<'r> {
        let header = |header: crate::wire::records::Header<'r>| {
            let (key, value) = (Bytes(Some(header.key)), Bytes(header.value));
            let (key_encoding, value_encoding) = (key.encoding(), value.encoding());
            Header { key, key_encoding, value, value_encoding }
        };
        let (key, value) = (Bytes(seen.record.key), Bytes(seen.record.value));
        Message {
            partition,
            offset: seen.offset,
            timestamp: seen.timestamp,
            key_encoding: key.encoding(),
            key,
            value_encoding: value.encoding(),
            value,
            headers: seen.record.headers.iter().map(header).collect(),
        }
    }
}
