//! The coordinator as the simulation runs it: a shard, its log, and appends that may fail.

use super::random::Random;
use barnabas::coordinator::groups::{
    Effects, OFFSETS_TOPIC, Record, Reply, Settings, Shard, Token, TopicsView, World,
};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::group_records::{GroupKey, GroupMetadataValue};
use barnabas::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One topic, which all consume.
pub struct OneTopic;

impl TopicsView for OneTopic {
    fn id(&self, name: &str) -> Option<Uuid> {
        (name == "t").then_some(Uuid::from_bytes([7; 16]))
    }
    fn name(&self, id: Uuid) -> Option<Arc<str>> {
        (id == Uuid::from_bytes([7; 16])).then(|| "t".into())
    }
    fn partitions(&self, id: Uuid) -> Option<i32> {
        self.name(id).map(|_| 12)
    }
    fn each_name(&self, call: &mut dyn FnMut(&Arc<str>)) {
        call(&"t".into());
        call(&OFFSETS_TOPIC.into());
    }
    fn version(&self) -> u64 {
        1
    }
}

/// See the module's comment.
pub struct Coordinator {
    pub shard: Shard,
    pub settings: Settings,
    /// All that was ever appended.
    pub log: Vec<Record>,
    /// Requests that wait: each is answered once, or its coordinator ends.
    pub waiting: BTreeSet<Token>,
    /// The last generation of each group in the log.
    generations: BTreeMap<String, i32>,
    /// How often each group has ended: an empty one without offsets is removed after a while, and the
    /// next one of its name counts its generations anew, as in Kafka.
    pub lives: BTreeMap<String, u64>,
    ids: u64,
    tokens: u64,
    /// One append in so many fails; 0: none.
    pub failures: u64,
    /// The laws are checked each so many events.
    pub check_each: u64,
    events: u64,
}

impl Coordinator {
    pub fn new(settings: Settings) -> Coordinator {
        Coordinator {
            shard: Shard::new(),
            settings,
            log: Vec::new(),
            waiting: BTreeSet::new(),
            generations: BTreeMap::new(),
            lives: BTreeMap::new(),
            ids: 0,
            tokens: 0,
            failures: 0,
            check_each: 1,
            events: 0,
        }
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
        let mut world = World {
            now_ms: 1_700_000_000_000 + now,
            tick_ms: now,
            settings: &settings,
            topics: &OneTopic,
            new_id: &mut new_id,
        };
        event(&mut self.shard, &mut world, &mut effects);
        while !effects.records.is_empty() {
            let fails = self.failures > 0 && random.below(self.failures) == 0;
            let outcome = if fails { Err(ErrorCode::NOT_COORDINATOR) } else { Ok(()) };
            if !fails {
                note(&mut self.generations, &mut self.lives, &effects.records);
                self.log.extend(effects.records.iter().cloned());
            }
            self.shard.appended(&mut world, &mut effects, outcome);
        }
        // All of it, each time, where there are few; else now and then.
        self.events += 1;
        if self.events.is_multiple_of(self.check_each) {
            self.shard.check();
        }
        for (token, _) in &effects.replies {
            assert!(self.waiting.remove(token), "{token:?} is answered once");
        }
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
        self.waiting.clear();
        self.shard = Shard::new();
        for record in &self.log {
            self.shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
        self.check_replayed();
        self.run(now, random, Shard::loaded)
    }

    /// What is in the log of each group is what the group is.
    fn check_replayed(&self) {
        for (id, generation) in &self.generations {
            let group = self.shard.classic(id).unwrap();
            assert_eq!(group.generation, *generation, "{id}");
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
