//! `barnabas healthcheck`: asks the broker that runs with this configuration how it is. For containers and
//! scripts; a process of its own, so it may block, for a few seconds at most.

use crate::config::Config;
use crate::net;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, and each read, may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 << 10;

/// One line: all is well, or why not.
///
/// # Errors
/// The line, where something is not well.
pub fn healthcheck(config: &Config) -> Result<String, String> {
    let Some(listener) = config.http_listener() else {
        return Err("there is no HTTP listener to ask: barnabas.http.listener is off".to_owned());
    };
    if listener.port == 0 {
        return Err(format!("{listener}: nobody knows the port that the system chose"));
    }
    let found = net::resolve(&listener.host, listener.port);
    let found = found.map_err(|why| format!("{listener}: {why}"))?;
    let address = found.addresses.first().copied().ok_or(format!("{listener}: no address"))?;
    let address = reachable(address);
    let answer = ask(address).map_err(|why| format!("http://{address}/healthz: {why}"))?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    if !head.contains("\r\nServer: barnabas\r\n") {
        return Err(format!("http://{address}: somebody else answers there"));
    }
    let line = format!("http://{address}/healthz: {}", body.trim());
    if head.starts_with("HTTP/1.1 200 ") { Ok(line) } else { Err(line) }
}

/// Who listens on all addresses is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}
