//! A client of any kind, and what is common to all.

use super::Parts;
use super::classic::Classic;
use super::modern::{Modern, Stage};
use super::request::{Who, Wishes};
use crate::member::Phase;
use crate::random::Random;
use barnabas::coordinator::groups::Token;

pub const TOPICS: [&str; 4] = ["t-0", "t-1", "u-0", "u-1"];

/// What kind of a consumer.
#[derive(Debug)]
pub enum Kind {
    Modern(Modern),
    Classic(Classic),
    /// It only commits, and is nobody's member.
    Simple,
}

/// See the module's comment.
#[derive(Debug)]
pub struct Client {
    pub group: String,
    pub instance: Option<String>,
    pub kind: Kind,
    /// Its report that is on its way.
    pub waiting: Option<Token>,
    /// When it gives up an answer.
    pub patience: i64,
    /// Until then it does nothing.
    pub asleep_until: i64,
}

impl Client {
    pub fn who(&self) -> Who {
        let (id, epoch) = match &self.kind {
            Kind::Modern(modern) => (modern.id.clone(), modern.epoch),
            Kind::Classic(classic) => (classic.id.clone(), classic.generation),
            Kind::Simple => (String::new(), -1),
        };
        Who { group: self.group.clone(), id, instance: self.instance.clone(), epoch }
    }

    /// What it consumes.
    pub fn owned(&self) -> &Parts {
        static NOTHING: Parts = Parts::new();
        match &self.kind {
            Kind::Modern(modern) => &modern.owned,
            Kind::Classic(classic) => &classic.owned,
            Kind::Simple => &NOTHING,
        }
    }

    pub fn is_away(&self) -> bool {
        match &self.kind {
            Kind::Modern(modern) => modern.stage == Stage::Away,
            Kind::Classic(classic) => classic.phase == Phase::Away,
            Kind::Simple => true,
        }
    }

    pub fn die(&mut self) {
        self.waiting = None;
        match &mut self.kind {
            Kind::Modern(modern) => modern.die(),
            Kind::Classic(classic) => classic.die(),
            Kind::Simple => {}
        }
    }

    /// Its connection has ended.
    pub fn cut_off(&mut self) {
        match &mut self.kind {
            Kind::Modern(modern) if self.waiting.take().is_some() => modern.lost(),
            Kind::Classic(classic) => {
                classic.beat = None;
                if matches!(classic.phase, Phase::Joining(_) | Phase::Syncing(_)) {
                    classic.join_again();
                }
            }
            Kind::Modern(_) | Kind::Simple => {}
        }
    }

    /// Whether it wants a topic.
    pub fn wants(&self, topic: &str) -> bool {
        let (topics, regex) = match &self.kind {
            Kind::Modern(modern) => (&modern.wishes.topics, modern.wishes.regex.as_str()),
            Kind::Classic(classic) => (&classic.topics, ""),
            Kind::Simple => return false,
        };
        topics.iter().any(|name| name == topic) || matches(regex, topic)
    }
}

/// The last one stands for nothing.
const REGEXES: [&str; 4] = ["t-.*", "u-.*", ".*-0", "none-.*"];

fn matches(regex: &str, topic: &str) -> bool {
    match regex {
        "t-.*" => topic.starts_with("t-"),
        "u-.*" => topic.starts_with("u-"),
        ".*-0" => topic.ends_with("-0"),
        _ => false,
    }
}

pub fn some_topics(random: &mut Random) -> Vec<String> {
    match random.chance(50) {
        true => TOPICS.iter().map(|name| (*name).to_owned()).collect(),
        false => {
            TOPICS.iter().filter(|_| random.chance(50)).map(|name| (*name).to_owned()).collect()
        }
    }
}

pub fn wishes(random: &mut Random) -> Wishes {
    let by_regex = random.chance(25);
    let names_too = !by_regex || random.chance(20);
    Wishes {
        topics: if names_too { some_topics(random) } else { Vec::new() },
        regex: if by_regex { REGEXES[random.below(4) as usize].to_owned() } else { String::new() },
        assignor: match random.below(4) {
            0 => Some("range".to_owned()),
            1 => Some("uniform".to_owned()),
            _ => None,
        },
        timeout: 2_000 + random.below(20_000) as i32,
    }
}

pub fn modern(at: usize, group: String, random: &mut Random) -> Client {
    let kind = Kind::Modern(Modern::new(wishes(random)));
    client(at, group, kind, random.chance(35))
}

pub fn classic(at: usize, group: String, random: &mut Random) -> Client {
    let is_static = random.chance(30);
    let mut classic = Classic::new(some_topics(random));
    classic.session = 6_000 + random.below(6_000) as i32;
    classic.rebalance = 5_000 + random.below(15_000) as i32;
    classic.version = if is_static { 5 + random.below(5) } else { random.below(10) } as i16;
    classic.cooperative = random.chance(50);
    client(at, group, Kind::Classic(classic), is_static)
}

pub fn simple(at: usize, group: String) -> Client {
    client(at, group, Kind::Simple, false)
}

fn client(at: usize, group: String, kind: Kind, is_static: bool) -> Client {
    let instance = is_static.then(|| format!("i{at}"));
    Client { group, instance, kind, waiting: None, patience: 0, asleep_until: 0 }
}
