//! What a broker is given at its start, by name, and what of it does not hold because a stronger place says
//! the same by another name.
//!
//! `--set log.retention.hours=1` stands above `log.retention.ms=5` in the file, `KAFKA_LOG_DIR` above its
//! `log.dirs`: the last word is about the thing, not about its spelling. Within one place Kafka's own rule
//! holds (`layers`, `together`). Pure.

use std::collections::BTreeMap;

use super::error::Origin;
use super::synonyms;

/// Settings as they were given, the last of each name.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    held: BTreeMap<String, (String, Origin)>,
    outdone: BTreeMap<String, Outdone>,
}

/// A setting that was given and that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outdone {
    /// Where it was given.
    pub(super) origin: Origin,
    /// The setting that stands above it.
    pub(super) by: String,
}

impl Given {
    /// Adds what comes from a place at least as strong as those before.
    pub(super) fn put(&mut self, name: &str, text: String, origin: Origin) {
        for other in synonyms::same(name).iter().filter(|other| **other != name) {
            if self.held.get(*other).is_some_and(|(_, weaker)| strength(weaker) < strength(&origin))
                && let Some((_, origin)) = self.held.remove(*other)
            {
                self.outdone.insert((*other).to_owned(), Outdone { origin, by: name.to_owned() });
            }
        }
        self.outdone.remove(name);
        self.held.insert(name.to_owned(), (text, origin));
    }

    pub(super) fn get(&self, name: &str) -> Option<&(String, Origin)> {
        self.held.get(name)
    }

    /// What became of a setting that was given and does not hold.
    pub(super) fn outdone(&self, name: &str) -> Option<&Outdone> {
        self.outdone.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &(String, Origin))> {
        self.held.iter()
    }

    /// The texts, by name.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        self.iter().map(|(name, (text, _))| (name.clone(), text.clone())).collect()
    }

    /// Where they were given, by name, for people.
    pub(super) fn origins(&self) -> BTreeMap<String, String> {
        self.iter().map(|(name, (_, origin))| (name.clone(), origin.place())).collect()
    }
}

/// The places, the weakest first.
fn strength(origin: &Origin) -> u8 {
    match origin {
        Origin::Together | Origin::Defaults(..) => 0,
        Origin::File(..) => 1,
        Origin::Variable(name) if !name.starts_with("BARNABAS_") => 2,
        Origin::Variable(_) => 3,
        Origin::Set => 4,
        Origin::Flag(_) => 5,
    }
}
