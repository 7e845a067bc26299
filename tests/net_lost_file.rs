//! Files that go away while they are being sent: the connection that was to get them ends, nothing
//! is sent in their place, and it is said once.
//!
//! One test in its own program: it sets the process's logger.
#![allow(clippy::unwrap_used)]

mod net_common;

use barnabas::net::Region;
use memmap2::{MmapOptions, MmapRaw};
use net_common::*;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A file of a few pages with its mapping.
struct Lost {
    file: Arc<File>,
    map: MmapRaw,
    known: AtomicBool,
}

const PAGE: usize = 4096;
const PAGES: usize = 100;

impl Lost {
    fn new() -> Arc<Lost> {
        let path = std::env::temp_dir().join(format!("barnabas-lost-{}", std::process::id()));
        std::fs::write(&path, pattern(0, PAGES * PAGE)).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let map = MmapOptions::new().len(PAGES * PAGE).map_raw_read_only(&file).unwrap();
        Arc::new(Lost { file: Arc::new(file), map, known: AtomicBool::new(false) })
    }
}

impl Region for Lost {
    fn file(&self) -> Option<Arc<dyn AsFd>> {
        Some(self.file.clone())
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        if self.known.load(Ordering::Relaxed) {
            return None;
        }
        assert!(start as usize + len as usize <= PAGES * PAGE);
        // SAFETY: inside the mapping; only the kernel looks at what may not be there.
        Some(unsafe {
            std::slice::from_raw_parts(self.map.as_ptr().add(start as usize), len as usize)
        })
    }

    fn is_intact(&self) -> bool {
        !self.known.load(Ordering::Relaxed)
    }
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.lock().unwrap().push(line_of(record));
        }
    }

    fn flush(&self) {}
}

/// What a client gets that asks for the range: the answer's header at most, and then the end.
fn refused(server: &Server, start: u64, len: u32) {
    let mut client = server.connect();
    let address = client.stream.local_addr().unwrap().to_string();
    client.send(FILE, &[&start.to_be_bytes()[..], &len.to_be_bytes()].concat());
    let mut all = Vec::new();
    client.stream.read_to_end(&mut all).unwrap();
    assert!(all.is_empty() || all == (len).to_be_bytes(), "{} bytes were sent", all.len());
    until("it is said", || LINES.lock().unwrap().iter().any(|line| line.contains(&address)));
    let lines = LINES.lock().unwrap();
    let of_it: Vec<&String> = lines.iter().filter(|line| line.contains(&address)).collect();
    assert_eq!(of_it.len(), 1, "{of_it:?}");
    assert!(of_it[0].contains("what was being sent to it cannot be read"), "{of_it:?}");
}

#[test]
fn a_connection_ends_when_the_file_that_it_was_to_get_has_gone() {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let lost = Lost::new();
    let server = serve_file(options(), Some(lost.clone()));
    let whole = [&0u64.to_be_bytes()[..], &100u32.to_be_bytes()].concat();
    assert_eq!(server.connect().call(FILE, &whole), pattern(0, 100));

    lost.file.set_len(PAGE as u64).unwrap();
    let first_lost = PAGE as u64;
    refused(&server, first_lost, 200); // From the mapping: EFAULT.
    refused(&server, first_lost, 300_000); // By sendfile: the end of the file.
    let there = [&7u64.to_be_bytes()[..], &100u32.to_be_bytes()].concat();
    assert_eq!(server.connect().call(FILE, &there), pattern(7, 100), "the rest is there");

    // Once it is known that something is amiss, nothing of it is sent, be it there or not.
    lost.file.set_len((PAGES * PAGE) as u64).unwrap();
    lost.known.store(true, Ordering::Relaxed);
    refused(&server, 0, 100);
    refused(&server, 0, 300_000);
    assert_eq!(server.connect().call(ECHO, b"others live"), b"others live");
}
