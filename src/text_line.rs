//! A line of the log as text: level, target, message, and the values that belong to it as `key=value`.
//!
//! Names in messages come from clients. A message's further lines are indented, so that none of them looks like
//! a line of its own, and control characters are shown as escapes: a terminal must not obey them.

use std::fmt::Write;

use crate::log_fields::{Style, push_fields};

/// A record as one line, its end included.
pub(crate) fn text_line(record: &log::Record<'_>) -> String {
    let mut line = String::with_capacity(256);
    let _ = write!(line, "[{:<5} {}] ", record.level(), record.target());
    for c in record.args().to_string().chars() {
        match c {
            '\n' => line.push_str("\n    "),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    push_fields(&mut line, record, Style::Text);
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_is_no_line_of_its_own_and_no_order_to_a_terminal() {
        let message = "group a\n[ERROR b] \u{1b}[31mé\r\0\u{9b}: gone";
        let args = format_args!("{message}");
        let mut record = log::Record::builder();
        let record = record.level(log::Level::Info).target("a::b").args(args).build();
        let expected = "[INFO  a::b] group a\n    [ERROR b] \\u{1b}[31mé\\r\\u{0}\\u{9b}: gone\n";
        assert_eq!(text_line(&record), expected);
    }
}
