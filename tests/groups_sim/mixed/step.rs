//! What clients do when it is their turn.

use super::client::{self, Client, Kind};
use super::modern::Stage;
use super::offsets::some_of;
use super::request::{Ask, Commit, Who};
use super::{Event, Sim, Value, wall};
use crate::member::Phase;
use barnabas::coordinator::groups::{Reply, Token, TopicsView};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::uuid::Uuid;

impl Sim {
    /// A client comes, or comes back.
    pub(super) fn come(&mut self, at: usize) {
        self.count += 1;
        let id = format!("m{at}-{}", self.count);
        match &mut self.clients[at].kind {
            Kind::Modern(modern) => modern.start(id),
            Kind::Classic(classic) => classic.start_anew(),
            Kind::Simple => {}
        }
    }

    /// A client goes; not everybody says so.
    pub(super) fn go(&mut self, at: usize) {
        let mut who = self.clients[at].who();
        let leaves = self.random.chance(70);
        let for_now = who.instance.is_some() && self.random.chance(50);
        match &self.clients[at].kind {
            Kind::Modern(modern) if modern.stage == Stage::In && leaves => {
                who.epoch = if for_now { -2 } else { -1 };
                self.send(at, who, Ask::Report { wishes: None, owned: None });
            }
            Kind::Classic(classic) if classic.phase == Phase::Member && leaves => {
                self.send(at, who, Ask::Leave);
            }
            _ => {}
        }
        self.clients[at].die();
    }

    pub(super) fn act(&mut self, at: usize) {
        if self.now >= self.commits_until {
            return;
        }
        if self.chaos {
            self.mischief(at);
        }
        let mut next = self.now + 200 + self.random.below(600) as i64;
        if self.clients[at].asleep_until > self.now {
            next = self.clients[at].asleep_until;
        } else {
            match &self.clients[at].kind {
                Kind::Modern(_) => self.act_modern(at),
                Kind::Classic(_) => self.act_classic(at),
                Kind::Simple if self.commits_until == i64::MAX => {
                    next += 3_000;
                    self.commit(at);
                }
                Kind::Simple => {
                    next += self.plan.retention / 5;
                    self.commit(at);
                }
            }
        }
        // Days are not for those who are gone.
        let is_simple = matches!(self.clients[at].kind, Kind::Simple);
        if is_simple || self.chaos || !self.clients[at].is_away() {
            self.at(next, Event::Act(at));
        }
    }

