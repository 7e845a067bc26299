//! The console: one page at `/` for people, made of files that are part of the binary.
//!
//! It asks the REST endpoints like anybody else and knows nothing that they do not tell. It loads nothing from elsewhere,
//! and the policy that is sent with it holds it to that: scripts and styles are these files, never a text within a page, so
//! that a name or a value of a message cannot become one; no script may make markup of a text (Trusted Types). The files
//! together stay below [`MAX_BYTES`], without the blanks that indent them.

mod indent;

use super::head::{Head, Method};
use super::response::Response;
use super::route::not_allowed;
use std::sync::LazyLock;
use twox_hash::XxHash3_64;

/// Bytes of all files.
const MAX_BYTES: usize = 100_000;

/// Where all but the page itself are.
const PLACE: &str = "console";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const PAGE: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! files {
    ($($name:literal is $content_type:ident),* $(,)?) => {
        &[$(File { name: $name, content_type: $content_type, bytes: {
            const SOURCE: &[u8] = include_bytes!($name);
            const BARE: [u8; indent::len_without(SOURCE)] = indent::without(SOURCE);
            &BARE
        } }),*]
    };
}

/// All of them; the first is the page.
const FILES: &[File] = files![
    "index.html" is PAGE,
    "api.js" is SCRIPT,
    "broker.js" is SCRIPT,
    "client.js" is SCRIPT,
    "clients.js" is SCRIPT,
    "commands.js" is SCRIPT,
    "dialog.js" is SCRIPT,
    "dom.js" is SCRIPT,
    "format.js" is SCRIPT,
    "group.js" is SCRIPT,
    "groups.js" is SCRIPT,
    "icon.svg" is IMAGE,
    "list.js" is SCRIPT,
    "live.js" is SCRIPT,
    "main.js" is SCRIPT,
    "message.js" is SCRIPT,
    "messages.js" is SCRIPT,
    "produce.js" is SCRIPT,
    "reader.js" is SCRIPT,
    "settings.js" is SCRIPT,
    "style.css" is STYLE,
    "theme.js" is SCRIPT,
    "topic.js" is SCRIPT,
    "topics.js" is SCRIPT,
    "views.css" is STYLE,
];

const fn bytes_of(files: &[File]) -> usize {
    match files {
        [] => 0,
        [first, rest @ ..] => first.bytes.len() + bytes_of(rest),
    }
}

const _: () = assert!(bytes_of(FILES) < MAX_BYTES, "the console has grown too large");

/// What each is known by: other bytes have another one.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    FILES.iter().map(|file| format!("\"{:016x}\"", XxHash3_64::oneshot(file.bytes))).collect()
});

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    at: usize,
    /// Who asks has it already.
    is_known: bool,
}

impl Asset {
    /// The file that a request asks for, or that it asks in the wrong way; nothing where there is none.
    pub(super) fn of(head: &Head) -> Option<Result<Asset, Response>> {
        let parts: Vec<&str> = head.target.parts.iter().map(String::as_str).collect();
        let at = match parts[..] {
            [""] => 0,
            [PLACE, name] => 1 + FILES.iter().skip(1).position(|file| file.name == name)?,
            _ => return None,
        };
        if !matches!(head.method, Method::Get | Method::Head) {
            return Some(Err(not_allowed(Method::Get.and_head().to_owned())));
        }
        let tag = TAGS.get(at)?;
        let is_known = head.known.iter().any(|known| known == "*" || known == tag);
        Some(Ok(Asset { at, is_known }))
    }

    pub(super) fn response(&self) -> Option<Response> {
        let (file, tag) = (FILES.get(self.at)?, TAGS.get(self.at)?);
        let (status, body) = if self.is_known { (304, &[][..]) } else { (200, file.bytes) };
        let fields = vec![
            ("ETag", tag.clone()),
            ("Content-Security-Policy", POLICY.to_owned()),
            ("Referrer-Policy", "same-origin".to_owned()),
        ];
        let response = Response::text(status, file.content_type, body.to_vec());
        Some(Response { fields, is_kept: true, ..response })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_of_the_files_is_left_out() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/console");
        let mut there: Vec<String> = std::fs::read_dir(place)
            .expect("the files")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
            .filter(|name| !name.ends_with(".rs"))
            .collect();
        there.sort_unstable();
        let mut served: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(served.first(), Some(&"index.html"));
        served.sort_unstable();
        assert_eq!(served, there);
    }

    #[test]
    fn they_name_nothing_that_is_elsewhere() {
        for File { name, bytes, .. } in FILES {
            let text = std::str::from_utf8(bytes).expect(name);
            let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
            for word in ["http://", "https://", "\"//", "'//", "@import", "url("] {
                assert!(!elsewhere.contains(word), "{name} has {word}");
            }
        }
    }
}
