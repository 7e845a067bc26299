//! `barnabas healthcheck` against the real binary: whom it asks, and how long it waits.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// The exit code and the line.
fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(&[&["healthcheck"], arguments].concat());
    let output = command.env_remove("BARNABAS_HTTP_LISTENER").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status.code(), said)
}

#[test]
fn the_healthcheck_asks_the_running_broker() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(page(address, path), json!({"status": "ok"}), "{path}");
    }
    let check = |port: u16| check(&["--http-port", &port.to_string()]);
    let (code, said) = check(address.port());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ok"), "{said}");
    assert_eq!(check(0).0, Some(1));
    let (code, said) = check(broker.address.port());
    assert_eq!(code, Some(1), "Kafka's listener is no health: {said}");
    broker.stop_cleanly();
    let (code, said) = check(address.port());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refused"), "{said}");
}

/// As a container's, whose command line it does not see.
#[test]
fn a_broker_is_found_by_its_data_directory_and_all_its_addresses_are_tried() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let data = ["--data-dir", dir.path().to_str().unwrap()];
    let (code, said) = check(&data);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&address.to_string()), "{said}");
    // What the command line names is asked, whatever is there.
    assert_eq!(check(&[&data[..], &["--http-port", "1"]].concat()).0, Some(1));
    let left = dir.path().join(".barnabas.http");
    std::fs::write(&left, format!("127.0.0.1:1\n{}\n{address}\n", broker.address)).unwrap();
    let (code, said) = check(&data);
    assert_eq!(code, Some(0), "{said}");
    broker.stop_cleanly();
    assert!(!left.exists());
}

#[test]
fn whoever_drips_an_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let dripping = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nServer: barnabas\r\nX: ").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < GUARD && stream.write_all(b"x").is_ok() {
            // Until the other end goes, a byte each time that this waits in vain.
            let _ = stream.read(&mut [0; 1024]);
        }
        begun.elapsed()
    });
    let (code, said) = check(&["--http-port", &port]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it does not answer in time"), "{said}");
    assert!(dripping.join().unwrap() < GUARD / 2);
}
