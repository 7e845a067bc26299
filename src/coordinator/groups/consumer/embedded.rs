//! What classic members of consumer groups send and get as bytes: their subscriptions and
//! assignments (`ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`).
//!
//! A later version only adds fields, so what is not known here is passed over.

use super::super::World;
use super::assign::Partitions;
use crate::wire::codec::{DecodeError, Reader, Writer};
use std::collections::BTreeSet;
use std::sync::Arc;

const NEWEST: i16 = 3;

/// A member's subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) topics: BTreeSet<Arc<str>>,
    /// The partitions that it says it has.
    pub(super) owned: Vec<(Arc<str>, Vec<i32>)>,
    pub(super) rack: Option<Arc<str>>,
}

impl Subscription {
    /// Nothing if it is malformed.
    pub(super) fn read(bytes: &[u8]) -> Option<Subscription> {
        let mut r = Reader::new(bytes);
        let version = version(&mut r)?;
        let topics = list(&mut r, |r| string(r)?)?.into_iter().collect();
        data(&mut r)?;
        let owned = if version >= 1 { list(&mut r, partitions)? } else { Vec::new() };
        if version >= 2 {
            r.read_i32().ok()?;
        }
        let rack = if version >= 3 { string(&mut r)? } else { None };
        Some(Subscription { topics, owned, rack: rack.filter(|rack| !rack.is_empty()) })
    }

    /// The partitions that it says it has, of the topics that there are.
    pub(super) fn partitions(&self, world: &World<'_>) -> Partitions {
        by_id(&self.owned, world)
    }
}

/// What a member was given, of the topics that there are; nothing if it is malformed. Whether
/// there is more to it, which only the members' own assignor understands.
pub(super) fn read_assignment(bytes: &[u8], world: &World<'_>) -> Option<(Partitions, bool)> {
    let mut r = Reader::new(bytes);
    let assigned = assigned(&mut r)?;
    let has_more = data(&mut r)? > 0;
    Some((by_id(&assigned, world), has_more))
}

/// The same by the topics' names, whether they are there or not.
pub(in super::super) fn named_assignment(bytes: &[u8]) -> Option<Vec<(Arc<str>, Vec<i32>)>> {
    assigned(&mut Reader::new(bytes))
}

fn assigned(r: &mut Reader<'_>) -> Option<Vec<(Arc<str>, Vec<i32>)>> {
    version(r)?;
    list(r, partitions)
}

/// An assignment for a member with this metadata; nothing if that is malformed.
pub(super) fn write_assignment(
    metadata: &[u8],
    assigned: &Partitions,
    world: &World<'_>,
) -> Option<Arc<[u8]>> {
    let version = version(&mut Reader::new(metadata))?;
    let named: Vec<_> = assigned
        .iter()
        .filter_map(|(topic, list)| Some((world.topics.name(*topic)?, list)))
        .collect();
    let mut w = Writer::new();
    w.write_i16(version);
    w.write_len(Some(named.len()), false);
    for (topic, list) in &named {
        w.write_string_len(Some(topic.len()), false);
        w.write_slice(topic.as_bytes());
        w.write_len(Some(list.len()), false);
        list.iter().for_each(|partition| w.write_i32(*partition));
    }
    w.write_len(None, false);
    Some(w.into_bytes().into())
}

fn by_id(named: &[(Arc<str>, Vec<i32>)], world: &World<'_>) -> Partitions {
    let one = |(topic, list): &(Arc<str>, Vec<i32>)| {
        Some((world.topics.id(topic)?, list.iter().copied().collect()))
    };
    named.iter().filter_map(one).collect()
}

/// Of what is read and written: the newest one stands for all that come.
fn version(r: &mut Reader<'_>) -> Option<i16> {
    let version = r.read_i16().ok()?;
    (version >= 0).then_some(version.min(NEWEST))
}

fn list<T>(r: &mut Reader<'_>, one: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let count = r.read_i32().ok()?;
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(one(r)?);
    }
    Some(list)
}

fn partitions(r: &mut Reader<'_>) -> Option<(Arc<str>, Vec<i32>)> {
    Some((string(r)??, list(r, |r| r.read_i32().ok())?))
}

/// The outer one is nothing if it is malformed, the inner one if it is null.
fn string(r: &mut Reader<'_>) -> Option<Option<Arc<str>>> {
    let Some(len) = ok(r.read_string_len(false))? else { return Some(None) };
    let bytes = ok(r.read_slice(len))?;
    Some(Some(std::str::from_utf8(bytes).ok()?.into()))
}

/// Passes bytes over; how many they were.
fn data(r: &mut Reader<'_>) -> Option<usize> {
    let len = r.read_i32().ok()?;
    let len = usize::try_from(len.max(0)).ok()?;
    ok(r.read_slice(len)).map(<[u8]>::len)
}

fn ok<T>(read: Result<T, DecodeError>) -> Option<T> {
    read.ok()
}
