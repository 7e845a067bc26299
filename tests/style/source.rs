//! A source file as the style rules see it: its code without comments and texts, and what of it is
//! test code.
//!
//! Not a parser: a scanner that knows Rust's comments, texts, characters and lifetimes, and counts braces.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file under `src/`.
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// As it stands on disk.
    pub text: String,
    /// The same length and lines, with comments and the insides of texts blanked.
    pub code: String,
    /// The code with test modules blanked as well.
    pub product: String,
}

/// A function with a body.
pub struct Function {
    pub name: String,
    pub lines: usize,
}

impl Source {
    pub fn read(root: &Path, path: &Path) -> Source {
        let text = fs::read_to_string(path).expect("a source file");
        let code = blank_comments_and_texts(&text);
        let relative = path.strip_prefix(root).expect("inside the repository");
        let path = relative.to_str().expect("a UTF-8 path").replace('\\', "/");
        let name = path.rsplit('/').next().unwrap_or(&path);
        let is_test = name == "tests.rs" || name.ends_with("_tests.rs") || path.contains("/tests/");
        let product = if is_test { blank(&code, 0..code.len()) } else { blank_test_items(&code) };
        Source { path, text, code, product }
    }

    /// The room it belongs to: the directory below `src/`, or nothing for `lib.rs` and `main.rs`.
    pub fn room(&self) -> Option<&str> {
        let (room, _) = self.path.strip_prefix("src/")?.split_once('/')?;
        Some(room)
    }

    /// What the calls of the log's macros say, behind the values, and in which lines they begin.
    pub fn log_messages(&self) -> Vec<(usize, String)> {
        let (code, text): (Vec<char>, Vec<char>) =
            (self.product.chars().collect(), self.text.chars().collect());
        let mut found = Vec::new();
        for level in ["error", "warn", "info", "debug", "trace"] {
            let call: Vec<char> = format!("log::{level}!(").chars().collect();
            for start in 0..code.len().saturating_sub(call.len()) {
                if code[start..].starts_with(&call) {
                    let number = code[..start].iter().filter(|c| **c == '\n').count() + 1;
                    let (begin, end) = last_argument(&code, start + call.len());
                    let message: String = text[begin..end].iter().collect();
                    found.push((number, message.trim().to_owned()));
                }
            }
        }
        found
    }

    /// How many `super` lead from this module to the crate's root.
    pub fn depth(&self) -> usize {
        let below = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let parts = below.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
        parts.count()
    }

    /// The first names behind each `crate::`, those in braces too.
    pub fn imports(&self) -> Vec<String> {
        let code = self.code.as_str();
        let mut names = Vec::new();
        for (at, found) in code.match_indices("crate::") {
            let rest = &code[at + found.len()..];
            if rest.starts_with('{') {
                let end = closing_brace(rest, 0).unwrap_or(rest.len());
                names.extend(top_level(&rest[1..end.saturating_sub(1).max(1)]));
            } else {
                names.push(first_word(rest));
            }
        }
        names
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Every function with a body outside tests, its lines counted from `fn` to the closing brace.
    pub fn functions(&self) -> Vec<Function> {
        let code = self.product.as_str();
        let mut found = Vec::new();
        for (at, _) in code.match_indices("fn ") {
            let starts_word = code[..at].chars().next_back().is_none_or(|c| !is_word(c));
            let name: String = code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
            if !starts_word || name.is_empty() {
                continue;
            }
            if let Some(end) = body_end(code, at) {
                let lines = code[at..end].matches('\n').count() + 1;
                found.push(Function { name, lines });
            }
        }
        found
    }
}

/// All `.rs` files below `directory`, sorted.
pub fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Whether `code` has this word, not as a part of a longer one.
pub fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_none_or(|c| !is_word(c));
        let after = code[at + word.len()..].chars().next().is_none_or(|c| !is_word(c));
        before && after
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| is_word(*c)).collect()
}

/// The first words of a list whose items may have braces of their own.
fn top_level(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (index, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(first_word(&list[start..index]));
                start = index + 1;
            }
            _ => {}
        }
    }
    names.push(first_word(&list[start..]));
    names
}

/// The end of the braces that open after `at`, unless a `;` at the same level comes first.
fn body_end(code: &str, at: usize) -> Option<usize> {
    let mut level = 0_i32;
    for (index, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => level += 1,
            ')' | ']' => level -= 1,
            ';' if level == 0 => return None,
            '{' if level == 0 => return closing_brace(code, at + index),
            _ => {}
        }
    }
    None
}

fn closing_brace(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, c) in code[open..].char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return Some(open + index + 1);
        }
    }
    None
}

fn blank(code: &str, range: std::ops::Range<usize>) -> String {
    let blanked: String =
        code[range.clone()].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
    format!("{}{blanked}{}", &code[..range.start], &code[range.end..])
}

/// Blanks what `#[cfg(test)]` stands before.
fn blank_test_items(code: &str) -> String {
    let mut code = code.to_owned();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let after = start + "#[cfg(test)]".len();
        let semicolon = code[after..].find(';').map_or(code.len(), |end| after + end + 1);
        let end = body_end(&code, after).unwrap_or(semicolon);
        code = blank(&code, start..end);
        from = start + 1;
    }
    code
}

/// Blanks comments and the insides of texts and characters; every line stays where it is.
pub fn blank_comments_and_texts(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => text_end(&chars, at),
            'r' if !follows_word(&chars, at) => raw_end(&chars, at),
            '\'' => char_end(&chars, at),
            _ => at + 1,
        };
        if end == at + 1 {
            out.push(chars[at]);
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        }
        at = end;
    }
    out
}

/// Where the last argument of a macro's call stands, of which the first begins at `start`.
fn last_argument(code: &[char], start: usize) -> (usize, usize) {
    let (mut depth, mut begin) = (0, start);
    for (at, c) in code.iter().enumerate().skip(start) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return (begin, at),
            ')' | ']' | '}' => depth -= 1,
            ';' | ',' if depth == 0 => begin = at + 1,
            _ => {}
        }
    }
    (begin, code.len())
}

/// `br"..."` and `cr"..."` count as raw texts too.
fn follows_word(chars: &[char], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|index| chars.get(index)) else { return false };
    let prefix = matches!(before, 'b' | 'c')
        && at.checked_sub(2).and_then(|index| chars.get(index)).is_none_or(|c| !is_word(*c));
    is_word(*before) && !prefix
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

fn comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut index) = (0, at);
    while index < chars.len() {
        match (chars[index], chars.get(index + 1)) {
            ('/', Some('*')) => (depth, index) = (depth + 1, index + 1),
            ('*', Some('/')) => (depth, index) = (depth - 1, index + 1),
            _ => {}
        }
        index += 1;
        if depth == 0 {
            return index;
        }
    }
    chars.len()
}

fn text_end(chars: &[char], at: usize) -> usize {
    let mut index = at + 1;
    while index < chars.len() {
        match chars[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    chars.len()
}

fn raw_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at + 1;
    }
    let mut index = at + 2 + hashes;
    while index < chars.len() {
        let closes = chars[index] == '"'
            && chars[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        if closes {
            return index + 1 + hashes;
        }
        index += 1;
    }
    chars.len()
}

/// A character is blanked, a lifetime is left.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), Some(_)) => {
            let close = chars[at + 3..].iter().position(|c| *c == '\'');
            close.map_or(chars.len(), |length| at + 3 + length + 1)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}
