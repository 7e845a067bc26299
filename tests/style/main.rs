//! The style of the house as a test, so that nobody has to argue about it.
//!
//! Layering (who may import whom), where `unsafe` may stand, lengths of files and functions, what may panic,
//! what each module begins with, what nobody may write. CONTRIBUTING.md explains the rules; exceptions are in
//! `ratchet.txt` and may only become fewer.

mod ratchet;
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::{Source, has_word, rust_files};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
/// Rooms that talk to the kernel.
const UNSAFE_ROOMS: &[&str] = &["net", "log"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let root = root();
    rust_files(&root.join("src")).iter().map(|path| Source::read(&root, path)).collect()
}

/// The rooms from top to bottom, as the map in `src/lib.rs` draws them.
fn map() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let drawn = lib.split("```").nth(1).expect("a map in src/lib.rs");
    let line = |line: &str| {
        let (room, _) = line.trim_start_matches("//!").trim().split_once('/')?;
        (!room.is_empty()).then(|| room.to_owned())
    };
    drawn.lines().skip(1).filter_map(line).collect()
}

fn refuse(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}

#[test]
fn the_map_names_every_room() {
    let mut drawn = map();
    drawn.sort();
    let entries = fs::read_dir(root().join("src")).expect("src");
    let mut rooms: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    rooms.sort();
    assert_eq!(drawn, rooms, "the map in src/lib.rs and the directories below src/ differ");
}

#[test]
fn a_room_imports_only_from_rooms_below_it() {
    let map = map();
    let place = |room: &str| map.iter().position(|known| known == room);
    let mut problems = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        for other in source.imports() {
            if place(&other).is_some() && place(&other) < place(room) {
                problems.push(format!("{}: imports {other}, which lies above {room}", source.path));
            }
        }
        let to_root = "super::".repeat(source.depth());
        // A test module inside the file is one step deeper; only product code is looked at.
        if source.product.contains(&to_root) {
            problems.push(format!("{}: name the room: `use crate::room::...`", source.path));
        }
    }
    refuse("Layering", &problems);
}

#[test]
fn unsafe_stands_only_where_the_kernel_is_near() {
    let mut problems = Vec::new();
    for source in sources() {
        let allowed = source.room().is_some_and(|room| UNSAFE_ROOMS.contains(&room));
        if !allowed && has_word(&source.code, "unsafe") {
            problems.push(source.path);
        }
    }
    refuse("`unsafe` outside net and log", &problems);
}

#[test]
fn files_are_one_idea_long() {
    let long = |source: &Source| (source.lines() > FILE_LINES).then_some(source.lines());
    let found = sources().iter().filter_map(|s| Some((s.path.clone(), long(s)?))).collect();
    ratchet::hold("file-lines", &found);
}

#[test]
fn functions_fit_on_a_screen() {
    let mut found = BTreeMap::new();
    for source in sources() {
        for function in source.functions() {
            if function.lines > FUNCTION_LINES {
                let name = format!("{}::{}", source.path, function.name);
                let longest = found.entry(name).or_insert(0);
                *longest = function.lines.max(*longest);
            }
        }
    }
    ratchet::hold("function-lines", &found);
}

#[test]
fn nothing_panics_on_what_comes_from_outside() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources() {
        for (number, line) in source.product.lines().enumerate() {
            if [".unwrap()", ".expect(", "panic!("].iter().any(|call| line.contains(call)) {
                eprintln!("{}:{}: may panic", source.path, number + 1);
                *found.entry(source.room().unwrap_or("main").to_owned()).or_insert(0) += 1;
            }
        }
    }
    ratchet::hold("panics", &found);
}

/// Who looks for a line knows its words, and finds what belongs to it by names.
#[test]
fn lines_of_the_log_have_their_values_beside_them() {
    let mut problems = Vec::new();
    let mut count = 0;
    for source in sources() {
        for (number, message) in source.log_messages() {
            count += 1;
            if message.contains('{') || !message.starts_with('"') {
                problems.push(format!("{}:{number}: {message}", source.path));
            }
        }
    }
    assert!(count > 100, "only {count} calls are found");
    refuse("A value inside a message of the log", &problems);
}

