//! `barnabas healthcheck` against the real binary: whom it asks, and how long it waits.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::log::lock_exclusively;
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

/// What a killed broker left names a port that is another one's now.
#[test]
fn a_killed_broker_is_not_taken_for_another_one() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(&dir.join("killed"), &[]);
    broker.kill();
    let listener = format!("barnabas.http.listener={address}");
    let other = Broker::start(&dir.join("other"), &["--set", &listener]);
    let killed = dir.join("killed").to_str().unwrap().to_owned();
    let (code, said) = check(&["--data-dir", &killed]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("no broker runs on {killed}")), "{said}");
    assert_eq!(check(&["--data-dir", dir.join("other").to_str().unwrap()]).0, Some(0));
    let none = dir.join("none").to_str().unwrap().to_owned();
    let (code, said) = check(&["--data-dir", &none]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("no broker has run on {none}")), "{said}");
    // What is named is asked.
    assert_eq!(
        check(&["--data-dir", &killed, "--http-port", &address.port().to_string()]).0,
        Some(0)
    );
    other.stop_cleanly();
}

/// Apache Kafka, or whoever else holds the lock, does not make another broker this directory's.
#[test]
fn a_broker_of_another_directory_is_not_taken_for_this_ones() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(&dir.join("killed"), &[]);
    broker.kill();
    let listener = format!("barnabas.http.listener={address}");
    let other = Broker::start(&dir.join("other"), &["--set", &listener]);
    let killed = dir.join("killed");
    let lock = std::fs::File::options().write(true).open(killed.join(".lock")).unwrap();
    assert!(lock_exclusively(&lock).unwrap());
    let config = dir.config(&listener);
    let check_by = |data: &str| check(&[&config[0], &config[1], "--data-dir", data]);
    // First by what the killed one left, then by the configuration.
    for _ in 0..2 {
        let (code, said) = check_by(killed.to_str().unwrap());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the broker of another data directory answers there"), "{said}");
        let _ = std::fs::remove_file(killed.join(".barnabas.http"));
    }
    let (code, said) = check_by(dir.join("other").to_str().unwrap());
    assert_eq!(code, Some(0), "{said}");
    other.stop_cleanly();
}

/// Nor is the default asked where nobody knows who runs.
#[test]
fn a_directory_that_cannot_be_read_is_named() {
    let dir = TempDir::new();
    let data = dir.join("data");
    std::fs::create_dir_all(data.join(".barnabas.http")).unwrap();
    let file = dir.join("file");
    std::fs::write(&file, "no directory").unwrap();
    for data in [data, file] {
        let (code, said) = check(&["--data-dir", data.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("cannot read") && said.contains(data.to_str().unwrap()), "{said}");
    }
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
