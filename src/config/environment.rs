//! Settings from environment variables, by the rules of Kafka's container image.
//!
//! `KAFKA_NUM_PARTITIONS` is `num.partitions`: what follows `KAFKA_` in lower case, `_` for a point,
//! `__` for `_`, `___` for `-` (KafkaDockerWrapper.getServerConfigsFromEnv). `KAFKA_CFG_...`, as Bitnami's
//! image has it, means the same. Likewise `BARNABAS_...`, where `barnabas.` may be left out too:
//! `BARNABAS_WORKERS` is `barnabas.workers`, and the flags have variables by their names, `BARNABAS_HTTP_PORT`. `CLUSTER_ID`, which Kafka's image formats its directory with, is
//! `barnabas.cluster.id` if it is an id as Kafka makes them. Many things call their variables `KAFKA_...` that are for
//! others than a broker (clients' scripts, Kubernetes' links to a service of that name), so what is no
//! setting is never an error there. Pure: who calls brings the variables.

use std::ffi::OsString;

use super::{check, support, table};

/// Variables of Kafka's scripts and images: no settings of a broker, and of no interest to one without
/// a Java machine.
const OF_SCRIPTS: &[&str] = &[
    "KAFKA_BASE_DIR",
    "KAFKA_DEBUG",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
];

/// Variables by the names of flags, and what each stands for: a setting, or a flag that is none.
const OF_FLAGS: &[(&str, &str)] = &[
    ("CONFIG", CONFIG),
    ("DATA_DIR", "log.dirs"),
    ("DEFAULTS", DEFAULTS),
    ("HOST", HOST),
    ("HTTP_PORT", HTTP_PORT),
    ("PIN", "barnabas.workers.pinned"),
    ("PORT", PORT),
    ("SQPOLL", "barnabas.io.sqpoll"),
];
/// `BARNABAS_CONFIG`: the settings file, where the command line names none.
pub(super) const CONFIG: &str = "--config";
/// `BARNABAS_DEFAULTS`: a settings file below all others. It is no flag: who makes an image or a package has it.
pub(super) const DEFAULTS: &str = "--defaults";
/// `BARNABAS_HOST`: as the flag, but above the file only.
pub(super) const HOST: &str = "--host";
/// `BARNABAS_PORT`, likewise.
pub(super) const PORT: &str = "--port";
/// `BARNABAS_HTTP_PORT`, likewise.
pub(super) const HTTP_PORT: &str = "--http-port";

/// Whose variable it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `KAFKA_...`: perhaps not meant for us.
    Kafka,
    /// `BARNABAS_...`: meant for us.
    Own,
}

/// A variable that is about settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its own name.
    pub name: String,
    /// See [`Family`].
    pub family: Family,
    /// The setting that it names; of none that there is, the name that it would have; or a flag.
    pub setting: String,
    /// Its value, unless that is not text.
    pub value: Option<String>,
}

/// The variables that are about settings: our own last, since what is meant for us holds, and each family
/// by name, so that nothing hangs on the order that they come in.
pub fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<Variable> {
    // What has a name that is not text is nobody's setting.
    let named = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut found: Vec<Variable> =
        named.filter_map(|(name, value)| variable(name, value.into_string().ok())).collect();
    found.sort_unstable_by(|one, other| (one.family, &one.name).cmp(&(other.family, &other.name)));
    found
}

fn variable(name: String, value: Option<String>) -> Option<Variable> {
    if OF_SCRIPTS.binary_search(&name.as_str()).is_ok() || is_link(&name, value.as_deref()) {
        return None;
    }
    let (family, setting) = if name == "CLUSTER_ID" {
        // By that name it can be anything: the `prod` of somebody's deployment, which a directory would keep.
        let is_id = value.as_deref().is_some_and(|text| is_uuid(text.trim()));
        (Family::Kafka, if is_id { "barnabas.cluster.id" } else { "cluster.id" }.to_owned())
    } else if let Some(rest) = name.strip_prefix("KAFKA_") {
        let plain = dotted(rest);
        let of_bitnami = rest.strip_prefix("CFG_").map(dotted).filter(|name| is_setting(name));
        (Family::Kafka, of_bitnami.unwrap_or(plain))
    } else {
        let rest = name.strip_prefix("BARNABAS_")?;
        let of_flag = OF_FLAGS.iter().find(|(name, _)| *name == rest);
        let plain = dotted(rest);
        let own = format!("barnabas.{plain}");
        let named = if is_setting(&own) { own } else { plain };
        (Family::Own, of_flag.map_or(named, |(_, setting)| (*setting).to_owned()))
    };
    Some(Variable { name, family, setting, value })
}

fn is_setting(name: &str) -> bool {
    table::broker_setting(name).is_some() || support::per_listener(name).is_some()
}

