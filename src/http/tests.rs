//! The pure HTTP side: what a connection answers to bytes, whole and in pieces.

use super::response::CONTINUE;
use super::*;
use crate::net::Framing;
use proptest::prelude::*;

/// What a connection answers; each page by its route and body.
fn serve<'i>(pieces: impl IntoIterator<Item = &'i [u8]>) -> Vec<String> {
    let guard = Guard::new(["broker.example".to_owned()]);
    let (mut session, mut input, mut said) = (Session::default(), Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        while !input.is_empty() {
            let size = match session.framing(&input) {
                Framing::Whole(size) => size,
                Framing::Incomplete { need } => {
                    assert!(need > input.len(), "{need} of {}", input.len());
                    break;
                }
                Framing::Refuse(why) => panic!("{why}"),
            };
            let frame: Vec<u8> = input.drain(..size).collect();
            let keep_alive = match session.take(&frame, &guard) {
                Taken::Continue => {
                    said.push("continue".to_owned());
                    true
                }
                Taken::Page(request) => {
                    let body = String::from_utf8_lossy(&request.body);
                    said.push(format!("{:?} {body:?}", request.route));
                    request.manner.keep_alive
                }
                Taken::Answer(response, manner) => {
                    let body = String::from_utf8_lossy(&response.body);
                    said.push(format!("{} {body}", response.status));
                    manner.keep_alive
                }
            };
            if !keep_alive {
                said.push("end".to_owned());
                return said;
            }
        }
    }
    said
}

fn whole(text: &str) -> Vec<String> {
    serve([text.as_bytes()])
}

const HOST: &str = "Host: localhost:8080\r\n";

/// The status of one request with these lines behind its first, and whether the connection ends.
fn status(line: &str, fields: &str, body: &str) -> (String, bool) {
    let said = whole(&format!("{line}\r\n{fields}\r\n{body}"));
    let status = said.first().map(|first| first.split(' ').next().unwrap_or_default().to_owned());
    (status.unwrap_or_default(), said.last().is_some_and(|last| last == "end"))
}

#[test]
fn pages_have_their_paths() {
    for (path, route) in [
        ("/livez", "Livez"),
        ("/readyz", "Readyz"),
        ("/healthz?verbose", "Healthz { in_full: true }"),
        ("/metrics", "Metrics"),
        ("/v1/broker/", "Broker"),
        ("/v1/topics", "Topics"),
        ("/v1/topics/a.b", "Topic(\"a.b\")"),
        ("/v1/topics/a/messages?limit=5&", "Messages(\"a\", Query([(\"limit\", Integer(5))]))"),
        ("/v1/topics/a/configs?what%ever", "Configs(Topic(\"a\"))"),
        ("/v1/groups/", "Groups"),
        ("/v1/groups/a%2Fb%20%C3%A9+", "Group(\"a/b é+\")"),
        ("http://LOCALHOST:1/livez", "Livez"),
    ] {
        let said = whole(&format!("GET {path} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(said, [format!("{route} \"\"")], "{path}");
    }
    for path in [
        "/v1",
        "/v2/broker",
        "/v1/topics/a/b",
        "/v1//topics",
        "/v1/topics/a/messages/1",
        "/console",
        "/console/mod.rs",
        "/console/index.html",
        "/console/..%2Fmod.rs",
    ] {
        let found = status(&format!("GET {path} HTTP/1.1"), HOST, "");
        assert_eq!(found, ("404".to_owned(), false), "{path}");
    }
}

#[test]
fn the_console_is_for_who_asks_for_it_here() {
    for path in ["/", "/?x", "/console/main.js", "/console/style.css"] {
        let found = status(&format!("GET {path} HTTP/1.1"), HOST, "").0;
        assert_eq!(found, "Console(Asset", "{path}");
        let found = status(&format!("POST {path} HTTP/1.1"), HOST, "").0;
        assert_eq!(found, "405", "{path}");
        for foreign in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
            let found = status(&format!("GET {path} HTTP/1.1"), &format!("{HOST}{foreign}"), "").0;
            assert_eq!(found, "403", "{path} {foreign}");
        }
    }
}

