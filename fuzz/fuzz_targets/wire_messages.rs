//! Every message in every version: the first two bytes choose which, the rest is the message.
//! What a decoder accepts must be encoded the same from then on.
#![no_main]

use barnabas::wire::codec::Writer;
use barnabas::wire::group_records;
use barnabas::wire::messages::{self, Entry};
use barnabas::wire::metadata_records;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first_chunk::<2>() else { return };
    let lists = [messages::ALL, group_records::ALL, metadata_records::ALL];
    let count = lists.iter().map(|list| list.len()).sum::<usize>();
    let Some(entry) = lists.into_iter().flatten().nth(usize::from(choice[0]) % count) else {
        return;
    };
    let versions = entry.schema.versions;
    let version = versions.min + i16::from(choice[1]) % (versions.max - versions.min + 1);
    feed(entry, version, bytes);
});

fn feed(entry: &Entry, version: i16, bytes: &[u8]) {
    let mut once = Writer::new();
    match (entry.transcode)(bytes, version, &mut once) {
        Ok(read) => {
            assert!(read <= bytes.len());
            let mut twice = Writer::new();
            let read = (entry.transcode)(once.bytes(), version, &mut twice);
            assert_eq!(read, Ok(once.len()));
            assert_eq!(twice.bytes(), once.bytes());
        }
        Err(error) => assert!(error.at <= bytes.len()),
    }
}
