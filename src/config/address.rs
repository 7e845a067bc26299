//! Parts of addresses: `--host`, `--port` and `--http-port`, and the variables of these names, replace their part
//! of what is listened on. Pure.

use std::collections::BTreeMap;

use super::broker::Config;
use super::environment::{self, Variable};
use super::error::{ConfigError, Origin};
use super::given::Given;
use super::http;
use super::listeners;
use super::sources::{FlagValues, together};
use super::value::InvalidConfig;

/// What one kind of source says of addresses, and where.
#[derive(Debug, Default)]
pub(super) struct Parts {
    host: Option<(String, Origin)>,
    port: Option<(u16, Origin)>,
    http_port: Option<(u16, Origin)>,
}

impl Parts {
    pub(super) fn of_flags(flags: &FlagValues) -> Parts {
        Parts {
            host: flags.host.clone().map(|host| (host, Origin::Flag("--host"))),
            port: flags.port.map(|port| (port, Origin::Flag("--port"))),
            http_port: flags.http_port.map(|port| (port, Origin::Flag("--http-port"))),
        }
    }

    /// Adds what is wrong with them to `problems`.
    pub(super) fn of_variables(all: &[Variable], problems: &mut Vec<ConfigError>) -> Parts {
        let named = |flag: &str| {
            let variable = all.iter().find(|variable| variable.setting == flag)?;
            Some((variable.value.clone()?, Origin::Variable(variable.name.clone())))
        };
        let mut port = |(text, origin): (String, Origin)| match text.trim().parse() {
            Ok(port) => Some((port, origin)),
            Err(_) => {
                let what = format!("{origin}it must be a number from 0 to 65535, not {text}");
                problems.push(ConfigError::Flag(None, what));
                None
            }
        };
        Parts {
            port: named(environment::PORT).and_then(&mut port),
            http_port: named(environment::HTTP_PORT).and_then(&mut port),
            host: named(environment::HOST),
        }
    }

    /// Puts host and port in the place of the listener's; of several listeners they could mean any.
    pub(super) fn put_listener(&self, given: &mut Given) -> Result<(), Vec<ConfigError>> {
        let host = self.host.as_ref().map(|(_, origin)| origin);
        let Some(origin) = host.or(self.port.as_ref().map(|(_, origin)| origin)) else {
            return Ok(());
        };
        let set = listener_settings(given);
        let now = Config::from_static(set.clone(), BTreeMap::new()).map_err(|first| {
            let all = Config::problems(set, &|_| false);
            let all = if all.is_empty() { vec![first] } else { all };
            all.into_iter().map(|invalid| together(given, invalid)).collect::<Vec<_>>()
        })?;
        let [listener] = now.listeners() else {
            let name = origin.to_string();
            let what = format!(
                "{} is ambiguous: there are several listeners; set `listeners` instead",
                name.trim_end_matches(": ")
            );
            return Err(vec![ConfigError::Conflict(what)]);
        };
        let mut listener = listener.clone();
        if let Some((host, _)) = &self.host {
            let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
            listener.host = bare.unwrap_or(host).to_owned();
        }
        listener.port = self.port.as_ref().map_or(listener.port, |(port, _)| *port);
        given.put("listeners", listener.to_string(), origin.clone());
        Ok(())
    }

    /// Puts the port in the place of the HTTP listener's, or switches that off.
    pub(super) fn put_http(&self, given: &mut Given) -> Result<(), ConfigError> {
        let Some((port, origin)) = &self.http_port else { return Ok(()) };
        let set = given.get(http::LISTENER).map(|(text, _)| text.as_str());
        let text = http::with_port(set.unwrap_or(http::OFF), *port);
        let text = text.map_err(|invalid: InvalidConfig| together(given, invalid))?;
        given.put(http::LISTENER, text, origin.clone());
        Ok(())
    }
}

/// Only what decides on listeners, so that another setting's error is reported as such.
fn listener_settings(given: &Given) -> BTreeMap<String, String> {
    listeners::DECIDE
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), given.get(name)?.0.clone())))
        .collect()
}
