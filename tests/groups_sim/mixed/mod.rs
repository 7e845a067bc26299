//! Groups whose members speak either protocol, or both, and commit offsets: the members come, go,
//! sleep and change their minds, the topics change, administrators delete, the network loses and
//! repeats, the coordinator dies. Then there is peace, and all must be in order; then everybody goes,
//! days pass, and nothing must be left.
//!
//! What the network repeats of a report or a join comes before anything else of the same member, as on
//! a connection; commits come whenever.

mod admin;
mod classic;
mod client;
mod embedded;
mod foreign;
mod modern;
mod offsets;
mod owners;
mod request;
mod settled;
mod step;

use super::coordinator::Coordinator;
use super::random::Random;
use super::topics::Topics;
use barnabas::coordinator::groups::consumer::Found;
use barnabas::coordinator::groups::{Effects, Reply, Settings, Shard, Token, World};
use barnabas::wire::uuid::Uuid;
use client::{Client, Kind, TOPICS};
use offsets::{Model, Value, may_commit};
use request::{Ask, Who, ask};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Topics and partitions.
pub type Parts = BTreeSet<(Uuid, i32)>;

/// What the seed decides.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub groups: u64,
    /// Members of each protocol, and those who only commit.
    pub modern: usize,
    pub classic: usize,
    pub simple: usize,
    /// Faults stop after this long, in virtual milliseconds.
    pub chaos: i64,
    /// How long it takes, in peace, until everything must be in order.
    pub peace: i64,
    /// In percent.
    pub lost: u64,
    pub repeated: u64,
    pub restarts: u64,
    /// One append in so many fails, in one in so many the coordinator dies; 0: none.
    pub failures: u64,
    pub crashes: u64,
    /// Topics come and go.
    pub restless: bool,
    /// A Kafka has left groups of kinds that are not served.
    pub foreign: bool,
    /// How long offsets are kept, and how often one looks; milliseconds.
    pub retention: i64,
    pub check_interval: i64,
}

#[derive(Debug)]
enum Event {
    Act(usize),
    Deliver(usize, Token, Who, Ask),
    Answer(usize, Token, Reply),
    /// What a coordinator asked for is looked up: by the one that has died so many times.
    Found(Found, u64),
    Tick,
    Restart,
    Admin,
    Intrude,
}

/// See the module's comment.
pub struct Sim {
    plan: Plan,
    random: Random,
    coordinator: Coordinator,
    clients: Vec<Client>,
    queue: BTreeMap<(i64, u64), Event>,
    count: u64,
    asked: HashMap<Token, usize>,
    model: Model,
    now: i64,
    tick_at: Option<i64>,
    chaos: bool,
    /// Who only commits does so until then.
    commits_until: i64,
    /// Each event is told of.
    trace: bool,
    /// Events that were handled.
    pub steps: u64,
    /// Offsets that were acknowledged, and answers with an assignment that were taken.
    pub commits: u64,
    pub assigned: u64,
}

fn settings(plan: &Plan, random: &mut Random) -> Settings {
    let mut settings = Settings {
        initial_rebalance_delay: [0, 500, 3000][random.below(3) as usize],
        offsets_retention: plan.retention,
        retention_check_interval: plan.check_interval,
        ..Settings::default()
    };
    if random.chance(30) {
        // What ends does not fit into one append.
        settings.max_append = 300;
    }
    settings.consumer.session_timeout = 6_000 + random.below(10_000) as i32;
    settings.consumer.heartbeat_interval = 1_000 + random.below(2_000) as i32;
    settings.consumer.assignment_interval = [0, 1_000][random.below(2) as usize];
    (settings.consumer.upgrades, settings.consumer.downgrades) = (true, true);
    settings
}

