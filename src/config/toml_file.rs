//! Settings files in TOML: the same dotted names as in `server.properties`.
//!
//! Tables and dotted keys are names in parts (`[log.retention]` and `hours = 24` is
//! `log.retention.hours`), a key in quotes is one name. Numbers and booleans are what their text is, an
//! array of strings is a list as Kafka writes it, with commas. What has no meaning as a setting (dates,
//! tables in arrays, infinity) is refused where it stands, and so is a name that is given twice. Any
//! text gives entries, and problems with their lines; nothing here panics. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::properties::{Entry, Parsed, Problem};

/// All entries of a file, and all that is wrong with values; or the first thing that is no TOML.
pub fn parse(text: &str) -> Parsed {
    let lines = Lines::of(text);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let message: Vec<&str> = error.message().lines().collect();
            let line = lines.at(error.span().unwrap_or_default());
            return Parsed { problems: vec![(line, message.join(" "))], ..Parsed::default() };
        }
    };
    let mut found = Found { lines, entries: BTreeMap::new(), problems: Vec::new() };
    found.add_table("", table.get_ref());
    let Found { entries, mut problems, .. } = found;
    problems.sort();
    let mut entries: Vec<Entry> = entries.into_values().collect();
    entries.sort_by_key(|entry| entry.line);
    Parsed { entries, problems }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines(std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect())
    }

    /// The line in which a range of bytes begins.
    fn at(&self, span: Range<usize>) -> usize {
        self.0.partition_point(|start| *start <= span.start)
    }
}

struct Found {
    lines: Lines,
    entries: BTreeMap<String, Entry>,
    problems: Vec<Problem>,
}

impl Found {
    /// The parser bounds the depth of tables.
    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = match prefix {
                "" => key.get_ref().to_string(),
                prefix => format!("{prefix}.{}", key.get_ref()),
            };
            match value.get_ref() {
                DeValue::Table(inner) => self.add_table(&name, inner),
                other => {
                    let line = self.lines.at(key.span());
                    self.add(name, line, other);
                }
            }
        }
    }

    fn add(&mut self, key: String, line: usize, value: &DeValue<'_>) {
        let value = match text_of(value) {
            Ok(value) => value,
            Err(why) => return self.problems.push((line, format!("{key} {why}"))),
        };
        if let Some(other) = self.entries.get(&key) {
            let (first, second) = (other.line.min(line), other.line.max(line));
            let what = format!("{key} is given twice, in line {first} too");
            return self.problems.push((second, what));
        }
        self.entries.insert(key.clone(), Entry { line, key, value });
    }
}

/// A value as `server.properties` has it, or why it is none.
fn text_of(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Integer(number) => integer(number),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(number.as_str().to_owned()),
            _ => Err(format!("is {}, which is no number for a setting", number.as_str())),
        },
        DeValue::Array(items) => list(items),
        DeValue::Datetime(_) => Err("is a date; write it in quotes".to_owned()),
        DeValue::Table(_) => Err("is a table".to_owned()),
    }
}

fn integer(number: &DeInteger<'_>) -> Result<String, String> {
    let value = i64::from_str_radix(number.as_str(), number.radix());
    value.map(|value| value.to_string()).map_err(|_| format!("is {number}, beyond 64 bits"))
}

/// Kafka's lists have no way to write a comma within an item.
fn list(items: &DeArray<'_>) -> Result<String, String> {
    let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) if text.contains(',') => {
            Err(format!("has a comma within an item of its list: {text}"))
        }
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(format!("is a list of which one item is {}, not a string", other.type_str())),
    };
    let items: Result<Vec<String>, String> = items.iter().map(text).collect();
    Ok(items?.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(usize, String, String)> {
        let Parsed { entries, problems } = parse(text);
        assert_eq!(problems, []);
        entries.into_iter().map(|entry| (entry.line, entry.key, entry.value)).collect()
    }

    #[test]
    fn tables_dotted_keys_and_quotes_make_the_same_names() {
        let text = "num.partitions = 3\n\
                    \"max.connections\" = 1_000  # beside max.connections.per.ip\n\
                    max.connections.per.ip = 0x10\n\
                    [log]\n\
                    dirs = ['/a b\\c']\n\
                    retention = { hours = -1, bytes = 9223372036854775807 }\n\
                    \n\
                    [log.cleaner]\n\
                    enable = true\n\
                    min.cleanable.ratio = 0.25\n\
                    [listener.security.protocol]\n\
                    map = [\"A:PLAINTEXT\",\n   \"B:PLAINTEXT\"]\n\
                    [super]\n\
                    users = \"\"\n";
        let expected = [
            (1, "num.partitions", "3"),
            (2, "max.connections", "1000"),
            (3, "max.connections.per.ip", "16"),
            (5, "log.dirs", "/a b\\c"),
            (6, "log.retention.bytes", "9223372036854775807"),
            (6, "log.retention.hours", "-1"),
            (9, "log.cleaner.enable", "true"),
            (10, "log.cleaner.min.cleanable.ratio", "0.25"),
            (12, "listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT"),
            (15, "super.users", ""),
        ];
        let expected = expected.map(|(line, key, value)| (line, key.to_owned(), value.to_owned()));
        assert_eq!(entries(text), expected);
        assert_eq!(entries(""), []);
    }

    #[test]
    fn what_is_no_setting_is_refused_with_its_line_and_name() {
        let text = "a.b = 1979-05-27\n[c]\nd = [1]\ne = inf\nf = nan\n\
                    g = 9223372036854775808\nh = [\"x,y\"]\nright = 7\n[[i]]\nj = 1\n";
        let Parsed { entries, problems } = parse(text);
        let found: Vec<(usize, &str)> =
            entries.iter().map(|entry| (entry.line, entry.key.as_str())).collect();
        assert_eq!(found, [(8, "c.right")], "what is right is there, to be looked at as well");
        let starts = ["a.b is", "c.d is", "c.e is", "c.f is", "c.g is", "c.h has", "i is"];
        assert_eq!(problems.len(), starts.len(), "{problems:?}");
        for ((line, what), (expected, start)) in
            problems.iter().zip([1, 3, 4, 5, 6, 7, 9].into_iter().zip(starts))
        {
            assert_eq!(*line, expected, "{what}");
            assert!(what.starts_with(start), "{what}");
        }
    }

    #[test]
    fn a_name_is_given_once_however_it_is_written() {
        let text = "\"a.b\" = 1\n[a]\nb = 2\n";
        let twice = (3, "a.b is given twice, in line 1 too".to_owned());
        assert_eq!(parse(text).problems, [twice]);
        let (line, what) = parse("\na = 1\na = 2\n").problems.remove(0);
        assert_eq!((line, what.as_str()), (3, "duplicate key"));
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        for n in [1, 79, 80, 81, 100_000] {
            for text in [
                format!("{}b=1", "a.".repeat(n)),
                format!("[{}b]\nc=1", "a.".repeat(n)),
                format!("a={}{}", "[".repeat(n), "]".repeat(n)),
                format!("{}1{}", "a={".repeat(n), "}".repeat(n)),
            ] {
                let _ = parse(&text);
            }
        }
        let alphabet: Vec<char> = "ab=.\"'[]{}#,\\\n\r 01+-_eé\u{0}:T".chars().collect();
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..(seed >> 40) % 40 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for (line, _) in parse(&text).problems {
                assert!((1..=text.lines().count().max(1) + 1).contains(&line), "{text:?}");
            }
        }
    }
}
