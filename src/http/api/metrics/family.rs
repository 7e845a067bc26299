//! One metric and its lines. A family stands together with its lines, as the format wants it. What there is much of,
//! topics and partitions, is written family by family into the page itself, with labels that were made once.

use std::fmt::{Display, Write};

/// One metric and its lines.
pub(super) struct Family {
    name: &'static str,
    pub(super) lines: String,
}

impl Family {
    /// What goes up and down.
    pub(super) fn new(name: &'static str, help: &str) -> Family {
        Family::of("gauge", name, help)
    }

    /// What only grows while the process lives.
    pub(super) fn counter(name: &'static str, help: &str) -> Family {
        Family::of("counter", name, help)
    }

    fn of(kind: &str, name: &'static str, help: &str) -> Family {
        let mut lines = String::new();
        begin(&mut lines, kind, name, help);
        Family { name, lines }
    }

    pub(super) fn add(&mut self, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.lines.push_str(self.name);
        write_labels(&mut self.lines, labels);
        let _ = writeln!(self.lines, " {value}");
    }
}

fn begin(page: &mut String, kind: &str, name: &str, help: &str) {
    let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn write_labels(text: &mut String, labels: &[(&str, &dyn Display)]) {
    for (at, (label, value)) in labels.iter().enumerate() {
        text.push(if at == 0 { '{' } else { ',' });
        let _ = write!(text, "{label}=\"{value}\"");
    }
    if !labels.is_empty() {
        text.push('}');
    }
}

/// The text of several families.
pub(super) fn text<'f>(families: impl IntoIterator<Item = &'f Family>) -> String {
    families.into_iter().map(|family| family.lines.as_str()).collect()
}

/// Labels that several families have in common, each written once, one behind the other.
#[derive(Default)]
pub(super) struct Labels {
    text: String,
    ends: Vec<usize>,
}

impl Labels {
    /// Says how many bytes these have.
    pub(super) fn add(&mut self, labels: &[(&str, &dyn Display)]) -> usize {
        let before = self.text.len();
        write_labels(&mut self.text, labels);
        self.ends.push(self.text.len());
        self.text.len() - before
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| self.text.get(begin..*end).unwrap_or_default())
    }
}

/// A family that is written into the page itself.
pub(super) struct Rows<'p> {
    page: &'p mut String,
    name: &'static str,
}

impl<'p> Rows<'p> {
    /// What goes up and down.
    pub(super) fn gauge(page: &'p mut String, name: &'static str, help: &str) -> Rows<'p> {
        begin(page, "gauge", name, help);
        Rows { page, name }
    }

    /// What only grows while the process lives.
    pub(super) fn counter(page: &'p mut String, name: &'static str, help: &str) -> Rows<'p> {
        begin(page, "counter", name, help);
        Rows { page, name }
    }

    pub(super) fn add(&mut self, labels: &str, value: i64) {
        self.page.push_str(self.name);
        self.page.push_str(labels);
        self.page.push(' ');
        push_number(self.page, value);
        self.page.push('\n');
    }
}

/// Writes a number as `{value}` does, in a tenth of the time.
fn push_number(text: &mut String, value: i64) {
    let (mut digits, mut at, mut rest) = ([0; 20], 20, value.unsigned_abs());
    while at == 20 || rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if value < 0 {
        text.push('-');
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// What is counted, as far as numbers of lines go.
pub(super) fn signed(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// A label's value, with what must not stand in it as it is.
pub(super) struct Escaped<'s>(pub(super) &'s str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['\\', '"', '\n']) {
            let (plain, behind) = rest.split_at(at);
            f.write_str(plain)?;
            f.write_str(match behind.as_bytes().first() {
                Some(b'\n') => "\\n",
                Some(b'"') => "\\\"",
                _ => "\\\\",
            })?;
            rest = behind.get(1..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_others_write_them() {
        for number in [0, 1, 9, 10, 99, 100, 1_234_567_890, -1, -10, i64::MAX, i64::MIN] {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
        assert_eq!((signed(7_u64), signed(u64::MAX)), (7, i64::MAX));
    }

    #[test]
    fn labels_are_kept_apart_and_escaped() {
        let mut labels = Labels::default();
        let lens = [
            labels.add(&[("a", &Escaped("x\\\"\ny\u{e9}\\")), ("b", &1)]),
            labels.add(&[]),
            labels.add(&[("c", &Escaped(""))]),
        ];
        let all: Vec<&str> = labels.iter().collect();
        assert_eq!(all, ["{a=\"x\\\\\\\"\\ny\u{e9}\\\\\",b=\"1\"}", "", "{c=\"\"}"]);
        assert_eq!(lens, [all[0].len(), all[1].len(), all[2].len()]);
        let mut page = String::new();
        Rows::gauge(&mut page, "n", "A help.").add(all[2], -5);
        assert_eq!(page, "# HELP n A help.\n# TYPE n gauge\nn{c=\"\"} -5\n");
    }
}
