//! What the targets that open logs share: where the log lies, and taking an input apart.

use barnabas::log::Keepers;
use barnabas::wire::records::crc::crc32c;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The keepers of all logs of a target.
pub fn keepers() -> Keepers {
    static ONE: OnceLock<Keepers> = OnceLock::new();
    ONE.get_or_init(|| Keepers::spawn().expect("a thread")).clone()
}

/// The directory of the log, empty.
pub fn new_directory(target: &str) -> PathBuf {
    let name = format!("barnabas-fuzz-{target}-{}", std::process::id());
    let dir = std::env::temp_dir().join(name).join("t-0");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}

/// The next part of the input: two bytes of length, then as many bytes as there are.
pub fn part<'i>(input: &mut &'i [u8]) -> &'i [u8] {
    let Some((len, rest)) = input.split_first_chunk::<2>() else { return std::mem::take(input) };
    let (part, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)).min(rest.len()));
    *input = rest;
    part
}

/// Makes the CRC of each batch right, as far as lengths lead.
pub fn repair(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(&[a, b, c, d]) = bytes[at..].get(8..12).and_then(|len| len.first_chunk()) {
        let len = i32::from_be_bytes([a, b, c, d]);
        let batch = usize::try_from(len).ok().and_then(|len| bytes[at..].get_mut(..len + 12));
        let Some(batch) = batch.filter(|batch| batch.len() >= 61) else { return };
        let crc = crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        at += batch.len();
    }
}
