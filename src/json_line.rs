//! A line of the log as a JSON object: `time` (UTC, RFC 3339), `level`, `target`, `message`, and the values that
//! belong to it by their names.
//!
//! Whatever a message holds, it is one line and valid JSON (RFC 8259). Pure: who calls brings the time.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::log_fields::{Style, push_fields, push_quoted};

/// A record as one line, its end included.
pub(crate) fn json_line(record: &log::Record<'_>, now: SystemTime) -> String {
    let mut line = String::with_capacity(256);
    line.push_str("{\"time\":\"");
    push_time(&mut line, now);
    let _ = write!(line, "\",\"level\":\"{}\",\"target\":", record.level());
    push_quoted(&mut line, record.target());
    line.push_str(",\"message\":");
    push_quoted(&mut line, &record.args().to_string());
    push_fields(&mut line, record, Style::Json);
    line.push_str("}\n");
    line
}

/// `2026-11-29T10:00:00.000Z`. A clock that stands before 1970 is taken to stand there.
fn push_time(line: &mut String, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        line,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    );
}

/// The date of a day, counted from 1970-01-01: years are taken to begin in March, so that the odd day
/// comes last.
fn date(days: u64) -> (u64, u64, u64) {
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + FROM_MARCH_OF_YEAR_0;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (next, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (era * 400 + year + next, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(message: &str, seconds: u64, millis: u64) -> String {
        let now = UNIX_EPOCH + Duration::from_millis(seconds * 1000 + millis);
        let args = format_args!("{message}");
        let mut record = log::Record::builder();
        json_line(&record.level(log::Level::Warn).target("a::b").args(args).build(), now)
    }

    /// What `date -u -d @seconds` says.
    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (951_868_800, "2000-03-01T00:00:00.007Z"),
            (1_704_067_199, "2023-12-31T23:59:59.007Z"),
            (1_709_210_096, "2024-02-29T12:34:56.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        ] {
            let expected = format!("{{\"time\":\"{text}\",\"level\":\"WARN\",");
            assert!(line("m", seconds, 7).starts_with(&expected), "{}", line("m", seconds, 7));
        }
    }

    #[test]
    fn whatever_is_said_is_one_line_of_json() {
        let all: String = (0..0x300).filter_map(char::from_u32).chain(['\u{1f600}']).collect();
        let line = line(&all, 0, 0);
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["message"], serde_json::Value::from(all));
        assert_eq!(value["target"], "a::b");
    }
}