impl Sim {
    pub fn new(plan: Plan) -> Sim {
        let mut random = Random::new(plan.seed);
        let mut topics = Topics::default();
        TOPICS.iter().for_each(|name| topics.put(name, 1 + random.below(6) as i32));
        let mut coordinator = Coordinator::new(settings(&plan, &mut random), topics);
        (coordinator.failures, coordinator.crashes) = (plan.failures, plan.crashes);
        coordinator.check_each = 1 + (plan.modern + plan.classic) as u64 / 20;
        if plan.foreign {
            coordinator.begin_with(foreign::left_by_kafka());
        }
        let mut clients = Vec::new();
        for at in 0..plan.modern + plan.classic + plan.simple {
            let group = format!("g{}", random.below(plan.groups));
            clients.push(match at {
                at if at < plan.modern => client::modern(at, group, &mut random),
                at if at < plan.modern + plan.classic => client::classic(at, group, &mut random),
                at if random.chance(70) => client::simple(at, format!("s{at}")),
                at => client::simple(at, group),
            });
        }
        let mut sim = Sim {
            random,
            coordinator,
            clients,
            queue: BTreeMap::new(),
            count: 0,
            asked: HashMap::new(),
            model: Model::new(plan.retention),
            now: 0,
            tick_at: None,
            chaos: true,
            commits_until: i64::MAX,
            trace: std::env::var("SIM_TRACE").is_ok(),
            steps: 0,
            commits: 0,
            assigned: 0,
            plan,
        };
        for at in 0..sim.clients.len() {
            sim.come(at);
            let start = sim.random.below(5_000) as i64;
            sim.at(start, Event::Act(at));
        }
        for _ in 0..sim.plan.restarts {
            let when = sim.random.below(sim.plan.chaos as u64) as i64;
            sim.at(when, Event::Restart);
        }
        sim.at(10_000, Event::Admin);
        if sim.plan.foreign {
            sim.at(1_000, Event::Intrude);
        }
        sim
    }

    fn at(&mut self, when: i64, event: Event) {
        self.count += 1;
        self.queue.insert((when.max(self.now), self.count), event);
    }

    pub fn run(&mut self) {
        self.run_until(self.plan.chaos);
        self.chaos = false;
        (self.coordinator.failures, self.coordinator.crashes) = (0, 0);
        for client in &mut self.clients {
            client.asleep_until = client.asleep_until.min(self.now + 1_000);
            // A static leader that came back by an old JoinGroup is not told that it leads (KIP-814): what
            // became of the topics since the last assignment nobody notices before all join again.
            if let Kind::Classic(classic) = &mut client.kind {
                classic.seen = u64::MAX;
            }
        }
        self.run_until(self.plan.chaos + self.plan.peace);
        self.settled();
        self.commits_until = self.now + 2 * self.plan.retention;
        (0..self.clients.len()).for_each(|at| self.go(at));
        self.run_until(
            self.commits_until + self.plan.retention + 3 * self.plan.check_interval + 60_000,
        );
        self.forgotten();
    }

