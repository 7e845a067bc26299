//! Dynamic settings that were stored once and that a start finds again, under what it is started with now.
//!
//! What was stored must never stop a broker, so what cannot be in force is left out: a value that the table
//! does not allow, and one that contradicts the others. Everything else stays in force. Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::broker::Config;
use super::setting::Setting;
use super::table;
use super::value::{self, InvalidConfig};

/// Instead of what must never be shown.
const HIDDEN: &str = "[hidden]";

type Texts = BTreeMap<String, String>;

/// A stored setting that is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Whether it was set for all brokers, not for this one.
    pub of_all: bool,
    /// The setting.
    pub name: String,
    /// Its stored value.
    pub text: String,
    /// Why it cannot be in force.
    pub why: InvalidConfig,
}

impl LeftOut {
    /// Its stored value, as far as it may be shown: what nobody knows may be a secret.
    #[must_use]
    pub fn shown(&self) -> &str {
        let hidden = table::broker_setting(&self.name).is_none_or(Setting::sensitive);
        if hidden { HIDDEN } else { self.text.trim() }
    }

    /// Whom it was set for.
    #[must_use]
    pub fn owner(&self) -> &'static str {
        if self.of_all { "all brokers" } else { "this broker" }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, text, whose, why) = (&self.name, self.shown(), self.owner(), &self.why.message);
        write!(f, "{name}={text}, which was set for {whose} while it ran, is not in force: {why}")
    }
}

impl Config {
    /// The same broker with these dynamic values, the cluster's defaults and this node's own, and those of
    /// them that are left out.
    #[must_use]
    pub fn with_stored(&self, cluster: &Texts, node: &Texts) -> (Config, Vec<LeftOut>) {
        let mut left_out = Vec::new();
        let mut valid = [Texts::new(), Texts::new()];
        for (layer, texts) in [cluster, node].into_iter().enumerate() {
            for (name, text) in texts {
                match table::broker_setting(name).map(|row| value::parse(row, text)) {
                    Some(Err(why)) => left_out.push(left(layer, name, text, why)),
                    _ => drop(valid[layer].insert(name.clone(), text.clone())),
                }
            }
        }
        let [cluster, node] = valid.clone();
        match self.try_dynamic(cluster, node) {
            Ok(config) => (config, left_out),
            Err(_) => self.without_contradictions(valid, left_out),
        }
    }

    /// Takes the values one after the other, as long as there is one that agrees with those taken so far: two
    /// may agree in one order only.
    fn without_contradictions(
        &self,
        [cluster, node]: [Texts; 2],
        mut left_out: Vec<LeftOut>,
    ) -> (Config, Vec<LeftOut>) {
        let mut taken = [Texts::new(), Texts::new()];
        let mut config = self.clone();
        let layers = [cluster, node].into_iter().enumerate();
        let mut rest: Vec<(usize, String, String)> = layers
            .flat_map(|(layer, texts)| texts.into_iter().map(move |(n, t)| (layer, n, t)))
            .collect();
        loop {
            let mut refused = Vec::new();
            let before = rest.len();
            for (layer, name, text) in rest {
                let mut with = taken.clone();
                with[layer].insert(name.clone(), text.clone());
                let [cluster, node] = with.clone();
                match self.try_dynamic(cluster, node) {
                    Ok(agreed) => (config, taken) = (agreed, with),
                    Err(why) => refused.push((layer, name, text, why)),
                }
            }
            if refused.len() == before || refused.is_empty() {
                let refused = refused.into_iter();
                left_out.extend(refused.map(|(layer, n, t, why)| left(layer, &n, &t, why)));
                return (config, left_out);
            }
            rest = refused.into_iter().map(|(layer, name, text, _)| (layer, name, text)).collect();
        }
    }
}

fn left(layer: usize, name: &str, text: &str, why: InvalidConfig) -> LeftOut {
    LeftOut { of_all: layer == 0, name: name.to_owned(), text: text.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn said(left_out: &[LeftOut]) -> Vec<String> {
        left_out.iter().map(LeftOut::to_string).collect()
    }

    #[test]
    fn what_contradicts_is_left_out_and_nothing_else() {
        let fixed = Config::from_pairs(&[("log.cleaner.dedupe.buffer.size", "2000000")]).unwrap();
        let (config, left_out) = fixed.with_stored(
            &map(&[("log.cleaner.threads", "0"), ("message.max.bytes", "x")]),
            &map(&[("log.cleaner.threads", "2"), ("log.retention.ms", "-1")]),
        );
        assert_eq!((config.topic_defaults().retention_ms, config.log_cleaner_threads()), (-1, 1));
        assert_eq!(
            said(&left_out),
            [
                "message.max.bytes=x, which was set for all brokers while it ran, is not in force: \
                 Invalid value x for configuration message.max.bytes: Not a number of type INT",
                "log.cleaner.threads=0, which was set for all brokers while it ran, is not in force: \
                 log.cleaner.threads must be at least 1",
                "log.cleaner.threads=2, which was set for this broker while it ran, is not in force: \
                 requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner \
                 thread.",
            ]
        );
    }

    #[test]
    fn what_agrees_in_one_order_only_is_in_force() {
        // Each of groups' lengths is refused before its neighbour is there; no threads are refused alone.
        let cluster = map(&[("log.cleaner.threads", "0"), ("log.roll.ms", "-1")]);
        let node = map(&[
            ("log.cleaner.threads", "4"),
            ("group.consumer.heartbeat.interval.ms", "100000"),
            ("group.consumer.max.heartbeat.interval.ms", "100000"),
            ("group.consumer.max.session.timeout.ms", "200000"),
            ("group.consumer.session.timeout.ms", "200000"),
        ]);
        let (config, left_out) = Config::default().with_stored(&cluster, &node);
        let names: Vec<&str> = left_out.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["log.roll.ms"]);
        assert_eq!(config.log_cleaner_threads(), 4);
        for (name, text) in &node {
            assert_eq!(config.get(name), Some(text.as_str()));
        }
    }
}
