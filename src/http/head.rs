//! A request's line and fields, checked: what is left says one thing only.
//!
//! `httparse` finds the parts, and refuses obsolete folding and blanks before a colon; here it is decided
//! what they mean together (RFC 9112, 3 and 6). A length that is said twice, or in two ways, is refused
//! whatever it says: what stands in front of us may have read the other one.

use super::problem::Problem;
use super::target::{self, Target};
use super::{MAX_BODY, MAX_HEADERS, problem};
use httparse::{EMPTY_HEADER, Error, Header};

/// What is to be done with the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are HTTP's")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Trace,
    Query,
}

impl Method {
    fn parse(name: &str) -> Option<Method> {
        Some(match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "QUERY" => Method::Query,
            _ => return None,
        })
    }

    /// Its name, with HEAD where there is GET.
    pub(super) fn and_head(self) -> &'static str {
        match self {
            Method::Get => "GET, HEAD",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Query => "QUERY",
        }
    }

    /// Nothing is changed by it.
    pub fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options | Method::Trace | Method::Query)
    }
}

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Length(usize),
    Chunked,
}

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The method.
    pub method: Method,
    pub(super) target: Target,
    /// HTTP/1.0, which knows neither chunks nor `Host`.
    pub(super) is_old: bool,
    /// Whom it is meant for, from the target or from `Host`.
    pub(super) host: Option<String>,
    pub(super) origin: Option<String>,
    /// A browser says that a page of another site asks, if only for an image.
    pub(super) is_of_other_site: bool,
    /// Somebody follows a link to a page of its own.
    pub(super) is_visit: bool,
    pub(super) content_type: Option<String>,
    /// What the client has already, by their tags.
    pub(super) known: Vec<String>,
    /// The last event that the client has seen.
    pub(super) last_event: Option<String>,
    /// There is a field that no form and no link can send.
    pub(super) is_marked: bool,
    pub(super) keep_alive: bool,
    /// The body is sent when we say so.
    pub(super) expects: bool,
    pub(super) body: Body,
}

impl Head {
    /// Reads a head, its last empty line included.
    pub(super) fn parse(bytes: &[u8]) -> Result<Head, Problem> {
        let mut fields = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(end)) if end == bytes.len() => {}
            Ok(_) => return Err(problem::NOT_HTTP),
            Err(why) => return Err(refused(why, bytes)),
        }
        let (Some(name), Some(text), Some(minor)) = (request.method, request.path, request.version)
        else {
            return Err(problem::NOT_HTTP);
        };
        let method = Method::parse(name);
        let method = method.ok_or(Problem::new(501, "This method is not known here"))?;
        let is_old = minor == 0;
        let (target, authority) = target::parse(text)?;
        let fields = Fields(request.headers);
        let host = fields.single("host", "The field Host is there twice")?;
        if host.is_none() && !is_old {
            return Err(Problem::bad("The field Host is missing"));
        }
        let body = fields.body(is_old)?;
        let coding = fields.one("content-encoding")?;
        if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(Problem::new(415, "No coding of a body is known here"));
        }
        let expects = match fields.single("expect", "The field Expect is there twice")? {
            Some(text) if !text.eq_ignore_ascii_case("100-continue") => {
                return Err(Problem::new(417, "Only 100-continue may be expected"));
            }
            expected => expected.is_some() && !is_old && body != Body::Length(0),
        };
        let owned = |text: &str| text.to_owned();
        Ok(Head {
            method,
            target,
            is_old,
            // RFC 9112, 3.2.2: what the target says goes before what the field says.
            host: authority.or(host.map(owned)),
            origin: fields.single("origin", "The field Origin is there twice")?.map(owned),
            is_of_other_site: fields
                .one("sec-fetch-site")?
                .is_some_and(|site| !["same-origin", "none"].contains(&site)),
            is_visit: fields.one("sec-fetch-mode")? == Some("navigate")
                && fields.one("sec-fetch-dest")? == Some("document"),
            content_type: fields
                .single("content-type", "The field Content-Type is there twice")?
                .map(owned),
            known: fields.tags()?,
            last_event: fields.one("last-event-id")?.map(owned),
            is_marked: fields.one("x-requested-with")?.is_some_and(|text| !text.is_empty()),
            keep_alive: fields.keeps_alive(is_old)?,
            expects,
            body,
        })
    }
}

