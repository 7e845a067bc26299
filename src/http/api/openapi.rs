//! `GET /v1/openapi.json`: what can be asked, for programs (OpenAPI 3.1). Made from the router's own table, so
//! what is said here is what is served.

use super::super::head::Method;
use super::super::query::{Kind, LAST_EVENT, Param};
use super::super::route::{ENDPOINTS, Endpoint};
use serde_json::{Map, Value, json};

/// The answer to what makes something; to what is only tried it is 200.
const CREATED: &str = "Created";
/// The answer that goes on.
const EVENTS: &str = "Events";
/// The one that tells whether it is well.
const HEALTH: &str = "Health";

pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            let name = endpoint.method.and_head().split(',').next().unwrap_or_default();
            methods.insert(name.to_ascii_lowercase(), operation(endpoint));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Barnabas",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The REST view of a broker that speaks Apache Kafka's protocol. What changes something \
                needs Content-Type: application/json, or an X-Requested-With.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": super::schemas::schemas()},
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters = Vec::new();
    if endpoint.path.contains("{name}") {
        parameters.push(json!({
            "name": "name", "in": "path", "required": true,
            "schema": {"type": "string", "minLength": 1}, "example": "orders",
        }));
    }
    parameters.extend(endpoint.query.iter().map(parameter));
    if endpoint.answer == EVENTS {
        parameters.push(json!({
            "name": LAST_EVENT, "in": "header", "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}:[0-9]+(,[0-9]+)*$"},
            "description": "The last id of an answer that ended: it goes on there, whatever the query says of a beginning.",
        }));
    }
    if endpoint.method != Method::Get {
        parameters.push(json!({
            "name": "X-Requested-With", "in": "header",
            "description": "Anything; needed unless Content-Type is application/json.",
            "schema": {"type": "string", "pattern": "^[A-Za-z]+$"},
        }));
    }
    let media = match endpoint.answer {
        "Text" => "text/plain; version=0.0.4; charset=utf-8",
        EVENTS => "text/event-stream",
        _ => "application/json",
    };
    let done = json!({
        "description": "Done.", "headers": headers(endpoint),
        "content": {media: {"schema": of(endpoint.answer)}},
    });
    let mut responses: Map<String, Value> = refusals(endpoint)
        .map(|(status, about)| (status.to_string(), refusal(endpoint, status, about)))
        .collect();
    responses.insert("200".to_owned(), done.clone());
    if endpoint.answer == CREATED {
        responses.insert("201".to_owned(), done);
    }
    let mut operation = json!({
        "summary": endpoint.about, "parameters": parameters, "responses": responses,
    });
    if let (Some(name), Value::Object(fields)) = (endpoint.body, &mut operation) {
        let content = json!({"application/json": {"schema": of(name)}});
        fields.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation
}

fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What may be answered instead, and why.
fn refusals(endpoint: &Endpoint) -> impl Iterator<Item = (u16, &'static str)> {
    let is_change = endpoint.method != Method::Get;
    let (is_named, has_body) = (endpoint.path.contains("{name}"), endpoint.body.is_some());
    let has_offsets = !endpoint.offsets.is_empty();
    [
        (true, 400, "It is not what it must be."),
        (
            true,
            403,
            "A page of another origin asks, or it changes something and has no mark of that.",
        ),
        (is_named, 404, "There is nothing of that name."),
        (true, 408, "It took too long to come."),
        (is_change, 409, "What is there does not allow it."),
        (true, 413, "It is too large."),
        (true, 415, "Its body is of another type, or has a coding."),
        (true, 417, "Something else than 100-continue is expected."),
        (true, 421, "The broker is not known by that name."),
        (has_offsets, 422, "The first message, or batch, is too large to be shown."),
        (true, 431, "Its head is too large."),
        (true, 500, "The disk fails, or the page would be too large."),
        (has_body, 501, "The coding of its body is not known."),
        (true, 503, "It may be answered in a while."),
    ]
    .into_iter()
    .filter_map(|(is_so, status, about)| is_so.then_some((status, about)))
}

fn refusal(endpoint: &Endpoint, status: u16, about: &str) -> Value {
    let shape = if endpoint.answer == HEALTH && status == 503 { "Unwell" } else { "Problem" };
    let content = json!({"application/json": {"schema": of(shape)}});
    let mut refusal = json!({"description": about, "content": content});
    let header = match status {
        422 => json!({"X-Next-Offset": header("Where to go on behind it.")}),
        503 => json!({"Retry-After": header("After so many seconds.")}),
        _ => return refusal,
    };
    if let Value::Object(fields) = &mut refusal {
        fields.insert("headers".to_owned(), header);
    }
    refusal
}

