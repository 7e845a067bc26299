//! The addresses a broker binds and the addresses it tells clients: `listeners`,
//! `advertised.listeners`, `listener.security.protocol.map`.
//!
//! The syntax is Kafka's (`AbstractKafkaConfig.listenerListToEndPoints`): `NAME://host:port`, IPv6
//! addresses in brackets, an empty host for every interface. Only the protocol PLAINTEXT is served; a
//! listener with another one is refused, because its owner relies on what it would add. Listeners of the
//! controller role are not opened: the quorum of one node needs none. No name is resolved here.

use std::fmt;

use super::value::InvalidConfig;

/// One listener or advertised address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, in upper case.
    pub name: String,
    /// Host name or address, without brackets. Empty: every interface (listeners), or the address
    /// that the client itself reached (advertised).
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Endpoint {
    /// Whether this binds every interface.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "{}://[{}]:{}", self.name, self.host, self.port);
        }
        write!(f, "{}://{}:{}", self.name, self.host, self.port)
    }
}

/// The texts that listeners are made of.
pub(super) struct Texts<'t> {
    pub(super) listeners: &'t [String],
    pub(super) advertised: Option<&'t [String]>,
    pub(super) protocols: &'t str,
    /// Whether `listener.security.protocol.map` was set; if not, controllers' names need no entry.
    pub(super) protocols_given: bool,
    pub(super) controllers: &'t [String],
}

/// The listeners to open and the addresses to advertise for them, in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) listeners: Vec<Endpoint>,
    pub(super) advertised: Vec<Endpoint>,
}

/// Parses and checks all three settings together.
pub(super) fn resolve(texts: &Texts<'_>) -> Result<Endpoints, InvalidConfig> {
    let protocols = parse_protocols(texts.protocols)?;
    let all = parse_all("listeners", texts.listeners)?;
    unique_ports(&all, texts.listeners)?;
    let controller = |name: &str| texts.controllers.iter().any(|c| c.eq_ignore_ascii_case(name));
    let listeners: Vec<Endpoint> = all.into_iter().filter(|e| !controller(&e.name)).collect();
    if listeners.is_empty() {
        return refuse(
            "listeners",
            "There must be at least one listener that is not a controller's",
        );
    }
    let given = match texts.advertised {
        None => Vec::new(),
        Some(items) => parse_all("advertised.listeners", items)?,
    };
    for endpoint in listeners.iter().chain(&given) {
        if !controller(&endpoint.name) || texts.protocols_given {
            ensure_served(&endpoint.name, &protocols)?;
        }
    }
    let advertised = advertise(&listeners, &given)?;
    Ok(Endpoints { listeners, advertised })
}

fn refuse<T>(key: &str, message: impl Into<String>) -> Result<T, InvalidConfig> {
    Err(InvalidConfig::because(key, message.into()))
}