    fn mischief(&mut self, at: usize) {
        let (roll, now) = (self.random.below(1_000), self.now);
        let is_away = self.clients[at].is_away();
        let session = i64::from(self.coordinator.settings.consumer.session_timeout);
        match roll {
            0..40 if is_away => self.come(at),
            _ if is_away => {}
            0..3 => self.clients[at].die(),
            3..7 => self.go(at),
            7..10 => self.clients[at].asleep_until = now + 2 * session,
            10..16 => {
                let (wishes, topics) =
                    (client::wishes(&mut self.random), client::some_topics(&mut self.random));
                match &mut self.clients[at].kind {
                    Kind::Modern(modern) => modern.wish(wishes),
                    Kind::Classic(classic) if classic.phase == Phase::Member => {
                        classic.topics = topics;
                        classic.join_again();
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn act_modern(&mut self, at: usize) {
        let (now, lags) = (self.now, self.chaos && self.random.chance(10));
        let most = if lags { 40_000 } else { 1_500 };
        let delay = self.random.below(most) as i64;
        let client = &mut self.clients[at];
        let Kind::Modern(modern) = &mut client.kind else { return };
        if modern.stage == Stage::Away {
            return;
        }
        let took = modern.settle(now, delay);
        if client.waiting.is_some() && client.patience < now {
            modern.lost();
            client.waiting = None;
        }
        if client.waiting.is_none() && modern.next_report <= now {
            let asked = modern.report();
            client.patience = now + 3_000;
            let who = client.who();
            let token = self.send(at, who, asked);
            self.clients[at].waiting = Some(token);
        }
        if took {
            self.took(at);
            self.fetch(at);
        }
        if self.random.chance(20) {
            self.commit(at);
        }
    }

    fn act_classic(&mut self, at: usize) {
        let now = self.now;
        let client = &mut self.clients[at];
        let who = client.who();
        let Kind::Classic(classic) = &mut client.kind else { return };
        match classic.phase {
            Phase::Away => {}
            Phase::ToJoin => {
                client.patience = now + i64::from(classic.rebalance) + 5_000;
                let syncs = classic.syncs;
                let asked = classic.go_on(&self.coordinator.topics);
                let token = self.send(at, who, asked);
                if let Kind::Classic(classic) = &mut self.clients[at].kind {
                    classic.phase =
                        if syncs { Phase::Syncing(token) } else { Phase::Joining(token) };
                }
            }
            Phase::Joining(_) | Phase::Syncing(_) if client.patience < now => classic.join_again(),
            Phase::Joining(_) | Phase::Syncing(_) => {}
            Phase::Member if classic.must_assign_anew(&self.coordinator.topics) => {
                classic.join_again();
            }
            Phase::Member if classic.beat.is_none() || client.patience < now => {
                client.patience = now + 3_000;
                let token = self.send(at, who, Ask::Beat);
                if let Kind::Classic(classic) = &mut self.clients[at].kind {
                    classic.beat = Some(token);
                }
                self.commit(at);
                self.fetch(at);
            }
            Phase::Member => {}
        }
    }

    /// Commits something that is the client's to commit, or for a simple one anything.
    fn commit(&mut self, at: usize) {
        self.count += 1;
        let (first, roll) = (self.count as i64, self.random.next());
        let client = &self.clients[at];
        let topics = &self.coordinator.topics;
        let place = match client.kind {
            Kind::Simple => {
                let each = topics.each().filter(|(.., partitions)| *partitions > 0);
                let all: Vec<_> = each.map(|(_, id, partitions)| (id, partitions)).collect();
                let some = all.get(roll as usize % all.len().max(1)).copied();
                some.map(|(id, partitions)| (id, ((roll >> 32) as i32 & 0xff) % partitions.max(1)))
            }
            _ => some_of(client.owned(), roll),
        };
        let Some((topic_id, partition)) = place else { return };
        let Some(topic) = topics.name(topic_id).map(|name| name.to_string()) else { return };
        let also = partition + 1;
        let mut partitions = vec![(partition, first, self.random.below(5) as i32 - 1)];
        if client.owned().contains(&(topic_id, also)) || self.random.chance(5) {
            partitions.push((also, first + 1, -1));
        }
        let version = 9 + self.random.below(2) as i16;
        let who = client.who();
        self.send(at, who, Ask::Commit(Commit { version, topic, topic_id, partitions }));
    }

    /// What became of a commit.
    pub(super) fn committed(
        &mut self,
        who: &Who,
        commit: &Commit,
        token: Token,
        replies: &[(Token, Reply)],
        (died, may): (bool, &[bool]),
    ) {
        let key = |partition| (who.group.clone(), commit.topic.clone(), partition);
        let topic_id = self.coordinator.topics.id(&commit.topic).unwrap_or(Uuid::ZERO);
        let committed_at = wall(self.now);
        let value =
            |(_, offset, leader_epoch)| Value { offset, leader_epoch, committed_at, topic_id };
        if died {
            for one in &commit.partitions {
                self.model.doubt(key(one.0), Some(value(*one)));
            }
            return;
        }
        let found = replies.iter().find(|(to, _)| *to == token);
        let Some((_, Reply::Commit(reply))) = found else { panic!("{commit:?} is answered") };
        let codes = &reply.topics[0].partitions;
        let refused = |code: ErrorCode| {
            let known = [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID];
            code != ErrorCode::NONE && code != ErrorCode::NOT_COORDINATOR && !known.contains(&code)
        };
        let mut may_all = true;
        for (one, may) in commit.partitions.iter().zip(may) {
            let code =
                codes.iter().find(|(partition, _)| *partition == one.0).map(|(_, code)| *code);
            let code = code.unwrap();
            if code == ErrorCode::NONE {
                assert!(may, "{who:?} commits {one:?} of {}", commit.topic);
                self.commits += 1;
                self.model.put(key(one.0), value(*one));
            }
            may_all &= may;
        }
        let any_refused = codes.iter().any(|(_, code)| refused(*code));
        let too_many = codes.iter().any(|(_, code)| *code == ErrorCode::UNKNOWN_SERVER_ERROR);
        assert!(!any_refused || !may_all || too_many, "{who:?} may commit: {codes:?}");
    }

    /// Fetches all offsets that the client's group has, as the client.
    fn fetch(&mut self, at: usize) {
        let shard = &self.coordinator.shard;
        self.model.check(shard, &self.coordinator.replica, wall(self.now));
        let who = self.clients[at].who();
        let fetched = shard.fetch(&who.group, (Some(&who.id), who.epoch), true);
        let Ok(group) = shard.describe_consumer(&who.group) else {
            assert!(fetched.is_ok(), "a classic group lets everybody fetch");
            return;
        };
        let known = group.members.get(&*who.id).map(|member| member.epoch);
        assert_eq!(fetched.is_ok(), known == Some(who.epoch), "{who:?} of {known:?} fetches");
        let Ok(fetched) = fetched else { return };
        for (_, topic, partition) in self.model.of_group(&who.group) {
            let found = fetched.get(&topic, Uuid::ZERO, partition).unwrap();
            let stored = shard.offsets().get(&who.group, &topic, partition);
            assert_eq!(found, stored, "{topic} {partition}");
        }
    }
}

impl Client {
    pub(super) fn member_id(&self) -> Option<&str> {
        match &self.kind {
            Kind::Modern(modern) => Some(&modern.id),
            Kind::Classic(classic) => Some(&classic.id),
            Kind::Simple => None,
        }
    }
}
