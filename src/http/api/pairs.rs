//! An object of texts as JSON carries settings: names and values, or null, no name twice.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// See the module's comment.
#[derive(Debug, Default)]
pub(super) struct Pairs(pub(super) BTreeMap<String, Option<String>>);

struct Reading;

impl<'d> Visitor<'d> for Reading {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings or null")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Pairs::default();
        while let Some((name, value)) = map.next_entry::<String, Option<String>>()? {
            if pairs.0.contains_key(&name) {
                // As Kafka says it of its own requests.
                return Err(A::Error::custom("Error due to duplicate config keys"));
            }
            pairs.0.insert(name, value);
        }
        Ok(pairs)
    }
}

impl<'d> Deserialize<'d> for Pairs {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Pairs, D::Error> {
        from.deserialize_map(Reading)
    }
}
