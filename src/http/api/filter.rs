//! Which messages are wanted: by texts in their keys, values and headers, and by what stands at a path of a value
//! that is JSON. All that are given must fit.

use super::super::problem::Problem;
use super::super::query::{Kind, Param, Query};
use super::json_filter::JsonFilter;
use crate::wire::records::Record;
use memchr::memmem::Finder;

/// What makes a filter.
pub(in super::super) const KEY: Param =
    Param { name: "key", kind: Kind::Text, about: "Only messages with this text in their key." };
/// See [`KEY`].
pub(in super::super) const VALUE: Param = Param {
    name: "value",
    kind: Kind::Text,
    about: "Only messages with this text in their value.",
};
/// See [`KEY`].
pub(in super::super) const HEADER: Param = Param {
    name: "header",
    kind: Kind::Text,
    about: "Only messages with this header, as NAME, or NAME=TEXT with this text in its value.",
};
/// See [`KEY`].
pub(in super::super) const JSON: Param = Param {
    name: "json",
    kind: Kind::Text,
    about: "Only messages whose value is JSON with something at this path, as $.a.b[0], or PATH=WHAT with just \
            that: a text, or JSON.",
};

/// Which messages are wanted. One that nothing was given to takes all.
#[derive(Debug, Default)]
pub struct Filter {
    key: Option<Finder<'static>>,
    value: Option<Finder<'static>>,
    header: Option<(String, Option<Finder<'static>>)>,
    json: Option<JsonFilter>,
}

impl Filter {
    pub(super) fn of(query: &Query) -> Result<Filter, Problem> {
        let header = query.text("header").map(|text| match text.split_once('=') {
            Some((name, text)) => (name.to_owned(), Some(finder(text))),
            None => (text.to_owned(), None),
        });
        Ok(Filter {
            key: query.text("key").map(finder),
            value: query.text("value").map(finder),
            header,
            json: query.text("json").map(json).transpose()?,
        })
    }

    /// Whether this one is.
    pub fn fits(&self, record: &Record<'_>) -> bool {
        has(self.key.as_ref(), record.key)
            && has(self.value.as_ref(), record.value)
            && self.header.as_ref().is_none_or(|(name, text)| {
                let mut headers = record.headers.iter();
                headers.any(|one| one.key == name.as_bytes() && has(text.as_ref(), one.value))
            })
            && self
                .json
                .as_ref()
                .is_none_or(|json| record.value.is_some_and(|bytes| json.fits(bytes)))
    }
}

fn has(wanted: Option<&Finder<'_>>, bytes: Option<&[u8]>) -> bool {
    wanted.is_none_or(|text| bytes.is_some_and(|bytes| text.find(bytes).is_some()))
}

/// What finds a text, as it is.
fn finder(text: &str) -> Finder<'static> {
    Finder::new(text.as_bytes()).into_owned()
}

fn json(text: &str) -> Result<JsonFilter, Problem> {
    let wrong = || Problem::bad("json must be a path as $.a.b[0], or PATH=WHAT");
    JsonFilter::parse(text).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::{Batch, BatchBuilder};

    fn fits(query: &str) -> Result<Vec<usize>, Problem> {
        let filter = Filter::of(&Query::read(query, &[KEY, VALUE, HEADER, JSON], true)?)?;
        let mut batch = BatchBuilder::new();
        batch.append(
            0,
            Some(b"k1"),
            Some(b"{\"a\":{\"b\":[\"x\",2]},\"t\":\"2\"}"),
            &[("h", Some(b"v1"))],
        );
        batch.append(
            0,
            Some(b"k2"),
            Some("plain (\u{e9}) 2".as_bytes()),
            &[("h", None), ("i", Some(b""))],
        );
        batch.append(0, None, None, &[]);
        batch.append(0, Some(b"\xff"), Some(b"\xff\xfe2"), &[]);
        let bytes = batch.finish();
        let (batch, _) = Batch::parse(&bytes).expect("a batch");
        let mut scratch = Vec::new();
        let records = batch.records(&mut scratch, 1000).expect("records");
        let fit = |(at, record): (usize, Result<Record<'_>, _>)| {
            filter.fits(&record.expect("a record")).then_some(at)
        };
        Ok(records.enumerate().filter_map(fit).collect())
    }

    #[test]
    fn all_that_is_given_must_fit() {
        for (query, wanted) in [
            ("", &[0, 1, 2, 3][..]),
            ("key=k", &[0, 1]),
            ("key=", &[0, 1, 3]),
            ("value=2", &[0, 1, 3]),
            ("value=(%C3%A9)", &[1]),
            ("value=.", &[]),
            ("key=2&value=2", &[1]),
            ("header=h", &[0, 1]),
            ("header=h=v", &[0]),
            ("header=h=v2", &[]),
            ("header=i=", &[1]),
            ("header=", &[]),
            ("json=$", &[0]),
            ("json=$.a.b[1]", &[0]),
            ("json=$.a.b[1]=2", &[0]),
            ("json=$.t=2", &[0]),
            ("json=$.t=%222%22", &[0]),
            ("json=$.a.b[*]=x", &[0]),
            ("json=$.a.b[*]=y", &[]),
            ("json=$.a=%7B%22b%22:[%22x%22,2]%7D", &[0]),
            ("json=$['a=']=x", &[]),
        ] {
            assert_eq!(fits(query).as_deref(), Ok(wanted), "{query}");
        }
        for query in ["json=", "json=a", "json=$.=1", "json=$[x]"] {
            assert_eq!(fits(query).map_err(|why| why.status), Err(400), "{query}");
        }
    }
}
