//! What stands before a body: request headers, the frames of metadata records,
//! and the keys of group records.
#![no_main]

use barnabas::wire::codec::{Reader, Writer};
use barnabas::wire::group_records::GroupKey;
use barnabas::wire::header::RequestHeader;
use barnabas::wire::metadata_records::MetadataRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut r = Reader::new(bytes);
    if let Ok(header) = RequestHeader::decode(&mut r) {
        assert!(r.position() <= bytes.len());
        let mut w = Writer::new();
        header.encode(&mut w);
        assert_eq!(RequestHeader::decode(&mut Reader::new(w.bytes())), Ok(header));
    }
    if let Ok(record) = MetadataRecord::decode(bytes) {
        let again = record.to_bytes();
        let again = MetadataRecord::decode(&again).expect("our own bytes");
        assert_eq!(again.to_bytes(), record.to_bytes());
    }
    if let Ok(key) = GroupKey::decode(bytes) {
        assert_eq!(GroupKey::decode(&key.to_bytes()), Ok(key));
    }
});
