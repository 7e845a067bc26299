//! Looks along a path into JSON without keeping what lies beside it: a value of many megabytes takes no memory, whatever is in
//! it.
//!
//! All of it is read, for it must be JSON to its end; so what is not looked for is read as strictly as what is. Of a name
//! that stands twice in an object the last counts, as elsewhere; `*` finds each of them.

use super::json_path::Step;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use std::fmt;

/// What must stand at the end of a path: this text, or this JSON; or anything.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'w> {
    Anything,
    Either(&'w str, Option<&'w Value>),
    Json(&'w Value),
}

/// Whether a path leads to what is wanted; nothing where this is not JSON.
pub(super) fn leads(bytes: &[u8], steps: &[Step], wanted: Wanted<'_>) -> Option<bool> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let found = Look { steps, wanted }.deserialize(&mut json).ok()?;
    json.end().ok().map(|()| found)
}

/// Looks along the rest of a path.
#[derive(Clone, Copy)]
struct Look<'p> {
    steps: &'p [Step],
    wanted: Wanted<'p>,
}

/// Passes over a value.
const PASS: Look<'static> = Look { steps: &[], wanted: Wanted::Anything };

impl<'p> Look<'p> {
    /// A value that has nothing within.
    fn is<E>(self, fits: impl Fn(&Value) -> bool) -> Result<bool, E> {
        Ok(match (self.steps, self.wanted) {
            ([], Wanted::Anything) => true,
            ([], Wanted::Either(_, json)) => json.is_some_and(fits),
            ([], Wanted::Json(json)) => fits(json),
            _ => false,
        })
    }

    /// What is wanted of a list or an object that stands at the end of the path.
    fn json(self) -> Option<&'p Value> {
        match (self.steps, self.wanted) {
            ([], Wanted::Either(_, json)) => json,
            ([], Wanted::Json(json)) => Some(json),
            _ => None,
        }
    }

    fn is_anything(self) -> bool {
        matches!((self.steps, self.wanted), ([], Wanted::Anything))
    }

    /// How to look at an item of a list: along the path, or for what the wanted list has there.
    fn at(self, at: usize) -> Look<'p> {
        match (self.steps, self.json()) {
            ([Step::Index(index), rest @ ..], _) if *index == at => Look { steps: rest, ..self },
            ([Step::All, rest @ ..], _) => Look { steps: rest, ..self },
            _ => PASS,
        }
    }

    fn is_on_path(self, at: usize) -> bool {
        match self.steps.first() {
            Some(Step::Index(index)) => *index == at,
            Some(Step::All) => true,
            _ => false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.is(Value::is_null)
    }

    fn visit_bool<E: Error>(self, found: bool) -> Result<bool, E> {
        self.is(|json| json.as_bool() == Some(found))
    }

    fn visit_i64<E: Error>(self, found: i64) -> Result<bool, E> {
        self.is(|json| matches!(json, Value::Number(one) if *one == Number::from(found)))
    }

    fn visit_u64<E: Error>(self, found: u64) -> Result<bool, E> {
        self.is(|json| matches!(json, Value::Number(one) if *one == Number::from(found)))
    }

    fn visit_f64<E: Error>(self, found: f64) -> Result<bool, E> {
        let found = Number::from_f64(found);
        self.is(|json| matches!(json, Value::Number(one) if Some(one) == found.as_ref()))
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<bool, E> {
        let is_text =
            matches!((self.steps, self.wanted), ([], Wanted::Either(text, _)) if text == found);
        Ok(is_text || self.is::<E>(|json| json.as_str() == Some(found))?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let wanted = self.json().map(Value::as_array);
        let (mut is_found, mut count, mut are_same) = (false, 0, true);
        loop {
            let one = wanted.flatten().and_then(|all| all.get(count));
            let look = match one {
                Some(json) => Look { steps: &[], wanted: Wanted::Json(json) },
                None => self.at(count),
            };
            let Some(fits) = items.next_element_seed(look)? else { break };
            is_found |= fits && self.is_on_path(count);
            are_same &= fits;
            count += 1;
        }
        let is_same = wanted.flatten().is_some_and(|all| all.len() == count && are_same);
        Ok(self.is_anything() || is_found || is_same)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<bool, A::Error> {
        match self.json() {
            Some(Value::Object(wanted)) => same(wanted, fields),
            _ => self.in_object(fields),
        }
    }
}

impl Look<'_> {
    fn in_object<'de, A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let (name, rest) = match self.steps {
            [Step::Name(name), rest @ ..] => (Some(name), Some(rest)),
            [Step::All, rest @ ..] => (None, Some(rest)),
            _ => (None, None),
        };
        let mut is_found = false;
        while let Some(is_named) = fields.next_key_seed(IsName(name.map(String::as_str)))? {
            match rest {
                Some(steps) if is_named => {
                    let fits = fields.next_value_seed(Look { steps, ..self })?;
                    is_found = fits || (is_found && name.is_none());
                }
                _ => _ = fields.next_value_seed(PASS)?,
            }
        }
        Ok(is_found || self.is_anything())
    }
}

/// Whether an object is the wanted one: each of its fields, the last of that name, and no others.
fn same<'de, A: MapAccess<'de>>(
    wanted: &serde_json::Map<String, Value>,
    mut fields: A,
) -> Result<bool, A::Error> {
    let mut names: Vec<&String> = wanted.keys().collect();
    names.sort_unstable();
    let (mut fits, mut is_more) = (vec![false; names.len()], false);
    while let Some(at) = fields.next_key_seed(WhichName(&names))? {
        match at.and_then(|at| Some((fits.get_mut(at)?, wanted.get(*names.get(at)?)?))) {
            Some((fit, json)) => {
                let look = Look { steps: &[], wanted: Wanted::Json(json) };
                *fit = fields.next_value_seed(look)?;
            }
            None => {
                is_more = true;
                fields.next_value_seed(PASS)?;
            }
        }
    }
    Ok(!is_more && fits.iter().all(|fit| *fit))
}

