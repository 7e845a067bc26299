//! From the host of a listener to the addresses that it binds.
//!
//! One listener binds one address, as in Kafka (`SocketServer.openServerSocket`): of a name with
//! several it is the one that Java would take, so the first IPv4 one. `localhost` alone is both of the
//! machine's own addresses, whatever its resolver says (RFC 6761): clients try one or the other
//! first, and some try no second. It must never narrow what was asked for in silence: no host means
//! every address of the machine, of both families.

use super::options::Listen;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// What a listener with this host, a name or an address, binds. An empty host is every address of
/// this machine.
pub fn resolve(host: &str, port: u16) -> io::Result<Listen> {
    if host.is_empty() {
        return Ok(SocketAddr::new(everywhere(), port).into());
    }
    if host.eq_ignore_ascii_case("localhost") {
        let own: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let addresses = own.map(|ip| SocketAddr::new(ip, port)).to_vec();
        return Ok(Listen { addresses, optional: false });
    }
    let found = (host, port).to_socket_addrs()?;
    let chosen = choose(found).map(Listen::from);
    chosen.ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the name has no address"))
}

/// IPv6's wildcard serves IPv4 too; a kernel without IPv6 has no sockets for it.
fn everywhere() -> IpAddr {
    match Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Which of a name's addresses.
fn choose(found: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    // Only the first of the least is returned: the resolver's order counts within a family.
    found.min_by_key(SocketAddr::is_ipv6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(found: &[&str]) -> Option<String> {
        let found = found.iter().map(|text| text.parse().expect("valid"));
        choose(found).map(|address| address.to_string())
    }

    #[test]
    fn a_name_of_both_families_is_served_over_ipv4() {
        let found = ["[::1]:9092", "127.0.0.1:9092", "127.0.0.2:9092"];
        assert_eq!(chosen(&found).as_deref(), Some("127.0.0.1:9092"));
        assert_eq!(chosen(&found[..1]).as_deref(), Some("[::1]:9092"));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn an_address_is_itself() {
        for text in ["127.0.0.1:1", "[::1]:2", "0.0.0.0:3", "[::]:4"] {
            let address: SocketAddr = text.parse().expect("valid");
            let found = resolve(&address.ip().to_string(), address.port());
            assert_eq!(found.ok(), Some(address.into()));
        }
    }

    #[test]
    fn localhost_is_both_of_the_machines_own_addresses() {
        for host in ["localhost", "LocalHost"] {
            let own = ["127.0.0.1:7", "[::1]:7"].map(|text| text.parse().expect("valid"));
            let listen = Listen { addresses: own.to_vec(), optional: false };
            assert_eq!(resolve(host, 7).ok(), Some(listen));
        }
    }
}
