//! Messages as they are given: the body of `POST /v1/topics/{name}/messages`.
//!
//! `{"messages": [{"value": "...", ...}, ...]}`. What `GET` shows of a message can be sent as it is, but
//! for its offset, and keys of headers that are no text. A name that is not known, a value of another type,
//! or base64 that is none is an error, for what is dropped without a word is lost.

use super::super::problem::Problem;
use super::message::BASE64;
use super::object::Object;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'b> {
    #[serde(borrow)]
    messages: Vec<Object<GivenMessage<'b>>>,
}

/// A message as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenMessage<'b> {
    #[serde(borrow, default)]
    key: Option<Cow<'b, str>>,
    #[serde(default)]
    key_encoding: Encoding,
    // A tombstone is a value of null, and never one that was forgotten.
    #[serde(borrow, deserialize_with = "there")]
    value: Option<Cow<'b, str>>,
    #[serde(default)]
    value_encoding: Encoding,
    #[serde(borrow, default)]
    headers: Vec<Object<GivenHeader<'b>>>,
    #[serde(default)]
    partition: Option<i32>,
    #[serde(default)]
    timestamp: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenHeader<'b> {
    #[serde(borrow)]
    key: Cow<'b, str>,
    #[serde(borrow, deserialize_with = "there")]
    value: Option<Cow<'b, str>>,
    #[serde(default)]
    value_encoding: Encoding,
}

/// What stands in a text.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Text,
    Base64,
}

fn there<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Cow<'d, str>>, D::Error> {
    Option::deserialize(from)
}

/// A message that is to be produced.
pub(super) struct New {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
}

/// Reads the body of a request.
pub(super) fn read(body: &[u8]) -> Result<Vec<New>, Problem> {
    let body: Body<'_> = super::body(body)?;
    if body.messages.is_empty() {
        return Err(Problem::bad("No messages found in body"));
    }
    body.messages.into_iter().map(|Object(message)| message.into_new()).collect()
}

impl GivenMessage<'_> {
    fn into_new(self) -> Result<New, Problem> {
        if self.timestamp.is_some_and(|time| time < 0) {
            return Err(Problem::bad("A timestamp is not below 0"));
        }
        if self.partition.is_some_and(|index| index < 0) {
            return Err(Problem::bad("A partition is not below 0"));
        }
        let header = |header: GivenHeader<'_>| {
            let value = bytes(header.value, header.value_encoding)?;
            Ok((header.key.into_owned(), value))
        };
        Ok(New {
            key: bytes(self.key, self.key_encoding)?,
            value: bytes(self.value, self.value_encoding)?,
            headers: self
                .headers
                .into_iter()
                .map(|Object(one)| header(one))
                .collect::<Result<_, Problem>>()?,
            partition: self.partition,
            timestamp: self.timestamp,
        })
    }
}

fn bytes(text: Option<Cow<'_, str>>, encoding: Encoding) -> Result<Option<Vec<u8>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match encoding {
        Encoding::Text => Ok(Some(text.into_owned().into_bytes())),
        Encoding::Base64 => STANDARD.decode(&*text).map(Some).map_err(|why| {
            Problem::told(400, format!("A text that is to be {BASE64} is not: {why}"))
        }),
    }
}
