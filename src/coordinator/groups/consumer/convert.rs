//! Groups with members go from one protocol to the other (`group.consumer.migration.policy`).
//!
//! A classic group becomes a consumer group with its first member of that protocol, a consumer group a
//! classic one with the last. Nobody loses what it has: generation and epoch go on from each other.

use super::super::classic::{self, Classic};
use super::super::{JoinReply, Reply, Settings, SyncReply, Timer, World};
use super::assign::Partitions;
use super::embedded::{Subscription, read_assignment, write_assignment};
use super::member::since;
use super::plan::{Alarm, Plan};
use super::{ClassicSide, Consumer, Member, Refusal, hash, records};
use crate::wire::error::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A classic group as a consumer group (`convertToConsumerGroup`); its members join again, and
/// those who wait in a rebalance are told so.
pub(super) fn upgrade(
    group: &Classic,
    world: &World<'_>,
    plan: &mut Plan,
) -> Result<Consumer, Refusal> {
    let id = &group.id;
    let refuse = |why: &str| {
        let message = format!("Cannot upgrade classic group {id} to consumer group because {why}.");
        Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
    };
    let settings = &world.settings.consumer;
    if !settings.upgrades {
        return Err(refuse("online upgrade is disabled"));
    } else if !group.is_of_consumers() {
        return Err(refuse("the group does not use the consumer embedded protocol"));
    } else if group.members.len() > settings.max_size {
        return Err(refuse("the group size exceeds the consumer group maximum size"));
    }
    let Some(protocol) = &group.protocol else {
        // Its first rebalance is not over: Kafka fails here.
        return Err(Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, "No value present"));
    };
    let malformed = || refuse("the embedded consumer protocol is malformed");
    let mut consumer = Consumer::new(id.clone());
    (consumer.epoch, consumer.target_epoch) = (group.generation, group.generation);
    let mut is_amiss = false;
    for classic in group.members.values() {
        let (assigned, has_more) = match &*classic.assignment {
            // It has never synced.
            [] => (Partitions::new(), false),
            bytes => read_assignment(bytes, world).ok_or_else(malformed)?,
        };
        if has_more {
            return Err(refuse(
                "an unsupported custom assignor is in use. Please refer to the documentation or \
                 switch to a default assignor before re-attempting the upgrade",
            ));
        }
        let metadata = classic.metadata(protocol).ok_or_else(malformed)?;
        let subscription = Subscription::read(metadata).ok_or_else(malformed)?;
        let (said, assigned) = (assigned.clone(), consumer.not_given_yet(assigned, world));
        is_amiss |= assigned != said;
        consumer.put(upgraded(classic, &subscription, &assigned, group.generation));
        consumer.set_target(&classic.id, Some(assigned));
    }
    consumer.metadata_hash = hash::of_group(&consumer.wishes, world);
    // What they have is of the generation before, or their topics have grown since. Kafka relies on the
    // newcomer's topics to change that, but it need not name any, nor others than the static member
    // whose place it takes.
    let is_old = group.state != classic::State::Stable || consumer.leaves_something_out(world);
    plan.overdue = is_old || is_amiss;
    plan.records.push(group.tombstone());
    plan.records.extend(consumer.all_records());
    plan.alarms.extend(group.timers().into_iter().map(Alarm::Cancel));
    for classic in group.members.values() {
        let session = Timer::Session(id.clone(), classic.id.clone());
        plan.alarms.push(Alarm::Set(session, classic.session_timeout));
        release(classic, plan);
    }
    ::log::info!(group:% = id; "the classic group becomes a consumer group");
    Ok(consumer)
}

/// Whoever waits in a classic group is to join again.
fn release(member: &classic::Member, plan: &mut Plan) {
    let code = ErrorCode::REBALANCE_IN_PROGRESS;
    if let Some(token) = member.join {
        let reply = JoinReply::failed(code, member.id.clone());
        plan.released.push((token, Reply::Join(reply)));
    }
    if let Some(token) = member.sync {
        plan.released.push((token, Reply::Sync(SyncReply::failed(code))));
    }
}

fn upgraded(
    classic: &classic::Member,
    subscription: &Subscription,
    assigned: &Partitions,
    generation: i32,
) -> Member {
    let side = ClassicSide {
        session_timeout: classic.session_timeout,
        protocols: classic.protocols.clone(),
    };
    Member {
        epoch: generation,
        previous_epoch: generation,
        instance_id: classic.instance_id.clone(),
        rack_id: subscription.rack.clone(),
        rebalance_timeout: classic.rebalance_timeout,
        client_id: classic.client_id.clone(),
        client_host: classic.client_host.clone(),
        topics: Arc::new(subscription.topics.clone()),
        assigned: Arc::new(since(assigned, generation)),
        classic: Some(Arc::new(side)),
        ..Member::new(classic.id.clone())
    }
}

