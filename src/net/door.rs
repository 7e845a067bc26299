//! Opening the listening sockets: a listener has one port on each of its addresses.
//!
//! An address that is taken is an error, whoever has it: a client would talk to somebody else there.
//! One that this machine does not have (`[::1]` where there is no IPv6) is left out, with a line, if
//! the listener has another. What is returned accepts connections already; they wait.

use super::options::{Listen, Options};
use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// How often a port that the system chose for one address may be taken on another.
const ATTEMPTS: usize = 32;

/// A listening socket.
pub(super) struct Door {
    pub(super) socket: TcpListener,
    /// With the port that it got.
    pub(super) address: SocketAddr,
    /// The index of the listener that it belongs to.
    pub(super) listener: usize,
}

/// Opens all listeners, in their order. An error names all that cannot be opened.
pub(super) fn open_all(options: &Options) -> io::Result<Vec<Door>> {
    let (mut doors, mut closed) = (Vec::new(), Vec::new());
    for (listener, listen) in options.listeners.iter().enumerate() {
        match open(listener, listen, options) {
            Ok(opened) => doors.extend(opened),
            Err(why) if listen.optional => {
                ::log::warn!(target: "barnabas::net", error:% = why; "that listener is left out");
            }
            Err(why) => closed.push(why),
        }
    }
    match &closed[..] {
        [] => Ok(doors),
        [first, ..] => {
            let all: Vec<String> = closed.iter().map(io::Error::to_string).collect();
            Err(io::Error::new(first.kind(), all.join("; ")))
        }
    }
}

fn open(listener: usize, listen: &Listen, options: &Options) -> io::Result<Vec<Door>> {
    let is_chosen = listen.addresses.iter().all(|address| address.port() == 0);
    let may_repeat = is_chosen && listen.addresses.len() > 1;
    let mut left = if may_repeat { ATTEMPTS } else { 1 };
    loop {
        left -= 1;
        match open_once(listener, listen, options) {
            Err(error) if left > 0 && error.kind() == ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
}

fn open_once(listener: usize, listen: &Listen, options: &Options) -> io::Result<Vec<Door>> {
    let mut doors: Vec<Door> = Vec::with_capacity(listen.addresses.len());
    let mut absent = None;
    for address in &listen.addresses {
        let mut address = *address;
        if let Some(first) = doors.first().filter(|_| address.port() == 0) {
            address.set_port(first.address.port());
        }
        let opened = listen_on(address, options).and_then(|socket| {
            let address = socket.local_addr()?;
            Ok(Door { socket, address, listener })
        });
        match opened {
            Ok(door) => doors.push(door),
            Err(error) if is_absent(&error) && absent.is_none() => absent = Some((address, error)),
            Err(error) => return Err(named(address, &error)),
        }
    }
    match (doors.first(), absent) {
        (Some(there), Some((address, why))) => {
            let there = there.address;
            ::log::info!(
                target: "barnabas::net", address:% = there, absent:% = address, error:% = why;
                "listening on one address alone, since the other one is not there"
            );
        }
        (None, Some((address, why))) => return Err(named(address, &why)),
        _ => {}
    }
    Ok(doors)
}

/// Whether an error says that the machine has no such address, or no addresses of its family.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn named(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}

fn listen_on(address: SocketAddr, options: &Options) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // [::] serves IPv4 too, unless a listener of its own does on this port.
        let on_port = |other: &SocketAddr| other.port() == address.port() && address.port() != 0;
        let mut others = options.listeners.iter().flat_map(|listen| &listen.addresses);
        let ipv4 = others.any(|other| other.is_ipv4() && on_port(other));
        socket.set_only_v6(ipv4 || !address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}
