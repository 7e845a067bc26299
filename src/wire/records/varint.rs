//! Zig-zag varints of records, over slices: Kafka's `ByteUtils`.
//!
//! Like Kafka's, reading takes at most 5 (int) or 10 (long) bytes and drops bits beyond the type.

use super::record::RecordError;

/// Takes one byte off the front.
#[inline(always)]
pub(super) fn take_byte(bytes: &mut &[u8]) -> Result<u8, RecordError> {
    let (first, rest) = bytes.split_first().ok_or(RecordError::Truncated)?;
    *bytes = rest;
    Ok(*first)
}

/// Reads a varint with `next` as the source of bytes. Most take one byte or two.
#[inline(always)]
pub(super) fn read_varint<E: From<RecordError>>(
    mut next: impl FnMut() -> Result<u8, E>,
) -> Result<i32, E> {
    let first = next()?;
    if first < 0x80 {
        return Ok(unzigzag32(u32::from(first)));
    }
    let second = next()?;
    let value = u32::from(first & 0x7f) | u32::from(second & 0x7f) << 7;
    if second < 0x80 {
        return Ok(unzigzag32(value));
    }
    read_long_varint(value, next)
}

/// The third byte and those after it.
#[inline(always)]
fn read_long_varint<E: From<RecordError>>(
    mut value: u32,
    mut next: impl FnMut() -> Result<u8, E>,
) -> Result<i32, E> {
    for shift in [14, 21, 28] {
        let byte = next()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(unzigzag32(value));
        }
    }
    Err(RecordError::Varint.into())
}

/// Reads a varlong with `next` as the source of bytes. Most take one byte or two.
#[inline(always)]
pub(super) fn read_varlong<E: From<RecordError>>(
    mut next: impl FnMut() -> Result<u8, E>,
) -> Result<i64, E> {
    let first = next()?;
    if first < 0x80 {
        return Ok(unzigzag64(u64::from(first)));
    }
    let second = next()?;
    let value = u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7;
    if second < 0x80 {
        return Ok(unzigzag64(value));
    }
    read_long_varlong(value, next)
}

/// The third byte and those after it.
#[inline(always)]
fn read_long_varlong<E: From<RecordError>>(
    mut value: u64,
    mut next: impl FnMut() -> Result<u8, E>,
) -> Result<i64, E> {
    for shift in (14..70).step_by(7) {
        let byte = next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(unzigzag64(value));
        }
    }
    Err(RecordError::Varint.into())
}

/// Appends a varint.
pub(super) fn write_varint(out: &mut Vec<u8>, value: i32) {
    write_unsigned(out, u64::from(zigzag32(value)));
}

/// Appends a varlong.
pub(super) fn write_varlong(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, zigzag64(value));
}

/// How many bytes a varint takes.
pub(super) fn varint_len(value: i32) -> usize {
    unsigned_len(u64::from(zigzag32(value)))
}

/// How many bytes a varlong takes.
pub(super) fn varlong_len(value: i64) -> usize {
    unsigned_len(zigzag64(value))
}

fn unzigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

fn unzigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn unsigned_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(mut bytes: &[u8]) -> Result<i32, RecordError> {
        read_varint(|| take_byte(&mut bytes))
    }

    fn long(mut bytes: &[u8]) -> Result<i64, RecordError> {
        read_varlong(|| take_byte(&mut bytes))
    }

    #[test]
    fn ints_come_back_and_have_the_stated_length() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i32::MAX, i32::MIN] {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(int(&out), Ok(value));
            assert_eq!(varint_len(value), out.len(), "{value}");
        }
    }

    #[test]
    fn longs_come_back_and_have_the_stated_length() {
        for value in [0, -1, 63, 64, 1 << 40, -(1 << 40), i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_varlong(&mut out, value);
            assert_eq!(long(&out), Ok(value));
            assert_eq!(varlong_len(value), out.len(), "{value}");
        }
    }

    #[test]
    fn endless_varints_are_refused() {
        assert_eq!(int(&[0xff; 9]), Err(RecordError::Varint));
        assert_eq!(long(&[0xff; 19]), Err(RecordError::Varint));
        assert_eq!(int(&[0xff; 3]), Err(RecordError::Truncated));
        assert_eq!(long(&[]), Err(RecordError::Truncated));
    }
}
