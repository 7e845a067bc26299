//! What the tests of the wire codec share: a model of a message's schema that is made from our
//! declarations or from Kafka's JSON files, and a generator of random messages that follows it and
//! shares no code with the codec.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod generate;
pub mod json;
pub mod model;
pub mod rng;

use barnabas::wire::group_records;
use barnabas::wire::messages::{self, Entry};
use barnabas::wire::metadata_records;
use barnabas::wire::quorum_records;

/// Every declared message: requests, responses, metadata records and control records.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    let records = metadata_records::ALL.iter().chain(quorum_records::ALL).chain(group_records::ALL);
    messages::ALL.iter().chain(records)
}

/// The versions of a declared message.
pub fn versions(entry: &Entry) -> std::ops::RangeInclusive<i16> {
    entry.schema.versions.min..=entry.schema.versions.max
}

/// What our codec makes of `bytes`, which must be read to their end.
pub fn transcode(entry: &Entry, version: i16, bytes: &[u8]) -> Vec<u8> {
    let mut w = barnabas::wire::codec::Writer::new();
    let read = (entry.transcode)(bytes, version, &mut w)
        .unwrap_or_else(|e| panic!("{} v{version}: {e} in {bytes:02x?}", entry.schema.name));
    assert_eq!(read, bytes.len(), "{} v{version} leaves bytes", entry.schema.name);
    w.into_bytes()
}