/// What `httparse` does not take, in our words.
fn refused(why: Error, bytes: &[u8]) -> Problem {
    match why {
        Error::TooManyHeaders => problem::HEAD_TOO_LARGE,
        Error::Version if names_a_version(bytes) => {
            Problem::new(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
        }
        Error::HeaderName | Error::HeaderValue => {
            Problem::bad("A field of the request's head cannot be read")
        }
        _ => Problem::bad("The request's line cannot be read"),
    }
}

/// The first line ends in a version of HTTP, if only in one of others.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    matches!(last, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

struct Fields<'f>(&'f [Header<'f>]);

impl<'f> Fields<'f> {
    /// The values of all fields of this name.
    fn all(&self, name: &'static str) -> impl Iterator<Item = Result<&'f str, Problem>> {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| match std::str::from_utf8(field.value) {
            Ok(text) => Ok(text.trim_matches([' ', '\t'])),
            Err(_) => Err(Problem::bad("A field that matters is not UTF-8 text")),
        })
    }

    /// The value of the first one.
    fn one(&self, name: &'static str) -> Result<Option<&'f str>, Problem> {
        self.all(name).next().transpose()
    }

    /// The value of one that must not be there twice.
    fn single(&self, name: &'static str, twice: &'static str) -> Result<Option<&'f str>, Problem> {
        let mut all = self.all(name);
        match (all.next().transpose()?, all.next()) {
            (_, Some(_)) => Err(Problem::bad(twice)),
            (found, None) => Ok(found),
        }
    }

    fn body(&self, is_old: bool) -> Result<Body, Problem> {
        let length = self.single("content-length", "The body's length is said twice")?;
        let coding = self.single("transfer-encoding", "The body's coding is said twice")?;
        match (length, coding) {
            (None, None) => Ok(Body::Length(0)),
            (Some(_), Some(_)) => Err(Problem::bad("The body's length is said in two ways")),
            (None, Some(_)) if is_old => Err(Problem::bad("HTTP/1.0 has no Transfer-Encoding")),
            (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => Ok(Body::Chunked),
            (None, Some(_)) => Err(Problem::new(501, "Only the coding chunked is known here")),
            (Some(length), None) => length_of(length),
        }
    }

    /// The tags of `If-None-Match`, compared weakly (RFC 9110, 13.1.2). Tags of others may have commas in them: what comes of
    /// those is nobody's.
    fn tags(&self) -> Result<Vec<String>, Problem> {
        let mut tags = Vec::new();
        for list in self.all("if-none-match") {
            let all = list?.split(',').map(|tag| tag.trim_matches([' ', '\t']));
            tags.extend(all.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned()));
        }
        Ok(tags)
    }

    fn keeps_alive(&self, is_old: bool) -> Result<bool, Problem> {
        let (mut close, mut keep) = (false, false);
        for list in self.all("connection") {
            for option in list?.split(',').map(|option| option.trim_matches([' ', '\t'])) {
                close |= option.eq_ignore_ascii_case("close");
                keep |= option.eq_ignore_ascii_case("keep-alive");
            }
        }
        Ok(!close && (keep || !is_old))
    }
}

/// Digits and nothing else; more than there may be, whatever the number.
fn length_of(text: &str) -> Result<Body, Problem> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::bad("Content-Length is not a number"));
    }
    match text.parse::<usize>() {
        Ok(length) if length <= MAX_BODY => Ok(Body::Length(length)),
        _ => Err(problem::BODY_TOO_LARGE),
    }
}
