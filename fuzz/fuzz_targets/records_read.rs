//! Any bytes as uncompressed records: the two readers agree, and neither panics.
#![no_main]

use barnabas::wire::records::{
    Batches, Codec, Decoder, DecoderScratch, RecordIter, RecordStream, StreamError,
};
use libfuzzer_sys::fuzz_target;

fn stream(bytes: &[u8], count: i32) -> Result<usize, StreamError> {
    let mut scratch = DecoderScratch::default();
    let decoder = Decoder::new(Codec::None, bytes, usize::MAX, &mut scratch)?;
    let mut stream = RecordStream::new(decoder, count);
    let mut read = 0;
    while let Some(prefix) = stream.prefix()? {
        stream.rest(prefix, &mut ())?;
        read += 1;
    }
    Ok(read)
}

fuzz_target!(|data: &[u8]| {
    let _ = Batches::new(data).count();
    let Some((count, bytes)) = data.split_first() else { return };
    let count = i32::from(*count as i8);
    let read = RecordIter::new(bytes, count).try_fold(0, |read, record| record.map(|_| read + 1));
    assert_eq!(read.ok(), stream(bytes, count).ok());
});
