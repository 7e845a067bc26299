//! `GET` and `PATCH` of settings: of a topic, of this broker, and of all brokers. What DescribeConfigs and
//! IncrementalAlterConfigs do, by the same planning and with the same errors: a change is made whole or not at all.
//!
//! A change is a JSON merge patch (RFC 7396): a value is set, null takes it away.

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::response::Response;
use super::super::route::Of;
use super::controlled;
use super::pairs::Pairs;
use crate::broker::Shared;
use crate::catalog::{ApiError, ConfigChange, ConfigOp, ResourceKind, validate_topic_name};
use crate::config::{
    self, Check, Config, Described, Source, describe_broker, describe_cluster, describe_own,
    describe_topic,
};
use crate::wire::error::ErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Setting<'s> {
    name: &'s str,
    value: Option<&'s str>,
    source: &'static str,
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    read_only: bool,
    sensitive: bool,
    documentation: &'static str,
    /// Those that it can have, where they are few.
    values: &'static [&'static str],
    synonyms: Vec<Synonym<'s>>,
}

#[derive(Serialize)]
struct Synonym<'s> {
    name: &'s str,
    value: Option<&'s str>,
    source: &'static str,
    /// Where it was given, if that was at the start.
    origin: Option<&'s str>,
}

/// What a change asks for.
pub(super) type Patch = BTreeMap<String, Option<String>>;

pub(super) fn show(shared: &Shared, of: &Of) -> Result<Response, Problem> {
    after(shared, of, &Patch::new())
}

pub(super) fn change(
    shared: &Shared,
    of: &Of,
    query: &Query,
    Pairs(patch): Pairs,
) -> Result<Response, Problem> {
    let (kind, name) = resource(shared, of)?;
    check_names(of, &patch)?;
    let validate_only = query.flag("validate_only");
    let patch = controlled(shared, move |controller| {
        let changes: Vec<ConfigChange<'_>> =
            patch.iter().map(|(key, value)| change_of(key, value.as_deref())).collect();
        let changed = controller.incremental_alter_configs(kind, &name, &changes, validate_only);
        changed.map_err(|why| explained(why, &patch))?;
        Ok::<_, Problem>(patch)
    })??;
    if validate_only { after(shared, of, &patch) } else { show(shared, of) }
}

/// Kafka takes any name for a broker; over HTTP what is misspelt is told. What is there can always go.
fn check_names(of: &Of, patch: &Patch) -> Result<(), Problem> {
    if let Of::Topic(_) = of {
        return Ok(());
    }
    let mut set = patch.iter().filter(|(_, value)| value.is_some());
    let refused = set.find_map(|(key, _)| config::check_name(key).err());
    refused.map_or(Ok(()), |why| Err(Problem::kafka(ErrorCode::INVALID_CONFIG, why.to_string())))
}

/// What Kafka says of settings of a topic that cannot be set, with the name that is meant by one that is none.
pub(super) fn explained(why: ApiError, settings: &Patch) -> Problem {
    let mut problem = Problem::from(why);
    let near = settings.keys().find_map(|name| {
        let is_this = problem.text.ends_with(&format!("topic config name: {name}"));
        is_this.then(|| config::nearest_of_topics(name)).flatten()
    });
    if let Some(near) = near {
        problem.text.to_mut().push_str(&format!("; did you mean {near}?"));
    }
    problem
}

/// Whose settings they are, by Kafka's names.
fn resource(shared: &Shared, of: &Of) -> Result<(ResourceKind, String), Problem> {
    Ok(match of {
        Of::Topic(name) => (ResourceKind::Topic, check_name(name)?.to_owned()),
        Of::Broker => (ResourceKind::Broker, shared.node.node_id.to_string()),
        Of::AllBrokers => (ResourceKind::Broker, String::new()),
    })
}

/// The settings as they would be after a change: of none, as they are.
fn after(shared: &Shared, of: &Of, patch: &Patch) -> Result<Response, Problem> {
    let (kind, name) = resource(shared, of)?;
    let (image, config) = (shared.image(), shared.config());
    if kind == ResourceKind::Topic && image.topic(&name).is_none() {
        return Err(super::topics::unknown());
    }
    let mut set = image.configs(kind, &name).clone();
    for (key, value) in patch {
        match value {
            Some(value) => _ = set.insert(key.clone(), value.clone()),
            None => _ = set.remove(key),
        }
    }
    let of_broker = |name: &str| image.configs(ResourceKind::Broker, name);
    let described = match of {
        Of::Topic(_) => describe_topic(&set, &config, None),
        _ if patch.is_empty() => of_brokers(of, &config),
        Of::Broker => of_brokers(of, &config.with_dynamic(of_broker(""), &set)),
        Of::AllBrokers => {
            let node = of_broker(&shared.node.node_id.to_string());
            of_brokers(of, &config.with_dynamic(&set, node))
        }
    };
    let settings: Vec<Setting<'_>> =
        described.iter().map(|one| setting(of, one, &config)).collect();
    Ok(Response::json(200, &settings))
}

fn of_brokers(of: &Of, config: &Config) -> Vec<Described> {
    match of {
        Of::AllBrokers => describe_cluster(config, None),
        _ => {
            let mut all = describe_own(config);
            all.extend(describe_broker(config, None));
            all
        }
    }
}

fn change_of<'p>(key: &'p str, value: Option<&'p str>) -> ConfigChange<'p> {
    let op = if value.is_some() { ConfigOp::Set } else { ConfigOp::Delete };
    ConfigChange { key, op, value }
}

fn check_name(name: &str) -> Result<&str, Problem> {
    let invalid = ErrorCode::INVALID_TOPIC_EXCEPTION;
    validate_topic_name(name).map_err(|why| Problem::kafka(invalid, why.to_string()))?;
    Ok(name)
}

fn setting<'s>(of: &Of, one: &'s Described, config: &'s Config) -> Setting<'s> {
    Setting {
        name: &one.name,
        value: one.value.as_deref(),
        source: source(one.source),
        kind: one.kind.map(|kind| kind.name()),
        read_only: one.read_only,
        sensitive: one.sensitive,
        documentation: one.doc,
        values: values(of, &one.name),
        synonyms: one.synonyms.iter().map(|synonym| shown(synonym, config)).collect(),
    }
}

/// The values that a setting allows, or, of a list, its items.
fn values(of: &Of, name: &str) -> &'static [&'static str] {
    let row = match of {
        Of::Topic(_) => config::topic_setting(name),
        Of::Broker | Of::AllBrokers => config::broker_setting(name),
    };
    match row.map(|row| row.check) {
        Some(Check::OneOf(values) | Check::OneOfAnyCase(values)) => values,
        Some(Check::Items { of, .. }) => of,
        _ => &[],
    }
}

fn shown<'s>(one: &'s config::Synonym, config: &'s Config) -> Synonym<'s> {
    let origin = (one.source == Source::StaticBroker).then(|| config.origin(&one.name));
    Synonym { name: &one.name, value: one.value.as_deref(), source: source(one.source), origin }
}

/// Kafka's name of it (`ConfigEntry.ConfigSource`).
fn source(source: Source) -> &'static str {
    match source {
        Source::Topic => "DYNAMIC_TOPIC_CONFIG",
        Source::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
        Source::DynamicDefault => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        Source::StaticBroker => "STATIC_BROKER_CONFIG",
        Source::Default => "DEFAULT_CONFIG",
        Source::Group => "DYNAMIC_GROUP_CONFIG",
    }
}
