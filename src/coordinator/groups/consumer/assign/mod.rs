//! Who is to have which partition: Kafka's assignors `uniform` and `range`, as pure functions.
//!
//! The same members, topics and earlier assignments always give the same result. Where Kafka goes
//! by the order of a hash map, this goes by the order of ids; where it sorts, it sorts alike. Rules:
//! `UniformAssignor`, `RangeAssignor` and their builders in Kafka's package `group.assignor`.

mod balancer;
mod mixed;
mod range;
mod uniform;

use crate::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Partitions by topic.
pub type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// What each member is to have.
pub type Targets = BTreeMap<Arc<str>, Arc<Partitions>>;

/// Which of Kafka's assignors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Everybody gets as much as everybody else, and keeps what it has where that allows it.
    Uniform,
    /// Of every topic each member gets a range; members and topics in order.
    Range,
}

impl Assignor {
    /// By the name that members and settings give it.
    pub fn named(name: &str) -> Option<Assignor> {
        match name {
            "uniform" => Some(Assignor::Uniform),
            "range" => Some(Assignor::Range),
            _ => None,
        }
    }
}

/// Whether all members want the same topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subscription {
    /// They do.
    #[default]
    Same,
    /// Some want others.
    Mixed,
}

/// One member, as an assignor sees it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id.
    pub id: Arc<str>,
    /// Its own name, if it is a static member.
    pub instance_id: Option<Arc<str>>,
    /// The topics that it wants, of those that there are.
    pub topics: Arc<BTreeSet<Uuid>>,
    /// What it is to have so far.
    pub assigned: Arc<Partitions>,
}

/// What an assignor goes by.
pub struct Request<'a> {
    /// In the order of their ids.
    pub members: &'a [Candidate],
    /// See [`Subscription`].
    pub subscription: Subscription,
    /// Whether somebody is to have a partition so far.
    pub is_assigned: &'a dyn Fn(Uuid, i32) -> bool,
    /// How many partitions a topic has.
    pub partitions: &'a dyn Fn(Uuid) -> Option<i32>,
}

/// Why there is no assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotAssign {
    /// Members want a topic that is not there.
    NoSuchTopic(Uuid),
    /// Partitions were left that nobody has room for.
    LeftOver,
}

impl fmt::Display for CannotAssign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotAssign::NoSuchTopic(id) => write!(
                f,
                "Members are subscribed to topic {id} which doesn't exist in the topic metadata."
            ),
            CannotAssign::LeftOver => f.write_str("Partitions were left unassigned"),
        }
    }
}

impl Request<'_> {
    fn partitions_of(&self, topic: Uuid) -> Result<i32, CannotAssign> {
        (self.partitions)(topic).ok_or(CannotAssign::NoSuchTopic(topic))
    }
}

/// Computes what each member is to have. Members that are not in the result are to have nothing.
///
/// # Errors
/// See [`CannotAssign`].
pub fn assign(assignor: Assignor, request: &Request<'_>) -> Result<Targets, CannotAssign> {
    match (assignor, request.subscription) {
        _ if request.members.is_empty() => Ok(Targets::new()),
        (Assignor::Range, subscription) => range::assign(request, subscription),
        (Assignor::Uniform, Subscription::Same) => uniform::assign(request),
        (Assignor::Uniform, Subscription::Mixed) => mixed::assign(request),
    }
}

#[cfg(test)]
mod tests;
