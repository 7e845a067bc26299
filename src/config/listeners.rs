//! The addresses a broker binds and the addresses it tells clients: `listeners`,
//! `advertised.listeners`, `controller.listener.names`, `inter.broker.listener.name`.
//!
//! Syntax, checks and words are Kafka's (`SocketServerConfigs.listenerListToEndPoints`,
//! `AbstractKafkaConfig.validate`, `KafkaConfig.validateValues`): `NAME://host:port`, IPv6 addresses in
//! brackets, an empty host for every interface. Only the protocol PLAINTEXT is served; a listener with
//! another one is refused, because its owner relies on what it would add. Listeners of the controller
//! role are not opened: the quorum of one node needs none. A listener that is not advertised is no
//! mistake: its clients are told the address that they came to. No name is resolved here.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::protocols::{self, Protocols};
use super::value::{InvalidConfig, Value};

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
        self.host.is_empty() || self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// The host, if it is an address and not a name.
    fn ip(&self) -> Option<IpAddr> {
        let zoned = self.host.split_once('%').and_then(|(ip, _)| ip.parse::<Ipv6Addr>().ok());
        zoned.map(IpAddr::V6).or_else(|| self.host.parse().ok())
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
struct Texts<'t> {
    listeners: &'t [String],
    advertised: Option<&'t [String]>,
    protocols: &'t str,
    /// Whether `listener.security.protocol.map` was set; if not, controllers' names need no entry.
    protocols_given: bool,
    controllers: &'t [String],
    inter_broker: Option<&'t str>,
    /// Whether `security.inter.broker.protocol` was set.
    inter_broker_protocol_given: bool,
}

/// The listeners to open, the addresses to advertise for them in the same order, and the listeners
/// of the controller role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) listeners: Vec<Endpoint>,
    pub(super) advertised: Vec<Endpoint>,
    pub(super) controllers: Vec<Endpoint>,
}

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const CONTROLLERS: &str = "controller.listener.names";
const INTER_BROKER: &str = "inter.broker.listener.name";
const INTER_BROKER_PROTOCOL: &str = "security.inter.broker.protocol";

/// All settings that are looked at here.
pub(super) const DECIDE: &[&str] =
    &[LISTENERS, ADVERTISED, CONTROLLERS, INTER_BROKER, INTER_BROKER_PROTOCOL, protocols::MAP];

/// What the settings with these values say together, or everything that is wrong with them; `is_set` tells
/// whether one was given at all.
pub(super) fn endpoints(
    value: &dyn Fn(&str) -> Option<Value>,
    is_set: &dyn Fn(&str) -> bool,
) -> Result<Endpoints, Vec<InvalidConfig>> {
    let list = |name: &str| match value(name) {
        Some(Value::List(items)) => Some(items),
        _ => None,
    };
    let text = |name: &str| value(name).map(|value| value.to_string());
    resolve(&Texts {
        listeners: &list(LISTENERS).unwrap_or_default(),
        advertised: list(ADVERTISED).as_deref(),
        protocols: &text(protocols::MAP).unwrap_or_default(),
        protocols_given: is_set(protocols::MAP),
        controllers: &list(CONTROLLERS).unwrap_or_default(),
        inter_broker: text(INTER_BROKER).as_deref(),
        inter_broker_protocol_given: is_set(INTER_BROKER_PROTOCOL),
    })
}

fn resolve(texts: &Texts<'_>) -> Result<Endpoints, Vec<InvalidConfig>> {
    let protocols = Protocols::parse(texts.protocols);
    let all = parse_all(LISTENERS, texts.listeners);
    let ports = all.as_ref().ok().and_then(|all| unique_ports(all, texts.listeners).err());
    let given = texts.advertised.map_or(Ok(Vec::new()), |items| parse_all(ADVERTISED, items));
    let (protocols, all, given) = match (protocols, all, given) {
        (Ok(protocols), Ok(all), Ok(given)) => (protocols, all, given),
        (protocols, all, given) => {
            let problems = [protocols.err(), all.err(), ports, given.err()];
            return Err(problems.into_iter().flatten().collect());
        }
    };
    let is_controller =
        |e: &Endpoint| texts.controllers.iter().any(|name| name.eq_ignore_ascii_case(&e.name));
    let named = all.iter().map(|e| (LISTENERS, e)).chain(given.iter().map(|e| (ADVERTISED, e)));
    // What is not opened may have any protocol, but a known one.
    let unserved = named.filter_map(|(key, endpoint)| match is_controller(endpoint) {
        false => protocols.ensure_served(key, &endpoint.name).err(),
        true if texts.protocols_given => protocols.ensure_known(key, &endpoint.name).err(),
        true => None,
    });
    let mut problems: Vec<InvalidConfig> = ports.into_iter().chain(unserved).collect();
    let all_names = names(&all);
    let (controllers, listeners): (Vec<_>, Vec<_>) = all.into_iter().partition(is_controller);
    let given: Vec<Endpoint> = given.into_iter().filter(|e| !is_controller(e)).collect();
    let effective = if texts.advertised.is_some() { &given } else { &listeners };
    if effective.is_empty() || listeners.is_empty() {
        let message = format!(
            "There must be at least one broker advertised listener. \
             Perhaps all listeners appear in {CONTROLLERS}?"
        );
        problems.push(InvalidConfig::because(LISTENERS, message));
    } else {
        problems.extend(check_inter_broker(texts, &protocols, effective).err());
        problems.extend(check_advertised(&given, &listeners, &all_names).err());
    }
    some_or_none(problems)?;
    let advertised = listeners.iter().map(|listener| advertise(listener, &given)).collect();
    Ok(Endpoints { listeners, advertised, controllers })
}

