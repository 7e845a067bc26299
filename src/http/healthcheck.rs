//! `barnabas healthcheck`: asks the broker that runs with this configuration how it is. For containers and
//! scripts; a process of its own, so it may block, for a few seconds at most.

use super::{api, whereabouts};
use crate::broker::read_meta;
use crate::config::Config;
use crate::net;
use crate::wire::uuid::Uuid;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;

/// Whom to ask.
struct Meant {
    /// At least one.
    addresses: Vec<SocketAddr>,
    /// The id of the data directory, where it must be the broker of that one.
    directory: Option<Uuid>,
}

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
        let _ = tell.send(meant(&config, ephemeral));
    });
    let late = |_| "the name of the HTTP listener could not be looked up in time".to_owned();
    let Meant { addresses, directory } = told.recv_timeout(PATIENCE).map_err(late)??;
    let mut failures = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        // Whoever does not answer leaves time to the others.
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(1);
        match ask(*address, directory, Instant::now() + share) {
            Ok(said) => return said,
            Err(why) => failures.push(format!("http://{address}/healthz: {why}")),
        }
    }
    Err(failures.join("; "))
}

/// What the broker of this data directory says, or what would hold. What the command line names is asked, whatever else
/// there is, and whosever it is.
fn meant(config: &Config, ephemeral: bool) -> Result<Meant, String> {
    let (mut addresses, mut directory) = (Vec::new(), None);
    if !ephemeral && !config.is_from_flag("barnabas.http.listener") {
        let path = config.data_dir();
        addresses = whereabouts::found(path)?;
        // Apache Kafka may run on it by now, and another broker have the address.
        let meta = read_meta(path).map_err(|why| why.to_string())?;
        directory = meta.map(|meta| meta.directory_id);
        if directory.is_none() && ["log.dirs", "log.dir"].iter().any(|it| config.is_from_flag(it)) {
            return Err(format!("no broker has run on {} yet", path.display()));
        }
    }
    if addresses.is_empty() {
        addresses = configured(config)?;
    }
    Ok(Meant { addresses: addresses.into_iter().map(reachable).collect(), directory })
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

/// What the broker says there that is meant.
///
/// # Errors
/// It does not say anything.
fn ask(
    address: SocketAddr,
    directory: Option<Uuid>,
    until: Instant,
) -> io::Result<Result<String, String>> {
    let answer = answer(address, until).map_err(|why| match why.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => late(),
        _ => why,
    })?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    if !head.contains("\r\nServer: barnabas\r\n") {
        return Err(io::Error::other("somebody else answers there"));
    }
    let is_well = head.starts_with("HTTP/1.1 200 ");
    let own = head.lines().find_map(|line| line.strip_prefix(api::DIRECTORY)?.strip_prefix(": "));
    // Whoever is too busy or stops does not say whose he is.
    if let Some(directory) = directory
        && (is_well || own.is_some())
        && own != Some(directory.to_string().as_str())
    {
        return Err(io::Error::other("the broker of another data directory answers there"));
    }
    let line = format!("http://{address}/healthz: {}", body.trim());
    Ok(if is_well { Ok(line) } else { Err(line) })
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
