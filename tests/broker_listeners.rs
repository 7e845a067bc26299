//! Several listeners of the real binary: what clients are told by each of them, what is not opened, and
//! what is refused before anything is.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::messages::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use barnabas::wire::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use broker_support::*;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

const TWO: &str = "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT";

/// A broker with these listeners, and its addresses by the order of the line that says so.
fn start(dir: &TempDir, listeners: &str, more: &[&str]) -> (Broker, Vec<SocketAddr>) {
    let listeners = format!("listeners={listeners}");
    let mut command = command(&["--set", &listeners, "--data-dir"]);
    command.arg(dir.join("data"));
    more.iter().for_each(|set| _ = command.args(["--set", set]));
    let broker = Broker::spawn(command);
    let (_, list) = broker.line.split_once(": ").unwrap();
    let address = |text: &str| text.trim().split_once("://").unwrap().1.parse().unwrap();
    let addresses = list.split(',').map(address).collect();
    (broker, addresses)
}

/// What somebody who connects to this address is told, by every API that tells addresses.
fn told(address: SocketAddr) -> (String, i32) {
    let mut client = Client::connect(address);
    let [(id, host, port)] = <[_; 1]>::try_from(client.cluster().brokers).unwrap();
    assert_eq!(id, 1);
    let answer = client.call(1, &DescribeClusterRequest { endpoint_type: 1, ..Default::default() });
    let cluster: DescribeClusterResponse<'_> = answer.read();
    let nodes: Vec<_> = cluster.brokers.iter().map(|b| (b.host.to_owned(), b.port)).collect();
    assert_eq!(nodes, [(host.clone(), port)], "DescribeCluster");
    client.await_coordinator("g");
    for version in [3, 4] {
        let keys = ["g"];
        let coordinator_keys = if version == 3 { (&[]).into() } else { (&keys).into() };
        let request = FindCoordinatorRequest {
            key: if version == 3 { "g" } else { "" },
            coordinator_keys,
            ..Default::default()
        };
        let answer = client.call(version, &request);
        let found: FindCoordinatorResponse<'_> = answer.read();
        let of_group = match found.coordinators.iter().next() {
            Some(one) => (one.host.to_owned(), one.port),
            None => (found.host.to_owned(), found.port),
        };
        assert_eq!(of_group, (host.clone(), port), "FindCoordinator {version}");
    }
    (host, port)
}

fn own(address: SocketAddr) -> (String, i32) {
    (address.ip().to_string(), i32::from(address.port()))
}

#[test]
fn each_listener_tells_its_own_advertised_address() {
    let dir = TempDir::new();
    let advertised = "advertised.listeners=OUTSIDE://broker.example:19092,INSIDE://10.1.2.3:29092";
    let (broker, addresses) =
        start(&dir, "INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.2:0", &[TWO, advertised]);
    assert!(broker.line.contains("INSIDE://127.0.0.1:"), "{}", broker.line);
    assert!(broker.line.contains("OUTSIDE://127.0.0.2:"), "{}", broker.line);
    assert_eq!(told(addresses[0]), ("10.1.2.3".to_owned(), 29092));
    assert_eq!(told(addresses[1]), ("broker.example".to_owned(), 19092));
    broker.stop_cleanly();
}

#[test]
fn a_listener_that_is_not_advertised_tells_each_client_the_address_that_it_came_to() {
    let dir = TempDir::new();
    // With a port of its own in front of the address that the client used, as behind a mapped port.
    let advertised = "advertised.listeners=OUTSIDE://:19092";
    let (broker, addresses) =
        start(&dir, "INSIDE://0.0.0.0:0,OUTSIDE://127.0.0.9:0", &[TWO, advertised]);
    for host in ["127.0.0.1", "127.0.0.3", "127.1.2.3"] {
        let address = SocketAddr::new(host.parse().unwrap(), addresses[0].port());
        assert_eq!(told(address), own(address));
    }
    assert_eq!(told(addresses[1]), ("127.0.0.9".to_owned(), 19092));
    broker.stop_cleanly();
}

#[test]
fn a_wildcard_of_both_families_tells_addresses_of_the_familiy_that_was_used() {
    let dir = TempDir::new();
    let (broker, addresses) = start(&dir, "PLAINTEXT://:0", &[]);
    for host in ["127.0.0.1", "127.0.0.3", "::1"] {
        let address = SocketAddr::new(host.parse().unwrap(), addresses[0].port());
        assert_eq!(told(address), own(address));
    }
    broker.stop_cleanly();
}

