//! Tests of settings of one thing by several names, from several places.

use super::*;

/// What is printed of these settings, without the names of files.
fn printed_of(sourced: &Sourced, file: &File, names: &[&str]) -> Vec<String> {
    let printed = effective(sourced).replace(&file.0.display().to_string(), "FILE");
    let lines: Vec<&str> = printed.lines().collect();
    let is_wanted = |line: &str| {
        let name = line.trim_start_matches('#').split('=').next();
        !line.starts_with("# ") && names.contains(&name.unwrap_or_default())
    };
    let two = lines.windows(2).filter(|two| is_wanted(two[1]));
    two.map(|two| two.join(" | ")).collect()
}

#[test]
fn the_last_word_is_about_a_thing_by_whatever_name() {
    let file = File::new(b"log.retention.ms=5\nlog.dirs=/file\nbroker.id=4\n");
    let given = sets(&["log.retention.hours=1", "node.id=5"]);
    let sources = Sources {
        file: Some(&file.0),
        variables: variables(&[("KAFKA_LOG_DIR", "/variable")]),
        sets: &given,
        ..Sources::default()
    };
    let sourced = from_sources(&sources).expect("valid");
    assert_eq!(sourced.config.topic_defaults().retention_ms, 3_600_000);
    assert_eq!(sourced.config.data_dir(), Path::new("/variable"));
    assert_eq!((sourced.config.node_id(), sourced.config.get("broker.id")), (5, Some("5")));
    assert_eq!(
        printed_of(
            &sourced,
            &file,
            &["log.dir", "log.dirs", "log.retention.hours", "log.retention.ms"]
        ),
        [
            "# KAFKA_LOG_DIR | log.dir=/variable",
            "# from the setting that means the same; that of FILE:2 does not hold, log.dir does \
             | log.dirs=/variable",
            "# --set | log.retention.hours=1",
            "# default; that of FILE:1 does not hold, log.retention.hours does | #log.retention.ms=",
        ]
    );
    // The same name again, and a flag over all of them.
    let given = sets(&["log.retention.hours=1", "log.retention.ms=7", "log.dir=/set"]);
    let flags = FlagValues { data_dir: Some("/flag".to_owned()), ..FlagValues::default() };
    let sources = Sources { file: Some(&file.0), sets: &given, flags, ..Sources::default() };
    let sourced = from_sources(&sources).expect("valid");
    assert_eq!(sourced.config.topic_defaults().retention_ms, 7);
    assert_eq!(sourced.config.data_dir(), Path::new("/flag"));
    assert_eq!(
        printed_of(&sourced, &file, &["log.dir", "log.retention.hours", "log.retention.ms"]),
        [
            "# default; that of --set does not hold, log.dirs does | log.dir=/tmp/kafka-logs",
            "# --set; does not hold, log.retention.ms does | log.retention.hours=1",
            "# --set | log.retention.ms=7",
        ]
    );
}

/// As in Kafka: the smallest unit, and the plural.
#[test]
fn within_one_source_kafkas_rule_says_which_name_holds() {
    let file = File::new(b"log.roll.hours=2\nlog.roll.ms=5\nlog.dirs=/a\nlog.dir=/b\n");
    let sourced = of_file(&file.0).expect("valid");
    assert_eq!(sourced.config.topic_defaults().segment_ms, 5);
    assert_eq!(sourced.config.data_dir(), Path::new("/a"));
    assert_eq!(
        printed_of(&sourced, &file, &["log.dir", "log.dirs", "log.roll.hours", "log.roll.ms"]),
        [
            "# FILE:4; does not hold, log.dirs does | log.dir=/b",
            "# FILE:3 | log.dirs=/a",
            "# FILE:1; does not hold, log.roll.ms does | log.roll.hours=2",
            "# FILE:2 | log.roll.ms=5",
        ]
    );
}
