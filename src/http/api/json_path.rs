//! A path into JSON, of what JSONPath (RFC 9535) writes as names, indexes and wildcards: `$.user.name`,
//! `$['first name'][0]`, `$.items[*].id`. Deeper searches and expressions are not served.

/// Steps of a path.
const MAX_STEPS: usize = 32;

/// See the module's comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
    All,
}

impl JsonPath {
    /// Reads a path; nothing if it is none.
    pub(super) fn parse(text: &str) -> Option<JsonPath> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, behind) = step(rest)?;
            steps.push(step);
            rest = behind;
            if steps.len() > MAX_STEPS {
                return None;
            }
        }
        Some(JsonPath(steps))
    }

    /// The names that every value to which it leads stands below.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Index(_) | Step::All => None,
        })
    }

    /// How it leads there.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }
}

/// The first step of a path, and what is behind it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        if let Some(rest) = rest.strip_prefix('*') {
            return Some((Step::All, rest));
        }
        // Others need quotes.
        let is_named = |char: char| char.is_alphanumeric() || "_-".contains(char);
        let end = rest.find(|char| !is_named(char)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return (!name.is_empty()).then(|| (Step::Name(name.to_owned()), rest));
    }
    let rest = text.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (name, rest) = rest.split_once(quote)?;
            return Some((Step::Name(name.to_owned()), rest.strip_prefix(']')?));
        }
    }
    let (inner, rest) = rest.split_once(']')?;
    match inner {
        "*" => Some((Step::All, rest)),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((Step::Index(digits.parse().ok()?), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_is_none() {
        let long = format!("${}", ".a".repeat(MAX_STEPS + 1));
        for text in [
            "", "a", "$.", "$..a", "$[", "$[]x", "$[-1]", "$['a", "$['a'", "$a", "$.a[b]", "$.a b",
            "$.a=", &long,
        ] {
            assert_eq!(JsonPath::parse(text), None, "{text}");
        }
    }
}
