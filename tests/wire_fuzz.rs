//! Bytes that nobody should send: whatever comes in, the decoders give a message or an error, stay
//! within the input and come to an end. Seeded, so that every run is the same; the fuzz targets
//! under `fuzz/` look further.
//!
//! That decoding allocates nothing follows from the types: all messages are `Copy`.

mod wire_support;

use barnabas::wire::codec::{DecodeError, Reader, Writer};
use barnabas::wire::group_records::GroupKey;
use barnabas::wire::header::RequestHeader;
use barnabas::wire::messages::Entry;
use barnabas::wire::metadata_records::MetadataRecord;
use barnabas::wire::schema::{Field, Kind, Struct, Type};
use wire_support::generate::Source;
use wire_support::rng::Rng;
use wire_support::{all, model, transcode, versions};

/// Inputs per message and version.
const CASES: u64 = 150;

/// Feeds one input to one decoder. What it accepts must come out the same from then on.
fn feed(entry: &Entry, version: i16, bytes: &[u8]) -> Result<usize, DecodeError> {
    let name = entry.schema.name;
    let mut once = Writer::new();
    let read = (entry.transcode)(bytes, version, &mut once);
    match &read {
        Ok(read) => {
            assert!(*read <= bytes.len(), "{name} v{version} read {read} of {}", bytes.len());
            let twice = transcode(entry, version, once.bytes());
            assert_eq!(twice, once.bytes(), "{name} v{version} of {bytes:02x?}");
        }
        Err(error) => {
            assert!(error.at <= bytes.len(), "{name} v{version}: {error}");
            assert!(names_a_field(entry.schema.body, error.field), "{name} v{version}: {error}");
        }
    }
    read
}

/// True for the path of a field, or the name of a struct, of this message.
fn names_a_field(body: &Struct, path: &str) -> bool {
    let inner = |field: &Field| {
        let mut ty = &field.ty;
        while let Type::Array(element) = ty {
            ty = element;
        }
        matches!(ty, Type::Struct(body) if names_a_field(body, path))
    };
    body.name == path || body.fields.iter().any(|field| field.path == path || inner(field))
}

/// One valid message with something wrong with it.
fn mutate(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, rng.bytes(1 + at % 5)).for_each(drop),
            2 => drop(bytes.drain(at..(at + rng.below(6)).min(bytes.len()))),
            // Lengths and counts that are negative, huge, or just above the truth.
            3 => overwrite(&mut bytes, at, &[0x7f, 0xff, 0xff, 0xff]),
            4 => overwrite(&mut bytes, at, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            5 => overwrite(&mut bytes, at, &rng.next().to_le_bytes()[..rng.clone().below(8)]),
            _ => {
                let more = bytes.get(at).map(|byte| byte.wrapping_add(1));
                overwrite(&mut bytes, at, &more.into_iter().collect::<Vec<_>>());
            }
        }
    }
    bytes
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    let len = with.len().min(bytes.len() - at);
    bytes[at..at + len].copy_from_slice(&with[..len]);
}

#[test]
fn mutated_messages() {
    let (mut good, mut bad) = (0, 0);
    for entry in all() {
        let model = model::of(entry.schema);
        for version in versions(entry) {
            for seed in 0..CASES {
                let valid = Source::with_unknown_tags(seed).message(&model, version);
                let bytes = mutate(&mut Rng(seed), valid);
                match feed(entry, version, &bytes) {
                    Ok(_) => good += 1,
                    Err(_) => bad += 1,
                }
            }
        }
    }
    // Both ways must have been gone.
    assert!(good > 5_000 && bad > 5_000, "{good} accepted, {bad} refused");
}

#[test]
fn random_bytes() {
    for entry in all() {
        for version in versions(entry) {
            for seed in 0..CASES {
                let mut rng = Rng(seed);
                let len = rng.below(120);
                let mut bytes = rng.bytes(len);
                if seed % 2 == 0 {
                    // Small numbers get further into a message than any ones.
                    bytes
                        .iter_mut()
                        .for_each(|byte| *byte = [0, 0, 0, 1, 2, 3, 0xff][*byte as usize % 7]);
                }
                let _ = feed(entry, version, &bytes);
            }
        }
    }
}

#[test]
fn every_prefix_is_refused() {
    for entry in all() {
        let model = model::of(entry.schema);
        for version in versions(entry) {
            let bytes = Source::random(7).message(&model, version);
            for len in 0..bytes.len() {
                let cut = feed(entry, version, &bytes[..len]);
                assert!(cut.is_err(), "{} v{version}: {len} of {bytes:02x?}", model.name);
            }
        }
    }
}

