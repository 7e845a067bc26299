//! The text of a setting becomes a typed value, by the rules of Kafka's `ConfigDef.parseType` and its
//! validators, with their error messages word for word: clients and tools show them to people.
//!
//! Numbers are ASCII (Java also takes other scripts' digits, and hexadecimal floats; nobody writes
//! them). Pure: no look-up, no I/O.

use std::fmt;

use super::check;
use super::setting::{Kind, Setting};

/// A value that a setting does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig {
    /// The setting.
    pub key: String,
    /// What was given for it; empty where no single value is at fault. Never a password.
    pub value: String,
    /// What is wrong, in Kafka's words.
    pub message: String,
}

impl InvalidConfig {
    /// Kafka's `ConfigException(name, value, why)`.
    #[must_use]
    pub fn new(key: &str, value: &str, why: &str) -> InvalidConfig {
        let message = format!("Invalid value {value} for configuration {key}: {why}");
        InvalidConfig { key: key.to_owned(), value: value.to_owned(), message }
    }

    /// An error whose text stands by itself.
    #[must_use]
    pub fn because(key: &str, message: String) -> InvalidConfig {
        InvalidConfig { key: key.to_owned(), value: String::new(), message }
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidConfig {}

/// A parsed value. Its `Display` is what DescribeConfigs shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A boolean.
    Boolean(bool),
    /// An int.
    Int(i32),
    /// A short.
    Short(i16),
    /// A long.
    Long(i64),
    /// A double.
    Double(f64),
    /// A string, class name or password, trimmed.
    Text(String),
    /// A list, its items trimmed.
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Short(value) => write!(f, "{value}"),
            Value::Long(value) => write!(f, "{value}"),
            Value::Double(value) => f.write_str(&java_double(*value)),
            Value::Text(value) => f.write_str(value),
            Value::List(items) => f.write_str(&items.join(",")),
        }
    }
}

impl Value {
    /// The number in an int, short or long.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(i64::from(*value)),
            Value::Short(value) => Some(i64::from(*value)),
            Value::Long(value) => Some(*value),
            _ => None,
        }
    }
}

/// Parses `text` as a value of `setting` and checks it.
pub fn parse(setting: &Setting, text: &str) -> Result<Value, InvalidConfig> {
    let mut value = parse_kind(setting, text)?;
    check::dedup(setting, &mut value);
    check::ensure(setting, &value)?;
    Ok(value)
}

fn parse_kind(setting: &Setting, text: &str) -> Result<Value, InvalidConfig> {
    let trimmed = java_trim(text);
    let invalid = |why: &str| InvalidConfig::new(setting.name, text, why);
    let number = || invalid(&format!("Not a number of type {}", setting.kind.name()));
    Ok(match setting.kind {
        Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
        Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
        Kind::Boolean => return Err(invalid("Expected value to be either true or false")),
        Kind::Int => Value::Int(trimmed.parse().map_err(|_| number())?),
        Kind::Short => Value::Short(trimmed.parse().map_err(|_| number())?),
        Kind::Long => Value::Long(trimmed.parse().map_err(|_| number())?),
        Kind::Double => Value::Double(parse_double(trimmed).ok_or_else(number)?),
        Kind::String | Kind::Class | Kind::Password => Value::Text(trimmed.to_owned()),
        Kind::List => Value::List(split_list(trimmed)),
    })
}

/// Java's `String.trim`: cuts every character up to the space, control characters included.
fn java_trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// Items between commas, without the white space around the commas. The empty text has no items.
fn split_list(trimmed: &str) -> Vec<String> {
    if trimmed.is_empty() {
        return Vec::new();
    }
    trimmed.split(',').map(|item| item.trim_matches(java_space).to_owned()).collect()
}

/// `\s` of Java's regular expressions.
fn java_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r')
}

/// Java's `Double.parseDouble`: a suffix f or d is allowed; NaN and Infinity are spelled just so.
fn parse_double(trimmed: &str) -> Option<f64> {
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return trimmed.parse().ok();
    }
    let digits = trimmed.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(trimmed);
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    if digits.chars().all(plain) { digits.parse().ok() } else { None }
}

