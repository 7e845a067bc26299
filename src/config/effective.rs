//! What a broker would start with, as `barnabas config` prints it: each setting, its value, and where that
//! comes from. In the format of `server.properties`, so that it can be kept and used.
//!
//! What was set while a broker ran is not there: that is in its data, and `kafka-configs` tells it.

use std::fmt::Write;

use super::properties;
use super::setting::Setting;
use super::sources::Sourced;
use super::table;

/// Instead of what must never be shown.
const HIDDEN: &str = "[hidden]";

/// All settings: those of Barnabas, then Kafka's, by name.
#[must_use]
pub fn effective(sourced: &Sourced) -> String {
    let mut out = String::new();
    let unlisted = table::unlisted_settings().iter();
    let set = unlisted.filter(|setting| sourced.given.contains_key(setting.name));
    let mut kafkas: Vec<&Setting> = table::broker_settings().iter().chain(set).collect();
    kafkas.sort_unstable_by_key(|setting| setting.name);
    for setting in table::own_settings().iter().chain(kafkas) {
        let line = line(sourced, setting);
        let _ = writeln!(out, "{line}");
    }
    out
}

/// `# where it comes from`, and the setting in a line of its own: a properties file has no comments behind
/// values. What has no value, or none to be shown, is a comment itself.
fn line(sourced: &Sourced, setting: &Setting) -> String {
    let origin = match sourced.given.get(setting.name) {
        Some((_, origin)) => origin.to_string().trim_end_matches(": ").to_owned(),
        None if sourced.config.is_brought(setting.name) => "brought by Barnabas".to_owned(),
        None => "default".to_owned(),
    };
    match sourced.config.get(setting.name) {
        Some(_) if setting.sensitive() => format!("# {origin}\n#{}={HIDDEN}", setting.name),
        Some(text) => format!("# {origin}\n{}={}", setting.name, properties::escape(text)),
        None => format!("# {origin}\n#{}=", setting.name),
    }
}
