//! Whether a parsed value is among those that its setting allows: Kafka's validators and their words.
//!
//! From `ConfigDef.Range`, `ValidString`, `CaseInsensitiveValidString`, `ValidList`, `NonEmptyString`,
//! `CompressionType`, `ThrottledReplicaListValidator` and `QuorumConfig`. Pure.

use super::reset;
use super::setting::{Check, Kind, Setting};
use super::value::{InvalidConfig, Value};

/// Drops repeated items of a list that must not have them, as Kafka does before it validates.
pub(super) fn dedup(setting: &Setting, value: &mut Value) {
    let (Check::Items { .. }, Value::List(items)) = (setting.check, value) else { return };
    let mut kept: Vec<String> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    *items = kept;
}

/// Checks `value` against what `setting` allows.
pub(super) fn ensure(setting: &Setting, value: &Value) -> Result<(), InvalidConfig> {
    let invalid = |why: &str| Err(InvalidConfig::new(setting.name, &shown(setting, value), why));
    match (setting.check, value) {
        (Check::Any, _) => Ok(()),
        (Check::AtLeast(least), _) if below(value, least) => {
            invalid(&format!("Value must be at least {least}"))
        }
        (Check::Between(least, _), _) if below(value, least) => {
            invalid(&format!("Value must be at least {least}"))
        }
        (Check::Between(_, most), _) if above(value, most) => {
            invalid(&format!("Value must be no more than {most}"))
        }
        (Check::AtLeast(_) | Check::Between(..), _) => Ok(()),
        (Check::OneOf(texts), Value::Text(text)) if !texts.contains(&text.as_str()) => {
            invalid(&format!("String must be one of: {}", texts.join(", ")))
        }
        (Check::OneOfAnyCase(texts), Value::Text(text))
            if !texts.iter().any(|known| known.eq_ignore_ascii_case(text)) =>
        {
            invalid(&format!("String must be one of (case insensitive): {}", texts.join(", ")))
        }
        (Check::NotEmpty, Value::Text(text)) if text.is_empty() => {
            invalid("String must be non-empty")
        }
        (Check::Id, Value::Text(text)) if !is_id(text) => {
            invalid("an id has 1 to 64 letters, digits, - and _")
        }
        (Check::GzipLevel, Value::Int(level)) if *level != -1 && !(1..=9).contains(level) => {
            invalid("Value must be between 1 and 9 or equal to -1")
        }
        (Check::Codec, Value::Int(id)) if !(0..=4).contains(id) => Err(InvalidConfig::because(
            setting.name,
            format!("{}: Unknown compression type id: {id}", setting.name),
        )),
        (Check::Items { of, may_be_empty }, Value::List(items)) => {
            ensure_items(setting, items, of, may_be_empty)
        }
        (Check::ThrottledReplicas, Value::List(items)) if !throttled(items) => {
            invalid(&format!("{} {THROTTLED_FORM}", setting.name))
        }
        (Check::OffsetReset, Value::Text(text)) if !reset::is_valid(text) => {
            invalid(&reset::refusal(setting.name, text))
        }
        (Check::Voters, Value::List(items)) => ensure_voters(setting, items),
        (Check::BootstrapServers, Value::List(items)) => ensure_bootstrap(setting, items),
        _ => Ok(()),
    }
}

/// Whether it can be the id of a cluster. Kafka makes 22 such characters.
pub(super) fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_part)
}

const THROTTLED_FORM: &str = "must be the literal '*' or a list of replicas in the following format: \
                              [partitionId]:[brokerId],[partitionId]:[brokerId],...";

/// The value as it may stand in an error: lists in brackets, passwords not at all.
fn shown(setting: &Setting, value: &Value) -> String {
    match value {
        _ if setting.kind == Kind::Password => "[hidden]".to_owned(),
        Value::List(items) => format!("[{}]", items.join(", ")),
        _ => value.to_string(),
    }
}

fn below(value: &Value, least: i64) -> bool {
    match value {
        Value::Double(number) => *number < least as f64,
        _ => value.as_i64().is_some_and(|number| number < least),
    }
}

fn above(value: &Value, most: i64) -> bool {
    match value {
        Value::Double(number) => *number > most as f64,
        _ => value.as_i64().is_some_and(|number| number > most),
    }
}

fn ensure_items(
    setting: &Setting,
    items: &[String],
    of: &[&str],
    may_be_empty: bool,
) -> Result<(), InvalidConfig> {
    let name = setting.name;
    if items.is_empty() && !may_be_empty {
        let valid = match of {
            [] => "any non-empty value".to_owned(),
            _ => format!("[{}]", of.join(", ")),
        };
        let message =
            format!("Configuration '{name}' must not be empty. Valid values include: {valid}");
        return Err(InvalidConfig::because(name, message));
    }
    for item in items {
        if item.is_empty() {
            let message = format!("Configuration '{name}' values must not be empty.");
            return Err(InvalidConfig::because(name, message));
        }
        if !of.is_empty() && !of.contains(&item.as_str()) {
            let why = format!("String must be one of: {}", of.join(", "));
            return Err(InvalidConfig::new(name, item, &why));
        }
    }
    Ok(())
}

/// `*` alone, or pairs of plain numbers. Kafka lets the last item be empty: its pattern ends in `,?`.
fn throttled(items: &[String]) -> bool {
    let (last, others) = match items {
        [] => return true,
        [only] if only == "*" => return true,
        [others @ .., last] => (last, others),
    };
    others.iter().all(|item| replica_pair(item))
        && (replica_pair(last) || (last.is_empty() && !others.is_empty()))
}

