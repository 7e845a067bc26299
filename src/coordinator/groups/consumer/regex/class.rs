//! Classes of characters, and escapes: in RE2/J `[` and `&&` mean nothing inside a class, and `\d`,
//! `\s`, `\w` are of ASCII.
//!
//! So are the names of topics: what else a class holds is cut off, or it would be most of what an expression
//! becomes.

use super::names;

/// The characters of an expression, with a place.
pub(super) struct Chars {
    chars: Vec<char>,
    at: usize,
}

impl Chars {
    pub(super) fn of(text: &str) -> Chars {
        Chars { chars: text.chars().collect(), at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Takes a character if it is the next one.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at += count;
    }

    pub(super) fn rest(&self) -> &[char] {
        self.chars.get(self.at..).unwrap_or_default()
    }
}

const NO_END: &str = "missing closing ]";

/// What is of ASCII in a class that stands in brackets.
pub(super) fn of_ascii(class: &str) -> String {
    format!(r"[{class}&&[\x00-\x7F]]")
}

/// A class whose `[` has been read.
pub(super) fn translate(chars: &mut Chars, out: &mut String) -> Result<(), String> {
    let mut class = String::new();
    content(chars, &mut class)?;
    out.push_str(&of_ascii(&class));
    Ok(())
}

fn content(chars: &mut Chars, out: &mut String) -> Result<(), String> {
    out.push('[');
    if chars.eat('^') {
        out.push('^');
    }
    let mut is_first = true;
    while is_first || chars.peek() != Some(']') {
        is_first = false;
        if let Some(named) = posix(chars)? {
            out.push_str(&named);
            continue;
        }
        match (chars.peek(), chars.rest().get(1).copied()) {
            (Some('\\'), Some(c @ ('d' | 'D' | 's' | 'S' | 'w' | 'W'))) => {
                chars.skip(2);
                out.push_str(perl(c));
            }
            (Some('\\'), Some(c @ ('p' | 'P'))) => {
                chars.skip(2);
                out.push_str(&unicode(c, chars)?);
            }
            _ => range(chars, out)?,
        }
    }
    chars.skip(1);
    out.push(']');
    Ok(())
}

fn range(chars: &mut Chars, out: &mut String) -> Result<(), String> {
    let low = one(chars)?;
    let mut high = low;
    // A hyphen at the end is itself.
    if chars.peek() == Some('-') && chars.rest().get(1).is_some_and(|c| *c != ']') {
        chars.skip(1);
        high = one(chars)?;
    }
    if high < low {
        return Err("invalid character class range".into());
    }
    out.push_str(&format!(r"\x{{{:x}}}-\x{{{:x}}}", u32::from(low), u32::from(high)));
    Ok(())
}

fn one(chars: &mut Chars) -> Result<char, String> {
    match chars.next() {
        None => Err(NO_END.into()),
        Some('\\') => match chars.next() {
            None => Err(NO_END.into()),
            Some(c) => escaped(c, chars),
        },
        Some(c) => Ok(c),
    }
}

/// `[:alpha:]` and the like.
fn posix(chars: &mut Chars) -> Result<Option<String>, String> {
    const NAMES: &[&str] = &[
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ];
    let rest = chars.rest();
    if !rest.starts_with(&['[', ':']) {
        return Ok(None);
    }
    // RE2/J takes the colon behind the bracket for the one of the end, too.
    let Some(end) = rest.windows(2).skip(1).position(|two| two == [':', ']']) else {
        return Ok(None);
    };
    let name: String = rest.iter().skip(2).take(end.saturating_sub(1)).collect();
    if !NAMES.contains(&name.trim_start_matches('^')) || name.starts_with("^^") {
        return Err("invalid character class range".into());
    }
    chars.skip(end + 3);
    Ok(Some(format!("[[:{name}:]]")))
}

/// Perl's classes, of ASCII.
pub(super) fn perl(name: char) -> &'static str {
    match name {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0c\r ]",
        'S' => r"[^\t\n\x0c\r ]",
        'w' => "[0-9A-Za-z_]",
        _ => "[^0-9A-Za-z_]",
    }
}

/// `\pL`, `\p{Greek}`, `\p{^Greek}`, and what is not in them: a class in brackets.
pub(super) fn unicode(kind: char, chars: &mut Chars) -> Result<String, String> {
    let invalid = || "invalid character class range".to_owned();
    let mut name = String::new();
    match chars.next().ok_or_else(invalid)? {
        '{' => loop {
            match chars.next().ok_or_else(invalid)? {
                '}' => break,
                c => name.push(c),
            }
        },
        c => name.push(c),
    }
    let (name, is_not) = match name.strip_prefix('^') {
        Some(name) => (name, kind == 'p'),
        None => (name.as_str(), kind == 'P'),
    };
    let class = names::ascii_of(name).ok_or_else(invalid)?;
    Ok(format!("[{}{class}]", if is_not { "^" } else { "" }))
}

/// The one character that an escape stands for.
pub(super) fn escaped(c: char, chars: &mut Chars) -> Result<char, String> {
    let invalid = || "invalid escape sequence".to_owned();
    let code = match c {
        // A single digit would be a reference to a group, which there is not.
        '1'..='7' if !matches!(chars.peek(), Some('0'..='7')) => return Err(invalid()),
        '0'..='7' => {
            let mut code = u32::from(c) - u32::from('0');
            for _ in 0..2 {
                let Some(digit @ '0'..='7') = chars.peek() else { break };
                chars.skip(1);
                code = code * 8 + u32::from(digit) - u32::from('0');
            }
            code
        }
        'x' => hexadecimal(chars).ok_or_else(invalid)?,
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        c if c.is_ascii_alphanumeric() || !c.is_ascii() => return Err(invalid()),
        c => u32::from(c),
    };
    match code {
        // To RE2/J they are characters; no name has any.
        0xD800..=0xDFFF => Ok('\u{E000}'),
        code => char::from_u32(code).ok_or_else(invalid),
    }
}

fn hexadecimal(chars: &mut Chars) -> Option<u32> {
    if !chars.eat('{') {
        let (high, low) = (chars.next()?.to_digit(16)?, chars.next()?.to_digit(16)?);
        return Some(high * 16 + low);
    }
    let mut code = 0u32;
    let mut digits = 0;
    loop {
        match chars.next()? {
            '}' => return (digits > 0).then_some(code),
            c => code = code.checked_mul(16)?.checked_add(c.to_digit(16)?)?,
        }
        digits += 1;
    }
}
