//! A request's target: which path is asked for, in its parts.
//!
//! Parts are cut first and decoded then, so that a name may have a slash in it (`%2F`). Nothing here is
//! a path of a file system.

use super::problem::Problem;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The decoded parts of the path, without the empty one behind a last slash.
    pub(super) parts: Vec<String>,
    /// What stands behind `?`, as it came.
    pub(super) query: String,
}

/// Reads a target in either form; of the absolute one the authority too.
pub(super) fn parse(text: &str) -> Result<(Target, Option<String>), Problem> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Problem::bad("The request's target has bytes that no target has"));
    }
    let (path, authority) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            (path, Some(authority.to_owned()))
        }
        _ => (text, None),
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = match (path, &authority) {
        ("", Some(_)) => "/",
        (path, _) => path,
    };
    let Some(path) = path.strip_prefix('/') else {
        return Err(Problem::bad("The request's target is not a path"));
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let parts: Option<Vec<String>> = path.split('/').map(decode).collect();
    let parts = parts.ok_or(Problem::bad("The request's path is not UTF-8, percent-encoded"))?;
    Ok((Target { parts, query: query.to_owned() }, authority))
}

/// What percent-encoding stands for.
pub(super) fn decode(part: &str) -> Option<String> {
    let mut pieces = part.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
