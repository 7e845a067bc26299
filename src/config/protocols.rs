//! `listener.security.protocol.map`: which security protocol a listener has by its name.
//!
//! Names and words are Kafka's (`AbstractKafkaConfig.effectiveListenerSecurityProtocolMap`). Only
//! PLAINTEXT is served: what is not built is refused where it is asked for, never left out in silence.

use super::value::InvalidConfig;

/// The setting.
pub(super) const MAP: &str = "listener.security.protocol.map";

const KNOWN: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// Names of listeners and their protocols. Of a name given twice the last entry counts.
#[derive(Debug)]
pub(super) struct Protocols(Vec<(String, String)>);

impl Protocols {
    pub(super) fn parse(text: &str) -> Result<Protocols, InvalidConfig> {
        let refuse = |message: String| Err(InvalidConfig::because(MAP, message));
        let mut protocols = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let Some((name, protocol)) = item.rsplit_once(':') else {
                return refuse(format!("Error parsing configuration property '{MAP}': {item}"));
            };
            let (name, protocol) = (name.trim().to_ascii_uppercase(), protocol.trim());
            let upper = protocol.to_ascii_uppercase();
            if !KNOWN.contains(&upper.as_str()) {
                return refuse(format!("Invalid security protocol `{protocol}` defined in {MAP}"));
            }
            protocols.push((name, upper));
        }
        Ok(Protocols(protocols))
    }

    fn of(&self, listener: &str) -> Option<&str> {
        let found = self.0.iter().rfind(|(name, _)| name == listener);
        found.map(|(_, protocol)| protocol.as_str())
    }

    pub(super) fn knows(&self, listener: &str) -> bool {
        self.of(listener).is_some()
    }

    /// An error is one of the setting `key`, in which the listener stands.
    pub(super) fn ensure_known(&self, key: &str, listener: &str) -> Result<(), InvalidConfig> {
        match self.knows(listener) {
            true => Ok(()),
            false => {
                let message = format!("No security protocol defined for listener {listener}");
                Err(InvalidConfig::because(key, message))
            }
        }
    }

    /// The same for a listener that is to be opened.
    pub(super) fn ensure_served(&self, key: &str, listener: &str) -> Result<(), InvalidConfig> {
        self.ensure_known(key, listener)?;
        match self.of(listener) {
            Some(protocol) if protocol != "PLAINTEXT" => {
                let message = format!(
                    "Listener {listener} asks for {protocol}, which is not supported yet: only \
                     PLAINTEXT is"
                );
                Err(InvalidConfig::because(key, message))
            }
            _ => Ok(()),
        }
    }
}
