//! Kafka's own schemas: JSON files with `//` comments, as its message generator reads them.
//!
//! They are not part of this repository. They are taken from the directory that
//! `KAFKA_MESSAGES_DIR` names, or from where `make setup` unpacks Kafka's jars.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::{env, fs};

use barnabas::wire::schema::{Kind, Versions};
use serde_json::Value;

use super::model::{Field, Message, PLAIN, Ty, clip, literal, normal};

/// All schema files below the directory, by name without extension. Of files of the same name the
/// one that lies higher up counts.
pub struct Schemas(BTreeMap<String, PathBuf>);

impl Schemas {
    /// Finds the files; a missing directory fails the test.
    pub fn find() -> Schemas {
        let home = env::var_os("KAFKA_MESSAGES_DIR").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/kafka/4.3.1/messages"),
            PathBuf::from,
        );
        let mut found = BTreeMap::new();
        let mut folders = VecDeque::from([home.clone()]);
        while let Some(folder) = folders.pop_front() {
            let entries = fs::read_dir(&folder).unwrap_or_else(|e| {
                panic!(
                    "no Kafka schemas in {}: {e}. `make setup` fetches them; KAFKA_MESSAGES_DIR \
                     names another place",
                    folder.display()
                )
            });
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push_back(path);
                } else if path.extension().is_some_and(|e| e == "json") {
                    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                    found.entry(name).or_insert(path);
                }
            }
        }
        assert!(!found.is_empty(), "no Kafka schemas in {}", home.display());
        Schemas(found)
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// The JSON of one file.
    pub fn json(&self, name: &str) -> Value {
        let path = self.0.get(name).unwrap_or_else(|| panic!("Kafka has no {name}.json here"));
        let text = fs::read_to_string(path).unwrap();
        serde_json::from_str(&without_comments(&text))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The model of the message with this name.
    pub fn message(&self, name: &str) -> Message {
        // One file is named differently from what is in it.
        let file = if name == "ZkMigrationStateRecord" { "ZkMigrationRecord" } else { name };
        let json = self.json(file);
        assert_eq!(text(&json, "name"), name);
        let versions = range(text(&json, "validVersions"));
        let common = json["commonStructs"].as_array().cloned().unwrap_or_default();
        Message {
            name: name.to_owned(),
            kind: match text(&json, "type") {
                "request" => Kind::Request,
                "response" => Kind::Response,
                "metadata" => Kind::Metadata,
                "data" => Kind::Control,
                "coordinator-key" => Kind::GroupKey,
                "coordinator-value" => Kind::GroupValue,
                other => panic!("{name} is a {other}"),
            },
            key: json["apiKey"].as_i64().unwrap_or_else(|| control_type(name)) as i16,
            versions,
            flexible_from: Some(range(text(&json, "flexibleVersions")))
                .filter(|range| *range != Versions::NONE)
                .map(|range| range.min),
            fields: fields(&json["fields"], versions, &common),
        }
    }
}

/// The types of control records stand in Kafka's code only (`ControlRecordType.java`).
fn control_type(name: &str) -> i64 {
    match name {
        "LeaderChangeMessage" => 2,
        "SnapshotHeaderRecord" => 3,
        "SnapshotFooterRecord" => 4,
        "KRaftVersionRecord" => 5,
        "VotersRecord" => 6,
        other => panic!("{other} has no key"),
    }
}

fn fields(json: &Value, parent: Versions, common: &[Value]) -> Vec<Field> {
    normal(json.as_array().unwrap().iter().map(|json| field(json, parent, common)).collect())
}

fn field(json: &Value, parent: Versions, common: &[Value]) -> Field {
    let versions = clip(range(text(json, "versions")), parent);
    let tag = json["tag"].as_u64().map(|tag| tag as u32);
    if tag.is_some() {
        let tagged = clip(range(text(json, "taggedVersions")), parent);
        assert_eq!(tagged, versions, "a field that is tagged in some versions only: {json}");
    }
    assert!(json.get("flexibleVersions").is_none(), "a field with a form of its own: {json}");
    let ty = ty(text(json, "type"), json, versions, common);
    let nullable = json["nullableVersions"].as_str().map_or(Versions::NONE, range);
    let default = match &json["default"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Field {
        name: snake_case(text(json, "name")),
        versions,
        nullable: clip(nullable, versions),
        tag,
        default: literal(&ty, &default.to_lowercase()),
        ty,
    }
}

fn ty(name: &str, json: &Value, versions: Versions, common: &[Value]) -> Ty {
    if let Some(element) = name.strip_prefix("[]") {
        return Ty::Array(Box::new(ty(element, json, versions, common)));
    }
    if let Some(plain) = PLAIN.iter().find(|plain| **plain == name) {
        return Ty::Plain(plain);
    }
    let shared = common.iter().find(|shared| shared["name"] == name);
    let body = shared.unwrap_or(json);
    Ty::Struct(name.to_owned(), fields(&body["fields"], versions, common))
}

/// The versions that a range like `0-2`, `3+`, `4` or `none` names.
pub fn range(text: &str) -> Versions {
    let number = |text: &str| text.parse().unwrap_or_else(|e| panic!("a version {text:?}: {e}"));
    if text == "none" {
        return Versions::NONE;
    }
    if let Some(min) = text.strip_suffix('+') {
        return Versions { min: number(min), max: i16::MAX };
    }
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    Versions { min: number(min), max: number(max) }
}

fn text<'v>(json: &'v Value, key: &str) -> &'v str {
    json[key].as_str().unwrap_or_else(|| panic!("no {key} in {json}"))
}

/// Comments fill the rest of their line; in strings `//` is part of a link.
fn without_comments(text: &str) -> String {
    let code = |line: &str| {
        let comment = line.match_indices("//").map(|(at, _)| at);
        let start =
            comment.into_iter().find(|at| line[..*at].matches('"').count().is_multiple_of(2));
        line[..start.unwrap_or(line.len())].to_owned()
    };
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// `ThrottleTimeMs` as `throttle_time_ms`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (i, c) in chars.iter().enumerate() {
        let before = i > 0 && chars[i - 1].is_lowercase();
        let after = i > 0 && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (before || after) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
