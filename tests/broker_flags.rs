//! What the command line gives stands above what is set while a broker runs: nothing that would change it is
//! taken, what was stored before is said not to be in force, and is in force at a start without the flag.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::alter_configs as legacy;
use barnabas::wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
};
use barnabas::wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use broker_support::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SIZE: &str = "message.max.bytes";
const RETENTION: &str = "log.retention.ms";
const FLAGS: [&str; 4] = ["--set", "message.max.bytes=5000", "--set", "log.cleanup.policy=delete"];

/// What the cluster's defaults of a new directory must keep.
const KEPT: (&str, &str) = ("min.insync.replicas", "1");

type Answer = Result<(), (ErrorCode, String)>;

fn told(code: ErrorCode, message: Option<&str>) -> Answer {
    match code {
        ErrorCode::NONE => Ok(()),
        code => Err((code, message.unwrap_or_default().to_owned())),
    }
}

fn change(
    client: &mut Client,
    broker: &str,
    (name, config_operation, value): (&str, i8, Option<&str>),
    validate_only: bool,
) -> Answer {
    let changes = [AlterableConfig { name, config_operation, value }];
    let configs = Array::from(&changes);
    let resources =
        [AlterConfigsResource { resource_type: BROKER, resource_name: broker, configs }];
    let resources = Array::from(&resources);
    let answer = client.call(1, &IncrementalAlterConfigsRequest { resources, validate_only });
    let response: IncrementalAlterConfigsResponse<'_> = answer.read();
    let row = response.responses.iter().next().unwrap();
    told(row.error_code, row.error_message)
}

fn replace(client: &mut Client, broker: &str, configs: &[(&str, &str)]) -> Answer {
    let mut rows = Vec::new();
    for &(name, value) in configs {
        rows.push(legacy::AlterableConfig { name, value: Some(value) });
    }
    let configs = Array::from(&rows);
    let resources =
        [legacy::AlterConfigsResource { resource_type: BROKER, resource_name: broker, configs }];
    let resources = Array::from(&resources);
    let request = legacy::AlterConfigsRequest { resources, validate_only: false };
    let answer = client.call(2, &request);
    let response: legacy::AlterConfigsResponse<'_> = answer.read();
    let row = response.responses.iter().next().unwrap();
    told(row.error_code, row.error_message)
}

/// The value of a setting of a resource and, in the order of precedence, all values with their sources.
fn described(client: &mut Client, (kind, resource): (i8, &str), name: &str) -> String {
    let names = [name];
    let resources = [DescribeConfigsResource {
        resource_type: kind,
        resource_name: resource,
        configuration_keys: Some(Array::from(&names)),
    }];
    let resources = Array::from(&resources);
    let include_synonyms = true;
    let request = DescribeConfigsRequest { resources, include_synonyms, ..Default::default() };
    let answer = client.call(4, &request);
    let response: DescribeConfigsResponse<'_> = answer.read();
    let result = response.results.iter().next().unwrap();
    let Some(row) = result.configs.iter().next() else { return "nothing".to_owned() };
    let synonyms = row.synonyms.iter();
    let synonyms: Vec<String> =
        synonyms.map(|s| format!("{}@{}", s.value.unwrap_or("null"), s.source)).collect();
    format!("{}: {}", row.value.unwrap_or("null"), synonyms.join(", "))
}

fn assert_refused(answer: Answer, flag: &str) {
    let (code, message) = answer.unwrap_err();
    assert_eq!(code, ErrorCode::INVALID_REQUEST, "{message}");
    let part = format!(
        "is given by a flag of this broker ({flag}), which stands above dynamic settings; start it without the flag to change it"
    );
    assert!(message.contains(&part), "{message}");
}

#[test]
fn what_a_flag_gives_cannot_be_changed_while_it_runs() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &FLAGS);
    let mut client = broker.client();
    client.create("t", 1);
    let flag = "--set message.max.bytes=5000";
    for whose in ["1", ""] {
        for validate_only in [true, false] {
            let answer = change(&mut client, whose, (SIZE, SET, Some("7000")), validate_only);
            assert_refused(answer, flag);
        }
        assert_refused(replace(&mut client, whose, &[(SIZE, "7000"), (RETENTION, "1")]), flag);
        let append = ("log.cleanup.policy", APPEND, Some("compact"));
        assert_refused(
            change(&mut client, whose, append, false),
            "--set log.cleanup.policy=delete",
        );
        // All or nothing.
        assert_eq!(described(&mut client, (BROKER, ""), RETENTION), "nothing");
        // What changes nothing and what goes is taken, and so is another setting.
        assert_eq!(change(&mut client, whose, (SIZE, DELETE, None), false), Ok(()));
        assert_eq!(change(&mut client, whose, (RETENTION, SET, Some("9")), true), Ok(()));
        let kept = &[KEPT][..usize::from(whose.is_empty())];
        assert_eq!(replace(&mut client, whose, &[&[(SIZE, "5000")], kept].concat()), Ok(()));
        assert_eq!(replace(&mut client, whose, kept), Ok(()));
    }
    assert_eq!(described(&mut client, (BROKER, "1"), SIZE), "5000: 5000@4, 1048588@5");
    // A topic's own still stands above all that is its broker's.
    client.alter_of((TOPIC, "t"), &[("max.message.bytes", "6000")]);
    let own = described(&mut client, (TOPIC, "t"), "max.message.bytes");
    assert_eq!(own, "6000: 6000@1, 5000@4, 1048588@5");
    drop(client);
    broker.stop_cleanly();
}