fn replica_pair(item: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    item.split_once(':').is_some_and(|(partition, broker)| number(partition) && number(broker))
}

fn ensure_voters(setting: &Setting, items: &[String]) -> Result<(), InvalidConfig> {
    let entry = |item: &String| {
        let (id, address) = item.split_once('@')?;
        let (host, port) = address.rsplit_once(':')?;
        id.parse::<i32>().ok()?;
        port.parse::<u16>().ok()?;
        (!host.is_empty()).then_some(())
    };
    if items.iter().all(|item| entry(item).is_some()) {
        return Ok(());
    }
    let message = format!(
        "Invalid configuration value for {}. Each entry should be in the form `{{id}}@{{host}}:{{port}}`.",
        setting.name
    );
    Err(InvalidConfig::because(setting.name, message))
}

fn ensure_bootstrap(setting: &Setting, items: &[String]) -> Result<(), InvalidConfig> {
    let entry = |item: &&String| {
        item.rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match items.iter().find(|item| !entry(item)) {
        None => Ok(()),
        Some(item) => {
            let message = format!(
                "Failed to parse host name from {item} for the configuration {}. \
                 Each entry should be in the form \"{{host}}:{{port}}\"",
                setting.name
            );
            Err(InvalidConfig::because(setting.name, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{broker_setting, topic_setting};
    use super::super::value::parse;

    fn error(name: &str, text: &str) -> String {
        let setting = topic_setting(name).or_else(|| broker_setting(name)).expect("a setting");
        parse(setting, text).expect_err("refused").message
    }

    fn accepted(name: &str, text: &str) -> String {
        let setting = topic_setting(name).or_else(|| broker_setting(name)).expect("a setting");
        parse(setting, text).expect("accepted").to_string()
    }

    /// Kafka 4.3.1's own answers.
    #[test]
    fn refusals_have_kafkas_words() {
        let one_of = "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer";
        let level = "Value must be between 1 and 9 or equal to -1";
        for (name, text, why) in [
            ("retention.ms", "-2", "Value must be at least -1"),
            ("min.insync.replicas", "0", "Value must be at least 1"),
            ("segment.bytes", "14", "Value must be at least 1048576"),
            ("compression.lz4.level", "18", "Value must be no more than 17"),
            ("compression.zstd.level", "23", "Value must be no more than 22"),
            ("compression.gzip.level", "0", level),
            ("compression.gzip.level", "10", level),
            ("compression.type", "none", one_of),
            ("compression.type", "GZIP", one_of),
            (
                "message.timestamp.type",
                "createtime",
                "String must be one of: CreateTime, LogAppendTime",
            ),
            ("cleanup.policy", "Compact", "String must be one of: compact, delete"),
            ("offsets.topic.replication.factor", "40000", "Not a number of type SHORT"),
            ("remote.log.metadata.manager.class.name", "", "String must be non-empty"),
            (
                "group.consumer.migration.policy",
                "x",
                "String must be one of (case insensitive): DISABLED, DOWNGRADE, UPGRADE, BIDIRECTIONAL",
            ),
        ] {
            assert_eq!(
                error(name, text),
                format!("Invalid value {text} for configuration {name}: {why}")
            );
        }
        assert_eq!(accepted("group.consumer.migration.policy", "upgrade"), "upgrade");
    }

    #[test]
    fn a_codec_has_a_number_that_kafka_knows() {
        const NAME: &str = "offsets.topic.compression.codec";
        for id in ["0", "1", "2", "3", "4"] {
            assert_eq!(accepted(NAME, id), id);
        }
        for id in ["-2147483648", "-1", "5", "99"] {
            assert_eq!(error(NAME, id), format!("{NAME}: Unknown compression type id: {id}"));
        }
    }

    #[test]
    fn a_double_out_of_range_is_refused() {
        assert_eq!(
            error("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: \
             Value must be no more than 1"
        );
        assert!(
            error("min.cleanable.dirty.ratio", "Infinity")
                .ends_with("Value must be no more than 1")
        );
    }

    #[test]
    fn lists_that_must_have_items_say_so() {
        assert_eq!(
            error("listeners", ""),
            "Configuration 'listeners' must not be empty. Valid values include: any non-empty value"
        );
        assert_eq!(
            error("process.roles", ""),
            "Configuration 'process.roles' must not be empty. \
             Valid values include: [broker, controller]"
        );
        assert_eq!(accepted("process.roles", "broker,broker"), "broker");
    }

    #[test]
    fn throttled_replicas_are_a_star_or_pairs() {
        let name = "leader.replication.throttled.replicas";
        for text in ["*", "1:2,3:4", "", "1:2,1:2", "1:2,"] {
            assert_eq!(accepted(name, text), text);
        }
        for (text, shown) in
            [("none", "[none]"), ("1:2,*", "[1:2, *]"), ("1:-2", "[1:-2]"), ("x", "[x]")]
        {
            assert_eq!(
                error(name, text),
                format!(
                    "Invalid value {shown} for configuration {name}: {name} must be the literal '*' or a \
                     list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                )
            );
        }
    }

    #[test]
    fn quorum_addresses_are_checked() {
        assert_eq!(accepted("controller.quorum.voters", "1@localhost:9093"), "1@localhost:9093");
        assert_eq!(
            error("controller.quorum.voters", "x"),
            "Invalid configuration value for controller.quorum.voters. \
             Each entry should be in the form `{id}@{host}:{port}`."
        );
        assert_eq!(
            error("controller.quorum.bootstrap.servers", "x"),
            "Failed to parse host name from x for the configuration \
             controller.quorum.bootstrap.servers. Each entry should be in the form \"{host}:{port}\""
        );
    }
}
