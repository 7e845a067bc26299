//! What settings say together, each of which may be right by itself: all of it that is wrong, not only the
//! first, so that a start can tell it at once.
//!
//! Where a value is needed that is wrong by itself, nothing is said: whoever mends that one may mean
//! something else. Pure.

use super::broker::{self, Layers};
use super::listeners::Endpoints;
use super::topic::TopicConfig;
use super::value::{InvalidConfig, Value};
use super::{cross, http, listeners};

/// Everything that is wrong with these values together; `is_bad` tells which settings are wrong by themselves.
pub(super) fn problems(layers: &Layers, is_bad: &dyn Fn(&str) -> bool) -> Vec<InvalidConfig> {
    let value = |name: &str| if is_bad(name) { None } else { layers.value(name) };
    let mut found = Vec::new();
    topics(&value, is_bad, &mut found);
    if let (Some(threads), Some(memory)) =
        (number(&value, "log.cleaner.threads"), number(&value, "log.cleaner.dedupe.buffer.size"))
    {
        found.extend(cross::check_cleaner(threads, memory).err());
    }
    found.extend(cross::group_problems(&value));
    if let (Some(all), Some(largest)) =
        (number(&value, "queued.max.request.bytes"), number(&value, "socket.request.max.bytes"))
    {
        found.extend(cross::check_memory(all, largest).err());
    }
    if !is_bad(http::LISTENER) {
        found.extend(http::parse(text(layers, http::LISTENER).unwrap_or(http::OFF)).err());
    }
    if !listeners::DECIDE.iter().any(|name| is_bad(name)) {
        found.extend(endpoints(layers).err().into_iter().flatten());
    }
    polling(layers, &value, is_bad, &mut found);
    found
}

/// The listeners that these values make.
pub(super) fn endpoints(layers: &Layers) -> Result<Endpoints, Vec<InvalidConfig>> {
    listeners::endpoints(&|name| layers.value(name), &|name| layers.text(name).is_some())
}

type Lookup<'l> = &'l dyn Fn(&str) -> Option<Value>;

fn number(value: Lookup<'_>, name: &str) -> Option<i64> {
    value(name)?.as_i64()
}

fn text<'l>(layers: &'l Layers, name: &str) -> Option<&'l str> {
    layers.text(name).map(|(text, _)| text)
}

fn topics(value: Lookup<'_>, is_bad: &dyn Fn(&str) -> bool, found: &mut Vec<InvalidConfig>) {
    let topics = match TopicConfig::inherit(value) {
        Ok(topics) => topics,
        Err(why) => return found.push(why),
    };
    let units = |name: &str| ["ms", "minutes", "hours"].map(|unit| format!("{name}.{unit}"));
    let is_known = |name: &str| !units(name).iter().any(|name| is_bad(name));
    if is_known("log.cleaner.min.compaction.lag") && is_known("log.cleaner.max.compaction.lag") {
        found.extend(cross::check_lags(&topics).err());
    }
    for (name, check) in cross::TIMES {
        if is_known(name) {
            found.extend(check(&topics).err());
        }
    }
}

fn polling(
    layers: &Layers,
    value: Lookup<'_>,
    is_bad: &dyn Fn(&str) -> bool,
    found: &mut Vec<InvalidConfig>,
) {
    let needed = ["barnabas.io", "barnabas.workers"];
    if value("barnabas.io.sqpoll") != Some(Value::Boolean(true)) || needed.into_iter().any(is_bad) {
        return;
    }
    let io = value("barnabas.io").map(|io| io.to_string()).unwrap_or_default();
    let workers = broker::worker_count(layers.value("barnabas.workers"));
    found.extend(cross::check_polling(&io, workers, broker::cores()).err());
}
