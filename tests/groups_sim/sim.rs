//! The simulation: consumers, a network that loses, repeats and delays, a coordinator that dies. Time
//! is virtual: hours pass in seconds.

use super::coordinator::Coordinator;
use super::member::{Member, PARTITIONS, Phase, Step};
use super::random::Random;
use super::request::{Request, ask};
use super::topics::Topics;
use barnabas::coordinator::groups::{Caller, Reply, Settings, Token};
use std::collections::{BTreeMap, HashMap};

/// What the seed decides.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub groups: u64,
    pub members: usize,
    /// Faults stop after this long, in virtual milliseconds.
    pub chaos: i64,
    /// How long it takes, in peace, until everything must be in order.
    pub peace: i64,
    /// In percent.
    pub lost: u64,
    pub repeated: u64,
    pub restarts: u64,
    /// One append in so many fails; 0: none.
    pub failures: u64,
    /// At most so many members a group; 0: any.
    pub max_size: usize,
}

#[derive(Debug)]
enum Event {
    Act(usize),
    Deliver(usize, Token, Request),
    /// With the number of the group's life in which it was given.
    Answer(usize, Token, Reply, u64),
    Tick,
    Restart,
}

/// See the module's comment.
pub struct Sim {
    plan: Plan,
    random: Random,
    coordinator: Coordinator,
    members: Vec<Member>,
    queue: BTreeMap<(i64, u64), Event>,
    count: u64,
    asked: HashMap<Token, usize>,
    /// Who has a partition of a group in a generation.
    owners: HashMap<(String, u64, i32, u8), String>,
    now: i64,
    /// When the next tick is to come.
    tick_at: Option<i64>,
    chaos: bool,
    /// Events that were handled.
    pub steps: u64,
    /// Assignments that reached their members.
    pub assigned: u64,
}

impl Sim {
    pub fn new(plan: Plan) -> Sim {
        let mut random = Random::new(plan.seed);
        let mut settings = Settings {
            initial_rebalance_delay: [0, 500, 3000][random.below(3) as usize],
            ..Settings::default()
        };
        if plan.max_size > 0 {
            settings.max_size = plan.max_size;
        }
        let mut coordinator = Coordinator::new(settings, Topics::with("t", i32::from(PARTITIONS)));
        coordinator.failures = plan.failures;
        coordinator.check_each = 1 + plan.members as u64 / 20;
        let members = (0..plan.members).map(|at| member(at, &plan, &mut random)).collect();
        let mut sim = Sim {
            random,
            coordinator,
            members,
            queue: BTreeMap::new(),
            count: 0,
            asked: HashMap::new(),
            owners: HashMap::new(),
            now: 0,
            tick_at: None,
            chaos: true,
            steps: 0,
            assigned: 0,
            plan,
        };
        for at in 0..sim.members.len() {
            let start = sim.random.below(5_000) as i64;
            sim.at(start, Event::Act(at));
        }
        let chaos = sim.plan.chaos;
        for _ in 0..sim.plan.restarts {
            let when = sim.random.below(chaos as u64) as i64;
            sim.at(when, Event::Restart);
        }
        sim
    }

    fn at(&mut self, when: i64, event: Event) {
        self.count += 1;
        self.queue.insert((when.max(self.now), self.count), event);
    }

    /// Faults for a while, then peace; then everything must be in order.
    pub fn run(&mut self) {
        self.run_until(self.plan.chaos);
        self.chaos = false;
        self.coordinator.failures = 0;
        for member in &mut self.members {
            member.asleep_until = member.asleep_until.min(self.now + 1_000);
        }
        self.run_until(self.plan.chaos + self.plan.peace);
        self.settled();
    }