#[test]
fn bytes_behind_a_message_are_left_alone() {
    for entry in all() {
        let model = model::of(entry.schema);
        for version in versions(entry) {
            let mut bytes = Source::random(8).message(&model, version);
            let len = bytes.len();
            bytes.extend([0xff; 9]);
            assert_eq!(feed(entry, version, &bytes), Ok(len), "{} v{version}", model.name);
        }
    }
}

#[test]
fn versions_that_do_not_exist_are_refused() {
    for entry in all() {
        let (first, last) = (*versions(entry).start(), *versions(entry).end());
        for version in [i16::MIN, -1, first - 1, last + 1, i16::MAX] {
            let mut w = Writer::new();
            assert!((entry.transcode)(&[0; 64], version, &mut w).is_err(), "{}", entry.schema.name);
        }
    }
}

/// A count of 2^31 - 1, or as many as there are bytes, at every place: the walk must end with the
/// bytes. Were it to follow the count, this test would not come to its end.
#[test]
fn counts_beyond_the_bytes() {
    let mut zeros = vec![0; 1 << 16];
    for entry in all() {
        for version in versions(entry) {
            for at in 0..24 {
                overwrite(&mut zeros, at, &[0x7f, 0xff, 0xff, 0xff]);
                let _ = feed(entry, version, &zeros);
                overwrite(&mut zeros, at, &[0, 0, 0xff, 0]);
                let _ = feed(entry, version, &zeros);
                overwrite(&mut zeros, at, &[0xff, 0xff, 0x03, 0]);
                let _ = feed(entry, version, &zeros);
                overwrite(&mut zeros, at, &[0; 4]);
            }
        }
    }
}

#[test]
fn request_headers() {
    let mut accepted = 0;
    for seed in 0..20_000 {
        let mut rng = Rng(seed);
        let len = rng.below(40);
        let mut bytes = rng.bytes(len);
        if len > 9 && seed % 4 > 0 {
            overwrite(&mut bytes, 0, &[0, seed as u8 % 96, 0, seed as u8 % 16]);
            overwrite(&mut bytes, 8, &[0, seed as u8 % 24]);
            bytes[10..].iter_mut().for_each(|byte| *byte &= 0x3f);
        }
        let mut r = Reader::new(&bytes);
        match RequestHeader::decode(&mut r) {
            Ok(header) => {
                accepted += 1;
                assert!(r.position() <= bytes.len());
                let mut w = Writer::new();
                header.encode(&mut w);
                assert_eq!(RequestHeader::decode(&mut Reader::new(w.bytes())), Ok(header));
            }
            Err(error) => assert!(error.at <= bytes.len(), "{error}"),
        }
    }
    assert!(accepted > 1_000, "{accepted}");
}

#[test]
fn framed_metadata_records() {
    let (mut good, mut bad) = (0, 0);
    for entry in all().filter(|entry| entry.schema.kind == Kind::Metadata) {
        let model = model::of(entry.schema);
        for version in versions(entry) {
            for seed in 0..CASES {
                let mut frame = vec![1, entry.schema.key as u8, version as u8];
                frame.extend(Source::random(seed).message(&model, version));
                let record = MetadataRecord::decode(&frame).expect("a valid record");
                let mut w = Writer::new();
                record.encode(&mut w, version);
                assert_eq!(w.bytes(), frame);
                match MetadataRecord::decode(&mutate(&mut Rng(seed), frame)) {
                    Ok(record) => {
                        good += 1;
                        let again = record.to_bytes();
                        let again = MetadataRecord::decode(&again).expect("our own bytes");
                        assert_eq!(again.to_bytes(), record.to_bytes());
                    }
                    Err(_) => bad += 1,
                }
            }
        }
    }
    assert!(good > 500 && bad > 500, "{good} accepted, {bad} refused");
}

#[test]
fn group_keys() {
    let (mut good, mut bad) = (0, 0);
    for entry in all().filter(|entry| entry.schema.kind == Kind::GroupKey) {
        let model = model::of(entry.schema);
        for seed in 0..10 * CASES {
            let mut bytes = entry.schema.key.to_be_bytes().to_vec();
            bytes.extend(Source::random(seed).message(&model, 0));
            assert_eq!(GroupKey::decode(&bytes).expect("a valid key").to_bytes(), bytes);
            let bytes = mutate(&mut Rng(seed), bytes);
            match GroupKey::decode(&bytes) {
                Ok(key) => {
                    good += 1;
                    assert_eq!(GroupKey::decode(&key.to_bytes()), Ok(key));
                }
                Err(error) => {
                    bad += 1;
                    assert!(error.at <= bytes.len(), "{error}");
                }
            }
        }
    }
    assert!(good > 500 && bad > 500, "{good} accepted, {bad} refused");
}