impl Consumer {
    /// All records of the group, in Kafka's order.
    fn all_records(&self) -> Vec<super::super::Record> {
        let id = &*self.id;
        let members = || self.members.values();
        let mut all: Vec<_> = members().map(|member| records::member(id, member)).collect();
        all.push(records::epoch(id, self.epoch, self.metadata_hash));
        all.extend(
            members().map(|member| records::target(id, &member.id, &self.target(&member.id))),
        );
        all.push(records::target_epoch(id, self.target_epoch, self.target_time));
        all.extend(members().map(|member| records::current(id, member)));
        all
    }

    /// What a leader gave, without partitions that are not there (a topic was made again, and smaller) and
    /// those that it gave somebody before. Kafka fails at either.
    fn not_given_yet(&self, mut assigned: Partitions, world: &World<'_>) -> Partitions {
        for (topic, list) in &mut assigned {
            let count = world.topics.partitions(*topic).unwrap_or(0);
            list.retain(|partition| {
                (0..count).contains(partition) && !self.targeted.contains_key(&(*topic, *partition))
            });
        }
        assigned
    }

    /// Whether there are partitions of its topics that nobody is to have.
    fn leaves_something_out(&self, world: &World<'_>) -> bool {
        let mut wanted = self.wishes.topics().filter_map(|name| world.topics.id(name));
        wanted.any(|topic| {
            let count = world.topics.partitions(topic).unwrap_or(0);
            (0..count).any(|partition| !self.targeted.contains_key(&(topic, partition)))
        })
    }

    /// Whether only classic members are left without some members.
    pub(super) fn may_downgrade_without(&self, gone: &[&Member], settings: &Settings) -> bool {
        let classic = gone.iter().filter(|member| member.classic.is_some()).count();
        let left = self.members.len().saturating_sub(gone.len());
        self.classic_members.saturating_sub(classic) == left
            && left > 0
            && settings.consumer.downgrades
            && left <= settings.max_size
    }

    /// The group as a classic one, without some members, or with a classic one in the place of the
    /// static member of its name (`convertToClassicGroup`). Nothing if a subscription is malformed.
    pub(super) fn downgrade(
        &self,
        gone: &[&Member],
        joins: Option<&Member>,
        rebalance: Option<&'static str>,
        plan: &mut Plan,
        world: &World<'_>,
    ) -> Option<()> {
        let replaced = joins.and_then(|member| self.static_member(member.instance_id.as_deref()?));
        plan.records.extend(self.tombstones_of(&|id| match (replaced, joins) {
            (Some(replaced), Some(joins)) if &*replaced.id == id => joins.id.clone(),
            _ => id.into(),
        }));
        self.members.keys().for_each(|member| plan.forget(member));
        let mut group = Classic::new(self.id.clone(), world.now_ms);
        group.generation = self.epoch;
        let stays = |member: &&Member| {
            let is_gone = gone.iter().any(|gone| gone.id == member.id);
            !is_gone && replaced.is_none_or(|replaced| replaced.id != member.id)
        };
        for member in self.members.values().filter(stays).chain(joins) {
            group.add(downgraded(member)?, &"consumer".into());
        }
        group.state = classic::State::Stable;
        group.protocol = group.elect_protocol();
        let protocol = group.protocol.clone()?;
        group.subscribe_to(group.subscribed_topics());
        let mut given = BTreeMap::new();
        for member in group.members.values() {
            let is_new = joins.is_some_and(|joins| joins.id == member.id);
            let owner = replaced.filter(|_| is_new).map_or(&member.id, |replaced| &replaced.id);
            let metadata = member.metadata(&protocol)?;
            let assignment = write_assignment(metadata, &self.target(owner), world)?;
            given.insert(member.id.clone(), assignment);
        }
        group.assign(|id| given.remove(id).unwrap_or_else(|| Arc::from([])));
        let assigned = |id: &Arc<str>| {
            let member = group.members.get(id);
            member.map(|member| member.assignment.clone()).unwrap_or_else(|| Arc::from([]))
        };
        plan.records.push(group.record(&assigned));
        plan.classic = Some((Box::new(group), rebalance));
        ::log::info!(group:% = self.id; "the consumer group becomes a classic group");
        Some(())
    }
}

fn downgraded(member: &Member) -> Option<classic::Member> {
    let side = member.classic.as_ref()?;
    Some(classic::Member {
        id: member.id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: member.rebalance_timeout,
        session_timeout: side.session_timeout,
        protocols: side.protocols.clone(),
        assignment: Arc::from([]),
        join: None,
        sync: None,
        is_new: false,
        expected: 0,
        alarm: None,
    })
}
