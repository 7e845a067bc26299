//! Which topics a group is subscribed to: counted by the members that name them and the expressions
//! that stand for them.

use super::Member;
use super::assign::Subscription;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The topics that an expression stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// By name.
    pub topics: Arc<BTreeSet<Arc<str>>>,
    /// The catalog that it was looked up in.
    pub version: i64,
    /// When, in milliseconds since the epoch.
    pub time: i64,
}

/// How a topic is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    by_name: usize,
    by_regex: usize,
}

/// See the module's comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wishes {
    topics: BTreeMap<Arc<str>, Count>,
    /// How many members have each expression.
    patterns: BTreeMap<Arc<str>, usize>,
}

impl Wishes {
    /// A member's wishes take the place of those it had, or of none.
    pub(super) fn replace(&mut self, old: Option<&Member>, new: Option<&Member>) {
        for topic in old.iter().flat_map(|member| member.topics.iter()) {
            self.count(topic, |count| count.by_name = count.by_name.saturating_sub(1));
        }
        for topic in new.iter().flat_map(|member| member.topics.iter()) {
            self.count(topic, |count| count.by_name += 1);
        }
        if let Some(pattern) = old.and_then(Member::pattern) {
            lower(&mut self.patterns, pattern);
        }
        if let Some(pattern) = new.and_then(Member::pattern) {
            *self.patterns.entry(pattern.clone()).or_default() += 1;
        }
    }

    /// An expression stands for other topics now.
    pub(super) fn resolve(&mut self, old: Option<&Resolved>, new: Option<&Resolved>) {
        for topic in old.iter().flat_map(|resolved| resolved.topics.iter()) {
            self.count(topic, |count| count.by_regex = count.by_regex.saturating_sub(1));
        }
        for topic in new.iter().flat_map(|resolved| resolved.topics.iter()) {
            self.count(topic, |count| count.by_regex += 1);
        }
    }

    fn count(&mut self, topic: &Arc<str>, change: impl Fn(&mut Count)) {
        let count = self.topics.entry(topic.clone()).or_default();
        change(count);
        if *count == Count::default() {
            self.topics.remove(topic);
        }
    }

    /// All topics.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.keys()
    }

    pub(super) fn has_topic(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// All expressions.
    pub(super) fn patterns(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.patterns.keys()
    }

    /// How many members have an expression.
    pub(super) fn members_with(&self, pattern: &str) -> usize {
        self.patterns.get(pattern).copied().unwrap_or(0)
    }

    /// Whether all members want the same: they name the same topics, or they all have the same
    /// expression and name none. Anything between counts as different.
    pub(super) fn kind(&self, members: usize) -> Subscription {
        let mut counts = self.topics.values();
        let same = match self.patterns.values().next() {
            None => counts.all(|count| count.by_name == members),
            Some(with_it) => {
                *with_it == members && counts.all(|count| count.by_regex == 1 && count.by_name == 0)
            }
        };
        if same { Subscription::Same } else { Subscription::Mixed }
    }
}

/// One less; gone with the last.
pub(super) fn lower(counts: &mut BTreeMap<Arc<str>, usize>, name: &Arc<str>) {
    if let Some(count) = counts.get_mut(name) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(name);
        }
    }
}