fn parse_all(key: &str, items: &[String]) -> Result<Vec<Endpoint>, InvalidConfig> {
    let mut endpoints: Vec<Endpoint> = Vec::with_capacity(items.len());
    for item in items {
        let Some(endpoint) = parse(item) else {
            return refuse(key, format!("Unable to parse {item} to a broker endpoint in {key}"));
        };
        if endpoints.iter().any(|other| other.name == endpoint.name) {
            let items = items.join(", ");
            return refuse(
                key,
                format!("Each listener must have a different name, {key}: [{items}]"),
            );
        }
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

fn parse(text: &str) -> Option<Endpoint> {
    let (name, address) = text.trim().split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').map_or(Some(host), |inner| inner.strip_suffix(']'))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-%._:".contains(c);
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if name.is_empty() || !host.chars().all(allowed) || !digits {
        return None;
    }
    let (name, host) = (name.to_ascii_uppercase(), host.to_owned());
    Some(Endpoint { name, host, port: port.parse().ok()? })
}

/// Two listeners may share a port only as the IPv4 and IPv6 halves of it, or if the system chooses.
fn unique_ports(endpoints: &[Endpoint], items: &[String]) -> Result<(), InvalidConfig> {
    let six = |endpoint: &Endpoint| endpoint.host.contains(':');
    for (index, one) in endpoints.iter().enumerate() {
        let clash = endpoints.iter().skip(index + 1).any(|other| {
            one.port != 0
                && one.port == other.port
                && (six(one) == six(other) || one.host.is_empty())
        });
        if clash {
            let items = items.join(", ");
            let message = format!("Each listener must have a different port, listeners: [{items}]");
            return refuse("listeners", message);
        }
    }
    Ok(())
}

const MAP: &str = "listener.security.protocol.map";

fn parse_protocols(text: &str) -> Result<Vec<(String, String)>, InvalidConfig> {
    const KNOWN: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
    let mut protocols = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let Some((name, protocol)) = item.rsplit_once(':') else {
            return refuse(MAP, format!("Error parsing configuration property '{MAP}': {item}"));
        };
        let (name, protocol) = (name.trim().to_ascii_uppercase(), protocol.trim());
        if !KNOWN.contains(&protocol) {
            return refuse(MAP, format!("Invalid security protocol `{protocol}` defined in {MAP}"));
        }
        protocols.push((name, protocol.to_owned()));
    }
    Ok(protocols)
}

fn ensure_served(name: &str, protocols: &[(String, String)]) -> Result<(), InvalidConfig> {
    // A name given twice: the last entry wins, as in Kafka.
    match protocols.iter().rfind(|(known, _)| known == name) {
        None => refuse("listeners", format!("No security protocol defined for listener {name}")),
        Some((_, protocol)) if protocol == "PLAINTEXT" => Ok(()),
        Some((_, protocol)) => refuse(
            "listeners",
            format!(
                "Listener {name} asks for {protocol}, which is not supported yet: only PLAINTEXT is"
            ),
        ),
    }
}

fn advertise(listeners: &[Endpoint], given: &[Endpoint]) -> Result<Vec<Endpoint>, InvalidConfig> {
    const KEY: &str = "advertised.listeners";
    if let Some(meta) = given.iter().find(|e| matches!(e.host.as_str(), "0.0.0.0" | "::")) {
        let message = format!(
            "{KEY} cannot use the nonroutable meta-address {}. Use a routable IP address.",
            meta.host
        );
        return refuse(KEY, message);
    }
    let mut advertised = Vec::with_capacity(listeners.len());
    for listener in listeners {
        match given.iter().find(|endpoint| endpoint.name == listener.name) {
            Some(endpoint) => advertised.push(endpoint.clone()),
            None if given.is_empty() => advertised.push(reachable(listener)),
            None => {
                let message = format!("{KEY} has no address for listener {}", listener.name);
                return refuse(KEY, message);
            }
        }
    }
    Ok(advertised)
}