/// Whether a key is this one; any is, where none is named.
struct IsName<'n>(Option<&'n str>);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<bool, E> {
        Ok(self.0.is_none_or(|name| name == found))
    }
}

/// Which of these, in their order, a key is.
struct WhichName<'n>(&'n [&'n String]);

impl<'de> DeserializeSeed<'de> for WhichName<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for WhichName<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<Self::Value, E> {
        Ok(self.0.binary_search_by(|name| name.as_str().cmp(found)).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_path::JsonPath;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The same by way of a tree.
    fn by_tree(bytes: &[u8], steps: &[Step], fits: &dyn Fn(&Value) -> bool) -> Option<bool> {
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
        let value = serde_json::from_slice(bytes).ok()?;
        Some(lead(steps, &value, fits))
    }

    #[test]
    fn paths_lead_to_what_they_name() {
        let value = json!({"a": {"b c": [1, {"d": "x"}]}, "e": null, "": 5});
        let other = json!("else");
        for (path, wanted) in [
            ("$", value.clone()),
            ("$.a['b c'][0]", json!(1)),
            ("$.a[\"b c\"][1].d", json!("x")),
            ("$.*.*[*].d", json!("x")),
            ("$['e']", json!(null)),
            ("$['']", json!(5)),
            ("$.a.*", json!([1, {"d": "x"}])),
        ] {
            let path = JsonPath::parse(path).expect(path);
            let looked = |text: &str, wanted| leads(text.as_bytes(), path.steps(), wanted);
            let text = value.to_string();
            assert_eq!(looked(&text, Wanted::Json(&wanted)), Some(true), "{path:?}");
            assert_eq!(looked(&text, Wanted::Anything), Some(true), "{path:?}");
            assert_eq!(looked(&text, Wanted::Json(&other)), Some(false), "{path:?}");
            assert_eq!(looked("[]", Wanted::Json(&wanted)), Some(false), "{path:?}");
        }
    }

    #[test]
    fn the_last_of_a_name_counts_and_all_of_it_must_be_json() {
        for (text, path, wanted, found) in [
            (r#"{"a":1,"a":2}"#, "$.a", json!(1), Some(false)),
            (r#"{"a":1,"a":2}"#, "$.a", json!(2), Some(true)),
            (r#"{"a":1,"a":2}"#, "$.*", json!(1), Some(true)),
            (r#"[{"a":1,"a":2}]"#, "$[0]", json!({"a": 2}), Some(true)),
            (r#"[{"a":2,"a":1}]"#, "$[0]", json!({"a": 2}), Some(false)),
            (r#"{"a":2,"b":[}"#, "$.a", json!(2), None),
            (r#"{"a":2,"b":"\ud800"}"#, "$.a", json!(2), None),
            (r#"{"a":2,"b":1e999}"#, "$.a", json!(2), None),
            (r#"{"a":2} x"#, "$.a", json!(2), None),
        ] {
            let path = JsonPath::parse(path).expect(path);
            let looked = leads(text.as_bytes(), path.steps(), Wanted::Json(&wanted));
            assert_eq!(looked, found, "{text}");
        }
        let deep = format!("{{\"a\":2,\"b\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let path = JsonPath::parse("$.a").expect("a path");
        assert_eq!(leads(deep.as_bytes(), path.steps(), Wanted::Anything), None);
    }

    const VALUE: &str = r#"(-?[1-9]?[0-9](\.5|e1)?|"[ab]?"|"\\u0061"|true|null|\[\]|\{\})"#;

    fn document() -> impl Strategy<Value = String> {
        VALUE.prop_recursive(4, 24, 4, |inner| {
            let field = (prop::sample::select(vec!["a", "b", "\\u0061"]), inner.clone());
            let fields = prop::collection::vec(field, 0..4);
            let object = |fields: Vec<(&str, String)>| {
                let all: Vec<String> =
                    fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", all.join(","))
            };
            let list = |items: Vec<String>| format!("[{}]", items.join(" , "));
            prop_oneof![fields.prop_map(object), prop::collection::vec(inner, 0..4).prop_map(list)]
        })
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_tree_has(
            text in document(),
            wanted in document(),
            path in r"\$(\.a|\.b|\[0\]|\[1\]){0,3}",
            cut in 0..20usize,
        ) {
            let path = JsonPath::parse(&path).expect("a path");
            let json: Value = serde_json::from_str(&wanted).expect("JSON");
            // Now and then not all of it has come.
            let end = if cut == 0 { text.len() / 2 } else { text.len() };
            let bytes = &text.as_bytes()[..end];
            let looked = |wanted| leads(bytes, path.steps(), wanted);
            let tree = |fits: &dyn Fn(&Value) -> bool| by_tree(bytes, path.steps(), fits);
            prop_assert_eq!(looked(Wanted::Anything), tree(&|_| true), "{}", text);
            prop_assert_eq!(looked(Wanted::Json(&json)), tree(&|one| *one == json), "{} {}", text, wanted);
            let either = looked(Wanted::Either("a", Some(&json)));
            let by_tree = tree(&|one| one.as_str() == Some("a") || *one == json);
            prop_assert_eq!(either, by_tree, "{} {}", text, wanted);
        }
    }
}
