//! Browsers cannot be tricked: whoever may be asked, and by which page.
//!
//! *Host*: an address, a loopback name, this machine's or a name that was configured; whatever it is where only
//! the health is asked for, which then names nothing. A page of another name that had its name lead here (DNS
//! rebinding) asks for that name, and is refused with 421. *Origin*: a page may ask the host that it came from,
//! no other; there is no CORS, so others could not read the answer anyway. *Changes* need a JSON type or a field
//! of their own, which forms and links cannot send.

use super::head::{Head, Method};
use super::problem::Problem;
use std::net::{Ipv4Addr, Ipv6Addr};

/// See the module's comment.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    names: Vec<String>,
}

impl Guard {
    /// A guard that lets requests to these names in, beside those to addresses and loopback names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Guard {
        Guard { names: names.into_iter().filter(|name| !name.is_empty()).collect() }
    }

    /// Whether a request may be looked at.
    pub(super) fn check(&self, head: &Head) -> Result<(), Problem> {
        let host = head.host.as_deref();
        if let Some(host) = host {
            if host_of(host).is_none() {
                return Err(Problem::bad("The field Host is not a name or an address"));
            }
            if !self.is_called_by_name(head) && !is_health(head) {
                return Err(Problem::new(
                    421,
                    "This broker is not known by that name; if it is meant, set barnabas.http.hosts \
                     (BARNABAS_HTTP_HOSTS in a container) to it",
                ));
            }
        }
        if let Some(origin) = &head.origin {
            let authority = ["http://", "https://"].iter().find_map(|s| origin.strip_prefix(s));
            let is_own = |own: &str| authority.is_some_and(|page| page.eq_ignore_ascii_case(own));
            if !host.is_some_and(is_own) {
                return Err(Problem::new(403, "Pages of other origins are not served"));
            }
        }
        // An image or a form of another page sends no Origin; and what is asked for is made, even if it is not
        // shown. A link to the console leads there: that page tells nothing before it has asked by itself, and
        // nobody can frame it.
        let is_visit = head.is_visit && head.method == Method::Get && head.target.parts == [""];
        if head.is_of_other_site && !is_visit {
            return Err(Problem::new(403, "Pages of other sites are not served"));
        }
        Ok(())
    }

    /// Whether who asks calls the broker by a name that is its own, or by none.
    pub(super) fn is_called_by_name(&self, head: &Head) -> bool {
        let host = head.host.as_deref();
        host.is_none_or(|host| host_of(host).is_some_and(|name| self.is_ours(name)))
    }

    fn is_ours(&self, name: &str) -> bool {
        let bare = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        if bare.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok()) {
            return true;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name.parse::<Ipv4Addr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.names.iter().any(|own| own.eq_ignore_ascii_case(&name))
    }
}

/// Whether the broker is well tells nobody anything, as long as it names no partitions; and who asks calls it by
/// whatever name it has there.
fn is_health(head: &Head) -> bool {
    let paths = ["livez", "readyz", "healthz"];
    matches!(&head.target.parts[..], [path] if paths.contains(&path.as_str()))
}

/// Whether it may change something, if that is what it asks for.
pub(super) fn check_change(head: &Head) -> Result<(), Problem> {
    let is_json = |text: &String| {
        let essence = text.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    };
    let content_type = head.content_type.as_ref();
    if head.method.is_safe() || head.is_marked || content_type.is_some_and(is_json) {
        return Ok(());
    }
    let text =
        "What changes something needs Content-Type: application/json, or an X-Requested-With";
    Err(Problem::new(if content_type.is_some() { 415 } else { 403 }, text))
}

/// The name or address of `host[:port]`; nothing if it is not such a text.
fn host_of(text: &str) -> Option<&str> {
    let (name, port) = match text.rfind(']') {
        Some(end) => text.split_at_checked(end + 1)?,
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port_is_right = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_name = !name.is_empty() && (name.starts_with('[') || name.bytes().all(is_named));
    (port_is_right && is_name).then_some(name)
}
