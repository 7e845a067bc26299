//! The values of a line of the log: what each place in the code names beside its message, `key=value`.
//!
//! A value that is a number or a truth stays one in JSON. In text, what could be taken for several words, or
//! for another key, is in quotes, as JSON quotes it; a value that is not there is left out. Pure.

use std::fmt::Write;

use log::kv::{Error, Key, Value, VisitSource, VisitValue};

/// What a line itself has in JSON.
const TAKEN: [&str; 4] = ["time", "level", "target", "message"];

/// How the values of a line are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// ` key=value`, behind a message.
    Text,
    /// `,"key":value`, in an object that has the message.
    Json,
}

/// Adds the values of a record to its line.
pub(crate) fn push_fields(line: &mut String, record: &log::Record<'_>, style: Style) {
    // Writing to a text does not fail.
    let _ = record.key_values().visit(&mut Fields { line, style });
}

struct Fields<'l> {
    line: &'l mut String,
    style: Style,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut one = Rendered { text: None, is_plain: false };
        value.visit(&mut one)?;
        let Some(text) = one.text else { return Ok(()) };
        let key = key.as_str();
        match self.style {
            Style::Text => _ = write!(self.line, " {key}="),
            Style::Json => {
                let mark = if TAKEN.contains(&key) { "_" } else { "" };
                let _ = write!(self.line, ",\"{key}{mark}\":");
            }
        }
        match one.is_plain || (self.style == Style::Text && is_one_word(&text)) {
            true => self.line.push_str(&text),
            false => push_quoted(self.line, &text),
        }
        Ok(())
    }
}

/// Whether it ends where it seems to end.
fn is_one_word(text: &str) -> bool {
    let splits = |c: char| c.is_whitespace() || c.is_control() || "\"=".contains(c);
    !text.is_empty() && !text.contains(splits)
}

/// A value as text; whether that is JSON as it is.
struct Rendered {
    text: Option<String>,
    is_plain: bool,
}

impl Rendered {
    fn plain(&mut self, text: String) -> Result<(), Error> {
        (self.text, self.is_plain) = (Some(text), true);
        Ok(())
    }
}

impl<'v> VisitValue<'v> for &mut Rendered {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.text = Some(value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.text = Some(value.to_owned());
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.plain(value.to_string())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.plain(value.to_string())
    }

    fn visit_u128(&mut self, value: u128) -> Result<(), Error> {
        self.plain(value.to_string())
    }

    fn visit_i128(&mut self, value: i128) -> Result<(), Error> {
        self.plain(value.to_string())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.plain(value.to_string())
    }
}

/// A text as JSON has it.
pub(crate) fn push_quoted(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if c.is_control() => _ = write!(line, "\\u{:04x}", u32::from(c)),
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(values: &[(&str, Value<'_>)], style: Style) -> String {
        let mut line = String::new();
        let mut record = log::Record::builder();
        push_fields(&mut line, &record.key_values(&values).build(), style);
        line
    }

    #[test]
    fn numbers_stay_numbers_and_words_that_could_be_several_are_quoted() {
        let values = [
            ("group", Value::from("a b")),
            ("members", Value::from(2)),
            ("done", Value::from(true)),
            ("partition", Value::from("t-0")),
            ("empty", Value::from("")),
            ("none", Value::null()),
            ("error", Value::from("\"x\"\n\u{1b}[31m=\\")),
            ("path", Value::from("C:\\d")),
        ];
        assert_eq!(
            fields(&values, Style::Text),
            " group=\"a b\" members=2 done=true partition=t-0 empty=\"\" \
             error=\"\\\"x\\\"\\n\\u001b[31m=\\\\\" path=C:\\d"
        );
        let json = format!("{{\"message\":\"m\"{}}}", fields(&values, Style::Json));
        let object: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&object["members"], &object["done"]), (&2.into(), &true.into()));
        assert_eq!(object["error"], "\"x\"\n\u{1b}[31m=\\");
        assert_eq!(object["group"], "a b");
        assert!(object.get("none").is_none());
    }

    #[test]
    fn no_value_takes_the_place_of_what_each_line_has() {
        let values = [("level", Value::from("loud")), ("message", Value::from(1))];
        let json = fields(&values, Style::Json);
        assert_eq!(json, ",\"level_\":\"loud\",\"message_\":1");
    }
}
