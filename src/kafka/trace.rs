//! Lines at debug level by which a connection and a request can be followed.
//!
//! `conn=17` is a connection, `req=17.4` its fifth request: every line about them has these words, those of
//! the net room too (`closed`, `is done`). Where nobody listens at that level nothing is looked up or
//! formatted. What a client has chosen is quoted and cut, so that it cannot make lines of its own.

use super::call::{Call, Origin};
use crate::broker::{Shared, Tag};
use crate::net::Slot;
use crate::wire::codec::Told;

/// Characters of a client's own words in a line.
const MAX_CHARS: usize = 64;

/// A client has connected.
pub(super) fn opened(shared: &Shared, worker: usize, origin: &Origin) {
    if !::log::log_enabled!(::log::Level::Debug) {
        return;
    }
    let Origin { conn, local, remote, .. } = origin;
    let config = shared.config();
    let listener = config.listeners().get(origin.listener).map_or("?", |found| &found.name);
    ::log::debug!(conn, remote:%, local:%, listener:%, worker; "connection opened");
}

/// A request has come.
pub(super) fn request(call: &Call<'_>, slot: Slot, bytes: usize) {
    ::log::debug!(
        req:% = format_args!("{}.{}", call.origin.conn, slot.number()), api = call.api.name(),
        version = call.version(), correlation = call.header.correlation_id, bytes,
        client = cut(call.header.client_id.unwrap_or_default(), MAX_CHARS);
        "request"
    );
}

/// It is answered: with which error, the first of several, and how long it took.
pub(super) fn answered(conn: u64, slot: Slot, tag: &Tag, errors: &[Told]) {
    let error = errors.first().map_or("NONE", |(code, _)| code.name());
    ::log::debug!(
        req:% = format_args!("{conn}.{}", slot.number()), api = tag.api.name(), error,
        us = tag.received.elapsed().as_micros();
        "answered"
    );
}

/// So many characters of it at most.
pub(super) fn cut(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_words_are_cut_between_characters() {
        let long = "\u{e9}".repeat(MAX_CHARS + 1);
        assert_eq!(cut(&long, MAX_CHARS).chars().count(), MAX_CHARS);
        assert_eq!((cut("short", 5), cut("", 5)), ("short", ""));
    }
}
