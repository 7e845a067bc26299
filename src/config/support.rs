//! What a broker is told to do and cannot do yet.
//!
//! A setting whose owner relies on it (TLS, access control, flushing) is refused: a broker that starts
//! without it would break a promise in silence. One that only tunes what is not there is accepted and
//! named in the log. A setting at its default always passes: the default is what happens anyway. Pure.

use super::error::{ConfigError, Origin};
use super::given::Given;
use super::setting::{Setting, Standing};
use super::table;
use super::value::{self, Value};

/// Refuses a value that asks for what is not built.
pub(super) fn ensure(name: &str, text: &str, origin: &Origin) -> Result<(), ConfigError> {
    let Some(setting) = table::broker_setting(name) else { return Ok(()) };
    let unsupported = |what: &str| {
        Err(ConfigError::Unsupported(origin.clone(), name.to_owned(), what.to_owned()))
    };
    if let Standing::Refused(what) = setting.standing {
        return if is_default(setting, text) { Ok(()) } else { unsupported(what) };
    }
    let value = value::parse(setting, text).ok();
    let several = || matches!(&value, Some(Value::List(items)) if items.len() > 1);
    let single_node = "a cluster of several nodes; a node is its own controller";
    match name {
        "process.roles" if !both_roles(&value) => {
            unsupported(&format!("{single_node}: use process.roles=broker,controller"))
        }
        "controller.quorum.voters" | "controller.quorum.bootstrap.servers" if several() => {
            unsupported(single_node)
        }
        "log.dir" | "log.dirs" if several() => unsupported("more than one data directory"),
        "group.consumer.assignors" => known_assignors(&value).map_err(|name| {
            let what = format!("the assignor {name}; there are uniform and range");
            ConfigError::Unsupported(origin.clone(), setting.name.to_owned(), what)
        }),
        _ => Ok(()),
    }
}

fn both_roles(value: &Option<Value>) -> bool {
    let Some(Value::List(roles)) = value else { return false };
    ["broker", "controller"].iter().all(|role| roles.iter().any(|given| given == role))
}

/// Kafka's own assignors, by their names or those of its classes. Others are Java classes of the user.
fn known_assignors(value: &Option<Value>) -> Result<(), String> {
    const PACKAGE: &str = "org.apache.kafka.coordinator.group.assignor.";
    let is_known = |name: &str| match name.strip_prefix(PACKAGE) {
        Some(class) => matches!(class, "UniformAssignor" | "RangeAssignor"),
        None => matches!(name, "uniform" | "range"),
    };
    let Some(Value::List(names)) = value else { return Ok(()) };
    names.iter().find(|name| !is_known(name)).map_or(Ok(()), |name| Err(name.clone()))
}

fn is_default(setting: &Setting, text: &str) -> bool {
    let default = setting.default.and_then(|default| value::parse(setting, default).ok());
    default == value::parse(setting, text).ok()
}

/// At most one line for each way in which settings have no effect.
pub(super) fn warnings(given: &Given) -> Vec<String> {
    let known = given
        .iter()
        .filter_map(|(name, (text, _))| Some((table::broker_setting(name)?, text.as_str())));
    without_effect(known).map(|(way, names)| format!("{way}: {names}")).collect()
}

/// At most one line for each way in which settings have no effect, of those that a running broker or
/// one of its topics is given. Kafka's protocol has no room to say so to the client.
pub fn without_effect<'s>(
    given: impl Iterator<Item = (&'static Setting, &'s str)>,
) -> impl Iterator<Item = (&'static str, String)> {
    let (mut later, mut none) = (Vec::new(), Vec::new());
    for (row, text) in given {
        match row.standing {
            _ if is_default(row, text) || holds(row, text) => {}
            Standing::Later => later.push(row.name),
            Standing::NoEffect => none.push(row.name),
            Standing::Used | Standing::Refused(_) => {}
        }
    }
    let ways = [
        ("accepted, but without effect yet", later),
        ("accepted, but there is nothing here that they govern", none),
    ];
    let said = ways.into_iter().filter(|(_, names)| !names.is_empty());
    said.map(|(way, names)| (way, names.join(", ")))
}

/// Whether it asks for one replica, or for one that is in sync: all that there is.
fn holds(row: &Setting, text: &str) -> bool {
    let counts_replicas = |end: &&str| row.name.ends_with(*end);
    text.trim() == "1" && [".replication.factor", ".min.isr"].iter().any(counts_replicas)
}

/// Settings that Kafka had and Kafka 4 has removed.
const RETIRED: &[&str] = &[
    "advertised.host.name",
    "advertised.port",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "delegation.token.master.key",
    "host.name",
    "inter.broker.protocol.version",
    "leader.imbalance.per.broker.percentage",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "port",
    "quota.consumer.default",
    "quota.producer.default",
    "reserved.broker.max.id",
];

/// Whether Kafka 4 has removed this setting.
pub(super) fn is_retired(name: &str) -> bool {
    name.starts_with("zookeeper.")
        || name.starts_with("password.encoder.")
        || RETIRED.binary_search(&name).is_ok()
}

/// `listener.name.<listener>.<setting>`, taken apart, if the setting is known.
pub(super) fn per_listener(name: &str) -> Option<(&str, &str)> {
    let (listener, rest) = name.strip_prefix("listener.name.")?.split_once('.')?;
    // SASL settings are given by mechanism too: `listener.name.x.plain.sasl.jaas.config`.
    let base = [Some(rest), rest.split_once('.').map(|(_, base)| base)]
        .into_iter()
        .flatten()
        .find(|base| table::broker_setting(base).is_some())?;
    Some((listener, base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_retired_settings_is_sorted_and_holds_no_living_ones() {
        assert!(RETIRED.is_sorted());
        for name in RETIRED {
            assert!(table::broker_setting(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_refused_setting_passes_at_its_default() {
        for row in table::broker_settings() {
            let (Standing::Refused(_), Some(default)) = (row.standing, row.default) else {
                continue;
            };
            assert_eq!(ensure(row.name, default, &Origin::Set), Ok(()), "{}", row.name);
        }
    }

    #[test]
    fn an_assignor_that_is_not_here_is_refused() {
        let refused = |text| ensure("group.consumer.assignors", text, &Origin::Set).is_err();
        assert!(!refused("range") && !refused("uniform, range"));
        assert!(!refused("org.apache.kafka.coordinator.group.assignor.RangeAssignor"));
        assert!(refused("com.example.Mine") && refused("uniform,Range"));
    }

    #[test]
    fn listener_prefixes_are_taken_apart() {
        assert_eq!(
            per_listener("listener.name.internal.ssl.keystore.location"),
            Some(("internal", "ssl.keystore.location"))
        );
        assert_eq!(
            per_listener("listener.name.x.plain.sasl.jaas.config"),
            Some(("x", "sasl.jaas.config"))
        );
        assert_eq!(per_listener("listener.name.x.nosuch"), None);
        assert_eq!(per_listener("listeners"), None);
    }
}
