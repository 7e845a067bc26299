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

#[test]
fn flags_have_variables_of_their_names() {
    let sourced = with_variables(&[
        ("BARNABAS_HOST", "::1"),
        ("BARNABAS_PORT", "7"),
        ("BARNABAS_HTTP_PORT", "9000"),
        ("BARNABAS_DATA_DIR", "/d"),
    ]);
    let config = sourced.expect("valid").config;
    assert_eq!(config.listeners()[0].to_string(), "PLAINTEXT://[::1]:7");
    assert_eq!(config.get("barnabas.http.listener"), Some("127.0.0.1:9000"));
    assert_eq!(config.data_dir(), Path::new("/d"));
    assert!(!config.is_from_flag("listeners"));
    let file = File::new(b"listeners=PLAINTEXT://a:1\nbarnabas.http.listener=0.0.0.0:1\n");
    let named = ("BARNABAS_CONFIG", file.0.to_str().expect("text"));
    let given = sets(&["barnabas.http.listener=off"]);
    let all = [named, ("BARNABAS_PORT", "2"), ("BARNABAS_HTTP_PORT", "3")];
    let flags = FlagValues { host: Some("b".to_owned()), ..FlagValues::default() };
    let sources = Sources { variables: variables(&all), sets: &given, flags, ..Sources::default() };
    let config = from_sources(&sources).expect("valid").config;
    assert_eq!(config.listeners()[0].to_string(), "PLAINTEXT://b:2");
    assert_eq!(config.http_listener(), None);
    let config = with_variables(&all).expect("valid").config;
    assert_eq!(config.get("barnabas.http.listener"), Some("0.0.0.0:3"));
    assert_eq!(
        with_variables(&[("BARNABAS_PORT", "x"), ("KAFKA_NODE_ID", "x")]).unwrap_err(),
        "2 problems with the configuration:\n  \
         BARNABAS_PORT: it must be a number from 0 to 65535, not x\n  \
         KAFKA_NODE_ID: Invalid value x for configuration node.id: Not a number of type INT"
    );
}

/// As a container's image brings them.
#[test]
fn a_file_of_defaults_stands_below_all_others() {
    let text = b"log.dirs=/image\nlisteners=PLAINTEXT://:9092\nlog.retention.ms=5\n";
    let image = File::new(text);
    let named = ("BARNABAS_DEFAULTS", image.0.to_str().expect("text"));
    let config = with_variables(&[named]).expect("valid").config;
    assert_eq!(config.data_dir(), Path::new("/image"));
    assert_eq!(config.listeners()[0].to_string(), "PLAINTEXT://:9092");
    let file = File::new(b"log.dir=/file\nlog.retention.hours=1\n");
    let flags = FlagValues { port: Some(7), ..FlagValues::default() };
    let variables = variables(&[named]);
    let sources = Sources { file: Some(&file.0), variables, flags, ..Sources::default() };
    let config = from_sources(&sources).expect("valid").config;
    assert_eq!(config.data_dir(), Path::new("/file"));
    assert_eq!(config.topic_defaults().retention_ms, 3_600_000);
    assert_eq!(config.listeners()[0].to_string(), "PLAINTEXT://:7");
}

#[test]
fn host_and_port_replace_their_part_of_the_listener() {
    let flags = |host: Option<&str>, port: Option<u16>| FlagValues {
        host: host.map(str::to_owned),
        port,
        ..FlagValues::default()
    };
    let listener = |sets_: &[&str], flags: FlagValues| {
        let config = from_sources(&Sources { sets: &sets(sets_), flags, ..Sources::default() })
            .map_err(|error| error.to_string())?;
        Ok::<String, String>(config.config.listeners()[0].to_string())
    };
    let set = ["listeners=PLAINTEXT://example:7"];
    for (sets, flags, expected) in [
        (&[][..], flags(None, Some(0)), "PLAINTEXT://localhost:0"),
        (&[], flags(Some("0.0.0.0"), None), "PLAINTEXT://0.0.0.0:9092"),
        (&[], flags(Some("::1"), Some(1)), "PLAINTEXT://[::1]:1"),
        (&[], flags(Some("[::1]"), Some(1)), "PLAINTEXT://[::1]:1"),
        (&set, flags(None, Some(8)), "PLAINTEXT://example:8"),
        (&set, flags(Some("other"), None), "PLAINTEXT://other:7"),
    ] {
        assert_eq!(listener(sets, flags).as_deref(), Ok(expected));
    }
    let two = ["listeners=A://:1,B://:2", "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT"];
    let error = listener(&two, flags(None, Some(8))).unwrap_err();
    assert!(error.starts_with("--port is ambiguous"), "{error}");
    let error = listener(&[], flags(Some("not a host"), None)).unwrap_err();
    assert!(error.contains(": Unable to parse PLAINTEXT://not a host:9092 to a broker"), "{error}");
}
