//! Bytes that no client should send: each gets Kafka's answer or the end of its connection and a
//! line that says who and why; nobody else notices; what is stored is not harmed.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::api_versions::ApiVersionsResponse;
use barnabas::wire::messages::fetch::FetchRequest;
use barnabas::wire::records::{BatchBuilder, Codec, HEADER_LEN};
use broker_support::*;
use std::net::Shutdown;

/// Sends bytes on a connection of their own and expects its end and one line about it.
#[track_caller]
fn assert_refused(broker: &Broker, bytes: &[u8], why: &[&str]) {
    let mut client = broker.client();
    client.send_bytes(bytes);
    client.assert_closed();
    let line = broker.logged(&[&[client.name().as_str()], why].concat());
    let about = broker.log().into_iter().filter(|other| other.contains(&client.name()));
    assert_eq!(about.collect::<Vec<_>>(), [line], "one line about it");
}

/// A frame of a header and whatever body.
fn raw(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend((10 + body.len() as i32).to_be_bytes());
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7i32.to_be_bytes());
    frame.extend((-1i16).to_be_bytes());
    frame.extend(body);
    frame
}

#[test]
fn what_is_no_request_ends_the_connection_with_a_line() {
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        assert_refused(
            broker,
            &i32::MAX.to_be_bytes(),
            &["2147483647", "socket.request.max.bytes"],
        );
        assert_refused(broker, &(-1i32).to_be_bytes(), &["-1"]);
        assert_refused(broker, &i32::MIN.to_be_bytes(), &["-2147483648"]);
        let above = (LARGEST_FRAME as i32 + 1).to_be_bytes();
        assert_refused(broker, &above, &["104857601", "104857600"]);
        assert_refused(broker, &0i32.to_be_bytes(), &["header"]);
        assert_refused(broker, &[0, 0, 0, 3, 0, 18, 0], &["header"]);
        assert_refused(broker, b"GET / HTTP/1.1\r\n\r\n", &["1195725856"]);
    });
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        assert_refused(broker, &raw(93, 0, b""), &["93"]);
        assert_refused(broker, &raw(-1, 0, b""), &["-1"]);
        assert_refused(broker, &raw(4, 0, b""), &["4"]);
        assert_refused(broker, &raw(3, 99, &[0; 40]), &["Metadata", "99"]);
        assert_refused(broker, &raw(0, 2, &[0; 40]), &["Produce", "2"]);
        assert_refused(broker, &raw(0, -1, &[0; 40]), &["Produce", "-1"]);
    });
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        // Bodies that end too early, or announce more than they have.
        assert_refused(broker, &raw(3, 1, &[0, 0, 0, 9, 0, 1]), &["Metadata", "cannot be read"]);
        assert_refused(broker, &raw(0, 3, &[0xff; 7]), &["Produce", "cannot be read"]);
        assert_refused(broker, &raw(1, 4, &[0x7f; 30]), &["Fetch", "cannot be read"]);
        assert_refused(broker, &raw(19, 2, &[0x7f; 30]), &["CreateTopics", "cannot be read"]);
        assert_refused(broker, &raw(2, 1, &[0x7f; 30]), &["ListOffsets", "cannot be read"]);
    });
}

#[test]
fn api_versions_is_answered_in_any_version() {
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        for version in [5, 99, i16::MAX, -1] {
            let mut client = broker.client();
            client.send_bytes(&raw(18, version, &[0; 3]));
            let frame = client.receive().unwrap();
            assert_eq!(frame[..4], 7i32.to_be_bytes(), "the correlation id");
            let mut body = barnabas::wire::codec::Reader::new(&frame[4..]);
            let response: ApiVersionsResponse<'_> =
                barnabas::wire::codec::Message::decode(&mut body, 0).unwrap();
            assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION, "{version}");
            let keys: Vec<i16> = response.api_keys.iter().map(|key| key.api_key).collect();
            assert_eq!(keys, [18], "so that it can ask again");
            assert!(client.api_versions() > 10, "on the same connection");
        }
    });
}

#[test]
fn garbage_behind_a_request_ends_the_connection_after_the_answer() {
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        let mut client = broker.client();
        let produced = client.send_produce(("beside-not", 0), -1, &batch(1, 1, 1));
        let versions = client.send_api_versions();
        client.send_bytes(&[0xff; 100]);
        assert_eq!(client.produced(produced).code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        client.answer(versions);
        client.assert_closed();
        broker.logged(&[&client.name(), "-1"]);
        // Bytes behind a body, inside its frame, are ignored, as Kafka does.
        let mut client = broker.client();
        client.send_bytes(&raw(18, 0, b"more than there should be"));
        assert!(client.receive().is_some());
        assert!(client.api_versions() > 10);
    });
}

#[test]
fn random_bytes_do_no_harm() {
    let dir = TempDir::new();
    Bystander::start(&dir, &["--workers", "2"]).watch(|broker| {
        let mut random = Random::new(4711);
        for round in 0..300 {
            let mut client = broker.client();
            let len = random.below(400) as usize;
            let mut bytes = random.bytes(len);
            // Bytes alone never get far: give most of them a size, many a key and a version.
            if round % 4 > 0 && len >= 14 {
                bytes[..4].copy_from_slice(&(len as i32 - 4).to_be_bytes());
            }
            if round % 4 > 1 && len >= 14 {
                let (key, version) = (random.below(93) as i16, random.below(14) as i16);
                bytes[4..6].copy_from_slice(&key.to_be_bytes());
                bytes[6..8].copy_from_slice(&version.to_be_bytes());
                bytes[12..14].copy_from_slice(&[0xff, 0xff]);
            }
            client.send_bytes(&bytes);
            client.stream.shutdown(Shutdown::Write).ok();
            // Answers may come; then the connection ends, whatever it was.
            while client.receive().is_some() {}
        }
    });
}

