//! Peers that behave badly with bytes that are right: too slow, too many, too large, never
//! reading, suddenly gone. They are served or cleared away; nobody else notices.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

#[test]
fn a_sender_of_single_bytes_is_served() {
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        broker.client().create("slow", 1);
        let mut client = broker.client();
        let slow = batch(1, 3, 100);
        let (mut bytes, produced) = client.produce_frame(("slow", 0), -1, &slow);
        let (more, second) = client.produce_frame(("slow", 0), -1, &slow);
        bytes.extend(more);
        for byte in bytes {
            client.send_bytes(&[byte]);
        }
        assert_eq!(client.append_answer(produced), 0);
        assert_eq!(client.append_answer(second), 3);
    });
}

#[test]
fn half_open_and_broken_connections_are_cleared_away() {
    let dir = TempDir::new();
    Bystander::start(&dir, &["--workers", "2"]).watch(|broker| {
        // Half-closed behind a request: it is answered, then closed.
        let mut client = broker.client();
        let parked = client.send_fetch(&[(("beside", 0), 1 << 40)], Wait::NONE);
        let sent = client.send_api_versions();
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.fetched_codes(parked), [ErrorCode::OFFSET_OUT_OF_RANGE]);
        client.answer(sent);
        client.assert_closed();
        // Half-closed in the middle of a frame: nothing can come of it.
        for cut in [1, 3, 4, 11, 30] {
            let mut client = broker.client();
            let (bytes, _) = client.produce_frame(("t", 0), -1, &batch(1, 1, 100));
            client.send_bytes(&bytes[..cut]);
            client.stream.shutdown(Shutdown::Write).unwrap();
            client.assert_closed();
        }
        // Reset at every stage: before, within and behind a request, and while one waits.
        for round in 0..60 {
            let mut client = broker.client();
            let (bytes, _) = client.produce_frame(("nosuch", 0), -1, &batch(1, 1, 100));
            match round % 4 {
                0 => {}
                1 => client.send_bytes(&bytes[..bytes.len() / 2]),
                2 => client.send_bytes(&bytes),
                _ => _ = client.send_fetch(&[(("t", 0), 60)], Wait::LONG),
            }
            socket2::SockRef::from(&client.stream)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
        }
    });
}

#[test]
fn a_client_that_never_reads_costs_bounded_memory() {
    const ALLOWED: u64 = 24 << 20;
    let dir = TempDir::new();
    Bystander::start(&dir, &["--workers", "2"]).watch(|broker| {
        let mut admin = broker.client();
        admin.create("many", 200);
        admin.create("large", 1);
        (0..8).for_each(|n| _ = admin.append(("large", 0), &batch_of_size(n, 1_000_000)));
        let before = broker.memory("RssAnon");
        // Answers that are made in memory, and those that come from a segment.
        let (metadata, _) = admin.metadata_frame(Some(&["many"]));
        let (fetch, _) = admin.fetch_frame(&[(("large", 0), 0)], Wait::NONE);
        for request in [metadata, fetch] {
            let clients: Vec<Client> = (0..2)
                .map(|_| {
                    let client = broker.client();
                    push_until_it_stops(&client, &request);
                    client
                })
                .collect();
            let now = broker.memory("RssAnon");
            println!("{before} -> {now}");
            assert!(now < before + ALLOWED, "{before} bytes before, {now} now");
            drop(clients);
        }
    });
}

/// Sends a request again and again and reads nothing, until the broker takes no more.
fn push_until_it_stops(client: &Client, request: &[u8]) {
    let mut stream = &client.stream;
    stream.set_write_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
    let many = request.repeat(64 * 1024 / request.len() + 1);
    let mut written = 0;
    loop {
        match stream.write(&many) {
            Ok(n) => written += n,
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Err(why) => panic!("the connection ended: {why}"),
        }
        assert!(written < 512 << 20, "it is read although it reads nothing");
    }
}

#[test]
fn a_frame_of_a_hundred_megabytes_is_handled_and_its_memory_given_back() {
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        let mut client = broker.client();
        // The largest frame that there may be: a batch that no topic takes.
        let of =
            |client: &mut Client, size| client.produce_frame(("t", 0), -1, &batch_of_size(1, size));
        let around = of(&mut client, 10 << 20).0.len() - (10 << 20);
        let (frame, sent) = of(&mut client, 4 + LARGEST_FRAME - around);
        assert_eq!(frame.len(), 4 + LARGEST_FRAME, "the largest frame");
        client.send_bytes(&frame);
        assert_eq!(client.produced(sent).code, ErrorCode::MESSAGE_TOO_LARGE);
        assert!(client.api_versions() > 10, "the connection goes on");
        // Its memory comes back although others are at work. Each look lets a moment pass.
        let own = || broker.memory("VmRSS") - broker.memory("RssFile");
        let moment = Wait { max_ms: 100, ..Wait::LONG };
        for _ in 0..300 {
            if own() < 16 << 20 {
                break;
            }
            client.fetch(("t", 0), 60, moment);
        }
        assert!(own() < 16 << 20, "{} bytes", own());
        // One that is announced and never comes: memory follows the bytes, not the announcement.
        let before = broker.memory("VmRSS");
        let clients: Vec<Client> = (0..50)
            .map(|_| {
                let mut client = broker.client();
                client.send_bytes(&(LARGEST_FRAME as i32).to_be_bytes());
                client.send_bytes(&[0; 1000]);
                client
            })
            .collect();
        assert!(broker.client().api_versions() > 10);
        let after = broker.memory("VmRSS");
        assert!(after < before + (20 << 20), "{before} -> {after}");
        drop(clients);
    });
}

#[test]
fn a_flood_of_bad_connections_does_not_fill_the_log() {
    const FLOOD: usize = 2_000;
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        for _ in 0..FLOOD {
            let mut client = broker.client();
            client.send_bytes(&[0xff; 8]);
            let mut end = Vec::new();
            // The end, or a reset: more was sent than was looked at.
            let _ = client.stream.read_to_end(&mut end);
            assert!(end.is_empty());
        }
        let lines =
            broker.log().iter().filter(|line| line.contains("closed the connection")).count();
        assert!((1..FLOOD / 2).contains(&lines), "{lines} lines about {FLOOD} connections");
    });
}
