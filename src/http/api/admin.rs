//! `POST /v1/topics` and `DELETE /v1/topics/{name}`: what CreateTopics and DeleteTopics do, by the same planning
//! and with the same errors.

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::response::Response;
use super::configs::explained;
use super::controlled;
use super::pairs::Pairs;
use crate::broker::{Controller, Shared};
use crate::catalog::{ApiError, Created, NewTopic};
use crate::kafka::MAX_PARTITIONS_PER_REQUEST;
use crate::wire::error::ErrorCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    name: String,
    /// None or −1: what the broker's settings say.
    #[serde(default)]
    partitions: Option<i32>,
    #[serde(default)]
    replication_factor: Option<i16>,
    #[serde(default)]
    configs: Pairs,
}

#[derive(Serialize)]
struct Told<'t> {
    name: &'t str,
    topic_id: String,
    partitions: i32,
    replication_factor: i16,
    configs: &'t BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Deleted<'t> {
    deleted: &'t str,
    partitions_removed: usize,
}

pub(super) fn create(shared: &Shared, query: &Query, asked: Asked) -> Result<Response, Problem> {
    let name = asked.name.clone();
    let validate_only = query.flag("validate_only");
    let created = controlled(shared, move |controller| {
        asked.create(controller, validate_only).map_err(|why| explained(why, &asked.configs.0))
    })??;
    let Created { id, partitions, replication_factor, configs, .. } = &created;
    let (name, topic_id) = (name.as_str(), id.to_string());
    let (partitions, replication_factor) = (*partitions, *replication_factor);
    let told = Told { name, topic_id, partitions, replication_factor, configs };
    Ok(Response::json(if validate_only { 200 } else { 201 }, &told))
}

impl Asked {
    fn create(
        &self,
        controller: &mut Controller,
        validate_only: bool,
    ) -> Result<Created, ApiError> {
        let default = controller.shared().config().num_partitions();
        let num_partitions = self.partitions.unwrap_or(-1);
        let count = if num_partitions == -1 { default } else { num_partitions };
        if i64::from(count) > MAX_PARTITIONS_PER_REQUEST {
            let text = "Excessively large number of partitions per request.";
            return Err(ApiError::new(ErrorCode::POLICY_VIOLATION, text));
        }
        let Pairs(configs) = &self.configs;
        let topic = NewTopic {
            name: &self.name,
            num_partitions,
            replication_factor: self.replication_factor.unwrap_or(-1),
            configs: configs.iter().map(|(name, value)| (&**name, value.as_deref())).collect(),
            ..Default::default()
        };
        controller.create_topic(&topic, validate_only)
    }
}

pub(super) fn delete(shared: &Shared, name: &str) -> Result<Response, Problem> {
    let owned = name.to_owned();
    let partitions_removed = controlled(shared, move |controller| {
        let shared = controller.shared();
        if !shared.config().delete_topic_enable() {
            return Err(Problem::from(ErrorCode::TOPIC_DELETION_DISABLED));
        }
        let found = shared.image().topic(&owned).map(|topic| (topic.id, topic.partitions.len()));
        let (id, partitions) = found.ok_or_else(super::topics::unknown)?;
        controller.delete_topic(id)?;
        Ok(partitions)
    })??;
    Ok(Response::json(200, &Deleted { deleted: name, partitions_removed }))
}
