//! RE2/J's syntax in the words of the crate `regex`: what both write alike but mean otherwise is
//! written anew, what only the crate knows is refused (`com.google.re2j.Parser`).

use super::class::{self, Chars};

/// The most that `x{n}` may say.
const MOST_REPEATS: u32 = 1000;

/// An expression in the crate's words.
pub(super) struct Translated {
    pub(super) text: String,
    /// Whether each parenthesis has its other; if not, the expression is none.
    pub(super) is_balanced: bool,
}

/// # Errors
/// What is wrong with it.
pub(super) fn translate(pattern: &str) -> Result<Translated, String> {
    let mut chars = Chars::of(pattern);
    let mut out = String::with_capacity(pattern.len() + 16);
    // Whether the last thing was a repetition: another one does not follow it.
    let mut repeated = false;
    let (mut depth, mut is_closed_too_often) = (0usize, false);
    while let Some(c) = chars.next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '\\' => escape(&mut chars, &mut out)?,
            '[' => class::translate(&mut chars, &mut out)?,
            '(' => depth += usize::from(group(&mut chars, &mut out)?),
            '*' | '+' | '?' => {
                repeated = repeat(&mut chars, &mut out, &c.to_string(), was_repeated)?;
            }
            '{' => match bounds(&chars)? {
                Some((text, len)) => {
                    chars.skip(len);
                    repeated = repeat(&mut chars, &mut out, &text, was_repeated)?;
                }
                None => {
                    out.push_str(r"\{");
                    // RE2/J takes it for one all the same when it looks at what comes next.
                    repeated = true;
                }
            },
            // No name has a line's end.
            '.' => out.push_str(r"[\x00-\x7F]"),
            ')' => {
                is_closed_too_often |= depth == 0;
                depth = depth.saturating_sub(1);
                out.push(c);
            }
            '|' | '^' | '$' => out.push(c),
            c => literal(&mut out, c),
        }
    }
    Ok(Translated { text: out, is_balanced: depth == 0 && !is_closed_too_often })
}

fn repeat(
    chars: &mut Chars,
    out: &mut String,
    operator: &str,
    was_repeated: bool,
) -> Result<bool, String> {
    if was_repeated {
        return Err("invalid nested repetition operator".into());
    }
    out.push_str(operator);
    if chars.eat('?') {
        out.push('?');
    }
    Ok(true)
}

/// What stands behind a `{`, if it is a repetition, and how long it is; else the brace is itself.
fn bounds(chars: &Chars) -> Result<Option<(String, usize)>, String> {
    let rest = chars.rest();
    let Some(end) = rest.iter().position(|c| *c == '}') else { return Ok(None) };
    let text: String = rest.iter().take(end).collect();
    let (least, most) = match text.split_once(',') {
        None => (text.as_str(), text.as_str()),
        Some((least, most)) => (least, most),
    };
    let digits = |text: &str| {
        let leads_with_zero = text.len() > 1 && text.starts_with('0');
        !text.is_empty() && !leads_with_zero && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(least) || !(most.is_empty() && text.contains(',') || digits(most)) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let (low, high) = (number(least), if most.is_empty() { None } else { Some(number(most)) });
    if low > MOST_REPEATS || high.is_some_and(|high| high > MOST_REPEATS || high < low) {
        return Err("invalid repeat count".into());
    }
    Ok(Some((format!("{{{text}}}"), end + 1)))
}

fn escape(chars: &mut Chars, out: &mut String) -> Result<(), String> {
    let Some(c) = chars.next() else {
        return Err("trailing backslash at end of expression".into());
    };
    match c {
        'Q' => quoted(chars, out),
        'A' | 'z' => out.extend(['\\', c]),
        'b' | 'B' => out.push_str(&format!(r"(?-u:\{c})")),
        'd' | 's' | 'w' => out.push_str(class::perl(c)),
        'D' | 'S' | 'W' => out.push_str(&class::of_ascii(class::perl(c))),
        'p' | 'P' => out.push_str(&class::of_ascii(&class::unicode(c, chars)?)),
        _ => literal(out, class::escaped(c, chars)?),
    }
    Ok(())
}

/// Up to `\E` all is literal.
fn quoted(chars: &mut Chars, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.eat('E') {
            return;
        }
        literal(out, c);
    }
}

/// What is behind a `(`: nothing special, a name, or flags. Whether it is to be closed.
fn group(chars: &mut Chars, out: &mut String) -> Result<bool, String> {
    if !chars.eat('?') {
        out.push('(');
        return Ok(true);
    }
    let rest: String = chars.rest().iter().take(2).collect();
    if rest.starts_with("P<") || rest.starts_with('<') {
        if rest.starts_with('P') {
            chars.skip(1);
        }
        chars.skip(1);
        name(chars, out).ok_or("invalid named capture")?;
        return Ok(true);
    }
    flags(chars, out).ok_or_else(|| "invalid or unsupported Perl syntax".into())
}

/// Names are of letters, digits and underscores; behind `<` that also excludes lookbehind. One may begin with a
/// digit, which the crate's may not.
fn name(chars: &mut Chars, out: &mut String) -> Option<()> {
    let mut name = String::new();
    loop {
        match chars.next()? {
            '>' if !name.is_empty() => break,
            c @ ('_' | 'a'..='z' | 'A'..='Z' | '0'..='9') => name.push(c),
            _ => return None,
        }
    }
    out.push_str(&format!("(?P<_{name}>"));
    Some(())
}

/// Flags may be named twice, and what is switched off stays off. Whether they are those of a group.
fn flags(chars: &mut Chars, out: &mut String) -> Option<bool> {
    let (mut on, mut off) = (String::new(), String::new());
    let mut is_off = false;
    let end = loop {
        match chars.next()? {
            c @ ('i' | 'm' | 's' | 'U') => {
                let flags = if is_off { &mut off } else { &mut on };
                if !flags.contains(c) {
                    flags.push(c);
                }
            }
            '-' if !is_off => is_off = true,
            c @ (':' | ')') => break c,
            _ => return None,
        }
    };
    if is_off && off.is_empty() {
        return None;
    }
    on.retain(|flag| !off.contains(flag));
    let minus = if is_off { "-" } else { "" };
    // `(?)` is nothing: what is repeated behind it stands before it.
    if end == ':' || is_off || !on.is_empty() {
        out.push_str(&format!("(?{on}{minus}{off}{end}"));
    }
    Some(end == ':')
}

fn literal(out: &mut String, c: char) {
    out.push_str(&::regex::escape(c.encode_utf8(&mut [0; 4])));
}
