//! `GET /v1/clients` of the real binary: what clients did on their connections is told of them.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The client at this end of a connection.
fn of(address: SocketAddr, client: &Client) -> Value {
    let Value::Array(all) = page(address, "/v1/clients") else { panic!("no list") };
    let name = client.name();
    all.into_iter().find(|one| one["address"] == json!(name)).unwrap()
}

fn api(client: &Value, name: &str) -> Value {
    let apis = client["apis"].as_array().unwrap();
    apis.iter().find(|one| one["api"] == name).cloned().unwrap_or_default()
}

#[test]
fn what_clients_did_is_told_of_them() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--workers", "1"]);
    assert_eq!(page(address, "/v1/clients"), json!([]), "those of HTTP are not told");
    let before = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let idle = broker.client();
    let mut client = broker.client();
    client.api_versions();
    client.create("t", 1);
    let one = batch(1, 1, 10);
    for _ in 0..3 {
        client.append(("t", 0), &one);
    }
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    for _ in 0..11 {
        assert_eq!(client.produce(("t", 9), &one).code, unknown);
    }
    assert_eq!(client.fetch(("t", 0), 99, Wait::NONE).code, ErrorCode::OFFSET_OUT_OF_RANGE);
    let told = of(address, &client);
    let produce = json!({"api": "Produce", "key": 0, "version": 12, "requests": 14, "errors": 11});
    assert_eq!(api(&told, "Produce"), produce);
    let fetch = json!({"api": "Fetch", "key": 1, "version": 12, "requests": 1, "errors": 1});
    assert_eq!(api(&told, "Fetch"), fetch);
    assert_eq!(api(&told, "CreateTopics")["requests"], 1);
    assert_eq!((&told["requests"], &told["errors"]), (&json!(17), &json!(12)), "{told}");
    assert_eq!((&told["software"], &told["version"]), (&json!("broker-test"), &json!("1")));
    assert_eq!(
        (&told["client_id"], &told["listener"]),
        (&json!("broker-test"), &json!("PLAINTEXT"))
    );
    let errors = told["last_errors"].as_array().unwrap();
    assert_eq!(errors.len(), 8, "the last ones");
    let last = |name: &str| errors[7][name].clone();
    assert_eq!((last("api"), last("code")), (json!("Fetch"), json!(1)));
    assert_eq!((last("error"), &errors[0]["code"]), (json!("OFFSET_OUT_OF_RANGE"), &json!(3)));
    let times = [&told["connected_at"], &told["last_request_at"], &errors[7]["at"]];
    let times: Vec<_> = times.into_iter().map(|time| time.as_i64().unwrap()).collect();
    // Both clocks are the same machine's; a minute forgives one that is set meanwhile.
    assert!(times.iter().all(|time| (before - 60_000..before + 600_000).contains(time)), "{told}");
    let told = of(address, &idle);
    let nothing = ["last_request_at", "client_id", "software", "version"];
    assert!(nothing.iter().all(|name| told[*name].is_null()), "{told}");
    assert_eq!((&told["requests"], &told["apis"]), (&json!(0), &json!([])));
    broker.stop_cleanly();
}

#[test]
fn groups_are_those_that_a_client_speaks_for() {
    let dir = TempDir::new();
    let settings = ["--workers", "1", "--set", "group.initial.rebalance.delay.ms=0"];
    let (broker, address) = start_pages(dir.path(), &settings);
    let mut client = broker.client();
    client.create("t", 2);
    client.await_coordinator("g");
    let me = client.join(Joining::new("g", ""));
    client.sync("g", &me, &[(&me.member, b"all")]).unwrap();
    assert_eq!(client.heartbeat("g", &me), ErrorCode::NONE);
    let group =
        json!({"group": "g", "member": me.member, "generation": me.generation, "rebalances": 1});
    assert_eq!(of(address, &client)["groups"], json!([group]));
    assert_eq!(client.leave("g", &me.member), ErrorCode::NONE);
    assert_eq!(of(address, &client)["groups"], json!([]));
    // One of the consumer protocol has an epoch.
    let mut consumer = Consumer::new("h", "me", "t");
    client.beat_until(&mut consumer, 2);
    client.beat(&mut consumer);
    let groups = of(address, &client)["groups"].clone();
    assert_eq!((&groups[0]["group"], &groups[0]["member"]), (&json!("h"), &json!("me")));
    assert!(groups[0]["generation"].as_i64().unwrap() > 0, "{groups}");
    broker.stop_cleanly();
}

#[test]
fn pages_of_clients_follow_each_other_and_have_an_end() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--workers", "3"]);
    let mut clients: Vec<_> = (0..20).map(|_| broker.client()).collect();
    clients.iter_mut().for_each(|client| assert!(client.api_versions() > 0));
    let mut seen = Vec::new();
    loop {
        let after = seen.last().map_or(String::new(), |last: &u64| format!("&after={last}"));
        let page = page(address, &format!("/v1/clients?limit=7{after}"));
        let some = page.as_array().unwrap();
        assert!(some.len() <= 7);
        if some.is_empty() {
            break;
        }
        seen.extend(some.iter().map(|one| one["connection"].as_u64().unwrap()));
    }
    assert_eq!(seen.len(), 20);
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
    for wrong in ["limit=x", "after=-1", "name=a"] {
        assert_eq!(error(address, &format!("/v1/clients?{wrong}")).0, 400, "{wrong}");
    }
    // Who has gone is not there: the next to be answered on that worker comes after it.
    drop(clients);
    while page(address, "/v1/clients") != json!([]) {}
    broker.stop_cleanly();
}
