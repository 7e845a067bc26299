//! What stands at a path of a value that is JSON.
//!
//! To read JSON costs far more than to find a text, so a value is read only if it may fit: what the path names, and
//! what is wanted there, must stand in it as it is written, for JSON has one spelling of what needs no escape but that
//! with `\u`. Where one of these is in a value, it is read whatever else it has.

use super::json_path::JsonPath;
use super::json_walk;
use memchr::memmem::Finder;
use serde_json::Value;

/// See the module's comment.
#[derive(Debug)]
pub(super) struct JsonFilter {
    path: JsonPath,
    wanted: Option<Wanted>,
    /// What must be there for it to fit: first what is wanted, which is likely to be rarer than the names are.
    needles: Vec<Finder<'static>>,
    escape: Finder<'static>,
}

/// What must stand at a path.
#[derive(Debug)]
struct Wanted {
    text: String,
    json: Option<Value>,
}

impl JsonFilter {
    /// `PATH` or `PATH=WHAT`; nothing if it is neither.
    pub(super) fn parse(text: &str) -> Option<JsonFilter> {
        // A name in quotes may have an equals sign in it: the path is the longest that there is before one.
        let cuts = text.match_indices('=').map(|(at, _)| at).chain([text.len()]);
        for at in cuts {
            let (path, rest) = text.split_at(at);
            if let Some(path) = JsonPath::parse(path) {
                let wanted = rest.strip_prefix('=').map(|text| Wanted {
                    text: text.to_owned(),
                    json: serde_json::from_str(text).ok(),
                });
                return Some(JsonFilter::of(path, wanted));
            }
        }
        None
    }

    fn of(path: JsonPath, wanted: Option<Wanted>) -> JsonFilter {
        let names = path.names().filter(|name| is_plain(name)).map(quoted);
        let needles = wanted.as_ref().and_then(Wanted::spelling).into_iter().chain(names);
        let needles = needles.map(|needle| Finder::new(needle.as_bytes()).into_owned()).collect();
        JsonFilter { path, wanted, needles, escape: Finder::new("\\u") }
    }

    pub(super) fn fits(&self, bytes: &[u8]) -> bool {
        self.may_fit(bytes) && self.is_found(bytes)
    }

    fn may_fit(&self, bytes: &[u8]) -> bool {
        self.needles.iter().all(|needle| needle.find(bytes).is_some())
            || self.escape.find(bytes).is_some()
    }

    fn is_found(&self, bytes: &[u8]) -> bool {
        let wanted = match &self.wanted {
            Some(Wanted { text, json }) => json_walk::Wanted::Either(text, json.as_ref()),
            None => json_walk::Wanted::Anything,
        };
        json_walk::leads(bytes, self.path.steps(), wanted) == Some(true)
    }
}

impl Wanted {
    /// What is in every JSON without `\u` that has this, where that can be told.
    fn spelling(&self) -> Option<String> {
        match &self.json {
            // Only a text can be it.
            None => is_plain(&self.text).then(|| quoted(&self.text)),
            // Or this, or the text that it was read from, which has it within.
            Some(Value::String(text)) => is_plain(text).then(|| text.clone()),
            Some(Value::Number(number)) if !number.is_f64() => Some(number.to_string()),
            Some(json @ (Value::Bool(_) | Value::Null)) => Some(json.to_string()),
            Some(Value::Number(_) | Value::Array(_) | Value::Object(_)) => None,
        }
    }
}

/// JSON writes it as it is, or with `\u`.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|char| char < ' ' || "\"\\/".contains(char))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_spelled_otherwise_is_found() {
        for (filter, value) in [
            ("$.name=Ada", r#"{"name":"Ada"}"#),
            ("$.name=Ada", r#"{"n\u0061me":"\u0041da"}"#),
            ("$.a=b/c", r#"{"a":"b\/c"}"#),
            ("$['a/b']", r#"{"a\/b":1}"#),
            ("$.a=\"", r#"{"a":"\""}"#),
            ("$.a=\t", r#"{"a":"\t"}"#),
            ("$.a=10", r#"{"a":10}"#),
            ("$.a=10", r#"{"a":"10"}"#),
            ("$.a=1e1", r#"{"a":10.0}"#),
            ("$.a=0.0", r#"{"a":0e5}"#),
            ("$.a=true", r#"{"a":true}"#),
            ("$.a=\"b\"", r#"{"a":"b"}"#),
            ("$.a=\"b\"", r#"{"a":"\"b\""}"#),
            ("$.a=\"\\u0062\"", r#"{"a":"b"}"#),
            ("$.a=\"\\u0062\"", r#"{"a":"\"\\u0062\""}"#),
            ("$.a=[1]", r#"{"a":[ 1 ]}"#),
            ("$.é=ü", "{\"é\":\"ü\"}"),
        ] {
            let filter = JsonFilter::parse(filter).expect(filter);
            assert!(filter.fits(value.as_bytes()), "{filter:?} {value}");
        }
    }

    /// Pieces of which JSON is made, and of which it is not.
    const PIECES: &str = "[ab0-9\"\\\\/u{}\\[\\]:, .e-]{0,12}|\\{\"a\":|\"b\"\\}|\\\\u0061|\\\\/|\\\\\"|true|null|\"a\":";

    proptest! {
        #[test]
        fn what_is_not_read_would_not_have_fitted(
            path in r"\$(\.a|\.b|\['[ab/]{0,2}'\]|\[0\]|\.\*){0,2}",
            wanted in proptest::option::of("[ab0-9\"/\\\\ue.]{0,3}|true|\\[1\\]"),
            pieces in proptest::collection::vec(PIECES, 0..6),
            whole in "(\\{\"(a|b|\\\\u0061|\\\\/)\":){0,2}(\"(a|b|\\\\u0061|1|\\\\/|\\\\\"){0,3}\"|[0-9]{1,3}|1e1|true)\\}{0,2}",
        ) {
            let text = wanted.map_or(path.clone(), |wanted| format!("{path}={wanted}"));
            let filter = JsonFilter::parse(&text).expect("a path");
            for value in [pieces.concat(), whole] {
                prop_assert_eq!(filter.fits(value.as_bytes()), filter.is_found(value.as_bytes()), "{} {}", text, value);
            }
        }
    }
}
