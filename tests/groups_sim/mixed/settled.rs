//! What must be when there has been peace for a while, and when everybody has gone for long.

use super::client::{Client, Kind};
use super::{Parts, Sim};
use crate::member::Phase;
use crate::replica::{compacted, groups};
use barnabas::coordinator::groups::classic;
use barnabas::coordinator::groups::consumer::assign::{
    Assignor, Candidate, Request, Subscription, Targets, assign,
};
use barnabas::coordinator::groups::consumer::{Consumer, Member, State};
use barnabas::coordinator::groups::{Kind as GroupKind, TopicsView};
use barnabas::wire::group_records::GroupKey;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Sim {
    pub(super) fn settled(&self) {
        let names: BTreeSet<&str> = self.clients.iter().map(|client| &*client.group).collect();
        for group in names {
            let is_in = |client: &&Client| client.group == group && !client.is_away();
            let living: Vec<&Client> = self.clients.iter().filter(is_in).collect();
            let is_modern = |client: &&Client| matches!(client.kind, Kind::Modern(_));
            if living.is_empty() {
                self.is_left(group);
            } else if living.iter().any(is_modern) {
                self.consumer_settled(group, &living);
            } else {
                self.classic_settled(group, &living);
            }
            self.all_is_consumed(group, &living);
        }
        let waiting = &self.coordinator.waiting;
        assert!(waiting.is_empty(), "{waiting:?} still wait");
    }

    fn is_left(&self, group: &str) {
        let shard = &self.coordinator.shard;
        if let Ok(group) = shard.describe_consumer(group) {
            assert_eq!(group.state(), State::Empty, "{}", group.id);
        }
        if let Some(group) = shard.classic(group) {
            assert!(group.is_empty() && group.members.is_empty(), "{}: everybody left", group.id);
        }
    }

    fn consumer_settled(&self, group: &str, living: &[&Client]) {
        let group = self.coordinator.shard.describe_consumer(group).unwrap();
        assert_eq!(group.members.len(), living.len(), "{}: {living:#?} are in", group.id);
        assert_eq!(group.state(), State::Stable, "{}: {group:#?}", group.id);
        for client in living {
            let id = client.member_id().unwrap();
            let target = group.target(id);
            let target: Parts =
                target.iter().flat_map(|(id, list)| list.iter().map(|one| (*id, *one))).collect();
            assert_eq!(*client.owned(), target, "{}: {client:#?} has its target", group.id);
            if let Kind::Modern(modern) = &client.kind {
                assert!(modern.is_settled(), "{modern:#?}");
            }
        }
        self.is_as_assigned(group);
    }

    /// Nothing has changed since the last targets, so the assignor gives the same again: either of them, for a
    /// member may like another one better since then, which is no reason for new targets. The uniform one,
    /// where members want different things, may still find something better.
    fn is_as_assigned(&self, group: &Consumer) {
        let members = self.candidates(group);
        if members.windows(2).any(|two| two[0].topics != two[1].topics) {
            return;
        }
        let is_assigned = |topic, partition| {
            let has = |member: &Candidate| {
                member.assigned.get(&topic).is_some_and(|list| list.contains(&partition))
            };
            members.iter().any(has)
        };
        let partitions = |topic| self.coordinator.topics.partitions(topic);
        let request = Request {
            members: &members,
            subscription: Subscription::Same,
            is_assigned: &is_assigned,
            partitions: &partitions,
        };
        let gives_the_same = |assignor: &Assignor| {
            let mut again: Targets = assign(*assignor, &request).unwrap();
            members.iter().all(|one| again.remove(&one.id).unwrap_or_default() == one.assigned)
        };
        let same = [Assignor::Uniform, Assignor::Range].iter().any(gives_the_same);
        assert!(same, "{}: {members:#?} by no assignor", group.id);
    }

    fn candidates(&self, group: &Consumer) -> Vec<Candidate> {
        let topics = &self.coordinator.topics;
        let resolved = |regex: &str| group.regexes.get(regex).map(|one| one.topics.clone());
        let one = |member: &Member| {
            let by_regex = resolved(&member.regex).unwrap_or_default();
            let names = member.topics.iter().chain(by_regex.iter());
            let topics = Arc::new(names.filter_map(|name| topics.id(name)).collect());
            let (id, instance_id) = (member.id.clone(), member.instance_id.clone());
            Candidate { assigned: group.target(&id), id, instance_id, topics }
        };
        group.members.values().map(one).collect()
    }

    fn classic_settled(&self, id: &str, living: &[&Client]) {
        let group = self.coordinator.shard.classic(id);
        let Some(group) = group else { panic!("{id}: {living:#?} are in no classic group") };
        assert_eq!(group.state, classic::State::Stable, "{id}");
        assert_eq!(group.members.len(), living.len(), "{id}: {living:#?} are in");
        for client in living {
            let Kind::Classic(classic) = &client.kind else { continue };
            assert_eq!(classic.phase, Phase::Member, "{id}: {classic:#?}");
            assert_eq!(classic.generation, group.generation, "{id}: {classic:#?}");
        }
    }

    /// Each partition that somebody wants is consumed by one who wants it.
    fn all_is_consumed(&self, group: &str, living: &[&Client]) {
        let mut consumed = Parts::new();
        for client in living {
            for (topic, partition) in client.owned() {
                let name = self.coordinator.topics.name(*topic);
                let wants = name.is_some_and(|name| client.wants(&name));
                assert!(wants, "{group}: {client:#?} does not want {topic}");
                assert!(
                    consumed.insert((*topic, *partition)),
                    "{group}: {topic} {partition} twice"
                );
            }
        }
        let mut wanted = Parts::new();
        for (name, id, partitions) in self.coordinator.topics.each() {
            if living.iter().any(|client| client.wants(name)) {
                wanted.extend((0..partitions).map(|partition| (id, partition)));
            }
        }
        assert_eq!(consumed, wanted, "{group}: all is consumed that is wanted");
    }

    /// Everybody has gone, and what they left has ended: there is nothing, here and in the log.
    pub(super) fn forgotten(&mut self) {
        let shard = &self.coordinator.shard;
        self.model.check(shard, &self.coordinator.replica, super::wall(self.now));
        assert!(self.model.is_empty(), "{:?} has not ended", self.model);
        for kind in [GroupKind::Classic, GroupKind::Consumer] {
            let left = groups(shard, kind);
            assert!(left.is_empty(), "{left:?} are still there");
        }
        assert!(self.coordinator.waiting.is_empty(), "nobody is left to be answered");
        assert_eq!(shard.next_tick(), None, "nothing is left to be waited for");
        let mut left = compacted(&self.coordinator.log, false);
        let foreign = crate::replica::foreign(shard);
        left.retain(|record| {
            let key = GroupKey::decode(&record.key).unwrap();
            !matches!(key, GroupKey::Foreign(key) if foreign.contains_key(key.group_id))
        });
        assert!(left.is_empty(), "{left:?} say nothing any more");
    }
}
