//! What stands behind `?` in a target: names and values that an endpoint declares, checked.
//!
//! Names that are not known and those that are there twice are refused: a misspelt filter must not show
//! everything, and what was only to be tried must not be done. What is only looked at and has no parameters
//! takes whatever comes, as others do.

use super::problem::Problem;
use super::target::decode;
use std::num::IntErrorKind;

/// What a parameter's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer in this range.
    Integer(i64, i64),
    /// An integer from the first on; one beyond the second stands for that.
    Capped(i64, i64),
    /// Text.
    Text,
    /// `true`, `false`, or nothing for the former.
    Flag,
}

/// The field that says where an answer that goes on is to go on; no parameter is called so.
pub(super) const LAST_EVENT: &str = "Last-Event-ID";

/// One parameter of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Integer(i64),
    Text(String),
    Flag(bool),
}

/// The parameters that a request has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(&'static str, Value)>);

impl Query {
    /// Reads what was sent by what was declared.
    pub(super) fn read(text: &str, params: &[Param], is_safe: bool) -> Result<Query, Problem> {
        let mut query = Query::default();
        if params.is_empty() && is_safe {
            return Ok(query);
        }
        for piece in text.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let (Some(name), Some(value)) = (unescape(name), unescape(value)) else {
                return Err(Problem::bad("The query is not UTF-8, percent-encoded"));
            };
            let Some(param) = params.iter().find(|param| param.name == name) else {
                return Err(unknown(params));
            };
            if query.get(param.name).is_some() {
                return Err(Problem::told(400, format!("{} is there twice", param.name)));
            }
            query.0.push((param.name, param.read(&value)?));
        }
        Ok(query)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The same as an index; it was declared to fit.
    pub(super) fn index(&self, name: &str) -> Option<i32> {
        self.integer(name).and_then(|number| i32::try_from(number).ok())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same with what a client that comes back says it has seen last.
    pub(super) fn behind(mut self, last_event: Option<&String>) -> Query {
        self.0.extend(last_event.map(|id| (LAST_EVENT, Value::Text(id.clone()))));
        self
    }

    /// That.
    pub(super) fn last_event(&self) -> Option<&str> {
        self.text(LAST_EVENT)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Flag(true)))
    }
}

impl Param {
    fn read(&self, text: &str) -> Result<Value, Problem> {
        let name = self.name;
        let wrong = |what: String| Problem::told(400, format!("{name} must be {what}"));
        match self.kind {
            Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Flag => match text {
                "" | "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                _ => Err(wrong("true or false".to_owned())),
            },
            Kind::Integer(least, most) => match text.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(Value::Integer(number)),
                _ => Err(wrong(format!("an integer from {least} to {most}"))),
            },
            Kind::Capped(least, most) => match text.parse::<i64>() {
                Ok(number) if number >= least => Ok(Value::Integer(number.min(most))),
                Err(why) if *why.kind() == IntErrorKind::PosOverflow => Ok(Value::Integer(most)),
                _ => Err(wrong(format!("an integer from {least} on"))),
            },
        }
    }
}

fn unknown(params: &[Param]) -> Problem {
    if params.is_empty() {
        return Problem::bad("There is a query, and none is known here");
    }
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    Problem::told(400, format!("The query has a name other than {}", names.join(", ")))
}

/// Forms write a blank as a plus.
fn unescape(text: &str) -> Option<String> {
    decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[
        Param { name: "offset", kind: Kind::Integer(0, 100), about: "" },
        Param { name: "limit", kind: Kind::Capped(1, 10), about: "" },
        Param { name: "key", kind: Kind::Text, about: "" },
        Param { name: "dry", kind: Kind::Flag, about: "" },
    ];

    #[test]
    fn values_are_what_was_declared() {
        let query =
            Query::read("offset=7&limit=99&dr%79&key=a+b%2B%C3%A9", PARAMS, true).expect("a query");
        assert_eq!((query.integer("offset"), query.index("limit")), (Some(7), Some(10)));
        assert_eq!((query.text("key"), query.flag("dry")), (Some("a b+\u{e9}"), true));
        let query = Query::read("&limit=1&&dry=false", PARAMS, false).expect("a query");
        assert_eq!((query.integer("limit"), query.flag("dry")), (Some(1), false));
        assert_eq!(query.integer("offset"), None);
        assert_eq!(Query::read("what%ever", &[], true), Ok(Query::default()));
        for number in ["11", "9223372036854775808", "99999999999999999999"] {
            let query = Query::read(&format!("limit={number}"), PARAMS, true);
            assert_eq!(query.map(|query| query.integer("limit")), Ok(Some(10)), "{number}");
        }
        assert_eq!(Query::read("&", &[], false), Ok(Query::default()));
        assert_eq!(Query::read("dry", &[], false).map_err(|why| why.status), Err(400));
    }

    #[test]
    fn whatever_else_is_refused() {
        for (text, why) in [
            ("offset=-1", "offset must be an integer from 0 to 100"),
            ("offset=101", "offset must be an integer from 0 to 100"),
            ("offset=", "offset must be"),
            ("offset=1&offset=1", "offset is there twice"),
            ("limit=1.5", "limit must be an integer from 1 on"),
            ("limit=0", "limit must be an integer from 1 on"),
            ("limit=-99999999999999999999", "limit must be an integer from 1 on"),
            ("limit=-3", "limit must be an integer from 1 on"),
            ("dry=yes", "dry must be true or false"),
            ("keys=a", "other than offset, limit, key, dry"),
            ("dry=%ff", "not UTF-8"),
            ("dry=%2", "not UTF-8"),
        ] {
            let problem = Query::read(text, PARAMS, true).expect_err(text);
            assert!(problem.status == 400 && problem.text.contains(why), "{text}: {problem:?}");
        }
    }
}