/// What stands in the head of its answer.
fn headers(endpoint: &Endpoint) -> Value {
    endpoint.offsets.iter().map(|(name, about)| (*name, header(about))).collect()
}

fn header(about: &str) -> Value {
    let schema = json!({"type": "integer", "format": "int64", "minimum": 0});
    json!({"description": about, "required": true, "schema": schema})
}

fn parameter(param: &Param) -> Value {
    let schema = match param.kind {
        Kind::Integer(least, most) => {
            json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
        }
        Kind::Capped(least, _) => json!({"type": "integer", "format": "int64", "minimum": least}),
        Kind::Text => json!({"type": "string"}),
        Kind::Flag => json!({"type": "boolean"}),
    };
    json!({"name": param.name, "in": "query", "description": param.about, "schema": schema})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Guard, Request, Session, Taken};

    /// What becomes of a request, and the methods that it is told of if it was the wrong one.
    fn ask(method: &str, path: &str) -> Result<Request, (u16, String)> {
        let head = "Host: localhost\r\nX-Requested-With: x\r\n\r\n";
        let request = format!("{method} {path} HTTP/1.1\r\n{head}");
        let mut session = Session::default();
        session.framing(request.as_bytes());
        match session.take(request.as_bytes(), &Guard::default()) {
            Taken::Page(request) => Ok(request),
            Taken::Answer(response, _) => {
                let allow = response.fields.iter().find(|(name, _)| *name == "Allow");
                Err((response.status, allow.map(|(_, value)| value.clone()).unwrap_or_default()))
            }
            Taken::Continue => panic!("nothing is to be continued"),
        }
    }

    #[test]
    fn what_is_written_is_what_is_served() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        assert!(paths.len() > 10, "{paths:?}");
        for (path, methods) in paths {
            let path = path.replace("{name}", "a%20b");
            let documented: Vec<String> =
                methods.as_object().expect("methods").keys().map(|m| m.to_uppercase()).collect();
            let with_head = documented.iter().any(|method| method == "GET").then_some("HEAD");
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
                let is_there =
                    documented.iter().any(|one| one == method) || with_head == Some(method);
                match ask(method, &path) {
                    Ok(_) => assert!(is_there, "{method} {path} is not documented"),
                    Err((status, allow)) => {
                        assert!(!is_there && status == 405, "{method} {path}: {status}");
                        let mut allowed: Vec<&str> = allow.split(", ").collect();
                        let mut expected: Vec<&str> = documented.iter().map(|m| &**m).collect();
                        expected.extend(with_head);
                        allowed.sort_unstable();
                        expected.sort_unstable();
                        assert_eq!(allowed, expected, "{path}");
                    }
                }
            }
            for (method, operation) in methods.as_object().expect("methods") {
                for parameter in operation["parameters"].as_array().expect("parameters") {
                    if parameter["in"] != "query" {
                        continue;
                    }
                    let name = parameter["name"].as_str().expect("a name");
                    let value = match parameter["schema"]["type"].as_str() {
                        Some("integer") => "7",
                        Some("boolean") => "true",
                        _ => "x",
                    };
                    let asked = ask(&method.to_uppercase(), &format!("{path}?{name}={value}"));
                    assert!(asked.is_ok(), "{method} {path}?{name}");
                    if let Some(most) =
                        parameter["schema"]["maximum"].as_i64().filter(|most| *most < i64::MAX)
                    {
                        let beyond = format!("{path}?{name}={}", most + 1);
                        assert_eq!(
                            ask(&method.to_uppercase(), &beyond).map_err(|why| why.0),
                            Err(400)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_shape_that_is_named_is_there() {
        fn check(value: &Value, schemas: &Map<String, Value>, seen: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        let name = to.strip_prefix("#/components/schemas/").expect("a schema");
                        assert!(schemas.contains_key(name), "{name}");
                        seen.push(name.to_owned());
                    }
                    fields.values().for_each(|value| check(value, schemas, seen));
                }
                Value::Array(all) => all.iter().for_each(|value| check(value, schemas, seen)),
                _ => {}
            }
        }
        let document = document();
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let mut seen = Vec::new();
        check(&document, schemas, &mut seen);
        for name in schemas.keys() {
            assert!(seen.contains(name), "{name} is nobody's");
        }
    }
}
