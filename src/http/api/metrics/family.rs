//! One metric and its lines. A family stands together with its lines, as the format wants it; so each is written into
//! a text of its own while topics and groups are walked over once.

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

    /// Quantiles, a sum and a count.
    pub(super) fn summary(name: &'static str, help: &str) -> Family {
        Family::of("summary", name, help)
    }

    fn of(kind: &str, name: &'static str, help: &str) -> Family {
        Family { name, lines: format!("# HELP {name} {help}\n# TYPE {name} {kind}\n") }
    }

    pub(super) fn add(&mut self, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.add_part("", labels, value);
    }

    /// A line of a summary that has a name of its own.
    pub(super) fn add_part(
        &mut self,
        suffix: &str,
        labels: &[(&str, &dyn Display)],
        value: impl Display,
    ) {
        let _ = write!(self.lines, "{}{suffix}", self.name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.lines.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.lines, "{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.lines, "{end} {value}");
    }
}

/// The text of several families.
pub(super) fn text<'f>(families: impl IntoIterator<Item = &'f Family>) -> String {
    families.into_iter().map(|family| family.lines.as_str()).collect()
}

/// A label's value, with what must not stand in it as it is.
pub(super) struct Escaped<'s>(pub(super) &'s str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for char in self.0.chars() {
            match char {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                char => f.write_char(char)?,
            }
        }
        Ok(())
    }
}
