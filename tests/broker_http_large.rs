//! Messages and batches that are too large to be shown, and what it takes to look through them.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::records::{BatchBuilder, Codec};
use broker_support::*;
use serde_json::json;

const MB: usize = 1 << 20;

/// A batch of messages of so many zero bytes, which take a few kilobytes.
fn zeros(messages: usize, bytes: usize) -> Vec<u8> {
    let mut batch = BatchBuilder::new().codec(Codec::Zstd);
    (0..messages).for_each(|_| _ = batch.append(TIME, None, Some(&vec![0; bytes]), &[]));
    batch.finish()
}

fn small(value: &str) -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.append(TIME, None, Some(value.as_bytes()), &[]);
    batch.finish()
}

#[test]
fn a_page_goes_on_behind_what_is_too_large() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &zeros(1, 6 * MB));
    client.append(("t", 0), &small("small"));
    // All of it opens to more than is shown, though each message would be.
    client.append(("t", 0), &zeros(80, MB));
    client.append(("t", 0), &small("last"));
    for (offset, next, what) in
        [(0, 1, "message at offset 0"), (2, 82, "batch at offset 2"), (40, 82, "")]
    {
        let path = format!("/v1/topics/t/messages?offset={offset}");
        let (status, head, body) = get(address, &path);
        let body = String::from_utf8(body).unwrap();
        assert!(status == 422 && body.contains("TOO_LARGE_TO_SHOW"), "{status} {body}");
        assert!(body.contains(what), "{body}");
        assert!(head.contains(&format!("\r\nX-Next-Offset: {next}\r\n")), "{head}");
    }
    for (offset, value) in [(1, "small"), (82, "last")] {
        let found = page(address, &format!("/v1/topics/t/messages?offset={offset}"));
        assert_eq!(found[0]["value"], json!(value));
    }
    broker.stop_cleanly();
}

#[test]
fn a_tail_passes_over_what_is_too_large() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &zeros(1, 60 * MB));
    client.append(("t", 0), &small("small"));
    client.append(("t", 0), &zeros(80, MB));
    client.append(("t", 0), &small("last"));
    let path = "/v1/topics/t/tail?partition=0&offset=0";
    // They take nothing.
    let slow: Vec<Tail> = (0..4).map(|_| Tail::open(address, path)).collect();
    let mut tail = Tail::open(address, path);
    let mut skipped = |from: i64, to: i64| {
        let (name, told) = tail.event();
        assert_eq!(name.as_deref(), Some("skipped"), "{told}");
        let told = [&told["partition"], &told["offset"], &told["next_offset"], &told["code"]];
        assert_eq!(told, [&json!(0), &json!(from), &json!(to), &json!("TOO_LARGE_TO_SHOW")]);
        from
    };
    skipped(0, 1);
    assert_eq!(tail.message()["value"], json!("small"));
    let mut tail = Tail::open(address, "/v1/topics/t/tail?partition=0&offset=3");
    assert_eq!(tail.event().1["next_offset"], json!(82));
    assert_eq!(tail.message()["value"], json!("last"));
    let most = broker.memory("VmHWM");
    assert!(most < 400 << 20, "{most}");
    drop(slow);
    broker.stop_cleanly();
}

#[test]
fn what_readers_leave_lying_is_bounded() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--set", "barnabas.http.timeout.ms=600000"]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &zeros(1, 5 * MB));
    let path = "/v1/topics/t/tail?partition=0&offset=0";
    let before = broker.memory("RssAnon");
    // Nobody is cut off meanwhile. 30 MB of JSON for each. One that is told nothing yet is told so.
    let mut tails: Vec<Tail> = (0..12).map(|_| Tail::open(address, path)).collect();
    while tails.iter().filter(|tail| tail.has_more()).count() < 4 {
        std::thread::yield_now();
    }
    for _ in 0..20 {
        assert_eq!(get(address, "/v1/topics").0, 200);
    }
    assert_eq!(get(address, "/v1/topics/t/messages").0, 503);
    let held = broker.memory("RssAnon").saturating_sub(before);
    assert!(held < 270 << 20, "{held} bytes more in memory for 12 readers that do not read");
    // All get it when others have taken theirs: whoever waited, so nobody waits for one alone.
    std::thread::scope(|scope| {
        for tail in &mut tails {
            scope.spawn(|| while !tail.line().starts_with("data: ") {});
        }
    });
    broker.stop_cleanly();
}

#[test]
fn who_reads_a_page_does_not_wait_for_tails() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("heavy", 1);
    client.create("light", 1);
    let heavy = zeros(1, 60 * MB);
    (0..16).for_each(|_| _ = client.append(("heavy", 0), &heavy));
    let mut end = BatchBuilder::new();
    end.append(TIME, Some(b"end"), None, &[]);
    client.append(("heavy", 0), &end.finish());
    client.append(("light", 0), &small("light"));
    let path = "/v1/topics/heavy/tail?partition=0&offset=0&key=end";
    let mut tails: Vec<Tail> = (0..4).map(|_| Tail::open(address, path)).collect();
    tails.iter_mut().for_each(|tail| _ = tail.id());
    // Each has much left to be looked through, piece by piece, and each piece would be waited for.
    for turn in 0..10 {
        assert_eq!(page(address, "/v1/topics/light/messages")[0]["value"], json!("light"));
        let done = tails.iter().filter(|tail| tail.has_more()).count();
        assert_eq!(done, 0, "of the tails, in turn {turn}");
    }
    broker.stop_cleanly();
}