#[test]
fn what_was_stored_waits_for_a_start_without_the_flag() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.alter_of((BROKER, ""), &[(SIZE, "2000"), (RETENTION, "77")]);
    client.alter_of((BROKER, "1"), &[(SIZE, "3000")]);
    drop(client);
    broker.stop_cleanly();

    let hours = ["--set", "log.retention.hours=1"];
    let broker = Broker::start(&data, &[&FLAGS[..], &hours].concat());
    let by = "is given by a flag of this broker (--set message.max.bytes=5000)";
    for (stored, by) in [
        ("setting=message.max.bytes value=2000 of=\"all brokers\" ", by),
        ("setting=message.max.bytes value=3000 of=\"this broker\" ", by),
        ("setting=log.retention.ms value=77 of=\"all brokers\" ", "log.retention.hours, the same"),
    ] {
        let line = broker.logged(&["WARN", stored, by]);
        assert!(line.contains("is not in force"), "{line}");
    }
    let mut client = broker.client();
    client.create("t", 1);
    let all = "5000: 5000@4, 3000@2, 2000@3, 1048588@5";
    assert_eq!(described(&mut client, (BROKER, "1"), SIZE), all);
    assert_eq!(described(&mut client, (TOPIC, "t"), "max.message.bytes"), all);
    assert_eq!(described(&mut client, (BROKER, ""), SIZE), "2000: 2000@3");
    assert_eq!(
        described(&mut client, (TOPIC, "t"), "retention.ms").split(':').next(),
        Some("3600000")
    );
    // It may stay while another one is set, and it may go.
    assert_refused(
        change(&mut client, "1", (SIZE, SET, Some("9")), false),
        "--set message.max.bytes=5000",
    );
    assert_eq!(replace(&mut client, "1", &[(SIZE, "3000"), ("num.io.threads", "9")]), Ok(()));
    assert_eq!(change(&mut client, "1", (SIZE, DELETE, None), false), Ok(()));
    assert_eq!(described(&mut client, (BROKER, "1"), SIZE), "5000: 5000@4, 2000@3, 1048588@5");
    drop(client);
    broker.stop_cleanly();

    let mut show = std::process::Command::new(binary());
    let shown = show.arg("config").arg("--data-dir").arg(&data).args(FLAGS).output().unwrap();
    let (out, said) =
        (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    let line = "# --set; above set while it ran, for all brokers\nmessage.max.bytes=5000\n";
    assert!(out.contains(line), "{out}");
    assert!(said.contains("message.max.bytes=2000, which was set for all brokers"), "{said}");

    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    assert_eq!(described(&mut client, (BROKER, "1"), SIZE), "2000: 2000@3, 1048588@5");
    drop(client);
    broker.stop_cleanly();
}

/// Only the command line has the last word.
#[test]
fn what_a_variable_or_a_file_gives_can_be_changed_while_it_runs() {
    let dir = TempDir::new();
    let file = dir.join("server.properties");
    std::fs::write(&file, "log.retention.ms=5\n").unwrap();
    let data = dir.join("data");
    let arguments =
        ["--port", "0", "--data-dir", data.to_str().unwrap(), "--config", file.to_str().unwrap()];
    let mut command = command(&arguments);
    command.env("KAFKA_MESSAGE_MAX_BYTES", "4000");
    let broker = Broker::spawn(command);
    let mut client = broker.client();
    client.alter_of((BROKER, "1"), &[(SIZE, "2000"), (RETENTION, "77")]);
    assert_eq!(described(&mut client, (BROKER, "1"), SIZE), "2000: 2000@2, 4000@4, 1048588@5");
    assert_eq!(
        described(&mut client, (BROKER, "1"), RETENTION).split(',').next(),
        Some("77: 77@2")
    );
    drop(client);
    broker.stop_cleanly();
}
