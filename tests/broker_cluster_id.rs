//! `CLUSTER_ID`, which Kafka's image formats its directory with: a new directory gets that id and keeps it, and what
//! cannot be such an id is for somebody else.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::path::Path;

/// Its last character stands for more bits than there are: the id of many a compose file.
const ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";
const OTHER: &str = "5L6g3nShT-eMCtK--X86sw";

/// What a broker with this variable tells its clients, once the same stands in its directory; and its lines.
fn started(data: &Path, (variable, value): (&str, &str)) -> (String, Vec<String>) {
    let mut command = command(&["--port", "0", "--data-dir", data.to_str().unwrap()]);
    command.env_remove("CLUSTER_ID").env(variable, value);
    let broker = Broker::spawn(command);
    let told = broker.client().cluster().cluster_id;
    let meta = std::fs::read_to_string(data.join("meta.properties")).unwrap();
    assert!(meta.lines().any(|line| line == format!("cluster.id={told}")), "{told}: {meta}");
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    (told, ended.log)
}

fn warnings(log: &[String]) -> Vec<&String> {
    log.iter().filter(|line| line.contains("WARN") && line.contains("cluster.id")).collect()
}

#[test]
fn a_new_directory_has_the_id_of_the_environment_and_keeps_it() {
    for variable in ["CLUSTER_ID", "BARNABAS_CLUSTER_ID"] {
        let dir = TempDir::new();
        let data = dir.join("data");
        let (told, log) = started(&data, (variable, ID));
        assert_eq!((told.as_str(), warnings(&log).len()), (ID, 0), "{log:#?}");
        let (told, log) = started(&data, (variable, ID));
        assert_eq!((told.as_str(), warnings(&log).len()), (ID, 0), "{log:#?}");
        // Another one only makes it say so.
        let (told, log) = started(&data, (variable, OTHER));
        assert_eq!((told.as_str(), warnings(&log).len()), (ID, 1), "{log:#?}");
        let line = warnings(&log)[0];
        assert!(line.contains(&format!("stays={ID} ")), "{line}");
        assert!(line.ends_with(&format!("given={OTHER}")), "{line}");
    }
}

#[test]
fn what_is_no_id_of_kafkas_is_not_taken_for_one() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let (told, _) = started(&data, ("CLUSTER_ID", "prod"));
    assert_eq!(told.len(), 22, "one by chance: {told}");
    let (again, log) = started(&data, ("CLUSTER_ID", "staging"));
    assert_eq!(again, told);
    let about_directory = warnings(&log).into_iter().filter(|line| line.contains("stays="));
    assert_eq!(about_directory.count(), 0, "{log:#?}");
    // By the name that is Barnabas' own it is meant.
    let (told, _) = started(&dir.join("named"), ("BARNABAS_CLUSTER_ID", "prod"));
    assert_eq!(told, "prod");
}
