//! What was set, as text, by layer, and which layer is the strongest: what the command line gave, this
//! broker's dynamic values, the cluster's dynamic defaults, what else it was started with. Pure.
//!
//! Kafka has no flags of settings: there, dynamic values stand above all. Here a flag and `--set` are the
//! last word, so nothing that was stored once changes what a command line says.

use std::collections::BTreeMap;

use super::broker::{Config, Source};
use super::stored::LeftOut;
use super::synonyms;
use super::table;
use super::value::{self, InvalidConfig, Value};

/// What was set, as text, by layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Layers {
    /// Dynamic values of this broker.
    pub(super) node: BTreeMap<String, String>,
    /// Dynamic values of all brokers.
    pub(super) cluster: BTreeMap<String, String>,
    /// What the broker was started with.
    pub(super) fixed: BTreeMap<String, String>,
    /// Which of the fixed ones the command line gave, and how it did.
    pub(super) flags: BTreeMap<String, String>,
    /// Where the fixed ones were given, as people are told: a line of a file, a variable, a flag.
    pub(super) origins: BTreeMap<String, String>,
}

impl Layers {
    /// How many there are.
    pub(super) const COUNT: usize = 4;

    /// The strongest text set for a name, and where. `None` if only the table's default is left.
    pub(super) fn text(&self, name: &str) -> Option<(&str, Source)> {
        if self.node.contains_key(name) || self.cluster.contains_key(name) {
            return self.ranked(name).into_iter().flatten().next();
        }
        // As nearly always.
        self.fixed.get(name).map(|text| (text.as_str(), Source::StaticBroker))
    }

    /// The texts set for a name by layer, the strongest first, but none that can never count.
    pub(super) fn ranked(&self, name: &str) -> [Option<(&str, Source)>; Layers::COUNT] {
        let in_other_unit = self.outdone_by(name).is_some_and(|other| other != name);
        let [node, cluster] = [&self.node, &self.cluster]
            .map(|map| map.get(name))
            .map(|text| text.filter(|_| !in_other_unit));
        let fixed = self.fixed.get(name);
        let [given, read] = match self.flags.contains_key(name) {
            true => [fixed, None],
            false => [None, fixed],
        };
        let texts = [
            (given, Source::StaticBroker),
            (node, Source::DynamicBroker),
            (cluster, Source::DynamicDefault),
            (read, Source::StaticBroker),
        ];
        texts.map(|(text, source)| Some((text?.as_str(), source)))
    }

    /// The name of the setting on the command line that stands above all dynamic values of this one: its own, or
    /// that of the same time in another unit.
    pub(super) fn outdone_by<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        if self.flags.is_empty() {
            return None;
        }
        let is_given = |name: &&str| self.flags.contains_key(*name);
        Some(name)
            .filter(is_given)
            .or_else(|| synonyms::in_units(name).iter().copied().find(is_given))
    }

    /// Why a dynamic value of this name is not in force, if the command line is the reason.
    pub(super) fn outdone(&self, name: &str) -> Option<String> {
        let other = self.outdone_by(name)?;
        let how = self.flags.get(other)?;
        let given = match other == name {
            true => name.to_owned(),
            false => format!("{other}, the same in another unit,"),
        };
        Some(format!(
            "{given} is given by a flag of this broker ({how}), which stands above dynamic settings"
        ))
    }

    /// The effective value: parsed text or parsed default. `None` is Kafka's null.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let setting = table::broker_setting(name)?;
        let text = self.text(name).map(|(text, _)| text).or(setting.default)?;
        value::parse(setting, text).ok()
    }
}

impl Config {
    /// Refuses a change of the dynamic values of a resource from `current` to `target` that would have no
    /// effect, because the command line says something else. What was stored before may stay, and may go.
    ///
    /// # Errors
    /// The first such setting, and what to do.
    pub fn check_flags(
        &self,
        current: &BTreeMap<String, String>,
        target: &BTreeMap<String, String>,
    ) -> Result<(), InvalidConfig> {
        for (name, text) in target.iter().filter(|(name, text)| current.get(*name) != Some(text)) {
            let parsed = table::broker_setting(name).and_then(|row| value::parse(row, text).ok());
            let Some(why) = self.layers().outdone(name) else { continue };
            if parsed.is_none() || parsed != self.value(name) {
                let message = format!("{why}; start it without the flag to change it");
                return Err(InvalidConfig::because(name, message));
            }
        }
        Ok(())
    }

    /// Where a setting was given that holds since the start, for people.
    #[must_use]
    pub fn origin(&self, name: &str) -> &str {
        match self.layers().origins.get(name) {
            Some(origin) => origin,
            None if self.is_brought(name) => "brought by Barnabas",
            // `broker.id` from `node.id`, `log.dirs` from `log.dir`, or the other way round.
            None => "from the setting that means the same",
        }
    }

    /// Whether the command line gives a setting, so that nobody can change it.
    #[must_use]
    pub fn is_from_flag(&self, name: &str) -> bool {
        self.layers().outdone_by(name).is_some()
    }

