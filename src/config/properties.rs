//! The format of Kafka's `server.properties`: `java.util.Properties.load`.
//!
//! `key=value`, `key:value` or `key value`; `#` and `!` begin a comment; a backslash joins the next line,
//! escapes a character, or begins `\uXXXX`. The text is read as UTF-8 (Kafka reads Latin-1: the same for
//! ASCII). Any text gives entries, and problems with their lines; nothing here panics. Pure.

/// One entry, unescaped, and the line it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 1.
    pub line: usize,
    /// What stands before the separator.
    pub key: String,
    /// What stands after it.
    pub value: String,
}

/// What is wrong in a line, which is counted from 1.
pub type Problem = (usize, String);

/// What a file says. If there are problems it must not be used; the entries are there to find the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of their lines.
    pub entries: Vec<Entry>,
    /// Likewise.
    pub problems: Vec<Problem>,
}

/// All entries of a file. A key may come twice.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut lines = natural_lines(text).enumerate().map(|(index, line)| (index + 1, line));
    while let Some((line, first)) = lines.next() {
        let first = first.trim_start_matches(blank);
        // A lone backslash begins nothing: what follows is a line of its own. (At the very end Java
        // makes an entry without a name of it; there is no use for one.)
        if first.is_empty() || first.starts_with(['#', '!']) || first == "\\" {
            continue;
        }
        let mut logical = first.to_owned();
        while continues(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(blank));
        }
        let (key, value) = split(&logical);
        match (unescape(key), unescape(value)) {
            (Some(key), Some(value)) => parsed.entries.push(Entry { line, key, value }),
            _ => parsed.problems.push((line, "malformed \\uXXXX escape".to_owned())),
        }
    }
    parsed
}

/// A value as it must be written to be read back.
pub fn escape(value: &str) -> String {
    // Blanks at the beginning would be dropped.
    escaped(value, |at, c| at == 0 && c == ' ')
}

/// A key likewise, also where it stands in a comment: it ends no line.
pub fn escape_key(key: &str) -> String {
    escaped(key, |_, c| matches!(c, ' ' | '=' | ':' | '#' | '!'))
}

fn escaped(text: &str, is_special: impl Fn(usize, char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0C' => out.push_str("\\f"),
            c if is_special(at, c) => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Lines end in \n, \r or \r\n.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        let width = if after.starts_with("\r\n") { 2 } else { 1 };
        rest = after.get(width..);
        Some(line)
    })
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0C')
}

/// An odd number of backslashes at the end joins the next line.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that is not escaped; blanks around one separator are dropped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, c)| {
        let ends = !escaped && (matches!(c, '=' | ':') || blank(*c));
        escaped = !escaped && *c == '\\';
        ends
    });
    let Some((end, _)) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(blank))
}

fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut pair = [0; 2];
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let c = match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', None) => break,
            ('\\', Some('u')) => {
                units.push(hex(&mut rest)?);
                continue;
            }
            ('\\', Some('t')) => '\t',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('f')) => '\x0C',
            ('\\', Some(other)) => other,
            (plain, _) => plain,
        };
        units.extend_from_slice(c.encode_utf16(&mut pair));
    }
    String::from_utf16(&units).ok()
}

fn hex(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut number: u32 = 0;
    for _ in 0..4 {
        number = number * 16 + rest.next()?.to_digit(16)?;
    }
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let Parsed { entries, problems } = parse(text);
        assert_eq!(problems, []);
        entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    fn pair(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{text:?}");
        all.remove(0)
    }

    /// What `java.util.Properties` makes of the same texts.
    #[test]
    fn one_entry_in_all_its_forms() {
        for (text, key, value) in [
            ("a=b", "a", "b"),
            ("a:b", "a", "b"),
            ("a b", "a", "b"),
            ("  a \t = \x0C b ", "a", "b "),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("a==b", "a", "=b"),
            ("a = :b", "a", ":b"),
            ("a b=c", "a", "b=c"),
            ("=b", "", "b"),
            (r"a\=b=c", "a=b", "c"),
            (r"a\ b\:c d", "a b:c", "d"),
            (r"a=x\ty\nz\q\\", "a", "x\ty\nzq\\"),
            (r"a=\u0041\u00e9", "a", "Aé"),
            (r"a=\uD83D\uDE00", "a", "😀"),
            ("a=b # not a comment", "a", "b # not a comment"),
            (r"a=C:\\data", "a", r"C:\data"),
            ("a=b\\", "a", "b"),
            ("\\\n# comment\n\\\n\n a=b", "a", "b"),
        ] {
            assert_eq!(pair(text), (key.to_owned(), value.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        let text =
            "# comment \\\na=1\r\n! too\n\n   \nb = x,\\\n    y,\\\r\n\tz\nc=1\\\\\nd=2\re=3";
        assert_eq!(
            pairs(text),
            [("a", "1"), ("b", "x,y,z"), ("c", "1\\"), ("d", "2"), ("e", "3")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        let lines: Vec<usize> = parse(text).entries.iter().map(|e| e.line).collect();
        assert_eq!(lines, [2, 6, 9, 10, 11]);
    }

    #[test]
    fn what_is_escaped_is_read_back() {
        for text in ["a", " a b ", "a=b:c", "#a", "!a", "a\r\nb=c\\", "\ta\x0C", "\u{e9}", "\\n"] {
            let line = format!("{}={}", escape_key(text), escape(text));
            assert_eq!(pair(&line), (text.to_owned(), text.to_owned()), "{line}");
        }
    }

    #[test]
    fn malformed_escapes_are_told_with_their_lines_and_hide_nothing_else() {
        for text in ["x=1\na=\\u12", "x=1\na=\\u12G4", "x=1\n\\uD83D=1"] {
            let Parsed { entries, problems } = parse(&format!("{text}\n\\u=1\ny=2"));
            let lines: Vec<usize> = problems.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [2, 3], "{text:?}");
            let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
            assert_eq!(keys, ["x", "y"], "{text:?}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let alphabet: Vec<char> = "ab=: \\\\\\\t\r\n#!u0041é\u{0}\x0C".chars().collect();
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..(seed >> 40) % 40 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let _ = parse(&text);
        }
    }
}
