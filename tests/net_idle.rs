//! What an idle connection costs in memory, and what is left after a load.
//!
//! One test in its own program: it looks at the whole process.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use std::io::Write;

const CONNECTIONS: u64 = 4_000;

#[test]
fn idle_connections_are_cheap_and_a_load_leaves_nothing_behind() {
    let mut server = serve(options());
    let mut warm = server.connect();
    assert_eq!(warm.call(ECHO, &[1; 100_000]), [1; 100_000]);
    settle(&server);
    let empty = resident();

    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    until("all are there", || server.connections() == CONNECTIONS + 1);
    for client in &mut clients {
        assert_eq!(client.call(ECHO, b"hello"), b"hello");
    }
    settle(&server);
    let idle = resident();
    let each = idle.saturating_sub(empty) / CONNECTIONS;
    println!("{each} bytes per idle connection ({empty} -> {idle})");
    assert!(each < 2_048, "{each} bytes per idle connection");

    // A load: every connection has an unfinished frame, then gets a large answer.
    let request = frame(ECHO, &[2; 40_000]);
    let (a, b) = request.split_at(20_000);
    clients.iter_mut().for_each(|client| client.stream.write_all(a).unwrap());
    until("all frames have begun", || server.sum(|stats| stats.rings.get()) == CONNECTIONS);
    let loaded = resident();
    assert!(loaded > idle + CONNECTIONS * 16_000, "it does take memory: {idle} -> {loaded}");
    for client in &mut clients {
        client.stream.write_all(b).unwrap();
        assert_eq!(client.receive().len(), 40_000);
    }
    settle(&server);
    let after = resident();
    println!("under load {loaded}, after it {after}");
    assert!(after < idle + (4 << 20), "{idle} before the load, {after} after it");
    assert_eq!(server.budget.used(), 0);

    drop(clients);
    until("all are gone", || server.connections() == 1);
    settle(&server);
    println!("without connections {}", resident());
    assert!(resident() < empty + (2 << 20), "{empty} at first, {} at last", resident());
    server.stop();
}

/// Waits until the workers have given back what they do not use: no trim timer is set any more,
/// only the idle timers of the connections.
fn settle(server: &Server) {
    until("the trim is done", || {
        server.sum(|stats| stats.timers.get()) == server.connections()
            && server.sum(|stats| stats.rings.get()) == 0
    });
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096
}