#[test]
fn a_link_of_another_site_leads_to_the_console_and_nowhere_else() {
    let visit =
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    let framed = visit.replace("document", "iframe");
    for (line, fields, expected) in [
        ("GET / HTTP/1.1", visit, "Console(Asset"),
        ("GET /?x HTTP/1.1", visit, "Console(Asset"),
        ("GET / HTTP/1.1", &framed, "403"),
        ("POST / HTTP/1.1", visit, "403"),
        ("GET /v1/topics HTTP/1.1", visit, "403"),
        ("GET /console/main.js HTTP/1.1", visit, "403"),
    ] {
        assert_eq!(status(line, &format!("{HOST}{fields}"), "").0, expected, "{line} {fields}");
    }
}

#[test]
fn what_is_wrong_has_its_status() {
    let get = "GET /livez HTTP/1.1";
    let long = format!("{HOST}X: {}\r\n", "x".repeat(MAX_HEAD));
    let many = format!("{HOST}{}", "X: y\r\n".repeat(MAX_HEADERS));
    let json = "Content-Type: application/json\r\n";
    for (line, fields, expected, ends) in [
        (get, String::new(), "400", true),
        (get, format!("{HOST}{HOST}"), "400", true),
        (get, format!("{HOST}Folded: a\r\n b\r\n"), "400", true),
        (get, format!("{HOST}Blank : a\r\n"), "400", true),
        (get, format!("{HOST}: a\r\n"), "400", true),
        (get, format!("{HOST}Bare: a\nb\r\n"), "400", true),
        (get, format!("{HOST}Zero: a\0b\r\n"), "400", true),
        (get, format!("{HOST}Return: a\rb\r\n"), "400", true),
        (get, "Host: a/b\r\n".to_owned(), "400", false),
        (get, long, "431", true),
        (get, many, "431", true),
        ("GET  /livez HTTP/1.1", HOST.to_owned(), "400", true),
        ("GET /li\u{e9} HTTP/1.1", HOST.to_owned(), "400", true),
        ("GET /%zz HTTP/1.1", HOST.to_owned(), "400", true),
        ("GET /%ff HTTP/1.1", HOST.to_owned(), "400", true),
        ("GET livez HTTP/1.1", HOST.to_owned(), "400", true),
        ("GET * HTTP/1.1", HOST.to_owned(), "400", true),
        ("\u{16}\u{3}\u{1}", String::new(), "400", true),
        ("GET /livez HTTP/2.0", HOST.to_owned(), "505", true),
        ("GET /livez HTTP/1.2", HOST.to_owned(), "505", true),
        ("GET /livez HTTX/1.1", HOST.to_owned(), "400", true),
        ("GET /livez", HOST.to_owned(), "400", true),
        ("BREW /livez HTTP/1.1", HOST.to_owned(), "501", true),
        ("OPTIONS /livez HTTP/1.1", HOST.to_owned(), "405", false),
        ("TRACE /livez HTTP/1.1", HOST.to_owned(), "405", false),
        ("POST /livez HTTP/1.1", format!("{HOST}{json}"), "405", false),
        ("DELETE /v1/topics HTTP/1.1", format!("{HOST}X-Requested-With: curl\r\n"), "405", false),
        ("DELETE /v1/topics/a HTTP/1.1", HOST.to_owned(), "403", false),
        ("POST /v1/topics HTTP/1.1", format!("{HOST}Content-Type: text/plain\r\n"), "415", false),
        (get, format!("{HOST}Expect: magic\r\n"), "417", true),
    ] {
        assert_eq!(status(line, &fields, ""), (expected.to_owned(), ends), "{line} {fields:?}");
    }
}

