//! Every declaration against Kafka's own schema, field by field, and against random messages that
//! are made from that schema alone.

mod wire_support;

use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Reason, Writer};
use barnabas::wire::messages;
use barnabas::wire::schema::{Kind, Schema, Struct, Type, Versions};
use wire_support::generate::Source;
use wire_support::json::{Schemas, range};
use wire_support::{all, model, transcode, versions};

/// Random messages per message and version.
const CASES: u64 = 60;

#[test]
fn declarations_are_kafkas() {
    let kafka = Schemas::find();
    for entry in all() {
        let (ours, theirs) = (model::of(entry.schema), kafka.message(entry.schema.name));
        for (ours, theirs) in ours.fields.iter().zip(&theirs.fields) {
            assert_eq!(ours, theirs, "{}", entry.schema.name);
        }
        assert_eq!(ours, theirs);
    }
}

#[test]
fn every_metadata_record_is_declared() {
    let kafka = Schemas::find();
    // The records of tiered storage have the same type, but a topic of their own.
    let tiered = |name: &str| name.starts_with("Remote");
    let in_log = |name: &&String| kafka.json(name)["type"] == "metadata" && !tiered(name);
    let theirs = kafka.names().filter(in_log).count();
    assert_eq!(all().filter(|entry| entry.schema.kind == Kind::Metadata).count(), theirs);
}

#[test]
fn every_record_of_the_offsets_topic_is_declared() {
    let kafka = Schemas::find();
    let kinds = [(Kind::GroupKey, "coordinator-key"), (Kind::GroupValue, "coordinator-value")];
    for (kind, theirs) in kinds {
        let ours: Vec<_> =
            all().map(|e| e.schema).filter(|s| s.kind == kind).map(|s| s.name).collect();
        let mut theirs: Vec<_> =
            kafka.names().filter(|name| kafka.json(name)["type"] == theirs).collect();
        // Of other kinds of groups, of other coordinators, and what is read as its successor is.
        let others = ["Share", "Streams", "Transaction", "Legacy"];
        theirs.retain(|name| !others.iter().any(|other| name.starts_with(other)));
        let mut missing = theirs.iter().filter(|name| !ours.contains(&name.as_str()));
        assert_eq!((ours.len(), missing.next()), (theirs.len(), None));
    }
}

#[test]
fn requests_and_responses_come_in_pairs() {
    for kind in [Kind::Request, Kind::Response] {
        let mut keys: Vec<i16> = messages::ALL
            .iter()
            .map(|e| e.schema)
            .filter(|s| s.kind == kind)
            .map(|s| s.key)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len() * 2, messages::ALL.len());
    }
    for Schema { name, key, versions, flexible, .. } in messages::ALL.iter().map(|e| e.schema) {
        let api = ApiKey::from_i16(*key).unwrap();
        assert!(*name == format!("{api}Request") || *name == format!("{api}Response"));
        assert_eq!(api.valid_versions(), versions.min..=versions.max);
        assert_eq!(api.flexible_from().unwrap_or(i16::MAX), flexible.min);
    }
}

#[test]
fn table_of_apis_is_kafkas() {
    let kafka = Schemas::find();
    for api in ApiKey::ALL {
        let json = kafka.json(&format!("{api}Request"));
        assert_eq!(json["apiKey"], api.key());
        let Versions { min, max } = range(json["validVersions"].as_str().unwrap());
        let ours = api.valid_versions();
        assert_eq!(ours.is_empty(), min > max, "{api}");
        if min > max {
            continue;
        }
        assert_eq!(ours, min..=max, "{api}");
        let unstable = json["latestVersionUnstable"] == true;
        assert_eq!(api.latest_version_unstable(), unstable, "{api}");
        assert_eq!(api.latest_stable_version(), max - i16::from(unstable), "{api}");
        let flexible = range(json["flexibleVersions"].as_str().unwrap());
        for version in min..=max {
            let flexible = flexible.has(version);
            assert_eq!(api.request_header_version(version), 1 + i16::from(flexible), "{api}");
            let response = i16::from(flexible && *api != ApiKey::ApiVersions);
            assert_eq!(api.response_header_version(version), response, "{api}");
        }
    }
}

