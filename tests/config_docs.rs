//! `docs/CONFIGURATION.md` is made from the settings table; this test holds it to that.
//!
//! After a change of the table: `UPDATE_DOCS=1 cargo test --test config_docs`.

use std::fmt::Write as _;
use std::path::Path;

use barnabas::config::{
    Check, Mode, Setting, Standing, broker_settings, group_default_name, group_settings,
    own_settings, topic_default_names, topic_settings, unlisted_settings,
};

const HEAD: &str = "# Settings

<!-- Made from the settings table by `UPDATE_DOCS=1 cargo test --test config_docs`. Do not edit. -->

Barnabas knows every setting of Apache Kafka 4.3.1 by Kafka's own name, with Kafka's type, default and range.

* **At start**: a flag (`barnabas --help`), else `--set key=value`, else what was set while a broker ran, else an environment variable (`KAFKA_NUM_PARTITIONS` or
  `BARNABAS_NUM_PARTITIONS` is `num.partitions`, `BARNABAS_WORKERS` is `barnabas.workers`; `_` stands for a point, `__` for `_`,
  `___` for `-`; `KAFKA_CFG_...` means the same; `BARNABAS_...` wins; `BARNABAS_HOST`, `_PORT`, `_HTTP_PORT`, `_DATA_DIR`, `_PIN`, `_SQPOLL` and
  `_CONFIG` are the flags of these names, unless they are links to a service, `tcp://...`), else a line of the file that `--config` names (Kafka's
  `server.properties`, or [TOML](#a-file-in-toml) if its name ends in `.toml`), else of the one that `BARNABAS_DEFAULTS` names (that of a container's image), else the
  default. What is given stands
  above weaker places' other names of the same thing too: `log.retention.hours` above `log.retention.ms`, `log.dir` above `log.dirs`; within
  one place it is Kafka's rule, ms above minutes above hours. A misspelt name (one letter from one of these, two in long
  names) or a bad value stops the start; all that is wrong is told at once. Any other name is left out with a warning. `barnabas config` prints what would hold,
  where it comes from, and what does not hold because of another name; what was set while a broker ran is read from the data directory without touching it, also while a broker
  runs there. With `--non-default` it prints only what was set somewhere.
* **While it runs**: `kafka-configs` and the admin APIs, for settings of topics and groups and those marked *per broker* or *cluster* below.
  In Kafka, which has no flags, that stands above all; here the command line has the last word. A change of a broker's or of the cluster's
  settings that would have no effect because of a flag or a `--set` of the same setting (also in another unit: `log.retention.hours` for
  `log.retention.ms`) is refused with INVALID_REQUEST, which names the flag; what was stored before stays, can be taken away, is told
  in the log at a start with the flag, and is in force at one without it. DescribeConfigs shows the flag's value, as
  STATIC_BROKER_CONFIG, and the stored ones behind it. (`kafka-configs --describe` lists them with `--all` only.) So what is to
  be changed while the broker runs belongs in the file or in a variable.
* A topic or a group without a setting of its own takes the broker's; below the name stands the broker's that it follows.

The column **here** says what Barnabas does with a setting today:

* **yes**: it has the effect that Kafka documents.
* **not yet**: accepted, checked and shown, but without effect; a line in the log says so.
* **nothing**: accepted and shown; Barnabas has no such part (thread pools, tiered storage, followers).
* **refused**: only the default is accepted, because whoever sets it relies on it; says what is missing.

Brought along for a single node where Kafka demands a value: `node.id=1`, `process.roles=broker,controller`,
`controller.listener.names=CONTROLLER`, `listeners=PLAINTEXT://localhost:9092`, `log.dirs=./data`.

## Addresses

`listeners` says what is opened, `advertised.listeners` what clients are told, for each listener by its name:

```properties
listeners=INSIDE://:9092,OUTSIDE://:19092
listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT
advertised.listeners=INSIDE://broker:9092,OUTSIDE://broker.example.org:19092
```

Often nothing needs to be advertised: a client of a listener without an advertised address is told the address that it connected to
(of its own connection, as this machine sees it), so the host and a container beside it each get one that works for them, and so does
who comes by a mapped port, if the address behind it can be reached too; others need it advertised. That holds for listeners on every interface (`PLAINTEXT://:9092`, `0.0.0.0`, `[::]`), on an address, and on `localhost`;
of a listener on another name the name is told, as by Kafka. Kafka tells its own host name in place of all interfaces, and no
address at all where others are advertised and this listener is not. `advertised.listeners=OUTSIDE://:443` tells the address that was
connected to with another port.

* Nothing beyond this machine is served unless it is asked for: the default is `localhost`, which is 127.0.0.1 and `[::1]` with one port.
  Where one of them does not exist the other is served, and a line says so.
* Only the protocol PLAINTEXT is built; a listener with another one stops the start.
* Listeners that `controller.listener.names` names are not opened, and a line says so: a node that is its own controller needs none. So
  the `server.properties` of a Kafka that is alone starts Barnabas as it is.
* `inter.broker.listener.name` must name a listener; there are no other brokers to talk to.

## A file in TOML

The same names; tables and dotted keys are names in parts, a key in quotes is one name. A list is an array of strings, or a string
with commas.

```toml
num.partitions = 3
listeners = [\"PLAINTEXT://:9092\"]
\"max.connections\" = 10000     # in quotes, because there is max.connections.per.ip too

[log]
dirs = \"/var/lib/barnabas\"
retention.hours = 24
cleaner.enable = true
```
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    section(&mut text, "Barnabas's own", own_settings(), false);
    section(&mut text, "Topics", topic_settings(), true);
    section(&mut text, "Groups", group_settings(), true);
    section(&mut text, "Broker", broker_settings(), false);
    section(&mut text, "Broker, listed only where set", unlisted_settings(), false);
    text
}