#[test]
fn every_module_begins_with_what_it_is() {
    let silent = |source: &Source| !source.text.starts_with("//! ");
    let problems: Vec<String> =
        sources().into_iter().filter(silent).map(|source| source.path).collect();
    refuse("No `//!` comment at the beginning", &problems);
}

#[test]
fn tests_do_not_wait_by_the_clock_and_are_not_left_out() {
    let root = root();
    let tests = rust_files(&root.join("tests"));
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for path in rust_files(&root.join("src")).into_iter().chain(tests) {
        let source = Source::read(&root, &path);
        let number = ["thread::sleep", "#[ignore"].map(|word| source.code.matches(word).count());
        if number.iter().sum::<usize>() > 0 {
            found.insert(source.path, number.iter().sum());
        }
    }
    ratchet::hold("sleeps", &found);
}

/// Scripts of the console: they show what anybody may have produced.
#[test]
fn scripts_of_pages_are_short_and_make_no_markup_of_texts() {
    let place = root().join("src/http/console");
    let entries = fs::read_dir(&place).expect("the console");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut problems = Vec::new();
    for path in files.filter(|path| path.extension().is_some_and(|end| end == "js" || end == "css"))
    {
        let text = fs::read_to_string(&path).expect("a file of the console");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if text.lines().count() > FILE_LINES
            || !(text.starts_with("// ") || text.starts_with("/* "))
        {
            problems.push(format!("{name}: too long, or it does not begin with what it is"));
        }
        let words = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "srcdoc",
            "eval(",
            "Function(",
            "setHTML",
            "javascript:",
            "createContextualFragment",
        ];
        for word in words.iter().filter(|word| text.contains(**word)) {
            problems.push(format!("{name}: {word}"));
        }
    }
    refuse("Scripts of the console", &problems);
}

/// Files that git knows, or will know with the next `git add`.
fn tracked() -> Vec<String> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).expect("UTF-8 paths");
    list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

#[test]
fn nobody_writes_what_holds_on_one_machine_only_or_is_not_done() {
    // Written in halves, so that this file does not find itself.
    let words: [&str; 9] = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("../sha", "red"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!"),
        concat!("un", "implemented!"),
        concat!("db", "g!("),
    ];
    let mut problems = Vec::new();
    for path in tracked() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                problems.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    refuse("Words that do not belong in the project", &problems);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for path in tracked().into_iter().filter(|path| path.ends_with(".md")) {
        let full = root().join(&path);
        let Ok(text) = fs::read_to_string(&full) else { continue };
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let local = !file.is_empty() && !target.contains("://");
            let base = full.parent().unwrap_or(Path::new("."));
            if local && !base.join(file).exists() {
                problems.push(format!("{path}: {target}"));
            }
        }
    }
    refuse("Links to files that do not exist", &problems);
}

#[test]
fn every_dependency_has_its_reason() {
    let read =
        |path: &str| fs::read_to_string(root().join(path)).expect("a file of the repository");
    let (manifest, reasons) = (read("Cargo.toml"), read("docs/DEPENDENCIES.md"));
    let mut section = "";
    let mut problems = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") {
            let name = line.split(['=', ' ', '.']).next().unwrap_or_default();
            let named = |row: &str| has_word(row.split('|').nth(1).unwrap_or_default(), name);
            if !name.is_empty() && !name.starts_with('#') && !reasons.lines().any(named) {
                problems.push(name.to_owned());
            }
        }
    }
    refuse("No reason in docs/DEPENDENCIES.md", &problems);
}

/// The scanner behind the rules, on what it must not be fooled by.
#[test]
fn the_scanner_knows_comments_texts_and_lifetimes() {
    let text = "fn a<'x>(s: &'x str) -> char {\n    // unsafe {\n    let _ = \"}\\\" unsafe\";\n    \
                let _ = r#\"unsafe \"{\"#; /* { /* unsafe */ */\n    '{'\n}\nfn b();\n";
    let code = source::blank_comments_and_texts(text);
    assert!(!has_word(&code, "unsafe"));
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    assert_eq!((code.matches('{').count(), code.matches('}').count()), (1, 1));
    assert!(code.contains("<'x>"));
    assert!(has_word("unsafe {", "unsafe") && !has_word("unsafe_code", "unsafe"));
}
