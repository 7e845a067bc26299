//! The shapes of bodies and answers, as JSON Schema, for the document at `/v1/openapi.json`.

use serde_json::{Value, json};

fn integer() -> Value {
    json!({"type": "integer", "format": "int64"})
}

fn text() -> Value {
    json!({"type": "string"})
}

/// An object that has all of these.
fn object(properties: Value) -> Value {
    let required: Vec<String> =
        properties.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// An object that has these, the others only where there is something to say.
fn object_with(required: Value, properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// The same, where nothing else is taken.
fn given(required: Value, properties: Value) -> Value {
    json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": false,
    })
}

fn list(of: Value) -> Value {
    json!({"type": "array", "items": of})
}

fn bytes() -> Value {
    json!({"type": ["string", "null"]})
}

fn encoding() -> Value {
    json!({"type": "string", "enum": ["text", "base64"]})
}

/// All of them, by the names that the router's table has.
pub(super) fn schemas() -> Value {
    let mut all = pages();
    for more in [messages(), admin(), clients()] {
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
    }
    all
}

fn pages() -> Value {
    let range = || json!({"start_offset": integer(), "end_offset": integer()});
    let with = |mut object: Value, more: Value| {
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    };
    let flag = || json!({"type": "boolean"});
    let partition = object(with(range(), json!({"partition": integer(), "size_bytes": integer()})));
    let group = json!({
        "group_id": text(), "state": text(), "generation_id": integer(),
    });
    let member = object(json!({
        "member_id": text(), "client_id": text(), "host": text(),
        "partitions": {"type": "object", "additionalProperties": list(integer())},
        "session_timeout_ms": integer(), "rebalance_timeout_ms": integer(),
    }));
    let by_partition = json!({"type": "object", "additionalProperties": integer()});
    let unknowable = json!({"type": ["integer", "null"], "format": "int64"});
    json!({
        "Any": {},
        "Text": text(),
        "Events": text(),
        "Problem": object(json!({"error": text(), "code": text()})),
        "Health": object(json!({"status": text()})),
        "Unwell": object_with(json!(["error", "code"]), json!({
            "status": text(), "error": text(), "code": text(), "offline": list(text()),
        })),
        "Broker": object(json!({
            "version": text(), "broker_id": integer(), "uptime_seconds": integer(), "port": integer(),
            "http_port": integer(), "io_threads": integer(), "platform": text(), "log_dir": text(),
            "segment_size": integer(),
        })),
        "Topics": list(object(with(range(), json!({
            "name": text(), "partitions": integer(), "message_count": integer(),
            "end_offset_sum": integer(), "size_bytes": integer(), "internal": flag(),
        })))),
        "Topic": object(json!({
            "name": text(), "internal": flag(), "size_bytes": integer(), "partitions": list(partition),
        })),
        "Groups": list(object(with(group.clone(), json!({
            "member_count": integer(), "lag": unknowable,
        })))),
        "Group": object(with(group, json!({
            "protocol_type": text(), "protocol_name": text(), "leader_id": text(),
            "members": list(member), "committed_offsets": by_partition,
            "lag": {"type": "object", "additionalProperties": unknowable},
        }))),
    })
}

fn clients() -> Value {
    let known = || json!({"type": ["string", "null"]});
    let number = || json!({"type": ["integer", "null"], "format": "int64"});
    let api = object(json!({
        "api": text(), "key": integer(), "version": integer(), "requests": integer(),
        "errors": integer(),
    }));
    let failure = object(json!({
        "at": integer(), "api": text(), "code": integer(), "error": text(),
    }));
    let group = object(json!({
        "group": text(), "member": known(), "generation": number(), "rebalances": integer(),
    }));
    json!({"Clients": list(object(json!({
        "connection": integer(), "address": text(), "listener": known(), "connected_at": integer(),
        "last_request_at": number(), "client_id": known(), "software": known(), "version": known(),
        "requests": integer(), "errors": integer(), "apis": list(api), "last_errors": list(failure),
        "groups": list(group),
    })))})
}

fn messages() -> Value {
    let header = json!({
        "key": text(), "key_encoding": encoding(), "value": bytes(), "value_encoding": encoding(),
    });
    let both = json!(["key", "value"]);
    let shown = json!({
        "partition": integer(), "offset": integer(), "timestamp": integer(), "key": bytes(),
        "key_encoding": encoding(), "value": bytes(), "value_encoding": encoding(),
        "headers": list(object_with(both.clone(), header)),
    });
    let header = json!({"key": text(), "value": bytes(), "value_encoding": encoding()});
    let new = given(
        json!(["value"]),
        json!({
            "key": bytes(), "key_encoding": encoding(), "value": bytes(), "value_encoding": encoding(),
            "headers": list(given(both, header)),
            "partition": {"type": ["integer", "null"], "format": "int32", "minimum": 0},
            "timestamp": {"type": ["integer", "null"], "format": "int64", "minimum": 0},
        }),
    );
    let row = object_with(
        json!(["partition", "record_count"]),
        json!({
            "partition": integer(), "base_offset": integer(), "record_count": integer(),
            "error": text(), "code": text(),
        }),
    );
    json!({
        "Messages": list(object_with(json!(["offset", "timestamp", "key", "value"]), shown)),
        "NewMessages": given(json!(["messages"]), json!({
            "messages": {"type": "array", "minItems": 1, "items": new},
        })),
        "Produced": object_with(
            json!(["topic", "partition", "base_offset", "record_count"]),
            json!({
                "topic": text(), "partition": integer(), "base_offset": integer(),
                "record_count": integer(), "partitions": list(row),
            }),
        ),
    })
}

fn admin() -> Value {
    let texts = |of: Value| json!({"type": "object", "additionalProperties": of});
    let synonym = json!({"name": text(), "value": bytes(), "source": text(), "origin": bytes()});
    let synonym = object(synonym);
    let count = || json!({"type": ["integer", "null"], "format": "int32"});
    json!({
        "NewTopic": given(json!(["name"]), json!({
            "name": text(), "partitions": count(),
            "replication_factor": {"type": ["integer", "null"], "minimum": -32768, "maximum": 32767},
            "configs": texts(bytes()),
        })),
        "Created": object(json!({
            "name": text(), "topic_id": text(), "partitions": integer(),
            "replication_factor": integer(), "configs": texts(text()),
        })),
        "NewOffsets": given(json!(["offsets"]), json!({"offsets": {
            "type": "array", "minItems": 1,
            "items": given(json!(["topic", "partition"]), json!({
                "topic": text(), "partition": {"type": "integer", "format": "int32"},
                "offset": {"type": ["integer", "null"], "format": "int64"},
                "timestamp": {"type": ["integer", "null"], "format": "int64", "minimum": 0},
                "to": {"enum": ["earliest", "latest", null]},
            })),
        }})),
        "Offsets": object(json!({
            "group_id": text(),
            "offsets": list(object(json!({
                "topic": text(), "partition": integer(), "offset": integer(),
            }))),
        })),
        "Deleted": object(json!({"deleted": text(), "partitions_removed": integer()})),
        "Patch": texts(bytes()),
        "Settings": list(object(json!({
            "name": text(), "value": bytes(), "source": text(), "type": bytes(),
            "read_only": {"type": "boolean"}, "sensitive": {"type": "boolean"},
            "documentation": text(), "values": list(text()), "synonyms": list(synonym),
        }))),
    })
}