/// `owned`: by a topic or a group, which can always change it.
fn section(text: &mut String, title: &str, rows: &[Setting], owned: bool) {
    let change = if owned { "" } else { " change |" };
    let rule = if owned { "" } else { " --- |" };
    let _ = writeln!(text, "\n## {title}\n");
    let _ = writeln!(text, "| name | type | unit | default | allowed |{change} here | meaning |");
    let _ = writeln!(text, "| --- | --- | --- | --- | --- |{rule} --- | --- |");
    for row in rows {
        let _ = writeln!(text, "{}", line(row, owned));
    }
}

fn line(row: &Setting, owned: bool) -> String {
    let behind = topic_default_names(row.name).first().copied();
    let name = match behind.or(group_default_name(row.name)) {
        Some(broker) if owned && broker != row.name => format!("`{}`<br>`{broker}`", row.name),
        _ => format!("`{}`", row.name),
    };
    let default = match row.default {
        _ if row.required => "demanded".to_owned(),
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let kind = row.kind.name().to_lowercase();
    let change = match row.mode {
        _ if owned => "",
        Mode::ReadOnly | Mode::AtStart => " at start |",
        Mode::PerBroker => " per broker |",
        Mode::ClusterWide => " cluster |",
    };
    let here = match row.standing {
        Standing::Used => "yes".to_owned(),
        Standing::Later => "not yet".to_owned(),
        Standing::NoEffect => "nothing".to_owned(),
        Standing::Refused(what) => format!("refused: {what}"),
    };
    let (allowed, doc) = (allowed(row.check), row.doc.replace('|', "\\|"));
    let unit = row.unit().unwrap_or_default();
    format!("| {name} | {kind} | {unit} | {default} | {allowed} |{change} {here} | {doc} |")
}

fn allowed(check: Check) -> String {
    match check {
        Check::Any => String::new(),
        Check::AtLeast(least) => format!("at least {least}"),
        Check::Between(least, most) => format!("{least} to {most}"),
        Check::OneOf(texts) | Check::OneOfAnyCase(texts) => texts.join(", "),
        Check::Items { of: [], may_be_empty: true } => String::new(),
        Check::Items { of: [], may_be_empty: false } | Check::NotEmpty => "not empty".to_owned(),
        Check::Items { of, .. } => format!("of {}", of.join(", ")),
        Check::Id => "letters, digits, - and _".to_owned(),
        Check::Codec => "0 to 4".to_owned(),
        Check::GzipLevel => "1 to 9, or -1".to_owned(),
        Check::ThrottledReplicas => "\\*, or partition:broker pairs".to_owned(),
        Check::OffsetReset => "earliest, latest, by_duration:...".to_owned(),
        Check::Voters => "id@host:port".to_owned(),
        Check::BootstrapServers => "host:port".to_owned(),
    }
}

#[test]
fn the_document_agrees_with_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIGURATION.md");
    let expected = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("docs")).expect("docs");
        std::fs::write(&path, &expected).expect("docs/CONFIGURATION.md");
    }
    let actual = std::fs::read_to_string(&path).expect("docs/CONFIGURATION.md");
    assert!(
        actual == expected,
        "docs/CONFIGURATION.md is out of date: run UPDATE_DOCS=1 cargo test --test config_docs"
    );
}

#[test]
fn every_setting_is_explained_in_one_sentence() {
    for row in
        [own_settings(), topic_settings(), group_settings(), broker_settings(), unlisted_settings()]
            .concat()
    {
        let sentence = row.doc.ends_with('.') && row.doc.starts_with(|c: char| !c.is_lowercase());
        assert!(sentence && row.doc.len() <= 120, "{}: {}", row.name, row.doc);
    }
}