#[test]
fn localhost_is_one_port_of_both_families_and_the_default() {
    for listeners in [&["listeners=PLAINTEXT://LocalHost:0"][..], &[]] {
        let dir = TempDir::new();
        let mut command = command(&["--port", "0", "--data-dir"]);
        command.arg(dir.join("data"));
        listeners.iter().for_each(|set| _ = command.args(["--set", set]));
        let broker = Broker::spawn(command);
        let port = broker.address.port();
        let expected = format!("PLAINTEXT://127.0.0.1:{port}, PLAINTEXT://[::1]:{port}\n");
        assert!(broker.line.ends_with(&expected), "{}", broker.line);
        for host in ["127.0.0.1", "::1"] {
            let address = SocketAddr::new(host.parse().unwrap(), port);
            assert_eq!(told(address), own(address));
        }
        // Nothing beyond these two, not even of the machine's own.
        let other = SocketAddr::from(([127, 0, 0, 2], port));
        assert!(TcpStream::connect(other).is_err(), "{other} is served");
        broker.stop_cleanly();
    }
}

#[test]
fn localhost_is_served_where_there_is_no_ipv6() {
    let dir = TempDir::new();
    let mut command = command(&["--host", "localhost", "--port", "0", "--data-dir"]);
    command.arg(dir.join("data"));
    let argument = Some((0, libc::AF_INET6 as u32));
    deny(&mut command, &[Denied { call: libc::SYS_socket, argument, error: libc::EAFNOSUPPORT }]);
    let broker = Broker::spawn(command);
    let port = broker.address.port();
    assert!(broker.line.ends_with(&format!(": PLAINTEXT://127.0.0.1:{port}\n")), "{}", broker.line);
    broker.logged(&["INFO", "listening on one address alone", "address=127.0.0.1", "absent=[::1]"]);
    assert_eq!(told(broker.address), own(broker.address));
    broker.stop_cleanly();
}

#[test]
fn a_stock_server_properties_opens_everything_but_the_controllers_listener() {
    let dir = TempDir::new();
    let controller = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = controller.local_addr().unwrap().port();
    let file = dir.join("server.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=localhost:{taken}\n\
         listeners=PLAINTEXT://:0,CONTROLLER://127.0.0.1:{taken}\n\
         inter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:{taken}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = command(&["--config", file.to_str().unwrap(), "--data-dir"]);
    command.arg(dir.join("data"));
    let broker = Broker::spawn(command);
    assert!(!broker.line.contains("CONTROLLER"), "{}", broker.line);
    broker.logged(&["INFO", "not opened", &format!("CONTROLLER://127.0.0.1:{taken}")]);
    let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), broker.address.port());
    assert_eq!(told(address), ("localhost".to_owned(), 9092));
    broker.stop_cleanly();
}

#[test]
fn listeners_that_cannot_be_are_refused_in_kafkas_words_before_anything_is_opened() {
    let dir = TempDir::new();
    for (sets, part) in [
        (&["listeners=SSL://:0"][..], "Listener SSL asks for SSL, which is not supported yet"),
        (&["listeners=A://:0"], "No security protocol defined for listener A"),
        (
            &["listeners=INSIDE://:7,OUTSIDE://:7", TWO],
            "Each listener must have a different port, listeners: [INSIDE://:7, OUTSIDE://:7]",
        ),
        (
            &["advertised.listeners=PLAINTEXT://0.0.0.0:1"],
            "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0.",
        ),
        (
            &["inter.broker.listener.name=INSIDE", TWO, "listeners=OUTSIDE://:0"],
            "inter.broker.listener.name must be a listener name defined in advertised.listeners.",
        ),
        (&["listeners=PLAINTEXT://192.0.2.1:0"], "cannot listen on 192.0.2.1:0"),
        (&["listeners=PLAINTEXT://no.such.invalid:0"], "cannot listen on PLAINTEXT://no.such"),
    ] {
        let mut command = command(&["--data-dir"]);
        command.arg(dir.join("data"));
        sets.iter().for_each(|set| _ = command.args(["--set", set]));
        let refused = refused(command);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{sets:?}");
        assert!(refused.stderr.contains(part), "{sets:?}: {}", refused.stderr);
        assert!(!dir.join("data").exists(), "{sets:?}");
    }
}