fn dotted(rest: &str) -> String {
    rest.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_")
}

/// What Kubernetes and Docker tell of a service of that name: `KAFKA_PORT=tcp://10.0.0.7:9092`,
/// `KAFKA_SERVICE_HOST`, `KAFKA_PORT_9092_TCP_ADDR`. `BARNABAS_PORT`, and that of a service `barnabas-http`, are
/// links if they look like one.
fn is_link(name: &str, value: Option<&str>) -> bool {
    let is_url = value.is_some_and(|value| value.contains("://"));
    let (rest, is_port) = match (name.strip_prefix("KAFKA_"), name.strip_prefix("BARNABAS_")) {
        (Some(rest), _) => (rest, rest == "PORT"),
        (None, Some(rest)) => (rest, is_url && (rest == "PORT" || rest.ends_with("_PORT"))),
        (None, None) => return false,
    };
    let is_of_port = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    is_port
        || rest == "SERVICE_HOST"
        || rest == "SERVICE_PORT"
        || rest.starts_with("SERVICE_PORT_")
        || rest.strip_prefix("PORT_").is_some_and(is_of_port)
}

/// Whether it is 22 characters of URL-safe base64, which stand for 16 bytes.
fn is_uuid(text: &str) -> bool {
    text.len() == 22 && check::is_id(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<(Family, String)> {
        let all = [(name.into(), "v".into())];
        let found = variables(all.into_iter());
        found.into_iter().next().map(|variable| (variable.family, variable.setting))
    }

    #[test]
    fn names_follow_the_rules_of_kafkas_image() {
        for (name, setting) in [
            ("KAFKA_NUM_PARTITIONS", "num.partitions"),
            ("KAFKA_A__B", "a_b"),
            ("KAFKA_A___B", "a-b"),
            ("KAFKA_CFG_NUM_PARTITIONS", "num.partitions"),
            ("KAFKA_CFG_NOSUCH", "cfg.nosuch"),
            (
                "KAFKA_LISTENER_NAME_X_SSL_KEYSTORE_LOCATION",
                "listener.name.x.ssl.keystore.location",
            ),
        ] {
            assert_eq!(read(name), Some((Family::Kafka, setting.to_owned())), "{name}");
        }
        for (name, setting) in [
            ("BARNABAS_WORKERS", "barnabas.workers"),
            ("BARNABAS_FLUSH_MS", "barnabas.flush.ms"),
            ("BARNABAS_NUM_PARTITIONS", "num.partitions"),
            ("BARNABAS_NOSUCH", "nosuch"),
            ("BARNABAS_CONFIG", "--config"),
            ("BARNABAS_DATA_DIR", "log.dirs"),
            ("BARNABAS_HTTP_PORT", "--http-port"),
            ("BARNABAS_IO", "barnabas.io"),
            ("BARNABAS_NODE_ID", "node.id"),
            ("BARNABAS_PORT", "--port"),
            ("BARNABAS_LOG_LEVEL", "barnabas.log.level"),
        ] {
            assert_eq!(read(name), Some((Family::Own, setting.to_owned())), "{name}");
        }
    }

    #[test]
    fn the_id_of_kafkas_image_is_one_if_it_can_be() {
        let read = |value: &str| {
            let found = variables([("CLUSTER_ID".into(), value.into())].into_iter());
            found.into_iter().next().map(|variable| variable.setting)
        };
        assert_eq!(read("5L6g3nShT-eMCtK--X86sw").as_deref(), Some("barnabas.cluster.id"));
        assert_eq!(read(" MkU3OEVBNTcwNTJENDM2Qk\n").as_deref(), Some("barnabas.cluster.id"));
        for text in ["arn:aws:a/b", "prod", "", "5L6g3nShT-eMCtK--X86s", "5L6g3nShT+eMCtK//X86sw"] {
            assert_eq!(read(text).as_deref(), Some("cluster.id"), "{text}: somebody else's");
        }
    }

    #[test]
    fn links_to_a_service_of_that_name_are_no_ports() {
        for name in ["BARNABAS_PORT", "BARNABAS_HTTP_PORT", "KAFKA_PORT"] {
            let all = [(name.into(), "tcp://10.0.0.7:9092".into())];
            assert_eq!(variables(all.into_iter()), [], "{name}");
        }
    }

    #[test]
    fn what_is_for_others_is_passed_over() {
        assert!(OF_SCRIPTS.is_sorted());
        for name in OF_SCRIPTS.iter().chain(&[
            "PATH",
            "KAFKA",
            "kafka_num_partitions",
            "KAFKA_PORT",
            "KAFKA_SERVICE_HOST",
            "KAFKA_SERVICE_PORT_CLIENT",
            "BARNABAS_PORT_9092_TCP_ADDR",
        ]) {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
