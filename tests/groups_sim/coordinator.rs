//! The coordinator as the simulation runs it: a shard, its log, appends that may fail, and deaths in
//! the middle of an append.

use super::epochs::Epochs;
use super::names::Names;
use super::random::Random;
use super::replica::{check_same, compacted};
use super::topics::Topics;
use barnabas::coordinator::groups::consumer::Lookup;
use barnabas::coordinator::groups::{
    AppendOutcome, Effects, Record, Reply, Settings, Shard, Token, World,
};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::group_records::{GroupKey, GroupMetadataValue};
use barnabas::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};

/// See the module's comment.
pub struct Coordinator {
    pub shard: Shard,
    pub settings: Settings,
    pub topics: Topics,
    /// All that was ever appended, as far as compaction has left it.
    pub log: Vec<Record>,
    /// It knows what is in the log, and nothing else.
    pub replica: Shard,
    epochs: Epochs,
    names: Names,
    /// Requests that wait: each is answered once, or its coordinator ends.
    pub waiting: BTreeSet<Token>,
    /// Expressions that are to be looked up.
    pub lookups: Vec<Lookup>,
    /// The last generation of each group in the log.
    generations: BTreeMap<String, i32>,
    /// How often each group has ended: an empty one without offsets is removed after a while, and the
    /// next one of its name counts its generations anew, as in Kafka.
    pub lives: BTreeMap<String, u64>,
    ids: u64,
    tokens: u64,
    /// One append in so many fails; 0: none.
    pub failures: u64,
    /// In one append in so many it dies; 0: in none.
    pub crashes: u64,
    /// How often somebody was refused for want of room.
    pub refusals: u64,
    /// How often another one has taken over.
    pub deaths: u64,
    /// The laws are checked each so many events.
    pub check_each: u64,
    events: u64,
}

impl Coordinator {
    pub fn new(settings: Settings, topics: Topics) -> Coordinator {
        Coordinator {
            shard: Shard::new(),
            settings,
            topics,
            log: Vec::new(),
            replica: Shard::new(),
            epochs: Epochs::default(),
            names: Names::default(),
            waiting: BTreeSet::new(),
            lookups: Vec::new(),
            generations: BTreeMap::new(),
            lives: BTreeMap::new(),
            ids: 0,
            tokens: 0,
            failures: 0,
            crashes: 0,
            refusals: 0,
            deaths: 0,
            check_each: 1,
            events: 0,
        }
    }

    /// These are in the log already.
    pub fn begin_with(&mut self, records: Vec<Record>) {
        self.names.note(&records);
        self.log = records;
        (self.shard, self.replica) = (self.replayed(), self.replayed());
    }

    /// A token for a request that is about to be sent.
    pub fn token(&mut self) -> Token {
        self.tokens += 1;
        Token { worker: 0, key: self.tokens }
    }

