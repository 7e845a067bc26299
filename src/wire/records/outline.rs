//! A record's outline: what the checks of an uncompressed batch need, and no more.
//!
//! Nearly all records have one shape: numbers of at most three bytes, no headers. Those are read by
//! a few instructions without a branch per byte; every other one, and every faulty one, is left to
//! [`RecordIter`], so there is one truth of what a record may look like. Must never accept what
//! `RecordIter` refuses, nor read it differently.

use super::record::{RecordError, RecordIter};

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Timestamp minus the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Bytes of the key, -1 for none.
    pub key: i32,
    /// Bytes of the value, -1 for none.
    pub value: i32,
}

/// The outlines of the records of an uncompressed batch. Ends at the first error, which it reports.
#[derive(Debug, Clone)]
pub struct Outlines<'a> {
    bytes: &'a [u8],
    left: i32,
}

/// What comes before a key takes at most 13 bytes where each of its four numbers is short.
const HEAD: usize = 16;

impl<'a> Outlines<'a> {
    /// The `count` records that `bytes` must hold, no more and no fewer.
    #[must_use]
    pub fn new(bytes: &'a [u8], count: i32) -> Self {
        Self { bytes, left: count }
    }

    /// Any record, the last one included.
    #[inline(never)]
    fn careful(&mut self) -> Option<Result<Outline, RecordError>> {
        let mut records = RecordIter::new(self.bytes, self.left);
        let record = records.next()?;
        (self.bytes, self.left) = records.rest();
        Some(record.map(|record| Outline {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key: record.key.map_or(-1, |key| key.len() as i32),
            value: record.value.map_or(-1, |value| value.len() as i32),
        }))
    }
}

impl Iterator for Outlines<'_> {
    type Item = Result<Outline, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // The last one must end where the bytes do.
        if self.left > 1
            && let Some((outline, rest)) = usual(self.bytes)
        {
            (self.bytes, self.left) = (rest, self.left - 1);
            return Some(Ok(outline));
        }
        self.careful()
    }
}

/// A record of the usual shape, and what follows it.
#[inline(always)]
fn usual(bytes: &[u8]) -> Option<(Outline, &[u8])> {
    let head = bytes.first_chunk::<HEAD>()?;
    let (length, body) = short(head, 0)?;
    let (timestamp_delta, at) = short(head, body + 1)?; // behind the attributes
    let (offset_delta, at) = short(head, at)?;
    let (key, at) = short(head, at)?;
    let after_key = bytes.get(at + usize::try_from(key).unwrap_or(0)..)?;
    let (value, len) = short(after_key.first_chunk::<4>()?, 0)?;
    let after_value = after_key.get(len + usize::try_from(value).unwrap_or(0)..)?;
    let (headers, rest) = after_value.split_first()?;
    let taken = bytes.len() - rest.len() - body;
    if *headers != 0 || usize::try_from(length) != Ok(taken) {
        return None;
    }
    let timestamp_delta = i64::from(timestamp_delta);
    let (key, value) = (key.max(-1), value.max(-1));
    Some((Outline { timestamp_delta, offset_delta, key, value }, rest))
}

/// A zig-zag number of at most three bytes at `at`, and where it ends.
#[inline(always)]
fn short<const N: usize>(bytes: &[u8; N], at: usize) -> Option<(i32, usize)> {
    const { assert!(N.is_power_of_two()) };
    // No index is out of bounds (see HEAD); the remainder tells the compiler so.
    debug_assert!(at + 2 < N, "{at} of {N}");
    let byte = |at: usize| u32::from(bytes[at % N]);
    let first = byte(at);
    let (value, end) = if first < 0x80 {
        (first, at + 1)
    } else {
        let second = byte(at + 1);
        if second < 0x80 {
            (first & 0x7f | second << 7, at + 2)
        } else {
            let third = byte(at + 2);
            if third >= 0x80 {
                return None;
            }
            (first & 0x7f | (second & 0x7f) << 7 | third << 14, at + 3)
        }
    };
    Some(((value >> 1) as i32 ^ -((value & 1) as i32), end))
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, HEADER_LEN};
    use super::*;

    /// What the other reader says.
    fn slowly(bytes: &[u8], count: i32) -> Vec<Result<Outline, RecordError>> {
        let len = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i32);
        let records = RecordIter::new(bytes, count);
        let outline = |record: super::super::Record<'_>| Outline {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key: len(record.key),
            value: len(record.value),
        };
        records.map(|record| record.map(outline)).collect()
    }

    fn agree(bytes: &[u8], count: i32) -> bool {
        let found: Vec<_> = Outlines::new(bytes, count).collect();
        assert_eq!(found, slowly(bytes, count), "{count} records in {bytes:?}");
        found.iter().all(Result::is_ok)
    }

    fn random(seed: &mut u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    }

    /// Records of all shapes and sizes.
    fn records(seed: &mut u64, count: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        let text = [7_u8; 20_000];
        for _ in 0..count {
            let mut pick = |sizes: &[usize]| {
                let size = sizes[random(seed) as usize % sizes.len()];
                (size != usize::MAX).then(|| &text[..size])
            };
            let key = pick(&[usize::MAX, usize::MAX, 0, 1, 63, 64, 300]);
            let value = pick(&[usize::MAX, 0, 1, 63, 64, 100, 100, 8_191, 8_192, 20_000]);
            let timestamp = (random(seed) % 4_000_000) as i64 >> (random(seed) % 22);
            let header = [("h", Some(&text[..3]))];
            let headers = if random(seed) % 8 == 0 { &header[..] } else { &[] };
            builder.append(1_000_000 - timestamp, key, value, headers);
        }
        builder.finish()[HEADER_LEN..].to_vec()
    }

    #[test]
    fn outlines_are_those_of_the_records() {
        let mut seed = 1;
        for count in [1, 2, 3, 50, 400] {
            let bytes = records(&mut seed, count);
            assert!(agree(&bytes, count as i32));
            assert!(!agree(&bytes, count as i32 + 1));
            assert!(count == 1 || !agree(&bytes, count as i32 - 1));
        }
        agree(&[], 0);
        agree(&[], 1);
        agree(&[], -1);
    }

    #[test]
    fn damaged_records_are_refused_in_the_same_way() {
        let mut seed = 2;
        let mut refused = 0;
        for round in 0..3_000 {
            let count = 2 + round % 5;
            let mut bytes = records(&mut seed, count);
            for _ in 0..1 + random(&mut seed) % 3 {
                // Near the front of a record, most of the time.
                let at = random(&mut seed) as usize % bytes.len().min(40);
                bytes[at] = random(&mut seed) as u8;
            }
            if round % 4 == 0 {
                bytes.truncate(random(&mut seed) as usize % bytes.len());
            }
            refused += usize::from(!agree(&bytes, count as i32));
        }
        assert!(refused > 500, "{refused}");
    }

    #[test]
    fn any_bytes_are_read_in_the_same_way() {
        let mut seed = 3;
        for round in 0..20_000 {
            let len = random(&mut seed) as usize % 80;
            let bytes: Vec<u8> =
                (0..len).map(|_| random(&mut seed) as u8 & (round >> 3) as u8).collect();
            agree(&bytes, 1 + round % 4);
        }
    }
}