/// What to tell clients of a listener without an advertised address.
fn reachable(listener: &Endpoint) -> Endpoint {
    let host = if listener.is_wildcard() { String::new() } else { listener.host.clone() };
    Endpoint { host, ..listener.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAFKAS_MAP: &str =
        "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";

    fn items(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    fn try_resolve(
        listeners: &str,
        advertised: Option<&str>,
        map: &str,
    ) -> Result<(Vec<String>, Vec<String>), String> {
        let advertised = advertised.map(items);
        let endpoints = resolve(&Texts {
            listeners: &items(listeners),
            advertised: advertised.as_deref(),
            protocols: map,
            protocols_given: map != KAFKAS_MAP,
            controllers: &items("CONTROLLER"),
        })
        .map_err(|e| e.message)?;
        let texts = |list: &[Endpoint]| list.iter().map(ToString::to_string).collect();
        Ok((texts(&endpoints.listeners), texts(&endpoints.advertised)))
    }

    #[test]
    fn addresses_of_all_kinds_parse() {
        for text in [
            "PLAINTEXT://127.0.0.1:9092",
            "PLAINTEXT://[::1]:0",
            "PLAINTEXT://host_name-1.example:1",
        ] {
            let (listeners, advertised) = try_resolve(text, None, KAFKAS_MAP).expect("valid");
            assert_eq!((listeners, advertised), (vec![text.to_owned()], vec![text.to_owned()]));
        }
        let (lower, _) = try_resolve("plaintext://a:1", None, KAFKAS_MAP).expect("valid");
        assert_eq!(lower, ["PLAINTEXT://a:1"]);
    }

    #[test]
    fn a_wildcard_advertises_the_address_that_the_client_reached() {
        for text in ["PLAINTEXT://:9092", "PLAINTEXT://0.0.0.0:9092", "PLAINTEXT://[::]:9092"] {
            let (_, advertised) = try_resolve(text, None, KAFKAS_MAP).expect("valid");
            assert_eq!(advertised, ["PLAINTEXT://:9092"]);
        }
    }

    #[test]
    fn controllers_listeners_are_not_opened() {
        let texts = "PLAINTEXT://:9092,CONTROLLER://:9093";
        let advertised = Some("PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093");
        for map in [KAFKAS_MAP, "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"] {
            let (listeners, advertised) = try_resolve(texts, advertised, map).expect("valid");
            assert_eq!(listeners, ["PLAINTEXT://:9092"]);
            assert_eq!(advertised, ["PLAINTEXT://localhost:9092"]);
        }
        assert!(try_resolve("CONTROLLER://:9093", None, KAFKAS_MAP).is_err());
    }

    #[test]
    fn several_listeners_need_names_and_ports_of_their_own() {
        let map = "A:PLAINTEXT,B:PLAINTEXT";
        let ok = try_resolve("A://127.0.0.1:9092,B://[::1]:9092", None, map).expect("valid");
        assert_eq!(ok.0.len(), 2);
        let error = try_resolve("A://a:1,A://a:2", None, map).unwrap_err();
        assert!(error.starts_with("Each listener must have a different name"), "{error}");
        let error = try_resolve("A://a:1,B://a:1", None, map).unwrap_err();
        assert!(error.starts_with("Each listener must have a different port"), "{error}");
        assert!(try_resolve("A://a:0,B://a:0", None, map).is_ok());
    }

    #[test]
    fn what_is_not_served_is_refused() {
        for protocol in ["SSL", "SASL_PLAINTEXT", "SASL_SSL"] {
            let error = try_resolve(&format!("{protocol}://:9092"), None, KAFKAS_MAP).unwrap_err();
            assert!(error.contains("not supported yet"), "{error}");
        }
        let error = try_resolve("FOO://:9092", None, KAFKAS_MAP).unwrap_err();
        assert_eq!(error, "No security protocol defined for listener FOO");
        let error = try_resolve("A://:1", None, "A:FOO").unwrap_err();
        assert_eq!(
            error,
            "Invalid security protocol `FOO` defined in listener.security.protocol.map"
        );
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
            let error = try_resolve(text, None, KAFKAS_MAP).unwrap_err();
            assert!(error.starts_with("Unable to parse"), "{text}: {error}");
        }
    }

    #[test]
    fn an_advertised_address_must_be_one_that_clients_can_reach() {
        let error = try_resolve("PLAINTEXT://:1", Some("PLAINTEXT://0.0.0.0:1"), KAFKAS_MAP);
        assert_eq!(
            error.unwrap_err(),
            "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. \
             Use a routable IP address."
        );
        let map = "A:PLAINTEXT,B:PLAINTEXT";
        let error = try_resolve("A://:1,B://:2", Some("A://a:1"), map).unwrap_err();
        assert_eq!(error, "advertised.listeners has no address for listener B");
    }
}