/// Java's `Double.toString`: plain between 0.001 and 10^7, else scientific; always one decimal.
fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{broker_setting, topic_setting};
    use super::*;

    fn topic(name: &str, text: &str) -> Result<String, String> {
        let setting = topic_setting(name).expect("a topic setting");
        parse(setting, text).map(|value| value.to_string()).map_err(|e| e.message)
    }

    #[test]
    fn numbers_are_parsed_as_kafka_parses_them() {
        for (text, value) in [("5", "5"), (" 5 ", "5"), ("+5", "5"), ("\t-1\n", "-1")] {
            assert_eq!(topic("retention.ms", text), Ok(value.to_owned()), "{text:?}");
        }
        for text in ["abc", "0x5", "5L", "", "9223372036854775808", "1 2"] {
            let message = format!(
                "Invalid value {text} for configuration retention.ms: Not a number of type LONG"
            );
            assert_eq!(topic("retention.ms", text), Err(message), "{text:?}");
        }
        assert_eq!(
            topic("segment.bytes", "1048576.0").unwrap_err(),
            "Invalid value 1048576.0 for configuration segment.bytes: Not a number of type INT"
        );
    }

    #[test]
    fn doubles_are_parsed_and_shown_as_java_does() {
        for (text, value) in [
            ("0.5f", "0.5"),
            ("1e-1", "0.1"),
            ("1d", "1.0"),
            (".5", "0.5"),
            ("1.", "1.0"),
            ("1E-5", "1.0E-5"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(topic("min.cleanable.dirty.ratio", text), Ok(value.to_owned()), "{text:?}");
        }
        for text in ["x", "infinity", "inf", "nan", "1..2", "e", ""] {
            let why = topic("min.cleanable.dirty.ratio", text).unwrap_err();
            assert!(why.ends_with("Not a number of type DOUBLE"), "{text:?}: {why}");
        }
        for (value, text) in [
            (f64::MAX, "1.7976931348623157E308"),
            (123_456_789.0, "1.23456789E8"),
            (1e7, "1.0E7"),
            (1_234_567.5, "1234567.5"),
            (1e-3, "0.001"),
            (0.95, "0.95"),
            (0.0, "0.0"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(java_double(value), text);
        }
    }

    #[test]
    fn a_value_out_of_range_is_shown_as_it_was_understood() {
        assert_eq!(
            topic("min.cleanable.dirty.ratio", "-1").unwrap_err(),
            "Invalid value -1.0 for configuration min.cleanable.dirty.ratio: Value must be at least 0"
        );
    }

    #[test]
    fn booleans_know_two_words_in_any_case() {
        assert_eq!(topic("preallocate", "TRUE"), Ok("true".to_owned()));
        assert_eq!(topic("preallocate", " False "), Ok("false".to_owned()));
        assert_eq!(
            topic("preallocate", "yes").unwrap_err(),
            "Invalid value yes for configuration preallocate: \
             Expected value to be either true or false"
        );
    }

    #[test]
    fn lists_lose_the_space_around_their_commas_and_their_duplicates() {
        for (text, value) in [
            ("", ""),
            (" compact ,  delete ", "compact,delete"),
            ("compact,compact", "compact"),
            ("delete", "delete"),
        ] {
            assert_eq!(topic("cleanup.policy", text), Ok(value.to_owned()), "{text:?}");
        }
        for text in [",", "compact, ,delete", "compact,"] {
            assert_eq!(
                topic("cleanup.policy", text).unwrap_err(),
                "Configuration 'cleanup.policy' values must not be empty."
            );
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let alphabet: Vec<char> =
            " \t\n,.:*+-eEfFdDxX0123456789azNIé\u{0}\u{2028}٣".chars().collect();
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..seed % 12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for name in ["retention.ms", "min.cleanable.dirty.ratio", "cleanup.policy"] {
                let _ = topic(name, &text);
            }
            for name in ["controller.quorum.voters", "node.id", "listeners"] {
                let _ = parse(broker_setting(name).expect("a broker setting"), &text);
            }
        }
    }
}
