//! Changing configs (Kafka's `ConfigurationControlManager`): all or nothing per resource.

use std::collections::BTreeMap;

use super::{ApiError, Plan};
use crate::catalog::{ELIGIBLE_REPLICAS, Image, ResourceKind};
use crate::config::{self, Config, TopicConfig};
use crate::wire::error::ErrorCode;
use crate::wire::metadata_records::{ConfigRecord, MetadataRecord};

/// The longest value that is kept, as in Kafka. No request can bring a longer one, but appending to a
/// list can make one.
const MAX_VALUE_BYTES: usize = i16::MAX as usize;

/// The setting that eligible leader replicas pin.
const MIN_IN_SYNC: &str = "min.insync.replicas";

/// What IncrementalAlterConfigs does to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigOp {
    /// Sets the value.
    Set,
    /// Takes the value away: the default holds again.
    Delete,
    /// Adds items to a list.
    Append,
    /// Takes items out of a list.
    Subtract,
}

impl ConfigOp {
    /// The operation with this code of the protocol.
    pub fn from_code(code: i8) -> Option<Self> {
        Some(match code {
            0 => Self::Set,
            1 => Self::Delete,
            2 => Self::Append,
            3 => Self::Subtract,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// One change of one key.
#[derive(Debug, Clone, Copy)]
pub struct ConfigChange<'a> {
    /// The setting's name.
    pub key: &'a str,
    /// What to do.
    pub op: ConfigOp,
    /// With what; absent only for [`ConfigOp::Delete`].
    pub value: Option<&'a str>,
}

/// Plans incremental changes of one resource.
///
/// # Errors
/// INVALID_CONFIG for an unknown key, an invalid value or a list operation on something else,
/// UNKNOWN_TOPIC_OR_PARTITION for a topic that is not there.
pub fn incremental_alter_configs(
    image: &Image,
    config: &Config,
    kind: ResourceKind,
    name: &str,
    changes: &[ConfigChange<'_>],
) -> Result<Plan, ApiError> {
    let mut target = image.configs(kind, name).clone();
    for change in changes {
        let value = match change.op {
            ConfigOp::Set => change.value.map(str::to_owned),
            ConfigOp::Delete => None,
            ConfigOp::Append | ConfigOp::Subtract => {
                Some(edit_list(config, kind, &target, change)?)
            }
        };
        match value {
            Some(value) => target.insert(change.key.to_owned(), value),
            None => target.remove(change.key),
        };
    }
    // Taking away what is not there counts as well.
    let gone = |change: &&ConfigChange<'_>| change.op == ConfigOp::Delete;
    if is_pinned(image, kind) && changes.iter().filter(gone).any(|one| one.key == MIN_IN_SYNC) {
        check_pinned(name, false)?;
    }
    alter_configs(image, config, kind, name, target)
}

/// Plans that a resource has exactly these configs (the legacy AlterConfigs).
///
/// # Errors
/// As [`incremental_alter_configs`].
pub fn replace_configs(
    image: &Image,
    config: &Config,
    kind: ResourceKind,
    name: &str,
    configs: &[(&str, &str)],
) -> Result<Plan, ApiError> {
    let target = configs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    alter_configs(image, config, kind, name, target)
}

/// Plans the records that take a resource from its configs to these.
fn alter_configs(
    image: &Image,
    config: &Config,
    kind: ResourceKind,
    name: &str,
    target: BTreeMap<String, String>,
) -> Result<Plan, ApiError> {
    check_lengths(&target)?;
    check(image, config, kind, name, &target)?;
    let current = image.configs(kind, name);
    if is_pinned(image, kind) && target.get(MIN_IN_SYNC) != current.get(MIN_IN_SYNC) {
        check_pinned(name, target.contains_key(MIN_IN_SYNC))?;
    }
    let mut plan = Plan::over(image);
    let mut push = |key: &str, value: Option<&str>| {
        plan.push(&MetadataRecord::ConfigRecord(ConfigRecord {
            resource_type: kind as i8,
            resource_name: name,
            name: key,
            value,
        }));
    };
    for (key, value) in &target {
        if current.get(key) != Some(value) {
            push(key, Some(value));
        }
    }
    for key in current.keys().filter(|key| !target.contains_key(*key)) {
        push(key, None);
    }
    Ok(plan)
}

/// With eligible leader replicas there is one minimum in-sync size for the cluster, and always one
/// (KIP-966).
fn is_pinned(image: &Image, kind: ResourceKind) -> bool {
    kind == ResourceKind::Broker && image.features().contains_key(ELIGIBLE_REPLICAS)
}

/// Refuses what would change that.
fn check_pinned(name: &str, is_set: bool) -> Result<(), ApiError> {
    let why = match (name.is_empty(), is_set) {
        (true, true) => return Ok(()),
        (true, false) => {
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
        }
        (false, _) => "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
    };
    Err(ApiError::new(ErrorCode::INVALID_CONFIG, why))
}

/// Refuses values that would be cut on their way into the metadata log.
fn check_lengths(configs: &BTreeMap<String, String>) -> Result<(), ApiError> {
    match configs.iter().find(|(_, value)| value.len() > MAX_VALUE_BYTES) {
        None => Ok(()),
        Some((key, _)) => Err(ApiError::new(
            ErrorCode::INVALID_CONFIG,
            format!(
                "The value of {key} cannot be added because it exceeds the maximum value size of \
                 {MAX_VALUE_BYTES} bytes."
            ),
        )),
    }
}

fn check(
    image: &Image,
    config: &Config,
    kind: ResourceKind,
    name: &str,
    target: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let invalid = |code| move |why: config::InvalidConfig| ApiError::new(code, why.to_string());
    match kind {
        ResourceKind::Topic => {
            if image.topic(name).is_none() {
                let message = format!("The topic '{name}' does not exist.");
                return Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
            }
            TopicConfig::resolve(target, config)
                .map(drop)
                .map_err(invalid(ErrorCode::INVALID_CONFIG))
        }
        // Kafka's brokers check their own configs first, and as part of the request.
        ResourceKind::Broker => config::check_dynamic_broker(target, config, name.is_empty())
            .and_then(|()| config.check_flags(image.configs(kind, name), target))
            .map_err(invalid(ErrorCode::INVALID_REQUEST)),
        // A group need not be there yet.
        ResourceKind::Group => {
            config::check_group(target, config).map_err(invalid(ErrorCode::INVALID_CONFIG))
        }
        ResourceKind::BrokerLogger | ResourceKind::ClientMetrics => Err(ApiError::new(
            ErrorCode::INVALID_REQUEST,
            format!("Configs of resource type {} are not served by this broker.", kind as i8),
        )),
    }
}

/// The list that APPEND or SUBTRACT makes of the present value (or of the default).
fn edit_list(
    config: &Config,
    kind: ResourceKind,
    current: &BTreeMap<String, String>,
    change: &ConfigChange<'_>,
) -> Result<String, ApiError> {
    let setting = match kind {
        ResourceKind::Topic => config::topic_setting(change.key),
        ResourceKind::Group => config::group_setting(change.key),
        _ => config::broker_setting(change.key),
    };
    let is_list = setting.is_some_and(|setting| setting.kind == config::Kind::List);
    if !is_list && kind == ResourceKind::Broker {
        // A broker's own check comes before the controller's, in its own words.
        let op = change.op.name().to_lowercase();
        let message = format!("Config value {op} is not allowed for config key: {}", change.key);
        return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
    }
    if !is_list {
        let message = format!(
            "Can't {} to key {} because its type is not LIST.",
            change.op.name(),
            change.key
        );
        return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
    }
    let present = match current.get(change.key) {
        Some(value) => value.clone(),
        None => default_list(config, kind, change.key),
    };
    let split = |list: &str| {
        list.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
    };
    let mut items: Vec<String> = split(&present);
    let edits: Vec<String> = split(change.value.unwrap_or_default());
    for edit in edits {
        match change.op {
            ConfigOp::Append if !items.contains(&edit) => items.push(edit),
            ConfigOp::Subtract => items.retain(|item| *item != edit),
            _ => {}
        }
    }
    Ok(items.join(","))
}

fn default_list(config: &Config, kind: ResourceKind, key: &str) -> String {
    match kind {
        ResourceKind::Topic => config::topic_default(key, config).unwrap_or_default(),
        _ => config.get(key).unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NewTopic, NodeView, create_topic};
    use super::*;
    use crate::wire::uuid::Uuid;

    const KEY: &str = "leader.replication.throttled.replicas";

    #[test]
    fn a_list_does_not_grow_beyond_what_can_be_kept() {
        let (mut image, config) = (Image::new(), Config::default());
        let mut apply = |plan: &Plan| {
            for record in &plan.records {
                image.replay(&MetadataRecord::decode(record).unwrap()).unwrap();
            }
            image.clone()
        };
        let new =
            NewTopic { name: "t", num_partitions: 1, replication_factor: -1, ..Default::default() };
        let node = NodeView { node_id: 1, directory_id: Uuid::from_bytes([9; 16]) };
        let created = create_topic(&Image::new(), &config, node, &new, Uuid::new_v4_from([1; 16]));
        let image = apply(&created.unwrap().plan);
        let alter = |image: &Image, op, value: &str| {
            let change = ConfigChange { key: KEY, op, value: Some(value) };
            incremental_alter_configs(image, &config, ResourceKind::Topic, "t", &[change])
        };
        // Items of eight bytes with their commas: 4096 of them are 32,767 bytes.
        let items: Vec<String> = (1_000..5_096).map(|number| format!("{number}:11")).collect();
        let full = items.join(",");
        assert_eq!(full.len(), MAX_VALUE_BYTES);
        let image = apply(&alter(&image, ConfigOp::Set, &full).unwrap());
        assert_eq!(image.configs(ResourceKind::Topic, "t")[KEY], full);
        let refused = alter(&image, ConfigOp::Append, "0:0").unwrap_err();
        assert_eq!(refused.code, ErrorCode::INVALID_CONFIG);
        assert!(alter(&image, ConfigOp::Append, &items[7]).unwrap().is_empty());
    }
}
