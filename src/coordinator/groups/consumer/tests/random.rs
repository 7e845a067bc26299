//! Members that come, go, change their minds and crash at random: the laws hold at every step, and
//! when all is quiet everybody has its target.

use super::*;
use crate::coordinator::groups::consumer::assign::Partitions;
use std::collections::BTreeSet;

/// A small generator of numbers, so that a seed tells all.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Joining,
    In,
    Gone,
}

/// What a client does: it gives back before it takes, and says what it has when that has changed.
#[derive(Debug, Clone)]
struct Client {
    id: String,
    instance: Option<String>,
    phase: Phase,
    epoch: i32,
    owned: Partitions,
    told: Partitions,
    topics: Vec<String>,
    regex: Option<String>,
    /// Its wishes have changed since it last said them.
    changed: bool,
    /// An answer was lost: it says all next time.
    says_all: bool,
}

impl Client {
    fn beat(&self) -> Beat {
        let joins = self.phase == Phase::Joining;
        let owned = self.owned.iter().map(|(topic, list)| (*topic, list.iter().copied().collect()));
        let mut beat = Beat::at(&self.id, if joins { 0 } else { self.epoch });
        beat.instance = self.instance.clone();
        beat.owned = Some(owned.collect());
        if joins || self.says_all || self.changed {
            beat.topics = Some(self.topics.clone());
            beat.regex = Some(self.regex.clone().unwrap_or_default());
            beat.timeout = 20_000;
        }
        beat
    }

    /// Gives back or takes what it was told.
    fn act(&mut self) {
        let keeps: Partitions = self
            .owned
            .iter()
            .filter_map(|(topic, list)| {
                let told = self.told.get(topic)?;
                let both: BTreeSet<i32> = list.intersection(told).copied().collect();
                (!both.is_empty()).then_some((*topic, both))
            })
            .collect();
        self.owned = if keeps == self.owned { self.told.clone() } else { keeps };
    }

    fn start_anew(&mut self) {
        (self.phase, self.epoch) = (Phase::Joining, 0);
        (self.owned, self.told) = (Partitions::new(), Partitions::new());
    }

    fn hear(&mut self, reply: &ConsumerReply) {
        match reply.code {
            ErrorCode::NONE => {
                (self.phase, self.epoch) = (Phase::In, reply.member_epoch);
                (self.changed, self.says_all) = (false, false);
                if let Some(assignment) = &reply.assignment {
                    let keys = |list: &BTreeMap<i32, i32>| list.keys().copied().collect();
                    self.told =
                        assignment.iter().map(|(topic, list)| (*topic, keys(list))).collect();
                }
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_MEMBER_EPOCH => self.start_anew(),
            ErrorCode::GROUP_ID_NOT_FOUND => self.start_anew(),
            ErrorCode::FENCED_INSTANCE_ID => {
                self.start_anew();
                self.phase = Phase::Gone;
            }
            ErrorCode::UNRELEASED_INSTANCE_ID | ErrorCode::NOT_COORDINATOR => {}
            other => panic!("{other:?} {reply:?}"),
        }
    }
}

struct Random {
    bench: Bench,
    dice: Dice,
    clients: Vec<Client>,
    made: usize,
    epochs: (i32, i32),
}

const NAMES: [&str; 4] = ["t-0", "t-1", "u-0", "u-1"];

impl Random {
    fn wishes(&mut self) -> (Vec<String>, Option<String>) {
        match self.dice.roll(4) {
            0 => (Vec::new(), Some(["t-.*", "u-.*", ".*0"][self.dice.roll(3) as usize].to_owned())),
            1 => (NAMES.iter().map(|name| (*name).to_owned()).collect(), None),
            _ => {
                let some = NAMES.iter().filter(|_| self.dice.roll(2) == 0);
                (some.map(|name| (*name).to_owned()).collect(), None)
            }
        }
    }

    fn add(&mut self) {
        self.made += 1;
        let (topics, regex) = self.wishes();
        let mut instance = (self.dice.roll(3) == 0).then(|| format!("i{}", self.dice.roll(3)));
        let taken = |client: &Client| client.phase != Phase::Gone && client.instance == instance;
        if instance.is_some() && self.clients.iter().any(taken) {
            instance = None;
        }
        self.clients.push(Client {
            id: format!("m{}", self.made),
            instance,
            phase: Phase::Joining,
            epoch: 0,
            owned: Partitions::new(),
            told: Partitions::new(),
            topics,
            regex,
            changed: false,
            says_all: false,
        });
    }