    /// Runs an event to its end and gives the answers that it brings.
    pub fn run(
        &mut self,
        now: i64,
        random: &mut Random,
        event: impl FnOnce(&mut Shard, &mut World<'_>, &mut Effects),
    ) -> Vec<(Token, Reply)> {
        let mut effects = Effects::default();
        let ids = &mut self.ids;
        let mut new_id = || {
            *ids += 1;
            Uuid::from_bytes(u128::from(*ids).to_be_bytes())
        };
        let settings = self.settings.clone();
        // Now and then other shards have taken all the room: who is new is refused.
        let is_full = self.failures > 0 && random.below(2 * self.failures) == 0;
        let mut world = World {
            now_ms: 1_700_000_000_000 + now,
            tick_ms: now,
            settings: &settings,
            elsewhere: if is_full { settings.max_member_bytes } else { 0 },
            topics: &self.topics,
            new_id: &mut new_id,
        };
        event(&mut self.shard, &mut world, &mut effects);
        while !effects.records.is_empty() {
            let fate = Fate::next(self.failures, self.crashes, random);
            if matches!(fate, Fate::Goes(Ok(())) | Fate::DiesAfter) {
                note(&mut self.generations, &mut self.lives, &effects.records);
                self.epochs.note(&effects.records);
                self.names.note(&effects.records);
                for record in &effects.records {
                    self.replica.replay(&record.key, record.value.as_deref()).unwrap();
                }
                self.log.extend(effects.records.iter().cloned());
            }
            let Fate::Goes(outcome) = fate else {
                return self.restart(now, random);
            };
            self.shard.appended(&mut world, &mut effects, outcome);
        }
        // All of it, each time, where there are few; else now and then.
        self.events += 1;
        if self.events.is_multiple_of(self.check_each) {
            self.shard.check();
        }
        if self.events.is_multiple_of(8 * self.check_each) {
            check_same(&self.shard, &self.replica);
        }
        assert!(is_full || effects.no_room.is_none(), "there is room: {:?}", effects.no_room);
        self.refusals += u64::from(effects.no_room.is_some());
        for (token, _) in &effects.replies {
            assert!(self.waiting.remove(token), "{token:?} is answered once");
        }
        self.lookups.extend(effects.lookups);
        effects.replies
    }

    /// Fires all timers whose time has come.
    pub fn tick(&mut self, now: i64, random: &mut Random) -> Vec<(Token, Reply)> {
        let mut replies = Vec::new();
        loop {
            let mut fired = false;
            replies.extend(self.run(now, random, |shard, world, effects| {
                fired = shard.tick(world, effects);
            }));
            if !fired {
                assert!(self.shard.next_tick().is_none_or(|next| next > now), "no timer is late");
                return replies;
            }
        }
    }

    /// The coordinator dies and another one takes over from the log. Nobody is answered.
    pub fn restart(&mut self, now: i64, random: &mut Random) -> Vec<(Token, Reply)> {
        self.deaths += 1;
        self.waiting.clear();
        self.lookups.clear();
        if random.chance(50) {
            self.log = compacted(&self.log, random.chance(50));
        }
        self.shard = self.replayed();
        self.check_replayed();
        check_same(&self.shard, &self.replica);
        self.replica = self.replayed();
        self.run(now, random, Shard::loaded)
    }

    fn replayed(&self) -> Shard {
        let mut shard = Shard::new();
        for record in &self.log {
            shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
        shard
    }

    /// What is in the log of each group is what the group is.
    fn check_replayed(&self) {
        for (id, generation) in &self.generations {
            let group = self.shard.classic(id).unwrap();
            assert_eq!(group.generation, *generation, "{id}");
        }
    }
}

/// What becomes of an append.
enum Fate {
    Goes(AppendOutcome),
    /// The coordinator dies, and nobody knows whether it is written: it is not, or it is.
    DiesBefore,
    DiesAfter,
}

impl Fate {
    fn next(failures: u64, crashes: u64, random: &mut Random) -> Fate {
        if failures > 0 && random.below(failures) == 0 {
            return Fate::Goes(Err(ErrorCode::NOT_COORDINATOR));
        }
        match crashes > 0 && random.below(crashes) == 0 {
            true if random.chance(50) => Fate::DiesBefore,
            true => Fate::DiesAfter,
            false => Fate::Goes(Ok(())),
        }
    }
}

/// Generations in the log never go back.
fn note(
    generations: &mut BTreeMap<String, i32>,
    lives: &mut BTreeMap<String, u64>,
    records: &[Record],
) {
    for record in records {
        let Ok(GroupKey::GroupMetadata(key)) = GroupKey::decode(&record.key) else { continue };
        let Some(value) = &record.value else {
            generations.remove(key.group);
            *lives.entry(key.group.to_owned()).or_default() += 1;
            continue;
        };
        let value = GroupMetadataValue::from_bytes(value).unwrap();
        let before = generations.insert(key.group.to_owned(), value.generation);
        assert!(before.is_none_or(|before| before <= value.generation), "{}", key.group);
    }
}
