//! The table of every setting that Barnabas knows: Kafka 4.3.1's settings of brokers, topics and groups,
//! and a few of its own.
//!
//! One row is the only place where a setting's name, type, default, range and meaning are written
//! down: parsing, validation, DescribeConfigs and docs/CONFIGURATION.md all read it. Rows are sorted
//! by name within a file; look-ups go through a sorted index built once.

mod cluster;
mod group;
mod groups;
mod log;
mod own;
mod security;
mod server;
mod tiered;
mod topic;
mod transactions;
mod unlisted;

use std::sync::OnceLock;

use super::setting::Setting;

/// Every setting that a Kafka broker lists, by name.
#[must_use]
pub fn broker_settings() -> &'static [Setting] {
    static ALL: OnceLock<Vec<Setting>> = OnceLock::new();
    ALL.get_or_init(|| {
        sorted(&[
            cluster::ROWS,
            groups::ROWS,
            log::ROWS,
            security::ROWS,
            server::ROWS,
            tiered::ROWS,
            transactions::ROWS,
        ])
    })
}

/// Every topic setting, by name.
#[must_use]
pub fn topic_settings() -> &'static [Setting] {
    topic::ROWS
}

/// Every setting of a single group, by name.
#[must_use]
pub fn group_settings() -> &'static [Setting] {
    group::ROWS
}

/// What Kafka has no setting for. These begin with `barnabas.` and are not shown to Kafka clients.
#[must_use]
pub fn own_settings() -> &'static [Setting] {
    own::ROWS
}

/// Settings that Kafka's brokers list only where they are set.
#[must_use]
pub fn unlisted_settings() -> &'static [Setting] {
    unlisted::ROWS
}

/// The broker setting of this name; the unlisted and Barnabas's own included.
#[must_use]
pub fn broker_setting(name: &str) -> Option<&'static Setting> {
    find(broker_settings(), name)
        .or_else(|| find(unlisted_settings(), name))
        .or_else(|| find(own_settings(), name))
}

/// The topic setting of this name.
#[must_use]
pub fn topic_setting(name: &str) -> Option<&'static Setting> {
    find(topic_settings(), name)
}

/// The setting of this name that a single group may have.
#[must_use]
pub fn group_setting(name: &str) -> Option<&'static Setting> {
    find(group_settings(), name)
}

fn find(rows: &'static [Setting], name: &str) -> Option<&'static Setting> {
    let at = rows.binary_search_by(|row| row.name.cmp(name)).ok()?;
    rows.get(at)
}

fn sorted(areas: &[&[Setting]]) -> Vec<Setting> {
    let mut all: Vec<Setting> = areas.concat();
    all.sort_unstable_by_key(|row| row.name);
    assert!(all.windows(2).all(|two| two[0].name < two[1].name), "a setting has two rows");
    all
}
