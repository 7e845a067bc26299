//! What a worker remembers of its clients, for whoever asks who is there (`GET /v1/clients`).
//!
//! Each session holds what is known of its client, so that a request costs a look at it and no search; the table by
//! connections is for errors, which are rare, and for who asks. Of a connection that has asked for nothing there is one
//! small struct. Everything else has a limit: texts [`MAX_CHARS`] characters, errors [`MAX_ERRORS`], groups
//! [`MAX_GROUPS`]; APIs are as many as are served.

use super::call::{Call, Origin};
use crate::broker::{Asked, ClientInfo, Failure, Membership, Tag, WhoIsThere, now_ms};
use crate::net::ConnId;
use crate::wire::api::ApiKey;
use crate::wire::codec::Told;
use crate::wire::error::ErrorCode;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

/// Characters of what a client says of itself.
const MAX_CHARS: usize = 255;
/// Errors that are remembered of a client.
const MAX_ERRORS: usize = 8;
/// Groups of a client that are remembered.
const MAX_GROUPS: usize = 4;
/// What members of groups are told in the ordinary course of things: how they learn their ids, and that they are to join
/// again. Nothing is wrong with who was told so.
const ORDINARY: [ErrorCode; 2] = [ErrorCode::MEMBER_ID_REQUIRED, ErrorCode::REBALANCE_IN_PROGRESS];

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    origin: Origin,
    opened: Instant,
    seen: RefCell<Option<Box<Seen>>>,
}

/// What it has done.
#[derive(Debug)]
struct Seen {
    last: Instant,
    asked: Asked,
    client_id: Option<Box<str>>,
    software: Option<(Box<str>, Box<str>)>,
    apis: Vec<(ApiKey, i16, Asked)>,
    failures: VecDeque<(Instant, ApiKey, ErrorCode)>,
    groups: Vec<Membership>,
}

/// All clients of a worker.
#[derive(Debug)]
pub(super) struct Clients {
    by_conn: HashMap<ConnId, Rc<Client>, foldhash::fast::RandomState>,
    /// One moment by both clocks.
    epoch: (Instant, i64),
}

impl Default for Clients {
    fn default() -> Clients {
        Clients { by_conn: HashMap::default(), epoch: (Instant::now(), now_ms()) }
    }
}

impl Clients {
    /// A connection has come.
    pub(super) fn open(&mut self, conn: ConnId, origin: Origin, opened: Instant) -> Rc<Client> {
        let client = Rc::new(Client { origin, opened, seen: RefCell::default() });
        self.by_conn.insert(conn, client.clone());
        client
    }

    /// It has gone.
    pub(super) fn close(&mut self, conn: ConnId) {
        self.by_conn.remove(&conn);
        if self.by_conn.is_empty() {
            self.by_conn.shrink_to_fit();
        }
    }

    /// It was told errors.
    pub(super) fn failed(&self, conn: ConnId, tag: &Tag, errors: &[Told]) {
        if let Some(client) = self.by_conn.get(&conn) {
            client.failed(tag.api, Instant::now(), errors);
        }
    }

    /// The number of its connection.
    pub(super) fn number(&self, conn: ConnId) -> Option<u64> {
        self.by_conn.get(&conn).map(|client| client.origin.conn)
    }

    /// Says who is there.
    pub(super) fn answer(&self, asked: &WhoIsThere) {
        let is_asked = |one: &&Rc<Client>| asked.after.is_none_or(|after| one.origin.conn > after);
        let mut found: Vec<&Rc<Client>> = self.by_conn.values().filter(is_asked).collect();
        found.sort_unstable_by_key(|client| client.origin.conn);
        let found = found.into_iter().take(asked.limit);
        // Nobody may wait for it any more.
        let _ = asked.tell.send(found.map(|client| client.info(self.epoch)).collect());
    }
}

impl Client {
    /// It asks for something.
    #[inline]
    pub(super) fn asks(&self, call: &Call<'_>) {
        let mut seen = self.seen.borrow_mut();
        let seen = seen.get_or_insert_with(|| Seen::new(call.received));
        seen.last = call.received;
        seen.asked.requests += 1;
        match seen.apis.iter_mut().find(|(api, ..)| *api == call.api) {
            Some((_, version, asked)) => {
                *version = call.version();
                asked.requests += 1;
            }
            None => seen.begin(call),
        }
    }

