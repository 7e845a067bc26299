//! `barnabas healthcheck`: asks the broker that runs with this configuration how it is. For containers and
//! scripts; a process of its own, so it may block, for a few seconds at most.

use super::whereabouts;
use crate::config::Config;
use crate::net;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;

/// One line: all is well, or why not. Of one that is `ephemeral` nobody knows where its data is.
///
/// # Errors
/// The line, where something is not well.
pub fn healthcheck(config: &Config, ephemeral: bool) -> Result<String, String> {
    let until = Instant::now() + PATIENCE;
    let (tell, told) = mpsc::channel();
    let config = config.clone();
    // Looking up a name takes as long as it likes.
    thread::spawn(move || {
        let _ = tell.send(addresses(&config, ephemeral));
    });
    let late = |_| "the name of the HTTP listener could not be looked up in time".to_owned();
    let addresses = told.recv_timeout(PATIENCE).map_err(late)??;
    let mut failures = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        // Whoever does not answer leaves time to the others.
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(1);
        match ask(*address, Instant::now() + share) {
            Ok(said) => return said,
            Err(why) => failures.push(format!("http://{address}/healthz: {why}")),
        }
    }
    Err(failures.join("; "))
}

/// Whom to ask, at least one: what the broker of this data directory says, or what would hold. What the command line
/// names is asked, whatever else there is.
fn addresses(config: &Config, ephemeral: bool) -> Result<Vec<SocketAddr>, String> {
    let found = match ephemeral || config.is_from_flag("barnabas.http.listener") {
        true => Vec::new(),
        false => whereabouts::found(config.data_dir())?,
    };
    let addresses = if found.is_empty() { configured(config)? } else { found };
    Ok(addresses.into_iter().map(reachable).collect())
}

fn configured(config: &Config) -> Result<Vec<SocketAddr>, String> {
    let Some(listener) = config.http_listener() else {
        return Err("there is no HTTP listener to ask: barnabas.http.listener is off".to_owned());
    };
    if listener.port == 0 {
        return Err(format!("{listener}: nobody knows the port that the system chose"));
    }
    let found = net::resolve(&listener.host, listener.port);
    let addresses = found.map_err(|why| format!("{listener}: {why}"))?.addresses;
    if addresses.is_empty() { Err(format!("{listener}: no address")) } else { Ok(addresses) }
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

/// What a broker says there.
///
/// # Errors
/// None says anything.
fn ask(address: SocketAddr, until: Instant) -> io::Result<Result<String, String>> {
    let answer = answer(address, until).map_err(|why| match why.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => late(),
        _ => why,
    })?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    if !head.contains("\r\nServer: barnabas\r\n") {
        return Err(io::Error::other("somebody else answers there"));
    }
    let line = format!("http://{address}/healthz: {}", body.trim());
    Ok(if head.starts_with("HTTP/1.1 200 ") { Ok(line) } else { Err(line) })
}

fn late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "it does not answer in time")
}

/// All that is answered until then.
fn answer(address: SocketAddr, until: Instant) -> io::Result<Vec<u8>> {
    let left = || match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(late()),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while answer.len() < MAX_ANSWER {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut piece)? {
            0 => break,
            size => answer.extend_from_slice(&piece[..size]),
        }
    }
    Ok(answer)
}
