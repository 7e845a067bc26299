//! The JSON of arbitrary bodies and filters of HTTP: no panic, and what is refused is told in JSON, shortly. A filter's
//! verdict does not depend on how a value that is JSON is spelled, and texts are found as `windows` finds them.
#![no_main]

use barnabas::http::{Filter, Guard, Problem, Request, Session, Taken, check};
use barnabas::net::Framing;
use barnabas::wire::records::{Batch, BatchBuilder};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::fmt::Write;

const BODIES: [&str; 5] = [
    "POST /v1/topics/t/messages",
    "POST /v1/topics",
    "PATCH /v1/topics/t/configs",
    "PATCH /v1/broker/configs",
    "POST /v1/groups/g/offsets",
];
const FILTERS: [&str; 4] = ["key", "value", "header", "json"];

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let kind = usize::from(*kind) % (BODIES.len() + FILTERS.len());
    match BODIES.get(kind) {
        Some(target) => body(target, rest),
        None => filter(FILTERS[kind - BODIES.len()], rest),
    }
});

fn body(target: &str, body: &[u8]) {
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    let head = format!("{target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
    if let Some(request) = request(&[head.as_bytes(), body].concat())
        && let Err(problem) = check(&request)
    {
        told(&problem);
    }
}

/// The first line is the text, what is behind it the value.
fn filter(name: &str, input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (text, value) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let mut target = format!("/v1/topics/t/messages?{name}=");
    text.iter().for_each(|byte| write!(target, "%{byte:02x}").expect("memory"));
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let Some(request) = request(head.as_bytes()) else { return };
    let filter = match check(&request) {
        Ok(filter) => filter,
        Err(problem) => return told(&problem),
    };
    let fits = fits(&filter, value);
    match (name, serde_json::from_slice::<Value>(value)) {
        ("json", Ok(read)) if !has_fractions(&read) => {
            let mut spelled = String::new();
            spell(&read, &mut spelled);
            assert_eq!(self::fits(&filter, spelled.as_bytes()), fits, "{read} as {spelled}");
        }
        ("json", Err(_)) => assert!(!fits, "no JSON"),
        ("key" | "value", _) => {
            let found = text.is_empty() || value.windows(text.len()).any(|some| some == text);
            assert_eq!(fits, found);
        }
        _ => {}
    }
}

fn request(bytes: &[u8]) -> Option<Request> {
    let (mut session, guard) = (Session::default(), Guard::new([]));
    let Framing::Whole(size) = session.framing(bytes) else { return None };
    match session.take(bytes.get(..size)?, &guard) {
        Taken::Page(request) => Some(request),
        Taken::Answer(..) | Taken::Continue => None,
    }
}

/// Whether a record with this as its key, its value and a header's value fits.
fn fits(filter: &Filter, value: &[u8]) -> bool {
    let mut builder = BatchBuilder::new();
    builder.append(0, Some(value), Some(value), &[("h", Some(value)), ("i", None)]);
    builder.append(1, None, None, &[]);
    let bytes = builder.finish();
    let (batch, _) = Batch::parse(&bytes).expect("a batch");
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, usize::MAX).expect("not compressed");
    let fit: Vec<bool> = records.map(|record| filter.fits(&record.expect("a record"))).collect();
    assert!(!fit[1], "nothing fits where nothing is");
    fit[0]
}

fn told(problem: &Problem) {
    let response = problem.response();
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    let text = |name: &str| body[name].as_str().is_some_and(|text| !text.is_empty());
    assert!((400..500).contains(&response.status) && text("error") && text("code"), "{body}");
    assert!(response.body.len() < 4096, "{body}");
}

/// What is read from these may not be what is written of that.
fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(all) => all.iter().any(has_fractions),
        Value::Object(fields) => fields.values().any(has_fractions),
        _ => false,
    }
}

/// Writes a value with an escape for each character of a text.
fn spell(value: &Value, out: &mut String) {
    let comma = |at: usize, out: &mut String| out.push_str(if at > 0 { " ," } else { "" });
    match value {
        Value::String(text) => spell_text(text, out),
        Value::Array(all) => {
            out.push('[');
            for (at, one) in all.iter().enumerate() {
                comma(at, out);
                spell(one, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (at, (name, one)) in fields.iter().enumerate() {
                comma(at, out);
                spell_text(name, out);
                out.push(':');
                spell(one, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn spell_text(text: &str, out: &mut String) {
    out.push('"');
    text.encode_utf16().for_each(|unit| write!(out, "\\u{unit:04X}").expect("memory"));
    out.push('"');
}