    /// It says what software it is.
    pub(super) fn is(&self, name: &str, version: &str) {
        if let Some(seen) = &mut *self.seen.borrow_mut() {
            let known = seen.software.as_ref().map(|(name, version)| (&**name, &**version));
            if known != Some((name, version)) {
                seen.software = Some((cut(name).into(), cut(version).into()));
            }
        }
    }

    /// It speaks for a member of a group.
    pub(super) fn speaks_for(&self, group: &str, member: &str, generation: i32) {
        let Some(seen) = &mut *self.seen.borrow_mut() else { return };
        // Heartbeats say what they said before.
        let is_known = |known: &Membership| {
            known.generation == Some(generation)
                && known.group == group
                && known.member.as_deref() == Some(member)
        };
        if !seen.groups.iter().any(is_known) {
            seen.speaks_for(cut(group), cut(member), generation);
        }
    }

    /// It does no more.
    pub(super) fn leaves(&self, group: &str) {
        if let Some(seen) = &mut *self.seen.borrow_mut() {
            seen.groups.retain(|known| known.group != cut(group));
        }
    }

    fn failed(&self, api: ApiKey, now: Instant, errors: &[Told]) {
        let mut seen = self.seen.borrow_mut();
        let Some(seen) = &mut *seen else { return };
        if errors.iter().all(|(code, _)| ORDINARY.contains(code)) {
            return;
        }
        seen.asked.errors += 1;
        if let Some((.., asked)) = seen.apis.iter_mut().find(|(known, ..)| *known == api) {
            asked.errors += 1;
        }
        for (code, _) in errors.iter().filter(|(code, _)| !ORDINARY.contains(code)) {
            if seen.failures.len() == MAX_ERRORS {
                seen.failures.pop_front();
            }
            seen.failures.push_back((now, api, *code));
        }
    }

    fn info(&self, (instant, ms): (Instant, i64)) -> ClientInfo {
        let at = |then: Instant| {
            let since = then.saturating_duration_since(instant).as_millis();
            let before = instant.saturating_duration_since(then).as_millis();
            let number = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX);
            ms.saturating_add(number(since)).saturating_sub(number(before))
        };
        let Origin { conn: connection, remote: address, listener, .. } = self.origin;
        let seen = self.seen.borrow();
        let seen = seen.as_deref();
        let text = |text: &str| text.to_owned();
        let software = seen.and_then(|seen| seen.software.as_ref());
        let failures = seen.into_iter().flat_map(|seen| &seen.failures);
        let failure = |(then, api, code): &(Instant, ApiKey, ErrorCode)| Failure {
            at: at(*then),
            api: *api,
            code: *code,
        };
        ClientInfo {
            connection,
            address,
            listener,
            connected_at: at(self.opened),
            last_request_at: seen.map(|seen| at(seen.last)),
            client_id: seen.and_then(|seen| seen.client_id.as_deref()).map(text),
            software: software.map(|(name, version)| (text(name), text(version))),
            asked: seen.map_or(Asked::default(), |seen| seen.asked),
            apis: seen.map_or(Vec::new(), |seen| seen.apis.clone()),
            last_errors: failures.map(failure).collect(),
            groups: seen.map_or(Vec::new(), |seen| seen.groups.clone()),
        }
    }
}

impl Seen {
    fn new(now: Instant) -> Box<Seen> {
        Box::new(Seen {
            last: now,
            asked: Asked::default(),
            client_id: None,
            software: None,
            apis: Vec::new(),
            failures: VecDeque::new(),
            groups: Vec::new(),
        })
    }

    /// The first request of an API: also when to look at how the client calls itself, which it hardly changes.
    #[cold]
    fn begin(&mut self, call: &Call<'_>) {
        self.apis.push((call.api, call.version(), Asked { requests: 1, errors: 0 }));
        self.client_id = call.header.client_id.map(|id| cut(id).into());
    }