    fn report(&mut self, at: usize, loses: bool) {
        let beat = self.clients[at].beat();
        let reply = self.bench.beat(&beat);
        match loses {
            // What it has not taken so far may be somebody else's by then.
            true => {
                let client = &mut self.clients[at];
                (client.says_all, client.told) = (true, client.owned.clone());
            }
            false => self.clients[at].hear(&reply),
        }
    }

    fn leave(&mut self, at: usize) {
        let client = self.clients[at].clone();
        // Whoever crashes says nothing; its session ends.
        if client.phase == Phase::In && self.dice.roll(3) > 0 {
            let for_now = client.instance.is_some() && self.dice.roll(2) == 0;
            let mut beat = Beat::at(&client.id, if for_now { -2 } else { -1 });
            beat.instance = client.instance.clone();
            self.bench.beat(&beat);
        }
        self.clients[at].start_anew();
        self.clients[at].phase = Phase::Gone;
    }

    fn step(&mut self) {
        if self.dice.roll(25) == 0 {
            self.bench.outcome = Err(ErrorCode::NOT_COORDINATOR);
        }
        let living: Vec<usize> =
            (0..self.clients.len()).filter(|at| self.clients[*at].phase != Phase::Gone).collect();
        if living.is_empty() || living.len() < 7 && self.dice.roll(12) == 0 {
            return self.add();
        }
        let at = living[self.dice.roll(living.len() as u64) as usize];
        match self.dice.roll(40) {
            0 => self.leave(at),
            1 => {
                (self.clients[at].topics, self.clients[at].regex) = self.wishes();
                self.clients[at].changed = true;
            }
            2 => {
                let name = NAMES[self.dice.roll(4) as usize];
                let had = self.bench.topics.by_name.get(name).map_or(0, |(_, count)| *count);
                self.bench.topic(name, had + 1 + self.dice.roll(4) as i32);
            }
            3 => {
                self.bench.shard = self.bench.reloaded();
                self.bench.event(|shard, world, effects| shard.loaded(world, effects));
            }
            4..=9 => {
                let ms = self.dice.roll(3000) as i64;
                self.bench.pass(ms);
            }
            10..=16 => self.clients[at].act(),
            roll => self.report(at, roll == 17),
        }
        self.bench.outcome = Ok(());
    }

    /// What is beyond the shard's own laws.
    fn check(&mut self) {
        let Some(group) = self.bench.shard.consumer(GROUP) else { return };
        let epochs = (group.epoch, group.target_epoch);
        assert!(epochs.0 >= self.epochs.0 && epochs.1 >= self.epochs.1, "epochs only grow");
        self.epochs = epochs;
        let mut owners: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
        for client in self.clients.iter().filter(|client| client.phase == Phase::In) {
            let known = group.members.get(&*client.id);
            if known.is_none_or(|member| client.epoch < member.previous_epoch) {
                // It does not know yet that it is out.
                continue;
            }
            for (topic, list) in &client.owned {
                for partition in list {
                    let other = owners.insert((*topic, *partition), &client.id);
                    assert_eq!(other, None, "{topic}-{partition} is {}'s, too", client.id);
                }
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            self.bench.pass(1000);
            for at in 0..self.clients.len() {
                if self.clients[at].phase != Phase::Gone {
                    self.report(at, false);
                    self.clients[at].act();
                    self.check();
                }
            }
        }
        self.bench.check_log();
        let living = self.clients.iter().filter(|client| client.phase != Phase::Gone).count();
        let Some(group) = self.bench.shard.consumer(GROUP) else { return assert_eq!(living, 0) };
        assert_eq!(group.members.len(), living, "all who live are members, and nobody else");
        let expected = if living == 0 { State::Empty } else { State::Stable };
        assert_eq!(group.state(), expected);
        for client in self.clients.iter().filter(|client| client.phase != Phase::Gone) {
            assert_eq!(client.owned, *group.target(&client.id), "{} has its target", client.id);
        }
        let wanted: usize = group
            .wishes
            .topics()
            .filter_map(|name| self.bench.topics.by_name.get(name))
            .map(|(_, count)| *count as usize)
            .sum();
        assert_eq!(group.targeted.len(), wanted, "somebody has each partition that is wanted");
    }
}

#[test]
fn whatever_members_do_the_laws_hold_and_all_comes_to_rest() {
    for seed in 1..=30 {
        let dice = Dice(0x9E37_79B9_7F4A_7C15u64.wrapping_mul(seed));
        let mut random =
            Random { bench: Bench::new(), dice, clients: Vec::new(), made: 0, epochs: (0, 0) };
        for _ in 0..300 {
            random.step();
            random.check();
        }
        random.settle();
    }
}
