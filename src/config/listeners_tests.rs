//! Tests of listeners: what parses, what clients are told, what is refused and with which words.

use super::*;

const KAFKAS_MAP: &str =
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";
const AB: &str = "A:PLAINTEXT,B:PLAINTEXT";

fn items(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// `inter_broker` and whether the protocol between brokers is given too.
fn endpoints(
    listeners: &str,
    advertised: Option<&str>,
    map: &str,
    inter_broker: (Option<&str>, bool),
) -> Result<Endpoints, String> {
    let advertised = advertised.map(items);
    let (inter_broker, inter_broker_protocol_given) = inter_broker;
    let texts = Texts {
        listeners: &items(listeners),
        advertised: advertised.as_deref(),
        protocols: map,
        protocols_given: map != KAFKAS_MAP,
        controllers: &items("CONTROLLER"),
        inter_broker,
        inter_broker_protocol_given,
    };
    resolve(&texts).map_err(|mut all| all.swap_remove(0).message)
}

fn texts(list: &[Endpoint]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn try_resolve(
    listeners: &str,
    advertised: Option<&str>,
    map: &str,
) -> Result<(Vec<String>, Vec<String>), String> {
    let endpoints = endpoints(listeners, advertised, map, (None, false))?;
    Ok((texts(&endpoints.listeners), texts(&endpoints.advertised)))
}

fn refusal(listeners: &str, advertised: Option<&str>, map: &str) -> String {
    try_resolve(listeners, advertised, map).expect_err("refused")
}

#[test]
fn addresses_of_all_kinds_parse() {
    for text in [
        "PLAINTEXT://127.0.0.1:9092",
        "PLAINTEXT://[::1]:0",
        "PLAINTEXT://[fe80::1%eth0]:1",
        "PLAINTEXT://host_name-1.example:1",
    ] {
        let (listeners, _) = try_resolve(text, None, KAFKAS_MAP).expect("valid");
        assert_eq!(listeners, [text]);
    }
    let (lower, _) = try_resolve("plaintext://a:1", None, KAFKAS_MAP).expect("valid");
    assert_eq!(lower, ["PLAINTEXT://a:1"]);
}

#[test]
fn what_is_not_advertised_is_the_address_that_the_client_reached_or_the_name_that_was_given() {
    for host in ["", "0.0.0.0", "[::]", "127.0.0.1", "[::1]", "[fe80::1%eth0]", "localhost"] {
        let text = format!("PLAINTEXT://{host}:9092");
        let (_, advertised) = try_resolve(&text, None, KAFKAS_MAP).expect("valid");
        assert_eq!(advertised, ["PLAINTEXT://:9092"], "{host}");
    }
    let (_, advertised) = try_resolve("PLAINTEXT://broker:9092", None, KAFKAS_MAP).expect("valid");
    assert_eq!(advertised, ["PLAINTEXT://broker:9092"]);
    // One that is left out when others are advertised.
    let (_, advertised) = try_resolve("A://:1,B://:2", Some("A://a:7"), AB).expect("valid");
    assert_eq!(advertised, ["A://a:7", "B://:2"]);
}

#[test]
fn wildcards_are_known_however_they_are_written() {
    for (host, is_wildcard) in [
        ("", true),
        ("0.0.0.0", true),
        ("::", true),
        ("0:0::0", true),
        ("::1", false),
        ("a", false),
    ] {
        let endpoint = Endpoint { name: "A".to_owned(), host: host.to_owned(), port: 1 };
        assert_eq!(endpoint.is_wildcard(), is_wildcard, "{host}");
    }
}

#[test]
fn controllers_listeners_are_not_opened() {
    let listeners = "PLAINTEXT://:9092,CONTROLLER://:9093";
    let advertised = Some("PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093");
    for map in [
        KAFKAS_MAP,
        "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "CONTROLLER:SSL,PLAINTEXT:plaintext",
    ] {
        let found = endpoints(listeners, advertised, map, (None, false)).expect("valid");
        assert_eq!(texts(&found.listeners), ["PLAINTEXT://:9092"]);
        assert_eq!(texts(&found.advertised), ["PLAINTEXT://localhost:9092"]);
        assert_eq!(texts(&found.controllers), ["CONTROLLER://:9093"]);
    }
    let none = "There must be at least one broker advertised listener. \
                Perhaps all listeners appear in controller.listener.names?";
    assert_eq!(refusal("CONTROLLER://:9093", None, KAFKAS_MAP), none);
    assert_eq!(refusal(listeners, Some("CONTROLLER://:9093"), KAFKAS_MAP), none);
    assert_eq!(
        refusal(listeners, None, "PLAINTEXT:PLAINTEXT"),
        "No security protocol defined for listener CONTROLLER"
    );
}

#[test]
fn several_listeners_need_names_and_ports_of_their_own() {
    for fine in ["A://127.0.0.1:9092,B://[::1]:9092", "A://a:0,B://a:0", "A://[::]:1,B://0.0.0.0:1"]
    {
        let (listeners, _) = try_resolve(fine, None, AB).expect("valid");
        assert_eq!(listeners.len(), 2, "{fine}");
    }
    let named = "Error creating broker listeners from '[A://a:1, A://a:2]': \
                 Each listener must have a different name, listeners: [A://a:1, A://a:2]";
    assert_eq!(refusal("A://a:1,A://a:2", None, AB), named);
    for (pair, why) in [
        ("A://a:1, B://b:1", "Each listener must have a different port, listeners"),
        ("A://:1, B://localhost:1", "Each listener must have a different port, listeners"),
        ("A://127.0.0.1:1, B://127.0.0.2:1", "If you have two listeners on the same port then one"),
        (
            "A://127.0.0.1:1, B://b:1",
            "Each listener must have a different port unless exactly one listener has an IPv4",
        ),
    ] {
        let expected = format!("Error creating broker listeners from '[{pair}]': {why}");
        let error = refusal(&pair.replace(", ", ","), None, AB);
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains(&format!("listeners: [{pair}]")), "{error}");
    }
    // What is told may be the same for all.
    let told = Some("A://a:1,B://a:1");
    assert!(try_resolve("A://:1,B://:2", told, AB).is_ok());
}

#[test]
fn what_is_not_served_is_refused() {
    for protocol in ["SSL", "SASL_PLAINTEXT", "SASL_SSL"] {
        let error = refusal(&format!("{protocol}://:9092"), None, KAFKAS_MAP);
        assert!(error.contains("not supported yet"), "{error}");
        let error = refusal("A://:1,B://:2", None, &format!("A:PLAINTEXT,B:{protocol}"));
        assert!(error.starts_with(&format!("Listener B asks for {protocol}")), "{error}");
    }
    let error = refusal("FOO://:9092", None, KAFKAS_MAP);
    assert_eq!(error, "No security protocol defined for listener FOO");
    let error = refusal("A://:1", None, "A:FOO");
    assert_eq!(error, "Invalid security protocol `FOO` defined in listener.security.protocol.map");
}

#[test]
fn texts_that_are_no_address_are_refused() {
    for text in [
        "localhost:9092",
        "PLAINTEXT://localhost",
        "://a:1",
        "PLAINTEXT://a:99999",
        "PLAINTEXT://a:-1",
        "PLAINTEXT://a b:1",
        "PLAINTEXT://[::1:1",
        "PLAINTEXT://a:",
    ] {
        let error = refusal(text, None, KAFKAS_MAP);
        let expected = format!(
            "Error creating broker listeners from '[{text}]': \
             Unable to parse {text} to a broker endpoint"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn an_advertised_address_must_be_one_that_clients_can_reach() {
    for meta in ["0.0.0.0", "::"] {
        let told = Endpoint { name: "PLAINTEXT".into(), host: meta.into(), port: 1 }.to_string();
        assert_eq!(
            refusal("PLAINTEXT://:1", Some(&told), KAFKAS_MAP),
            format!(
                "advertised.listeners cannot use the nonroutable meta-address {meta}. \
                 Use a routable IP address."
            )
        );
    }
    assert_eq!(
        refusal(
            "A://:1,CONTROLLER://:3",
            Some("A://a:1,B://b:1"),
            "A:PLAINTEXT,B:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        "advertised.listeners listener names must be equal to or a subset of the ones defined in \
         listeners. Found A,B. The valid options based on the current configuration are A,CONTROLLER"
    );
}

#[test]
fn the_listener_between_brokers_must_be_one_that_there_is() {
    let with = |name, protocol_given| {
        endpoints(
            "A://:1,B://:2",
            Some("A://a:1"),
            "A:PLAINTEXT,B:PLAINTEXT",
            (Some(name), protocol_given),
        )
        .map(drop)
    };
    assert_eq!(with("a", false), Ok(()));
    for (name, given, why) in [
        (
            "A",
            true,
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.",
        ),
        (
            "C",
            false,
            "Listener with name C defined in inter.broker.listener.name not found in \
             listener.security.protocol.map.",
        ),
        (
            "B",
            false,
            "inter.broker.listener.name must be a listener name defined in advertised.listeners. \
             The valid options based on currently configured listeners are A",
        ),
    ] {
        assert_eq!(with(name, given), Err(why.to_owned()));
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let wrong = resolve(&Texts {
        listeners: &items("A://:1,B://:1"),
        advertised: Some(&items("C://a:1")),
        protocols: AB,
        protocols_given: true,
        controllers: &[],
        inter_broker: Some("D"),
        inter_broker_protocol_given: false,
    });
    let names: Vec<String> =
        wrong.expect_err("refused").into_iter().map(|problem| problem.key).collect();
    assert_eq!(names, [LISTENERS, ADVERTISED, INTER_BROKER, ADVERTISED]);
}
