//! Expressions of topics: checked when a member brings one, looked up in the catalog by the group.
//!
//! Kafka's are RE2/J's. They are put into the words of the crate `regex`, whose matching takes time in
//! proportion to the text too, and bounded in size; what cannot be said there is refused as
//! invalid. An expression must match a name from its beginning to its end.
//!
//! One that is in the log all the same, for it was written by Kafka, keeps the topics that it had.

mod class;
mod names;
mod translate;

use super::super::TopicsView;
use super::Refusal;
use crate::wire::error::ErrorCode;
use ::regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The largest that an expression may become when it is compiled, in bytes: it is compiled by whom others wait for.
const LARGEST: usize = 2 << 20;

fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate::translate(pattern)?;
    let text = match translated.is_balanced {
        true => format!(r"\A(?:{})\z", translated.text),
        // The anchors must not make a whole of what is none.
        false => translated.text,
    };
    let whole = RegexBuilder::new(&text).size_limit(LARGEST).build();
    whole.map_err(|error| in_words_of_re2(&error))
}

/// What RE2/J says of it: clients show that to people.
fn in_words_of_re2(error: &::regex::Error) -> String {
    let text = error.to_string();
    let said = text.lines().last().unwrap_or_default();
    match said.strip_prefix("error: ").unwrap_or(said) {
        "dangling flag negation operator" => "invalid or unsupported Perl syntax",
        "unclosed group" => "missing closing )",
        "unopened group" => "unexpected )",
        "repetition operator missing expression" => "missing argument to repetition operator",
        "Unicode property not found" => "invalid character class range",
        said => said,
    }
    .to_owned()
}

/// Whether an expression can be had.
///
/// # Errors
/// When it cannot.
pub(super) fn check(pattern: &str) -> Result<(), Refusal> {
    compile(pattern).map(drop).map_err(|why| {
        let message =
            format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {why}.");
        Refusal::new(ErrorCode::INVALID_REGULAR_EXPRESSION, message)
    })
}

/// Whether Kafka's RE2/J would take this for a regular expression.
pub fn is_regular_expression(pattern: &str) -> bool {
    compile(pattern).is_ok()
}

/// What an expression stands for.
pub(super) type Names = Arc<BTreeSet<Arc<str>>>;

/// The topics that an expression stands for now; `None` if it was given up.
///
/// # Errors
/// Why it cannot be compiled.
pub(super) fn resolve(
    pattern: &str,
    topics: &dyn TopicsView,
    give_up: &dyn Fn() -> bool,
) -> Option<Result<Names, String>> {
    let regex = match compile(pattern) {
        Ok(regex) => regex,
        Err(why) => return Some(Err(why)),
    };
    let mut found = BTreeSet::new();
    topics.each_name(&mut |name| {
        if !give_up() && regex.is_match(name) {
            found.insert(name.clone());
        }
    });
    (!give_up()).then(|| Ok(Arc::new(found)))
}

#[cfg(test)]
mod tests;