    fn run_until(&mut self, end: i64) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((when, _), event) = entry.remove_entry();
            self.now = when;
            self.steps += 1;
            if self.trace {
                eprintln!("{} {event:?}", self.now);
            }
            self.handle(event);
            self.look_up();
            self.check();
            if let Some(next) = self.coordinator.shard.next_tick()
                && self.tick_at.is_none_or(|at| next < at)
            {
                self.tick_at = Some(next);
                self.at(next, Event::Tick);
            }
        }
        self.now = end;
    }

    /// All offsets are looked at where their number has changed, and now and then.
    fn check(&mut self) {
        self.check_foreign();
        let shard = &self.coordinator.shard;
        if self.model.len() != Some(shard.offsets().len()) || self.steps.is_multiple_of(64) {
            self.model.check(shard, &self.coordinator.replica, wall(self.now));
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Act(at) => self.act(at),
            Event::Deliver(at, token, who, asked) => self.deliver(at, token, &who, &asked),
            Event::Answer(at, token, reply) => self.answer(at, token, &reply),
            Event::Tick => {
                self.tick_at = None;
                let deaths = self.coordinator.deaths;
                let replies = self.coordinator.tick(self.now, &mut self.random);
                self.look_for_death(deaths);
                self.post(replies);
            }
            Event::Restart => {
                let deaths = self.coordinator.deaths;
                self.coordinator.restart(self.now, &mut self.random);
                self.look_for_death(deaths);
            }
            Event::Found(found, deaths) if deaths == self.coordinator.deaths => {
                let (replies, _) =
                    self.run_event(|shard, world, effects| shard.looked_up(world, found, effects));
                self.post(replies);
            }
            Event::Found(..) => {}
            Event::Admin => self.administer(),
            Event::Intrude => self.intrude(),
        }
    }

    /// Expressions are looked up in the catalog as it is; what is found comes later, or there was no
    /// room for the question.
    fn look_up(&mut self) {
        for lookup in std::mem::take(&mut self.coordinator.lookups) {
            if self.chaos && self.random.chance(5) {
                self.coordinator.shard.not_looked_up(lookup.group());
                continue;
            }
            let found = lookup.run(&self.coordinator.topics, wall(self.now), &|| false).unwrap();
            let delay = [0, 50, 5_000][self.random.below(3) as usize];
            self.at(self.now + delay, Event::Found(found, self.coordinator.deaths));
        }
    }

    /// One event of the coordinator; true if it died over it.
    fn run_event(
        &mut self,
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> (Vec<(Token, Reply)>, bool) {
        let deaths = self.coordinator.deaths;
        let replies = self.coordinator.run(self.now, &mut self.random, event);
        (replies, self.look_for_death(deaths))
    }

    /// When the coordinator has died all connections have ended.
    fn look_for_death(&mut self, before: u64) -> bool {
        if before == self.coordinator.deaths {
            return false;
        }
        self.asked.clear();
        self.model.died();
        self.clients.iter_mut().for_each(Client::cut_off);
        true
    }

    fn send(&mut self, at: usize, who: Who, asked: Ask) -> Token {
        let token = self.coordinator.token();
        let lost = self.chaos && self.random.chance(self.plan.lost);
        let delay = 1 + self.random.below(20) as i64;
        if !lost {
            self.at(self.now + delay, Event::Deliver(at, token, who.clone(), asked.clone()));
        }
        if self.chaos && self.random.chance(self.plan.repeated) {
            let again = self.coordinator.token();
            let late = match asked {
                // Either makes a member anew under an old id, of which that member would not know.
                Ask::Report { .. } | Ask::Join { .. } => delay,
                _ => self.random.below(5_000) as i64,
            };
            self.at(self.now + late, Event::Deliver(at, again, who, asked));
        }
        token
    }

    fn deliver(&mut self, at: usize, token: Token, who: &Who, asked: &Ask) {
        self.asked.insert(token, at);
        self.coordinator.waiting.insert(token);
        let may = match asked {
            Ask::Commit(commit) => {
                let shard = &self.coordinator.shard;
                let each = commit.partitions.iter();
                each.map(|(partition, ..)| may_commit(shard, who, commit, *partition)).collect()
            }
            _ => Vec::new(),
        };
        let (replies, died) =
            self.run_event(|shard, world, effects| ask(who, asked, token, (shard, world, effects)));
        if let Ask::Commit(commit) = asked {
            self.committed(who, commit, token, &replies, (died, &may));
        }
        self.post(replies);
    }

    fn post(&mut self, replies: Vec<(Token, Reply)>) {
        for (token, reply) in replies {
            let Some(at) = self.asked.remove(&token) else { continue };
            let lost = self.chaos && self.random.chance(self.plan.lost);
            let delay = 1 + self.random.below(20) as i64;
            if !lost {
                self.at(self.now + delay, Event::Answer(at, token, reply));
            }
        }
    }

    fn answer(&mut self, at: usize, token: Token, reply: &Reply) {
        let (now, topics) = (self.now, &self.coordinator.topics);
        let client = &mut self.clients[at];
        match &mut client.kind {
            Kind::Modern(modern) => {
                let Reply::Consumer(reply) = reply else { return };
                if client.waiting != Some(token) {
                    return;
                }
                client.waiting = None;
                modern.hear(reply, now);
            }
            Kind::Classic(classic) => {
                let takes = classic.take(token, reply, now, topics);
                client.asleep_until = client.asleep_until.max(classic.asleep_until);
                if takes {
                    self.took(at);
                }
            }
            Kind::Simple => {}
        }
    }

    /// A member has other partitions than before.
    fn took(&mut self, at: usize) {
        self.assigned += 1;
        let group = &self.clients[at].group;
        owners::check(&self.coordinator.shard, &self.clients, group);
    }
}

/// The wall clock.
fn wall(now: i64) -> i64 {
    1_700_000_000_000 + now
}