    fn run_until(&mut self, end: i64) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((when, _), event) = entry.remove_entry();
            self.now = when;
            self.steps += 1;
            self.handle(event);
            if let Some(next) = self.coordinator.shard.next_tick()
                && self.tick_at.is_none_or(|at| next < at)
            {
                self.tick_at = Some(next);
                self.at(next, Event::Tick);
            }
        }
        self.now = end;
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Act(at) => self.act(at),
            Event::Deliver(at, token, request) => self.deliver(at, token, &request),
            Event::Answer(at, token, reply, life) => self.answer(at, token, &reply, life),
            Event::Tick => {
                self.tick_at = None;
                let replies = self.coordinator.tick(self.now, &mut self.random);
                self.post(replies);
            }
            Event::Restart => {
                let replies = self.coordinator.restart(self.now, &mut self.random);
                assert!(replies.is_empty(), "nobody has asked the new coordinator");
                self.asked.clear();
                // Their connections end.
                for member in &mut self.members {
                    if matches!(member.phase, Phase::Joining(_) | Phase::Syncing(_)) {
                        member.phase = Phase::ToJoin;
                        member.patience = 0;
                    }
                    member.heartbeat = None;
                }
            }
        }
    }

    /// A consumer does what is due.
    fn act(&mut self, at: usize) {
        let pause = 10 + self.random.below(1_000) as i64;
        if self.chaos {
            self.mischief(at);
        }
        let now = self.now;
        let member = &mut self.members[at];
        let next = if member.asleep_until > now { member.asleep_until } else { now + pause };
        if member.asleep_until <= now {
            match member.phase {
                Phase::Away => {
                    if self.chaos && self.random.chance(5) {
                        self.members[at].phase = Phase::ToJoin;
                        self.members[at].patience = 0;
                    }
                }
                Phase::ToJoin => self.go_on(at),
                Phase::Joining(_) | Phase::Syncing(_) if member.patience < now => {
                    member.phase = Phase::ToJoin;
                    member.patience = 0;
                }
                Phase::Joining(_) | Phase::Syncing(_) => {}
                Phase::Member if member.heartbeat.is_none() || member.patience < now => {
                    let (id, generation) = (member.id.clone(), member.generation);
                    member.patience = now + i64::from(member.session);
                    let token = self.send(at, Request::Heartbeat { id, generation });
                    self.members[at].heartbeat = Some(token);
                }
                Phase::Member => {}
            }
        }
        let beat = match self.members[at].phase {
            Phase::Member => next + i64::from(self.members[at].session) / 4,
            Phase::Joining(_) | Phase::Syncing(_) => next + 1_000,
            Phase::Away if !self.chaos => return,
            Phase::Away | Phase::ToJoin => next,
        };
        self.at(beat, Event::Act(at));
    }

    fn go_on(&mut self, at: usize) {
        let member = &mut self.members[at];
        let patience = self.now + i64::from(member.rebalance) + 5_000;
        let (id, generation) = (member.id.clone(), member.generation);
        let syncs = member.is_to_sync();
        let request = match syncs {
            true => Request::Sync { id, generation, plan: std::mem::take(&mut member.plan) },
            false => Request::Join { id, metadata: member.metadata },
        };
        member.patience = patience;
        let token = self.send(at, request);
        self.members[at].phase = if syncs { Phase::Syncing(token) } else { Phase::Joining(token) };
    }

    fn mischief(&mut self, at: usize) {
        let roll = self.random.below(1_000);
        let now = self.now;
        let member = &mut self.members[at];
        match roll {
            0..3 => member.die(),
            3..6 if member.phase == Phase::Member => {
                let id = member.id.clone();
                self.send(at, Request::Leave { id });
                self.members[at].die();
            }
            6..9 => member.asleep_until = now + 2 * i64::from(member.session),
            9..14 if member.phase == Phase::Member => {
                member.metadata = member.metadata.wrapping_add(1);
                member.phase = Phase::ToJoin;
                member.patience = 0;
            }
            _ => {}
        }
    }

    fn send(&mut self, at: usize, request: Request) -> Token {
        let token = self.coordinator.token();
        let lost = self.chaos && self.random.chance(self.plan.lost);
        if !lost {
            let delay = 1 + self.random.below(20) as i64;
            self.at(self.now + delay, Event::Deliver(at, token, request.clone()));
        }
        if self.chaos && self.random.chance(self.plan.repeated) {
            let (again, delay) = (self.coordinator.token(), self.random.below(5_000) as i64);
            self.at(self.now + delay, Event::Deliver(at, again, request));
        }
        token
    }

    fn deliver(&mut self, at: usize, token: Token, request: &Request) {
        self.asked.insert(token, at);
        self.coordinator.waiting.insert(token);
        let member = &self.members[at];
        let caller = Caller { client_id: "c", host: "/127.0.0.1", version: member.version };
        let replies = self.coordinator.run(self.now, &mut self.random, |shard, world, effects| {
            ask(member, request, caller, token, (shard, world, effects));
        });
        self.post(replies);
    }

    fn post(&mut self, replies: Vec<(Token, Reply)>) {
        for (token, reply) in replies {
            let Some(at) = self.asked.remove(&token) else { continue };
            let lost = self.chaos && self.random.chance(self.plan.lost);
            let delay = 1 + self.random.below(20) as i64;
            if !lost {
                let life = self.coordinator.lives.get(&self.members[at].group).copied();
                let answer = Event::Answer(at, token, reply, life.unwrap_or(0));
                self.at(self.now + delay, answer);
            }
        }
    }

    fn answer(&mut self, at: usize, token: Token, reply: &Reply, life: u64) {
        let member = &mut self.members[at];
        match member.take(token, reply, self.now, &mut self.random) {
            Step::Nothing => {}
            // It ends: a person has started two of one name.
            Step::Fenced => member.die(),
            Step::Owns => {
                self.assigned += 1;
                for partition in &member.owned {
                    let place = (member.group.clone(), life, member.generation, *partition);
                    let owner = self.owners.entry(place).or_insert_with(|| member.identity());
                    assert_eq!(
                        *owner,
                        member.identity(),
                        "one owner in generation {}",
                        member.generation
                    );
                }
            }
        }
    }

    /// In peace all who are there are members of one generation, and everything is assigned. Where there is no room for
    /// all a group need not come to rest: who gives its join up is in the way of its own next one until the first
    /// one's session has ended, and then somebody else may be quicker. So it is in Kafka.
    fn settled(&self) {
        let mut groups: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
        for member in self.members.iter().filter(|member| member.phase != Phase::Away) {
            groups.entry(&member.group).or_default().push(member);
        }
        for (group, members) in groups {
            if self.plan.max_size > 0 && members.len() > self.plan.max_size {
                let known = self.coordinator.shard.classic(group);
                let count = known.map_or(0, |group| group.members.len());
                assert!(count <= self.plan.max_size, "{group} has its limit");
                continue;
            }
            let is_in = |member: &&&Member| member.phase == Phase::Member;
            let inside: Vec<_> = members.iter().filter(is_in).collect();
            if self.plan.max_size == 0 {
                let out: Vec<_> = members.iter().filter(|member| !is_in(member)).collect();
                assert!(out.is_empty(), "{group}: {out:?} are not in");
            } else {
                assert!(inside.len() <= self.plan.max_size, "{group} has its limit");
            }
            let newest = inside.iter().map(|member| member.generation).max();
            let mut owned: Vec<u8> = Vec::new();
            for member in &inside {
                assert_eq!(Some(member.generation), newest, "{group}: one generation for all");
                owned.extend(&member.owned);
            }
            owned.sort_unstable();
            let all: Vec<u8> = (0..PARTITIONS).collect();
            assert!(inside.is_empty() || owned == all, "{group}: {owned:?} are owned");
        }
        let waiting = &self.coordinator.waiting;
        let limited = self.plan.max_size > 0;
        assert!(limited || waiting.len() <= self.members.len(), "{} wait", waiting.len());
    }
}

fn member(at: usize, plan: &Plan, random: &mut Random) -> Member {
    // Now and then two have one name, and fence each other.
    let name = if random.chance(10) { at.saturating_sub(1) } else { at };
    let is_static = random.chance(30);
    Member {
        group: format!("g{}", random.below(plan.groups)),
        instance: is_static.then(|| format!("i{name}")),
        version: if is_static { 5 + random.below(5) as i16 } else { random.below(10) as i16 },
        session: 6_000 + random.below(10_000) as i32,
        rebalance: 5_000 + random.below(60_000) as i32,
        id: String::new(),
        generation: -1,
        phase: Phase::ToJoin,
        owned: Vec::new(),
        metadata: 0,
        plan: BTreeMap::new(),
        heartbeat: None,
        patience: 0,
        asleep_until: 0,
    }
}