fn some_or_none(problems: Vec<InvalidConfig>) -> Result<(), Vec<InvalidConfig>> {
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn refuse<T>(key: &str, message: impl Into<String>) -> Result<T, InvalidConfig> {
    Err(InvalidConfig::because(key, message.into()))
}

fn parse_all(key: &str, items: &[String]) -> Result<Vec<Endpoint>, InvalidConfig> {
    let mut endpoints: Vec<Endpoint> = Vec::with_capacity(items.len());
    for item in items {
        let Some(endpoint) = parse(item) else {
            return uncreated(key, items, format!("Unable to parse {item} to a broker endpoint"));
        };
        endpoints.push(endpoint);
    }
    let twice =
        |(at, one): (usize, &Endpoint)| endpoints.iter().take(at).any(|e| e.name == one.name);
    if endpoints.iter().enumerate().any(twice) {
        let why = "Each listener must have a different name, listeners: ";
        return uncreated(key, items, format!("{why}[{}]", items.join(", ")));
    }
    Ok(endpoints)
}

/// Kafka's words around whatever is wrong with one of the lists.
fn uncreated<T>(key: &str, items: &[String], why: String) -> Result<T, InvalidConfig> {
    let items = items.join(", ");
    refuse(key, format!("Error creating broker listeners from '[{items}]': {why}"))
}

pub(super) fn parse(text: &str) -> Option<Endpoint> {
    let (name, address) = text.trim().rsplit_once("://")?;
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
    let list = items.join(", ");
    for one in endpoints.iter().filter(|endpoint| endpoint.port != 0) {
        let port = one.port;
        let here = || endpoints.iter().filter(|endpoint| endpoint.port == port);
        let ips: Vec<IpAddr> = here().filter_map(Endpoint::ip).collect();
        let names = here().count() - ips.len();
        let why = match ips.as_slice() {
            _ if names > 1 => {
                format!("Each listener must have a different port, listeners: [{list}]")
            }
            [] => continue,
            [_] if names == 0 => continue,
            [one, other] if names == 0 && one.is_ipv4() != other.is_ipv4() => continue,
            [_, _] => format!(
                "If you have two listeners on the same port then one needs to be IPv4 and the \
                 other IPv6, listeners: [{list}], port: {port}"
            ),
            _ => format!(
                "Each listener must have a different port unless exactly one listener has an IPv4 \
                 address and the other IPv6 address, listeners: [{list}], port: {port}"
            ),
        };
        return uncreated(LISTENERS, items, why);
    }
    Ok(())
}

/// There is nobody to talk to; but who names a listener for it means one that there is.
fn check_inter_broker(
    texts: &Texts<'_>,
    protocols: &Protocols,
    effective: &[Endpoint],
) -> Result<(), InvalidConfig> {
    let Some(name) = texts.inter_broker else { return Ok(()) };
    let name = name.trim().to_ascii_uppercase();
    if texts.inter_broker_protocol_given {
        let why = "security.inter.broker.protocol should be set.";
        return refuse(INTER_BROKER, format!("Only one of {INTER_BROKER} and {why}"));
    }
    if !protocols.knows(&name) {
        let message = format!(
            "Listener with name {name} defined in {INTER_BROKER} not found in {}.",
            protocols::MAP
        );
        return refuse(INTER_BROKER, message);
    }
    if !effective.iter().any(|endpoint| endpoint.name == name) {
        let message = format!(
            "{INTER_BROKER} must be a listener name defined in {ADVERTISED}. The valid options \
             based on currently configured listeners are {}",
            names(effective)
        );
        return refuse(INTER_BROKER, message);
    }
    Ok(())
}

fn check_advertised(
    given: &[Endpoint],
    listeners: &[Endpoint],
    all_names: &str,
) -> Result<(), InvalidConfig> {
    let known = |name: &str| listeners.iter().any(|listener| listener.name == name);
    if !given.iter().all(|endpoint| known(&endpoint.name)) {
        let message = format!(
            "{ADVERTISED} listener names must be equal to or a subset of the ones defined in \
             {LISTENERS}. Found {}. The valid options based on the current configuration are {}",
            names(given),
            all_names
        );
        return refuse(ADVERTISED, message);
    }
    let meta = |e: &&Endpoint| e.ip().is_some_and(|ip| ip.is_unspecified());
    if let Some(meta) = given.iter().find(meta) {
        let message = format!(
            "{ADVERTISED} cannot use the nonroutable meta-address {}. Use a routable IP address.",
            meta.host
        );
        return refuse(ADVERTISED, message);
    }
    Ok(())
}

fn names(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect::<Vec<_>>().join(",")
}

/// What clients of a listener are told. Without an advertised address: the name that it was given,
/// or else, also for `localhost`, the address that they came to.
fn advertise(listener: &Endpoint, given: &[Endpoint]) -> Endpoint {
    if let Some(endpoint) = given.iter().find(|endpoint| endpoint.name == listener.name) {
        return endpoint.clone();
    }
    let is_address = listener.host.is_empty() || listener.ip().is_some();
    let is_address = is_address || listener.host.eq_ignore_ascii_case("localhost");
    let host = if is_address { String::new() } else { listener.host.clone() };
    Endpoint { host, ..listener.clone() }
}

#[cfg(test)]
#[path = "listeners_tests.rs"]
mod tests;