/// Requests with a byte changed: whatever the broker makes of them, it goes on.
#[test]
fn requests_with_a_flipped_byte_do_no_harm() {
    let dir = TempDir::new();
    Bystander::start(&dir, &["--workers", "2"]).watch(|broker| {
        broker.client().create("target", 1);
        let mut random = Random::new(42);
        let mut maker = broker.client();
        let valid = [
            maker.produce_frame(("target", 0), -1, &batch(1, 2, 50)).0,
            maker.create_frame("new", 1, &[("retention.ms", "100")]).0,
            maker.frame(12, &FetchRequest { min_bytes: 0, ..FetchRequest::default() }).0,
        ];
        for round in 0..600 {
            let mut bytes = valid[round % valid.len()].clone();
            let at = 4 + random.below(bytes.len() as u64 - 4) as usize;
            // Not the topic's name: "t" must stay as it is.
            bytes[at] ^= 1 << random.below(8);
            let mut client = broker.client();
            client.send_bytes(&bytes);
            client.stream.shutdown(Shutdown::Write).ok();
            while client.receive().is_some() {}
        }
    });
}

#[test]
fn batches_that_are_not_what_they_say_are_refused_with_kafkas_codes() {
    let dir = TempDir::new();
    Bystander::start(&dir, &[]).watch(|broker| {
        let mut client = broker.client();
        let mut refused = |what: &str, bytes: &[u8], code: ErrorCode| {
            let produced = client.produce(("t", 0), bytes);
            assert_eq!((produced.code, produced.base_offset), (code, -1), "{what}");
        };
        let good = batch(1, 3, 50);
        let changed = |change: &dyn Fn(&mut [u8])| {
            let mut bytes = good.clone();
            change(&mut bytes);
            bytes
        };
        let corrupt = ErrorCode::CORRUPT_MESSAGE;
        refused("bad sum", &changed(&|b| b[17] ^= 1), corrupt);
        refused("bad byte", &changed(&|b| *b.last_mut().unwrap() ^= 1), corrupt);
        refused("a length of nothing", &changed(&|b| b[8..12].fill(0)), corrupt);
        refused("a negative length", &changed(&|b| b[8..12].fill(0xff)), corrupt);
        refused("an unknown format", &changed(&|b| b[16] = 9), corrupt);
        // A batch that is not whole is none, and there must be exactly one.
        let invalid = ErrorCode::INVALID_RECORD;
        refused("cut", &good[..good.len() - 1], invalid);
        refused("header only", &good[..HEADER_LEN], invalid);
        refused("not even a header", &good[..HEADER_LEN - 1], invalid);
        let two_gigabytes = |b: &mut [u8]| b[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
        refused("a length of 2 GB", &changed(&two_gigabytes), invalid);
        refused("an older format", &changed(&|b| b[16] = 1), invalid);
        for (what, count) in [("more", 4), ("far more", i32::MAX), ("fewer", 2)] {
            refused(
                &format!("{what} records than it holds"),
                &changed(&|b| claim(b, count)),
                invalid,
            );
        }
        let other_count = |b: &mut [u8]| {
            b[60] = 9;
            seal(b);
        };
        refused("a count that is not the last offset's", &changed(&other_count), invalid);
        refused("two batches", &[good.clone(), good.clone()].concat(), invalid);
        refused("nothing", &[], invalid);
        assert!(client.api_versions() > 10, "the connection goes on");
    });
}

/// Compresses well: a kilobyte of it opens to much more. Half of the bombs are whole batches, which
/// Kafka takes; the other half have a record that never ends.
#[test]
fn compressed_bombs_cost_bounded_memory() {
    const OPENED: usize = 64 << 20;
    const ALLOWED: u64 = 48 << 20;
    let dir = TempDir::new();
    let more = ["--set", "message.max.bytes=10000000"];
    Bystander::start(&dir, &more).watch(|broker| {
        let mut client = broker.client();
        client.create("bombs", 1);
        let before = broker.memory("RssAnon");
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut builder = BatchBuilder::new().codec(codec);
            builder.append(TIME, None, Some(&vec![0; OPENED]), &[]);
            let mut bomb = builder.finish();
            assert!(bomb.len() < OPENED / 20, "{codec}: {} bytes", bomb.len());
            let whole = client.produce(("bombs", 0), &bomb);
            // The same with one record more than it holds: found out only at its end.
            claim(&mut bomb, 2);
            let broken = client.produce(("bombs", 0), &bomb);
            assert_ne!(broken.code, ErrorCode::NONE, "{codec}");
            println!("{codec}: {:?} then {:?}", whole.code, broken.code);
            let (now, peak) = (broker.memory("RssAnon"), broker.memory("VmHWM"));
            println!("  {before} -> {now}, peak {peak}");
            assert!(now < before + ALLOWED, "{codec}: {before} bytes before, {now} after");
        }
        let (peak, now) = (broker.memory("VmHWM"), broker.memory("VmRSS"));
        assert!(peak < now + ALLOWED, "{peak} bytes at the peak, {now} now");
    });
}
