//! A path into JSON, of what JSONPath (RFC 9535) writes as names, indexes and wildcards: `$.user.name`,
//! `$['first name'][0]`, `$.items[*].id`. Deeper searches and expressions are not served.

use serde_json::Value;

/// Steps of a path.
const MAX_STEPS: usize = 32;

/// See the module's comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
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

    /// Whether something that it leads to is as it should be.
    pub(super) fn any(&self, value: &Value, fits: &dyn Fn(&Value) -> bool) -> bool {
        lead(&self.0, value, fits)
    }
}

fn lead(steps: &[Step], value: &Value, fits: &dyn Fn(&Value) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return fits(value) };
    let mut on = |next: &Value| lead(rest, next, fits);
    match (step, value) {
        (Step::Name(name), Value::Object(fields)) => fields.get(name).is_some_and(on),
        (Step::Index(at), Value::Array(all)) => all.get(*at).is_some_and(on),
        (Step::All, Value::Object(fields)) => fields.values().any(on),
        (Step::All, Value::Array(all)) => all.iter().any(&mut on),
        _ => false,
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
    use serde_json::json;

    #[test]
    fn paths_lead_to_what_they_name() {
        let value = json!({"a": {"b c": [1, {"d": "x"}]}, "e": null, "": 5});
        for (path, wanted) in [
            ("$", value.clone()),
            ("$.a['b c'][0]", json!(1)),
            ("$.a[\"b c\"][1].d", json!("x")),
            ("$.*.*[*].d", json!("x")),
            ("$['e']", json!(null)),
            ("$['']", json!(5)),
        ] {
            let path = JsonPath::parse(path).expect(path);
            assert!(path.any(&value, &|found| *found == wanted), "{path:?}");
            assert!(!path.any(&json!([]), &|found| *found == wanted), "{path:?}");
        }
        assert!(!JsonPath::parse("$.a.x").expect("a path").any(&value, &|_| true));
    }

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
