//! A look for what has ended goes in parts, and between them groups come, go and commit: nobody is forgotten, and
//! nobody goes too early. (A part of a test looks at five groups or offsets.)

use super::model::Dice;
use super::*;
use std::collections::BTreeSet;

/// Names in any order.
fn name(dice: &mut Dice) -> String {
    format!("g{:02}", dice.below(90))
}

fn delete(bench: &mut Bench, group: &str) -> bool {
    let mut replies = Vec::new();
    while replies.is_empty() {
        replies = bench.run(|shard, world, effects| {
            shard.delete_group(world, group, TOKEN, effects);
        });
    }
    replies == [Reply::DeleteGroup(ErrorCode::NONE)]
}

/// Commits a few offsets, some of which end soon.
fn commit(bench: &mut Bench, dice: &mut Dice, group: &str) {
    let partitions: Vec<_> = (0..1 + dice.below(12)).map(|partition| (partition, 1)).collect();
    let retention_time_ms = [-1, -1, HOUR][dice.below(3) as usize];
    let request = OffsetCommitRequest { group_id: group, retention_time_ms, ..Default::default() };
    bench.commit_as(4, &request, ["c", "a"][dice.below(2) as usize], &partitions);
}

impl Bench {
    /// One timer, if one is due now. Only what has ended goes.
    fn fire(&mut self) -> bool {
        if self.shard.next_tick().is_none_or(|next| START + next > self.now) {
            return false;
        }
        let before = self.ends();
        self.run(|shard, world, effects| _ = shard.tick(world, effects));
        let after = self.ends();
        for (of, end) in before.iter().filter(|(of, _)| !after.contains_key(*of)) {
            assert!(*end <= self.now, "{of:?} has gone too early");
        }
        true
    }

    /// When each offset ends.
    fn ends(&self) -> BTreeMap<(String, String, i32), i64> {
        let mut ends = BTreeMap::new();
        for (group, offsets) in self.shard.offsets().groups() {
            for topic in offsets.topics() {
                for (partition, one) in topic.iter() {
                    let end = one.ends_at.unwrap_or(one.committed_at + RETENTION);
                    ends.insert((group.to_string(), topic.name().to_string(), partition), end);
                }
            }
        }
        ends
    }

    fn groups(&self) -> BTreeSet<String> {
        let names = (0..90).map(|number| format!("g{number:02}"));
        names.filter(|name| self.state(name).is_some()).collect()
    }

    /// Those whose time has come.
    fn ended(&self) -> BTreeSet<String> {
        let ends = self.ends();
        let lives = ends.into_iter().filter(|(_, end)| *end > self.now);
        let lives: BTreeSet<_> = lives.map(|((group, ..), _)| group).collect();
        self.groups().difference(&lives).cloned().collect()
    }
}

/// One round from its first part to its last, with other events in between. Gives how many parts it had.
fn round(bench: &mut Bench, dice: &mut Dice, refuses: bool) -> usize {
    let (mut due, mut parts) = (bench.ended(), 0);
    while bench.fire() {
        parts += 1;
        assert!(parts < 2000, "a round ends");
        for _ in 0..dice.below(3) {
            let group = name(dice);
            // What is touched has a new life.
            due.remove(&group);
            match dice.below(3) {
                0 => _ = delete(bench, &group),
                _ => commit(bench, dice, &group),
            }
        }
        bench.refuses = (refuses && dice.below(4) == 0).then_some(ErrorCode::NOT_COORDINATOR);
        if bench.refuses.is_some() {
            bench.fire();
            bench.refuses = None;
            return parts;
        }
    }
    for group in due {
        assert_eq!(bench.state(&group), None, "{group} has ended before the round: it is gone");
    }
    parts
}

#[test]
fn a_group_that_cannot_be_removed_keeps_nobody_behind_it_here() {
    let mut bench = Bench::new();
    // Its tombstones are more than one part.
    bench.commit("g10", "c", &(0..12).map(|partition| (partition, 1)).collect::<Vec<_>>());
    for group in ["g11", "g12"] {
        bench.commit(group, "a", &[(0, 1)]);
    }
    (bench.refuses, bench.refuses_of) = (Some(ErrorCode::UNKNOWN_SERVER_ERROR), Some("g10"));
    bench.pass(RETENTION + 3 * INTERVAL);
    assert_eq!(bench.groups(), BTreeSet::from(["g10".to_owned()]));
    bench.refuses = None;
    bench.pass(2 * INTERVAL);
    assert_eq!((bench.groups(), bench.sleeps()), (BTreeSet::new(), None));
}

#[test]
fn whatever_happens_between_its_parts_a_round_forgets_nobody() {
    let mut most = 0;
    for seed in 0..24 {
        let (mut bench, mut dice) = (Bench::new(), Dice(seed));
        bench.settings.max_append = [500, 2000, 1 << 20][(seed % 3) as usize];
        for _ in 0..dice.below(60) {
            let group = name(&mut dice);
            commit(&mut bench, &mut dice, &group);
            bench.now += i64::from(dice.below(HOUR as i32));
            while bench.fire() {}
        }
        for _ in 0..6 {
            let wait = bench.sleeps().unwrap_or(0).max(0);
            bench.now += wait + i64::from(dice.below(3)) * HOUR;
            most = most.max(round(&mut bench, &mut dice, seed % 4 == 3));
        }
        // In the end nothing is left, and nothing is waited for.
        bench.pass(2 * RETENTION);
        assert_eq!((bench.groups(), bench.sleeps()), (BTreeSet::new(), None), "seed {seed}");
        assert_eq!(listed(&bench.restarted()), []);
    }
    assert!(most > 20, "{most} parts at most: there is something between them");
}