    #[cold]
    fn speaks_for(&mut self, group: &str, member: &str, generation: i32) {
        let at = self.groups.iter().position(|known| known.group == group);
        let at = at.unwrap_or_else(|| {
            if self.groups.len() == MAX_GROUPS {
                self.groups.remove(0);
            }
            let group = group.to_owned();
            self.groups.push(Membership { group, member: None, generation: None, rebalances: 0 });
            self.groups.len() - 1
        });
        let known = &mut self.groups[at];
        if !member.is_empty() && known.member.as_deref() != Some(member) {
            known.member = Some(member.to_owned());
        }
        if generation > 0 && known.generation != Some(generation) {
            known.generation = Some(generation);
            known.rebalances += 1;
        }
    }
}

/// What is kept of a client's own words.
fn cut(text: &str) -> &str {
    match text.len() <= MAX_CHARS {
        true => text,
        false => super::trace::cut(text, MAX_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::header::RequestHeader;

    fn call(api: ApiKey, version: i16, client_id: Option<&str>) -> Call<'_> {
        let header = RequestHeader {
            api_key: api as i16,
            api_version: version,
            correlation_id: 0,
            client_id,
        };
        Call { api, header, origin: origin(), received: Instant::now() }
    }

    fn origin() -> Origin {
        let remote = "10.0.0.1:5000".parse().unwrap();
        Origin { listener: 0, local: remote, remote, conn: 12 }
    }

    fn client() -> Client {
        Client { origin: origin(), opened: Instant::now(), seen: RefCell::default() }
    }

    #[test]
    fn nothing_grows_beyond_its_limit() {
        let (client, long) = (client(), "\u{e9}".repeat(1000));
        client.is("before", "anything was asked");
        client.speaks_for("g", "m", 1);
        assert_eq!(client.info((Instant::now(), 0)).last_request_at, None);
        for api in [ApiKey::Produce, ApiKey::Fetch].repeat(100) {
            client.asks(&call(api, 12, Some(&long)));
            client.failed(api, Instant::now(), &[(ErrorCode(3), 9), (ErrorCode(1), 1)]);
        }
        client.is(&long, &long);
        for group in 0..100 {
            client.speaks_for(&format!("{group}{long}"), &long, group);
        }
        let info = client.info((Instant::now(), 0));
        assert_eq!(info.asked, Asked { requests: 200, errors: 200 });
        assert_eq!((info.apis.len(), info.last_errors.len(), info.groups.len()), (2, 8, 4));
        assert!(info.groups[3].group.starts_with("99"), "the last ones");
        let software = info.software.unwrap();
        for text in [&info.client_id.unwrap(), &software.0, &software.1, &info.groups[0].group] {
            assert_eq!(text.chars().count(), MAX_CHARS);
        }
    }

    #[test]
    fn what_is_ordinary_is_no_error() {
        let client = client();
        client.asks(&call(ApiKey::JoinGroup, 9, None));
        for code in [ErrorCode::MEMBER_ID_REQUIRED, ErrorCode::REBALANCE_IN_PROGRESS] {
            client.failed(ApiKey::JoinGroup, Instant::now(), &[(code, 1)]);
        }
        let info = client.info((Instant::now(), 0));
        assert_eq!((info.asked.errors, info.apis[0].2.errors), (0, 0));
        assert!(info.last_errors.is_empty());
        let (ordinary, wrong) = (ErrorCode::REBALANCE_IN_PROGRESS, ErrorCode::UNKNOWN_MEMBER_ID);
        client.failed(ApiKey::JoinGroup, Instant::now(), &[(ordinary, 1), (wrong, 1)]);
        let info = client.info((Instant::now(), 0));
        let codes: Vec<_> = info.last_errors.iter().map(|failure| failure.code).collect();
        assert_eq!((info.asked.errors, codes), (1, vec![wrong]));
    }

    #[test]
    fn generations_are_counted_once() {
        let client = client();
        client.asks(&call(ApiKey::JoinGroup, 9, None));
        for (member, generation) in [("", -1), ("m", -1), ("m", 3), ("m", 3), ("m", 4), ("", -1)] {
            client.speaks_for("g", member, generation);
        }
        let member = Some("m".to_owned());
        let expected =
            Membership { group: "g".to_owned(), member, generation: Some(4), rebalances: 2 };
        assert_eq!(client.info((Instant::now(), 0)).groups, [expected]);
        client.leaves("g");
        assert!(client.info((Instant::now(), 0)).groups.is_empty());
    }
}