#[test]
fn random_messages_of_kafkas_schemas_come_back_as_they_were() {
    let kafka = Schemas::find();
    for entry in all() {
        let message = kafka.message(entry.schema.name);
        for version in versions(entry) {
            for case in 0..CASES {
                let bytes = Source::random(case).message(&message, version);
                let name = entry.schema.name;
                assert_eq!(transcode(entry, version, &bytes), bytes, "{name} v{version} {case}");
            }
        }
    }
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let kafka = Schemas::find();
    let mut skipped = 0;
    for entry in all() {
        let message = kafka.message(entry.schema.name);
        for version in versions(entry) {
            for case in 0..CASES {
                let plain = Source::random(case).message(&message, version);
                let more = Source::with_unknown_tags(case).message(&message, version);
                skipped += more.len() - plain.len();
                let name = entry.schema.name;
                assert_eq!(transcode(entry, version, &more), plain, "{name} v{version} {case}");
            }
        }
    }
    assert!(skipped > 0);
}

#[test]
fn null_is_refused_where_the_version_has_none() {
    let mut refused = 0;
    for entry in all() {
        let message = model::of(entry.schema);
        for version in versions(entry) {
            for at in 0.. {
                let mut source = Source::with_wrong_null(3, at);
                let bytes = source.message(&message, version);
                if source.has_no_wrong_null() {
                    break;
                }
                let error = (entry.transcode)(&bytes, version, &mut Writer::new());
                let error = error.expect_err("null is not allowed");
                assert_eq!(error.reason, Reason::UnexpectedNull, "{} v{version}", message.name);
                refused += 1;
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn defaults_are_kafkas() {
    let kafka = Schemas::find();
    for entry in all() {
        let message = kafka.message(entry.schema.name);
        for version in versions(entry) {
            let mut w = Writer::new();
            (entry.encode_default)(version, &mut w);
            let theirs = Source::defaults().message(&message, version);
            assert_eq!(w.bytes(), theirs, "{} v{version}", entry.schema.name);
        }
    }
}

#[test]
fn no_array_element_is_empty() {
    // A decoder walks as many elements as a count says, so each must cost the sender a byte.
    for entry in all() {
        for version in versions(entry) {
            let flexible = entry.schema.flexible.has(version);
            elements(entry.schema.body, version, &mut |element| {
                let size = least_size(&element, version, flexible);
                assert!(size > 0, "{} v{version}: {element:?}", entry.schema.name);
            });
        }
    }
}

#[test]
fn tags_ascend() {
    for entry in all() {
        check_tags(entry.schema.body);
    }
}

fn check_tags(body: &Struct) {
    let tags: Vec<_> = body.fields.iter().filter_map(|field| field.tag).collect();
    assert!(tags.is_sorted_by(|a, b| a < b), "{}: {tags:?}", body.name);
    for field in body.fields {
        let mut ty = &field.ty;
        while let Type::Array(element) = ty {
            ty = element;
        }
        if let Type::Struct(body) = ty {
            check_tags(body);
        }
    }
}

fn elements(body: &Struct, version: i16, found: &mut impl FnMut(Type)) {
    for field in body.fields.iter().filter(|field| field.versions.has(version)) {
        let mut ty = field.ty;
        if let Type::Array(element) = ty {
            found(*element);
            ty = *element;
        }
        if let Type::Struct(body) = ty {
            elements(body, version, found);
        }
    }
}

/// Bytes that the shortest value of a type takes.
fn least_size(ty: &Type, version: i16, flexible: bool) -> usize {
    match ty {
        Type::Struct(body) => {
            let fields = body.fields.iter();
            let inline = fields.filter(|field| field.tag.is_none() && field.versions.has(version));
            let sizes = inline.map(|field| least_size(&field.ty, version, flexible));
            sizes.sum::<usize>() + usize::from(flexible)
        }
        _ => 1,
    }
}