    /// The dynamic values that are not in force because the command line says something else.
    #[must_use]
    pub fn outdone(&self) -> Vec<LeftOut> {
        let layers = self.layers();
        let all = [(true, &layers.cluster), (false, &layers.node)].into_iter();
        all.flat_map(|(of_all, map)| map.iter().map(move |(name, text)| (of_all, name, text)))
            .filter_map(|(of_all, name, text)| {
                let why = InvalidConfig::because(name, layers.outdone(name)?);
                Some(LeftOut { of_all, name: name.clone(), text: text.clone(), why })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::{Command, parse};
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn started(arguments: &[&str]) -> Config {
        match parse(arguments, Vec::new()) {
            Ok(Command::Run(start)) => start.config,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn a_flag_stands_above_what_was_set_while_it_ran() {
        let config = started(&["--set", "message.max.bytes=10", "--port", "1"]);
        let set = map(&[("message.max.bytes", "20"), ("num.io.threads", "9")]);
        for (cluster, node) in [(&set, &BTreeMap::new()), (&BTreeMap::new(), &set), (&set, &set)] {
            let config = config.with_dynamic(cluster, node);
            assert_eq!(
                (config.message_max_bytes(), config.number("num.io.threads")),
                (10, Some(9))
            );
            assert_eq!(config.topic_defaults().max_message_bytes, 10);
            assert_eq!(config.source("message.max.bytes"), Source::StaticBroker);
        }
        let said = config.with_dynamic(&set, &BTreeMap::new()).outdone();
        let line = "message.max.bytes=20, which was set for all brokers while it ran, is not in force: \
                    message.max.bytes is given by a flag of this broker (--set message.max.bytes=10), \
                    which stands above dynamic settings";
        assert_eq!(said.iter().map(LeftOut::to_string).collect::<Vec<_>>(), [line]);
    }

    #[test]
    fn a_change_that_a_flag_outdoes_is_refused_and_all_else_is_not() {
        let config = started(&["--set", "message.max.bytes=10", "--port", "1"]);
        let check = |current: &[(&str, &str)], target: &[(&str, &str)]| {
            config.check_flags(&map(current), &map(target)).map_err(|why| why.message)
        };
        let line = "message.max.bytes is given by a flag of this broker (--set message.max.bytes=10), \
                    which stands above dynamic settings; start it without the flag to change it";
        assert_eq!(check(&[], &[("message.max.bytes", "20")]), Err(line.to_owned()));
        assert_eq!(
            check(&[("message.max.bytes", "5")], &[("message.max.bytes", "20")]),
            Err(line.to_owned())
        );
        let listeners = check(&[], &[("listeners", "PLAINTEXT://:2")]).unwrap_err();
        assert!(
            listeners.starts_with("listeners is given by a flag of this broker (--port), "),
            "{listeners}"
        );
        // Another setting, the same value, what is there already, and what goes.
        assert_eq!(check(&[], &[("num.io.threads", "9"), ("no.such", "x")]), Ok(()));
        assert_eq!(check(&[], &[("message.max.bytes", " 10")]), Ok(()));
        let both = [("message.max.bytes", "20"), ("num.io.threads", "9")];
        assert_eq!(check(&both[..1], &both), Ok(()));
        assert_eq!(check(&both, &both[1..]), Ok(()));
    }

    /// Kafka takes the smallest unit that is set, wherever it is.
    #[test]
    fn a_flag_in_one_unit_outdoes_what_was_set_in_another() {
        let config = started(&["--set", "log.retention.hours=1"]);
        let set = map(&[("log.retention.ms", "5")]);
        let why = config.check_flags(&BTreeMap::new(), &set).unwrap_err().message;
        assert!(
            why.starts_with("log.retention.hours, the same in another unit, is given by a flag"),
            "{why}"
        );
        let config = config.with_dynamic(&BTreeMap::new(), &set);
        assert_eq!(config.topic_defaults().retention_ms, 3_600_000);
        assert_eq!((config.get("log.retention.ms"), config.outdone().len()), (None, 1));
        // One that stands in for another only as long as that has no value is not the same.
        let config = started(&["--set", "log.flush.scheduler.interval.ms=7"]);
        let set = map(&[("log.flush.interval.ms", "5")]);
        assert_eq!(config.check_flags(&BTreeMap::new(), &set), Ok(()));
        assert_eq!(config.with_dynamic(&BTreeMap::new(), &set).topic_defaults().flush_ms, 5);
    }

    #[test]
    fn no_secret_is_told() {
        let flags = map(&[("ssl.keystore.password", "--set ssl.keystore.password")]);
        let fixed = map(&[("ssl.keystore.password", "deep")]);
        let config = Config::from_static(fixed, flags).expect("valid");
        let set = map(&[("ssl.keystore.password", "secret")]);
        let said = config.with_dynamic(&BTreeMap::new(), &set).outdone()[0].to_string();
        assert!(said.contains("(--set ssl.keystore.password)"), "{said}");
        assert!(!said.contains("deep") && !said.contains("secret"), "{said}");
    }
}
