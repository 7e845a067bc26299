//! `GET /v1/openapi.json`: what can be asked, for programs (OpenAPI 3.1). Made from the router's own table, so
//! what is said here is what is served.

use super::super::head::Method;
use super::super::query::{Kind, Param};
use super::super::route::{ENDPOINTS, Endpoint};
use serde_json::{Map, Value, json};

/// The answer to what makes something; to what is only tried it is 200.
const CREATED: &str = "Created";

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
    if endpoint.method != Method::Get {
        parameters.push(json!({
            "name": "X-Requested-With", "in": "header",
            "description": "Anything; needed where there is no JSON body.",
            "required": endpoint.body.is_none(),
            "schema": {"type": "string", "pattern": "^[A-Za-z]+$"},
        }));
    }
    let media = match endpoint.answer {
        "Text" => "text/plain; version=0.0.4; charset=utf-8",
        "Events" => "text/event-stream",
        _ => "application/json",
    };
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let done = json!({
        "description": "Done.", "headers": headers(endpoint),
        "content": {media: {"schema": of(endpoint.answer)}},
    });
    let wrong = json!({
        "description": "What is wrong.",
        "content": {"application/json": {"schema": of("Problem")}},
    });
    let mut responses = json!({"200": done, "default": wrong});
    if let (CREATED, Value::Object(by_status)) = (endpoint.answer, &mut responses) {
        by_status.insert("201".to_owned(), done);
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

/// What stands in the head of its answer.
fn headers(endpoint: &Endpoint) -> Value {
    let schema = json!({"type": "integer", "format": "int64", "minimum": 0});
    let header = |about| json!({"description": about, "required": true, "schema": schema});
    endpoint.offsets.iter().map(|(name, about)| (*name, header(about))).collect()
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
