//! An address as text.
//!
//! Each answer to Metadata and each heartbeat of a consumer group writes one, so the common kind is
//! written without the machinery of formats, which takes a thousand instructions.

use std::fmt::Write;
use std::net::IpAddr;

/// Appends an address as it is formatted.
pub fn push_ip(text: &mut String, ip: IpAddr) {
    let IpAddr::V4(ip) = ip else {
        // A string takes all that is written to it.
        return write!(text, "{ip}").unwrap_or_default();
    };
    text.reserve("255.255.255.255".len());
    for (at, part) in ip.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        for (unit, digit) in [(100, part / 100), (10, part / 10 % 10), (1, part % 10)] {
            if part >= unit || unit == 1 {
                text.push(char::from(b'0' + digit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_would_be_if_they_were_formatted() {
        let mut addresses: Vec<IpAddr> = vec!["::1".parse().unwrap(), "fe80::1".parse().unwrap()];
        addresses.extend((0..=255).map(|part| IpAddr::from([part, 255 - part, 10, part])));
        for ip in addresses {
            let mut text = "/".to_owned();
            push_ip(&mut text, ip);
            assert_eq!(text, format!("/{ip}"));
        }
    }
}
