//! Exceptions that may only become fewer: `tests/style/ratchet.txt`.
//!
//! A line is `RULE SUBJECT NUMBER`: how much of what the rule forbids a subject still has. More than that
//! fails, less fails too until the line is lowered (`UPDATE_RATCHET=1` does it), so that what was once won
//! is not lost again. A new line is written by hand, with a reason in the commit.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

static FILE: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/style/ratchet.txt")
}

type Lines = BTreeMap<(String, String), usize>;

fn read() -> Lines {
    let text = fs::read_to_string(path()).expect("tests/style/ratchet.txt");
    let line = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let parts = (words.next(), words.next(), words.next().and_then(|n| n.parse().ok()));
        let (Some(rule), Some(subject), Some(number)) = parts else { panic!("not a line: {line}") };
        ((rule, subject), number)
    };
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(line).collect()
}

fn write(lines: &Lines) {
    let mut text =
        String::from("# Exceptions from tests/style that may only become fewer: see ratchet.rs.\n");
    for ((rule, subject), number) in lines {
        text.push_str(&format!("{rule} {subject} {number}\n"));
    }
    fs::write(path(), text).expect("tests/style/ratchet.txt");
}

/// Holds `found` (subject and number, only what breaks the rule) to the file.
pub fn hold(rule: &str, found: &BTreeMap<String, usize>) {
    // Rules run in parallel and share the file.
    let _guard = FILE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut lines = read();
    let mut problems = Vec::new();
    for (subject, number) in found {
        match lines.get(&(rule.to_owned(), subject.clone())) {
            Some(allowed) if number <= allowed => {}
            Some(allowed) => problems.push(format!("{subject}: {number}, was {allowed}")),
            None => problems.push(format!("{subject}: {number}")),
        }
    }
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
    let mut lowered = Vec::new();
    for ((of, subject), allowed) in lines.clone() {
        let now = found.get(&subject).copied().unwrap_or(0);
        if of == rule && now < allowed {
            lowered.push(format!("{subject}: {now}, was {allowed}"));
            match now {
                0 => lines.remove(&(of, subject)),
                _ => lines.insert((of, subject), now),
            };
        }
    }
    if std::env::var_os("UPDATE_RATCHET").is_some() {
        return write(&lines);
    }
    let todo = "well done; now lower the ratchet: UPDATE_RATCHET=1 cargo test --test style";
    assert!(lowered.is_empty(), "{rule}: {todo}\n  {}", lowered.join("\n  "));
}