#[test]
fn a_body_whose_length_could_be_read_in_two_ways_is_refused() {
    for (fields, expected) in [
        ("Content-Length: 1\r\nContent-Length: 1\r\n", "400"),
        ("Content-Length: 1, 1\r\n", "400"),
        ("Content-Length: +1\r\n", "400"),
        ("Content-Length: 0x1\r\n", "400"),
        ("Content-Length:\r\n", "400"),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("Transfer-Encoding: gzip, chunked\r\n", "501"),
        ("Transfer-Encoding: identity\r\n", "501"),
        ("Transfer-Encoding: \u{b}chunked\r\n", "400"),
        ("Content-Length: 1048577\r\n", "413"),
        ("Content-Length: 99999999999999999999999999\r\n", "413"),
    ] {
        let found = status("GET /livez HTTP/1.1", &format!("{HOST}{fields}"), "a");
        assert_eq!(found, (expected.to_owned(), true), "{fields:?}");
    }
    let old = status("GET /livez HTTP/1.0", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n");
    assert_eq!(old, ("400".to_owned(), true));
}

#[test]
fn chunks_are_put_together_or_refused() {
    let chunked = |body: &str| {
        whole(&format!("GET /livez HTTP/1.1\r\n{HOST}Transfer-Encoding: Chunked\r\n\r\n{body}"))
    };
    for body in [
        "3\r\nabc\r\n2;ext=\"x\"\r\nde\r\n0\r\n\r\n",
        "5\r\nabcde\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n",
    ] {
        assert_eq!(chunked(body), ["Livez \"abcde\""]);
        // What comes behind it is the next request, not a part of this one.
        let two = chunked(&format!("{body}GET /metrics HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(two, ["Livez \"abcde\"", "Metrics \"\""]);
    }
    let large = format!("fffff\r\n{}\r\n2\r\nab\r\n", "x".repeat(0xfffff));
    let wasteful = format!("1;{}\r\na\r\n", "x".repeat(200)).repeat(MAX_BODY * 4 / 200);
    for (body, expected) in [
        ("+3\r\nabc\r\n", "400"),
        ("0x3\r\nabc\r\n", "400"),
        (" 3\r\nabc\r\n", "400"),
        ("3 \r\nabc\r\n", "400"),
        ("\r\nabc\r\n", "400"),
        ("3\nabc\r\n", "400"),
        ("3\r\nabcd\r\n0\r\n\r\n", "400"),
        ("3\r\nabc\n0\r\n\r\n", "400"),
        ("3\r\nabc..0\r\n\r\n", "400"),
        ("3;\rx\r\nabc\r\n", "400"),
        ("0\r\nno field\r\n\r\n", "400"),
        ("0\r\n\n", "400"),
        (&format!("3;{}", "x".repeat(MAX_LINE)), "400"),
        (&format!("0\r\nX: {}", "x".repeat(MAX_HEAD)), "431"),
        ("100001\r\n", "413"),
        ("ffffffffffffffffff\r\n", "413"),
        (&large, "413"),
        (&wasteful, "413"),
    ] {
        let said = chunked(body);
        let begins = said.first().is_some_and(|first| first.starts_with(expected));
        assert!(begins && said.last().is_some_and(|last| last == "end"), "{said:?}");
    }
}

#[test]
fn connections_go_on_as_long_as_both_want() {
    let get = |version: &str, fields: &str| {
        whole(&format!("\r\nGET /livez HTTP/{version}\r\n{HOST}{fields}\r\n")).len() == 1
    };
    assert!(get("1.1", ""));
    assert!(!get("1.1", "Connection: close\r\n"));
    assert!(!get("1.1", "Connection: keep-alive, Close\r\n"));
    assert!(!get("1.0", ""));
    assert!(get("1.0", "Connection: Keep-Alive\r\n"));
    assert_eq!(whole("GET /livez HTTP/1.0\r\n\r\n"), ["Livez \"\"", "end"]);
    assert_eq!(whole("\r\n\r\nGET /livez HTTP/1.0\r\n\r\n").len(), 2);
}

#[test]
fn a_body_is_asked_for_where_the_client_waits() {
    let head = |line: &str, more: &str| {
        format!("{line} HTTP/1.1\r\n{HOST}Expect: 100-Continue\r\n{more}\r\n")
    };
    let asked = format!("{}abc", head("GET /livez", "Content-Length: 3\r\n"));
    assert_eq!(whole(&format!("{asked}{asked}")), ["continue", "Livez \"abc\""].repeat(2));
    let chunked = head("GET /livez", "Transfer-Encoding: chunked\r\n");
    let said = whole(&format!("{chunked}2\r\nab\r\n0\r\n\r\n{asked}"));
    assert_eq!(said, ["continue", "Livez \"ab\"", "continue", "Livez \"abc\""]);
    assert_eq!(whole(&head("GET /livez", "")), ["Livez \"\""]);
    // Whether a body that is not wanted comes nobody knows, so that is the end.
    let unwanted = whole(&head("GET /nothing", "Content-Length: 3\r\n"));
    assert_eq!((unwanted.len(), unwanted[0].starts_with("404")), (2, true));
}

#[test]
fn only_who_calls_the_broker_by_its_name_is_served() {
    let of = |fields: &str| status("GET /v1/broker HTTP/1.1", fields, "").0;
    for host in [
        "localhost",
        "LOCALHOST.:80",
        "a.localhost",
        "127.0.0.1:8080",
        "10.1.2.3",
        "[::1]:8080",
        "[::]",
        "Broker.Example:9",
    ] {
        assert_eq!(of(&format!("Host: {host}\r\n")), "Broker", "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "1.2.3.4.evil.example", "[evil]", "evil"]
    {
        assert_eq!(of(&format!("Host: {host}\r\n")), "421", "{host}");
    }
    for host in ["", "a b", "localhost:x", "user@localhost", "[::1"] {
        assert_eq!(of(&format!("Host: {host}\r\n")), "400", "{host:?}");
    }
    let absolute = status("GET http://evil.example/v1/broker HTTP/1.1", HOST, "").0;
    assert_eq!(absolute, "421", "what the target says goes before the field");
    for (origin, expected) in [
        ("http://localhost:8080", "Broker"),
        ("https://localhost:8080", "Broker"),
        ("http://localhost:3000", "403"),
        ("http://evil.example", "403"),
        ("null", "403"),
    ] {
        assert_eq!(of(&format!("{HOST}Origin: {origin}\r\n")), expected, "{origin}");
    }
    for path in ["/livez", "/readyz", "/healthz"] {
        let line = format!("GET {path} HTTP/1.1");
        assert_ne!(status(&line, "Host: barnabas:8080\r\n", "").0, "421", "{path}");
        assert_eq!(status(&line, "Host: a b\r\n", "").0, "400", "{path}");
    }
    assert_eq!(status("GET /metrics HTTP/1.1", "Host: barnabas:8080\r\n", "").0, "421");
    for (host, in_full) in [("evil.example", false), ("localhost", true), ("[::1]", true)] {
        let said = whole(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(said, [format!("Healthz {{ in_full: {in_full} }} \"\"")], "{host}");
    }
}

#[test]
fn answers_are_written_as_they_were_asked_for() {
    let response = problem::NOT_FOUND.response();
    let text = |manner| String::from_utf8(response.write(manner, 0)).expect("text");
    let last = text(Manner::LAST);
    let (head, body) = last.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
    assert!(head.contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), "{head}");
    assert!(head.contains("\r\nConnection: close"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(!head.to_lowercase().contains("access-control"), "{head}");
    assert_eq!(body, r#"{"error":"Not found","code":"NOT_FOUND"}"#);
    let manner = Manner { without_body: true, keep_alive: true, is_old: true };
    let of_head = text(manner);
    assert!(of_head.ends_with("Connection: keep-alive\r\n\r\n"), "{of_head}");
    assert!(of_head.contains("Content-Length: 40\r\n"), "{of_head}");
    assert_eq!(CONTINUE, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn pieces_are_the_answer() {
    for len in [0, 1, 32 << 10, (32 << 10) + 1, (9 << 20) + 5] {
        let body: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let response = Response::text(200, "text/plain", body);
        for without_body in [false, true] {
            let manner = Manner { without_body, ..Manner::LAST };
            let pieces = response.clone().pieces(manner, 0);
            assert!(pieces.iter().all(|piece| (1..=32 << 10).contains(&piece.len())), "{len}");
            assert_eq!(pieces.concat(), response.write(manner, 0), "{len}");
        }
    }
}

/// Parts of which requests, and what only looks like some, are made.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let parts = [
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/topics/%41 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HEAD /nothing HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
        "GET /metrics HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nab\r\n1;x\r\nc\r\n0\r\nT: r\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        "GET /livez HTTP/1.1\nHost: localhost\r\n\r\n",
        "\r\n",
        "\n",
        "0\r\n\r\n",
        "\0",
    ];
    let part = prop_oneof![
        8 => prop::sample::select(parts.map(|part| part.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_same_bytes_in_other_pieces_are_answered_alike(
        bytes in bytes(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|two| &bytes[two[0]..two[1]]);
        let expected = serve([&bytes[..]]);
        prop_assert_eq!(&serve(pieces), &expected);
        prop_assert_eq!(&serve(bytes.chunks(1)), &expected);
    }
}
