//! A sweep over the records of an uncompressed batch: what its checks need to know of them together.
//!
//! Nearly all records have one shape: numbers of at most three bytes, no headers. Those are read
//! here, by a few instructions; every other one, and every faulty one, is left to [`RecordIter`], so
//! there is one truth of what a record may look like. Must never accept what `RecordIter` refuses,
//! nor read it differently.

use super::record::{RecordError, RecordIter};

/// What the records of a batch have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// The least and the largest of their timestamps, minus the batch's base timestamp.
    pub timestamp_deltas: (i64, i64),
    /// Their offset deltas are 0, 1, 2, ...
    pub consecutive: bool,
    /// One of them has no key.
    pub keyless: bool,
}

/// A record's timestamp and offset, minus the batch's, and whether it has a key.
type Outline = (i64, i32, bool);

/// Reads the `count` records that `bytes` must hold, no more and no fewer.
///
/// # Errors
/// As [`RecordIter`], at the first faulty record.
pub fn sweep(bytes: &[u8], count: i32) -> Result<Sweep, RecordError> {
    let (mut rest, mut left) = (bytes, count);
    let mut deltas = (i64::MAX, i64::MIN);
    let (mut consecutive, mut keyless) = (true, false);
    let mut index = 0;
    while left != 0 {
        let (timestamp, offset, has_key) = match usual(rest) {
            // The last one must end where the bytes do.
            Some((outline, after)) if left > 1 || left == 1 && after.is_empty() => {
                (rest, left) = (after, left - 1);
                outline
            }
            _ => any(&mut rest, &mut left)?,
        };
        deltas = (deltas.0.min(timestamp), deltas.1.max(timestamp));
        consecutive &= offset == index;
        keyless |= !has_key;
        index += 1;
    }
    Ok(Sweep { timestamp_deltas: deltas, consecutive, keyless })
}

/// Any record, the last one included.
#[inline(never)]
fn any(bytes: &mut &[u8], left: &mut i32) -> Result<Outline, RecordError> {
    let mut records = RecordIter::new(bytes, *left);
    let Some(record) = records.next().transpose()? else { return Err(RecordError::Truncated) };
    (*bytes, *left) = records.rest();
    Ok((record.timestamp_delta, record.offset_delta, record.key.is_some()))
}

/// What comes before a key takes at most 13 bytes where each of its four numbers is short.
const HEAD: usize = 16;

/// A record of the usual shape, and what follows it.
#[inline(always)]
fn usual(bytes: &[u8]) -> Option<(Outline, &[u8])> {
    let head = bytes.first_chunk::<HEAD>()?;
    let (length, body) = short(head, 0)?;
    let (timestamp, at) = short(head, body + 1)?; // behind the attributes
    let (offset, at) = short(head, at)?;
    let (key, at) = short(head, at)?;
    let after_key = bytes.get(at + usize::try_from(key).unwrap_or(0)..)?;
    let (value, len) = short(after_key.first_chunk::<4>()?, 0)?;
    let after_value = after_key.get(len + usize::try_from(value).unwrap_or(0)..)?;
    let (headers, rest) = after_value.split_first()?;
    let taken = bytes.len() - rest.len() - body;
    if *headers != 0 || usize::try_from(length) != Ok(taken) {
        return None;
    }
    Some(((i64::from(timestamp), offset, key >= 0), rest))
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

    /// What the other reader finds.
    fn slowly(bytes: &[u8], count: i32) -> Result<Sweep, RecordError> {
        let records: Vec<_> = RecordIter::new(bytes, count).collect::<Result<_, _>>()?;
        let deltas = || records.iter().map(|record| record.timestamp_delta);
        let (least, most) = (deltas().min(), deltas().max());
        let offsets = records.iter().map(|record| record.offset_delta);
        Ok(Sweep {
            timestamp_deltas: (least.unwrap_or(i64::MAX), most.unwrap_or(i64::MIN)),
            consecutive: offsets.eq(0..records.len() as i32),
            keyless: records.iter().any(|record| record.key.is_none()),
        })
    }

    fn agree(bytes: &[u8], count: i32) -> bool {
        let found = sweep(bytes, count);
        assert_eq!(found, slowly(bytes, count), "{count} records in {bytes:?}");
        found.is_ok()
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
        let (no_key, gaps) = (random(seed).is_multiple_of(2), random(seed).is_multiple_of(4));
        let mut offset = 0;
        for _ in 0..count {
            let mut pick = |sizes: &[usize]| {
                let size = sizes[random(seed) as usize % sizes.len()];
                (size != usize::MAX).then(|| &text[..size])
            };
            let key = if no_key { None } else { pick(&[0, 1, 63, 64, 300, 300, 9_000]) };
            let value = pick(&[usize::MAX, 0, 1, 63, 64, 100, 100, 8_191, 8_192, 20_000]);
            let timestamp = (random(seed) % 4_000_000) as i64 >> (random(seed) % 22);
            let header = [("h", Some(&text[..3]))];
            let headers = if random(seed).is_multiple_of(8) { &header[..] } else { &[] };
            builder.append_at(offset, 1_000_000 - timestamp, key, value, headers);
            offset += 1 + i64::from(gaps && random(seed).is_multiple_of(3));
        }
        builder.finish()[HEADER_LEN..].to_vec()
    }

    #[test]
    fn a_sweep_finds_what_the_records_say() {
        let mut seed = 1;
        for count in [1, 2, 3, 4, 5, 6, 7, 8, 50, 400] {
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
                // Near the front, where the numbers are, most of the time.
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
