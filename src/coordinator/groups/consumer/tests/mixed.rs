//! Members of both protocols at random in one group, which goes from one to the other and back as
//! they come and go: the laws hold, and when all is quiet everything that is wanted is somebody's.

use super::super::super::shard::Group;
use super::*;
use crate::coordinator::groups::classic;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is to join.
    Out,
    /// Its JoinGroup waits under this key.
    Joins(u64),
    /// It is to sync; the members if it leads.
    Joined,
    /// Its SyncGroup waits.
    Syncs(u64),
    In,
    Gone,
}

#[derive(Debug, Clone)]
struct Client {
    id: String,
    is_classic: bool,
    phase: Phase,
    epoch: i32,
    owned: BTreeSet<i32>,
    told: BTreeSet<i32>,
    /// Whom it assigns to.
    leads: Vec<String>,
}

struct Mixed {
    bench: Bench,
    dice: u64,
    clients: Vec<Client>,
    made: usize,
}

const PARTITIONS: i32 = 7;

impl Mixed {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) % sides
    }

    fn add(&mut self) {
        self.made += 1;
        let is_classic = self.roll(2) == 0;
        // A classic member is given its id.
        let id = if is_classic { String::new() } else { format!("m{}", self.made) };
        self.clients.push(Client {
            id,
            is_classic,
            phase: Phase::Out,
            epoch: 0,
            owned: BTreeSet::new(),
            told: BTreeSet::new(),
            leads: Vec::new(),
        });
    }

    /// What the coordinator has answered meanwhile.
    fn hear(&mut self, at: usize) {
        let client = &mut self.clients[at];
        match client.phase {
            Phase::Joins(key) => {
                let Some(Reply::Join(reply)) = self.bench.replies.remove(&key) else { return };
                client.phase = Phase::Out;
                match reply.code {
                    ErrorCode::NONE => {
                        client.id = reply.member_id.to_string();
                        (client.phase, client.epoch) = (Phase::Joined, reply.generation);
                        let leads = reply.members.iter().map(|one| one.member_id.to_string());
                        client.leads = leads.collect();
                    }
                    ErrorCode::UNKNOWN_MEMBER_ID => {
                        client.id.clear();
                        client.owned.clear();
                    }
                    _ => {}
                }
            }
            Phase::Syncs(key) => {
                let Some(Reply::Sync(reply)) = self.bench.replies.remove(&key) else { return };
                client.phase = Phase::Out;
                match reply.code {
                    ErrorCode::NONE => {
                        let given = self.bench.read(&reply.assignment).into_iter().collect();
                        let client = &mut self.clients[at];
                        client.phase = Phase::In;
                        // What it is to give back it gives back before it joins again.
                        client.owned = given;
                    }
                    ErrorCode::UNKNOWN_MEMBER_ID => {
                        client.id.clear();
                        client.owned.clear();
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn turn(&mut self, at: usize) {
        self.hear(at);
        match (self.clients[at].is_classic, self.clients[at].phase) {
            (_, Phase::Gone) => {}
            (false, _) => self.report(at),
            (true, Phase::Out) => {
                let client = self.clients[at].clone();
                let owned: Vec<i32> = client.owned.iter().copied().collect();
                let metadata = conversions::subscription(&["t"], &[("t", &owned)]);
                let key = self.bench.send_join(&client.id, None, &metadata);
                self.clients[at].phase = Phase::Joins(key);
            }
            (true, Phase::Joined) => {
                let client = self.clients[at].clone();
                let count = client.leads.len().max(1);
                let given: Vec<(String, Vec<u8>)> = client
                    .leads
                    .iter()
                    .enumerate()
                    .map(|(place, id)| {
                        let list: Vec<i32> =
                            (0..PARTITIONS).filter(|p| *p as usize % count == place).collect();
                        (id.clone(), self.bench.write(&list))
                    })
                    .collect();
                let given: Vec<_> =
                    given.iter().map(|(id, bytes)| (id.as_str(), bytes.clone())).collect();
                let key = self.bench.send_sync(&client.id, client.epoch, &given);
                self.clients[at].phase = Phase::Syncs(key);
            }
            (true, Phase::In) => {
                let client = self.clients[at].clone();
                match self.bench.classic_beat(&client.id, client.epoch) {
                    ErrorCode::NONE => {}
                    ErrorCode::REBALANCE_IN_PROGRESS => self.clients[at].phase = Phase::Out,
                    _ => self.lose(at),
                }
            }
            (true, Phase::Joins(_) | Phase::Syncs(_)) => {}
        }
        self.hear(at);
    }

    /// It is not a member any more.
    fn lose(&mut self, at: usize) {
        let client = &mut self.clients[at];
        (client.phase, client.epoch) = (Phase::Out, 0);
        client.owned.clear();
        client.told.clear();
        if client.is_classic {
            client.id.clear();
        }
    }

    fn report(&mut self, at: usize) {
        let t = self.bench.id_of("t");
        let client = &mut self.clients[at];
        let keeps: BTreeSet<i32> = client.owned.intersection(&client.told).copied().collect();
        client.owned = if keeps == client.owned { client.told.clone() } else { keeps };
        let owned: Vec<i32> = client.owned.iter().copied().collect();
        let beat = match client.phase {
            Phase::Out => Beat { timeout: 30_000, ..Beat::join(&client.id, &["t"]) },
            _ => Beat::at(&client.id, client.epoch).owning(&[(t, &owned)]),
        };
        let reply = self.bench.beat(&beat);
        let client = &mut self.clients[at];
        match reply.code {
            ErrorCode::NONE => {
                (client.phase, client.epoch) = (Phase::In, reply.member_epoch);
                if let Some(list) = given(&reply, t) {
                    client.told = list.into_iter().collect();
                }
            }
            ErrorCode::NOT_COORDINATOR => {}
            _ => self.lose(at),
        }
    }

    fn leave(&mut self, at: usize) {
        let client = self.clients[at].clone();
        if client.phase != Phase::In {
            return;
        }
        let is_silent = self.roll(3) == 0;
        match (client.is_classic, is_silent) {
            (_, true) => {}
            (true, _) => _ = self.bench.classic_leave(&client.id),
            (false, _) => _ = self.bench.beat(&Beat::at(&client.id, -1)),
        }
        self.clients[at].phase = Phase::Gone;
    }

    fn living(&self) -> Vec<usize> {
        (0..self.clients.len()).filter(|at| self.clients[*at].phase != Phase::Gone).collect()
    }

    fn step(&mut self) {
        let living = self.living();
        if living.is_empty() || living.len() < 6 && self.roll(10) == 0 {
            return self.add();
        }
        if self.roll(30) == 0 {
            self.bench.outcome = Err(ErrorCode::NOT_COORDINATOR);
        }
        let at = living[self.roll(living.len() as u64) as usize];
        match self.roll(20) {
            0 => self.leave(at),
            1..=3 => {
                let ms = self.roll(4000) as i64;
                self.bench.pass(ms);
            }
            _ => self.turn(at),
        }
        self.bench.outcome = Ok(());
    }

    fn settle(&mut self) -> bool {
        for _ in 0..150 {
            self.bench.pass(1000);
            for at in self.living() {
                self.turn(at);
            }
        }
        self.bench.check_log();
        let living = self.living();
        match self.bench.shard.groups.get(GROUP) {
            None => assert!(living.is_empty()),
            Some(Group::Classic(group)) => {
                assert!(living.iter().all(|at| self.clients[*at].is_classic));
                assert_eq!(group.members.len(), living.len());
                assert!(living.is_empty() || group.state == classic::State::Stable);
            }
            Some(Group::Consumer(group)) => {
                assert_eq!(group.members.len(), living.len());
                let expected = if living.is_empty() { State::Empty } else { State::Stable };
                assert_eq!(group.state(), expected, "{:?}", self.clients);
                assert!(living.is_empty() || group.classic_members < living.len());
            }
            Some(Group::Foreign(_)) => panic!("nobody makes such a group"),
        }
        let all: Vec<i32> = living.iter().flat_map(|at| self.clients[*at].owned.clone()).collect();
        let once: BTreeSet<i32> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len(), "everything has one owner: {:?}", self.clients);
        assert!(living.is_empty() || all.len() == PARTITIONS as usize, "{:?}", self.clients);
        living.iter().any(|at| self.clients[*at].is_classic)
            && living.iter().any(|at| !self.clients[*at].is_classic)
    }
}

#[test]
fn a_group_of_both_protocols_comes_to_rest() {
    let mut of_both = 0;
    for seed in 1..=40u64 {
        let bench = Bench::with(&[("t", PARTITIONS)]);
        let dice = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(seed);
        let mut mixed = Mixed { bench, dice, clients: Vec::new(), made: 0 };
        for _ in 0..200 {
            mixed.step();
        }
        of_both += usize::from(mixed.settle());
    }
    assert!(of_both > 5, "{of_both} groups of both");
}
