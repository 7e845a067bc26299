//! Any bytes as compressed records of each codec: bounded output, no panic.
#![no_main]

use barnabas::wire::records::{Codec, decompress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((id, bytes)) = data.split_first() else { return };
    let Some(codec) = Codec::from_id(id % 5) else { return };
    let mut out = Vec::new();
    let _ = decompress(codec, bytes, &mut out, 1 << 20);
    assert!(out.len() <= 1 << 20);
});
