//! Tests of start-up settings: precedence, refusals, warnings.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::Shown;
use super::*;

#[path = "given_tests.rs"]
mod names;

/// A settings file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(text: &[u8]) -> File {
        File::with_ending("properties", text)
    }

    fn with_ending(ending: &str, text: &[u8]) -> File {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let name = format!("barnabas-config-{process}-{next}.{ending}");
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("a temporary file");
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn sets(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What is printed where nothing was set while a broker ran.
fn effective(sourced: &Sourced) -> String {
    crate::config::effective(sourced, &BTreeMap::new(), &BTreeMap::new(), Shown::default())
}

fn set(texts: &[&str]) -> Result<Sourced, String> {
    let sources = Sources { sets: &sets(texts), ..Sources::default() };
    from_sources(&sources).map_err(|error| error.to_string())
}

fn of_file(path: &Path) -> Result<Sourced, ConfigErrors> {
    from_sources(&Sources { file: Some(path), ..Sources::default() })
}

fn variables(all: &[(&str, &str)]) -> Vec<Variable> {
    crate::config::variables(all.iter().map(|&(name, value)| (name.into(), value.into())))
}

fn with_variables(all: &[(&str, &str)]) -> Result<Sourced, String> {
    let sources = Sources { variables: variables(all), ..Sources::default() };
    from_sources(&sources).map_err(|errors| errors.to_string())
}

fn file(text: &str) -> Result<Sourced, String> {
    let file = File::new(text.as_bytes());
    let name = file.0.display().to_string();
    let mut sourced =
        of_file(&file.0).map_err(|errors| errors.to_string().replace(&name, "FILE"))?;
    for line in &mut sourced.warnings {
        *line = line.replace(&name, "FILE");
    }
    Ok(sourced)
}

#[test]
fn flags_win_over_set_over_variables_over_the_file_over_defaults() {
    let file = File::new(b"node.id=2\nnum.partitions=2\nlog.dirs=/two\nlog.retention.hours=2\n");
    let sets = sets(&["node.id=3", "num.partitions=3", "num.partitions=4"]);
    let flags = FlagValues { node_id: Some(5), ..FlagValues::default() };
    let variables = variables(&[("KAFKA_NUM_PARTITIONS", "7"), ("KAFKA_LOG_DIRS", "/three")]);
    let sources =
        Sources { file: Some(&file.0), variables, sets: &sets, flags, ..Sources::default() };
    let config = from_sources(&sources).expect("valid").config;
    assert_eq!((config.node_id(), config.num_partitions()), (5, 4));
    assert_eq!(config.data_dir(), Path::new("/three"));
    assert_eq!(config.topic_defaults().retention_ms, 2 * 3_600_000);
    assert_eq!(config.default_replication_factor(), 1);
}

#[test]
fn kafkas_own_file_starts_a_broker() {
    let sourced = file(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
         inter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\\\n\
           SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
         num.network.threads=3\n\
         num.io.threads=8\n\
         socket.send.buffer.bytes=102400\n\
         log.dirs=/tmp/kraft-combined-logs\n\
         num.partitions=1\n\
         num.recovery.threads.per.data.dir=1\n\
         offsets.topic.replication.factor=1\n\
         log.retention.hours=168\n\
         log.segment.bytes=1073741824\n",
    )
    .expect("valid");
    assert_eq!(sourced.config.listeners().len(), 1);
    assert_eq!(sourced.config.advertised_listeners()[0].to_string(), "PLAINTEXT://localhost:9092");
    assert_eq!(
        sourced.warnings,
        ["accepted, but there is nothing here that they govern: inter.broker.listener.name"]
    );
}

#[test]
fn of_replicas_there_is_one() {
    let log = "transaction.state.log";
    let [two, one] = [format!("{log}.replication.factor=2"), format!("{log}.min.isr=1")];
    let sourced = set(&["offsets.topic.replication.factor=1", &two, &one]).expect("valid");
    let warned = format!("accepted, but without effect yet: {log}.replication.factor");
    assert_eq!(sourced.warnings, [warned]);
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known() {
    assert_eq!(
        set(&["num.partition=3"]).unwrap_err(),
        "--set: unknown setting num.partition; did you mean num.partitions?"
    );
    assert_eq!(
        file("\n\nauto.create.topic.enable = false\n").unwrap_err(),
        "FILE:3: unknown setting auto.create.topic.enable; did you mean auto.create.topics.enable?"
    );
    assert_eq!(
        set(&["retention.ms=1"]).unwrap_err(),
        "--set: retention.ms is a setting of topics; for all topics use log.retention.ms"
    );
    assert_eq!(set(&["num.partitions"]).unwrap_err(), "--set: num.partitions is not key=value");
    assert_eq!(set(&["=3"]).unwrap_err(), "--set: =3 is not key=value");
    assert!(file("\u{FEFF}num.partitions=3\n").is_ok(), "an editor's mark at the beginning");
}

#[test]
fn bad_values_are_refused_where_they_stand() {
    assert_eq!(
        set(&["num.partitions=x"]).unwrap_err(),
        "--set: Invalid value x for configuration num.partitions: Not a number of type INT"
    );
    assert_eq!(
        file("num.partitions=0").unwrap_err(),
        "FILE:1: Invalid value 0 for configuration num.partitions: Value must be at least 1"
    );
    assert_eq!(file("a=\\u1").unwrap_err(), "FILE:1: malformed \\uXXXX escape");
    assert_eq!(
        set(&["log.roll.ms=0"]).unwrap_err(),
        "--set: log.roll.ms must be greater than or equal to 1"
    );
}

#[test]
fn what_its_owner_relies_on_is_refused_until_it_is_built() {
    for text in [
        "ssl.keystore.location=/x",
        "sasl.enabled.mechanisms=PLAIN",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:admin",
        "listeners=SSL://:9093",
        "listeners=SASL_PLAINTEXT://:9093",
        "listener.name.plaintext.max.connections=5",
        "process.roles=broker",
        "process.roles=controller",
        "controller.quorum.voters=1@a:1,2@b:2,3@c:3",
        "controller.quorum.bootstrap.servers=a:1,b:2",
        "log.dirs=/a,/b",
        "remote.log.storage.system.enable=true",
        "max.connection.creation.rate=10",
        "config.providers=env",
    ] {
        let error = set(&[text]).expect_err(text);
        assert!(error.contains("not supported yet"), "{text}: {error}");
        assert!(!error.contains('\n'), "{text}: {error}");
    }
    for text in ["ssl.client.auth=none", "authorizer.class.name=", "sasl.enabled.mechanisms=GSSAPI"]
    {
        assert!(set(&[text]).is_ok(), "{text}");
    }
}

#[test]
fn what_has_no_effect_is_named() {
    let warnings =
        set(&["group.coordinator.threads=7", "num.io.threads=9", "num.network.threads=3"]);
    assert_eq!(
        warnings.expect("valid").warnings,
        [
            "accepted, but without effect yet: group.coordinator.threads",
            "accepted, but there is nothing here that they govern: num.io.threads",
        ]
    );
    let sourced = file("zookeeper.connect=localhost:2181\nnode.id=4\n").expect("valid");
    assert_eq!(sourced.config.node_id(), 4);
    assert_eq!(sourced.warnings.len(), 1);
    assert_eq!(sourced.warnings[0], "not in Kafka 4 any more, left out: FILE:1: zookeeper.connect");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = Path::new("/nonexistent/server.properties");
    let error = of_file(missing).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the settings file /nonexistent/server.properties: "));
    let directory = of_file(Path::new("/"));
    assert!(directory.is_err());
    let binary = File::new(&[0xFF, 0xFE, 0x00]);
    let error = of_file(&binary.0).unwrap_err();
    assert!(error.to_string().ends_with("it is not UTF-8 text"));
    let large = File::new(&vec![b'#'; FILE_LIMIT as usize + 1]);
    let error = of_file(&large.0).unwrap_err();
    assert!(error.to_string().ends_with("it is larger than 1048576 bytes"));
}

#[test]
fn names_like_no_other_are_left_out_with_one_warning() {
    let sourced = file("confluent.metrics.reporter.topic.replicas=1\nport=1\nmy.own.thing=2\n");
    assert_eq!(
        sourced.expect("valid").warnings,
        [
            "not in Kafka 4 any more, left out: FILE:2: port",
            "no settings of Kafka or of Barnabas, left out: \
             FILE:1: confluent.metrics.reporter.topic.replicas, FILE:3: my.own.thing",
        ]
    );
    // These may be for somebody else, whatever they are like.
    let sourced = with_variables(&[
        ("KAFKA_NUM_PARTITION", "3"),
        ("KAFKA_BROKERS", "a:9092"),
        ("KAFKA_ZOOKEEPER_CONNECT", "a:2181"),
    ]);
    assert_eq!(
        sourced.expect("valid").warnings,
        [
            "not in Kafka 4 any more, left out: KAFKA_ZOOKEEPER_CONNECT: zookeeper.connect",
            "no settings of Kafka or of Barnabas, left out: KAFKA_BROKERS, \
             KAFKA_NUM_PARTITION (did you mean num.partitions?)",
        ]
    );
}

#[test]
fn variables_are_settings_with_a_place_of_their_own() {
    assert_eq!(
        with_variables(&[("KAFKA_NUM_PARTITIONS", "x")]).unwrap_err(),
        "KAFKA_NUM_PARTITIONS: Invalid value x for configuration num.partitions: Not a number of type INT"
    );
    assert_eq!(
        with_variables(&[("BARNABAS_WORKRS", "1")]).unwrap_err(),
        "BARNABAS_WORKRS: unknown setting workrs; did you mean barnabas.workers?"
    );
    let config = with_variables(&[("BARNABAS_WORKERS", "3"), ("KAFKA_CFG_NODE_ID", "9")]);
    let config = config.expect("valid").config;
    assert_eq!((config.workers(), config.node_id()), (3, 9));
    let config = with_variables(&[("BARNABAS_NODE_ID", "8"), ("KAFKA_NODE_ID", "9")]);
    assert_eq!(config.expect("valid").config.node_id(), 8, "what is meant for us holds");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "num.partitions=0\nauto.create.topic.enable=true\nlog.dirs=/a,/b\n";
    assert_eq!(
        file(text).unwrap_err(),
        "3 problems with the configuration:\n  \
         FILE:2: unknown setting auto.create.topic.enable; did you mean auto.create.topics.enable?\n  \
         FILE:3: log.dirs is not supported yet: more than one data directory\n  \
         FILE:1: Invalid value 0 for configuration num.partitions: Value must be at least 1"
    );
}

#[test]
fn a_problem_is_one_line_whatever_was_given() {
    let error = set(&["num.partitions=1\n2", "node.id=x\r\ny"]).unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn a_password_is_not_printed_and_its_place_taker_is_no_setting() {
    let row = crate::config::broker_settings().iter().find(|row| row.sensitive()).expect("some");
    let mut given = Given::default();
    given.put(row.name, "hunter2".to_owned(), Origin::Set);
    let config = Config::from_pairs(&[(row.name, "hunter2")]).expect("valid");
    let config = config.with_origins(given.origins());
    let printed = effective(&Sourced { config, warnings: Vec::new(), given });
    assert!(printed.contains(&format!("# --set\n#{}=[hidden]\n", row.name)));
    assert!(!printed.contains("hunter2"));
}

#[test]
fn what_is_printed_names_its_places_and_is_a_settings_file_itself() {
    let text = "num.partitions=3\nsuper.users=\nlog.dirs=C:\\\\x y\\tz\n";
    let given = File::new(text.as_bytes());
    let flags = FlagValues { port: Some(0), ..FlagValues::default() };
    let variables = variables(&[("BARNABAS_WORKERS", "2")]);
    let sources = Sources { file: Some(&given.0), variables, flags, ..Sources::default() };
    let sourced = from_sources(&sources).expect("valid");
    let printed = effective(&sourced);
    let file_name = given.0.display().to_string();
    for (origin, line) in [
        (format!("{file_name}:1"), "num.partitions=3"),
        ("BARNABAS_WORKERS".to_owned(), "barnabas.workers=2"),
        ("--port".to_owned(), "listeners=PLAINTEXT://localhost:0"),
        ("brought by Barnabas".to_owned(), "node.id=1"),
        ("default".to_owned(), "log.retention.hours=168"),
        ("default".to_owned(), "#log.retention.ms="),
        ("default (bytes)".to_owned(), "log.cleaner.io.buffer.size=524288"),
    ] {
        let lines = format!("# {origin}\n{line}\n");
        assert!(printed.contains(&lines), "{lines}{printed}");
    }
    let again = file(&printed).expect("valid").config;
    for setting in crate::config::broker_settings().iter().chain(crate::config::own_settings()) {
        let (one, other) = (sourced.config.get(setting.name), again.get(setting.name));
        assert_eq!(one, other, "{}", setting.name);
    }
}

#[test]
fn what_was_set_while_it_ran_is_printed_below_the_command_line() {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let cluster = map(&[
        ("message.max.bytes", "20"),
        ("num.io.threads", "4"),
        ("log.cleaner.threads", "no number"),
        ("leader.replication.throttled.rate", "7"),
        ("log.retentoin.ms", "8"),
        ("my.plugin.password", "hunter2"),
    ]);
    let node = map(&[("message.max.bytes", "30")]);
    let sourced = set(&["message.max.bytes=10", "log.cleaner.threads=3"]).expect("valid");
    let printed = crate::config::effective(&sourced, &cluster, &node, Shown::default());
    for lines in [
        "above set while it ran, for this broker; above set while it ran, for all brokers\nmessage.max.bytes=10\n",
        "# set while it ran, for all brokers\nnum.io.threads=4\n",
        "# set while it ran, for all brokers (bytes/s)\nleader.replication.throttled.rate=7\n",
        "# --set\nlog.cleaner.threads=3\n",
        "# set while it ran, for all brokers; unknown, did you mean log.retention.ms?\n\
         #log.retentoin.ms=[hidden]\n",
        "# set while it ran, for all brokers; unknown\n#my.plugin.password=[hidden]\n",
    ] {
        assert!(printed.contains(lines), "{lines}{printed}");
    }
    assert!(!printed.contains("hunter2"));
}

#[cfg(feature = "toml")]
#[test]
fn a_file_in_toml_means_what_the_same_names_mean_in_kafkas() {
    let text = b"num.partitions = 3\nlisteners = ['A://127.0.0.1:0', 'B://:0']\n[log]\n\
                 retention.hours = 2\n[listener.security.protocol]\nmap = 'A:PLAINTEXT,B:PLAINTEXT'\n";
    for ending in ["toml", "TOML"] {
        let given = File::with_ending(ending, text);
        let sourced = of_file(&given.0).expect("valid");
        let config = &sourced.config;
        assert_eq!((config.num_partitions(), config.listeners().len()), (3, 2));
        assert_eq!(config.topic_defaults().retention_ms, 2 * 3_600_000);
        let line = format!("# {}:4\nlog.retention.hours=2\n", given.0.display());
        assert!(effective(&sourced).contains(&line));
    }
    let given = File::with_ending("toml", b"num.partition = 3\n[log]\nretention.hours = true\n");
    let error = of_file(&given.0).unwrap_err().to_string();
    let expected = "2 problems with the configuration:\n  \
         FILE:1: unknown setting num.partition; did you mean num.partitions?\n  \
         FILE:3: Invalid value true for configuration log.retention.hours: Not a number of type INT";
    assert_eq!(error.replace(&given.0.display().to_string(), "FILE"), expected);
    let given = File::with_ending("toml", b"[log]\ndirs = [1]\ndir = \n");
    let error = of_file(&given.0).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}:3: ", given.0.display())), "{error}");
}

#[test]
fn an_ephemeral_broker_says_where_its_directory_comes_from() {
    for texts in [&["num.partitions=3"][..], &["log.dirs=/var/lib/x"]] {
        let config = set(texts).expect("valid").config.with_data_in(std::path::Path::new("/tmp/y"));
        let names = ["log.dir", "log.dirs"]
            .into_iter()
            .filter(|name| config.layers().fixed.contains_key(*name));
        let told: Vec<_> = names.map(|name| (config.get(name), config.origin(name))).collect();
        assert!(
            !told.is_empty() && told.iter().all(|one| *one == (Some("/tmp/y"), "--ephemeral")),
            "{told:?}"
        );
    }
}
