//! The primitive types at their limits, and every reason to refuse.

use super::*;

const PLAIN: Form = Form { version: 0, flexible: false, nullable: false, tagged: false };
const COMPACT: Form = Form { flexible: true, ..PLAIN };

fn read<'a, T: Value<'a>>(bytes: &'a [u8], form: Form) -> Result<T, DecodeError> {
    let mut r = Reader::new(bytes);
    let value = T::read(&mut r, form)?;
    assert_eq!(r.remaining(), 0, "bytes are left");
    Ok(value)
}

fn reason<'a, T: Value<'a> + std::fmt::Debug>(bytes: &'a [u8], form: Form) -> Reason {
    read::<T>(bytes, form).unwrap_err().reason
}

fn written<'a>(value: impl Value<'a>, form: Form) -> Vec<u8> {
    let mut w = Writer::new();
    value.write(&mut w, form);
    w.into_bytes()
}

#[test]
fn unsigned_varints() {
    for (value, bytes) in [
        (0, &[0][..]),
        (127, &[0x7f]),
        (128, &[0x80, 1]),
        (300, &[0xac, 2]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let mut w = Writer::new();
        w.write_uvarint(value);
        assert_eq!(w.bytes(), bytes);
        assert_eq!(Reader::new(bytes).read_uvarint(), Ok(value));
        for len in 0..bytes.len() {
            let error = Reader::new(&bytes[..len]).read_uvarint().unwrap_err();
            assert_eq!(error.reason, Reason::Truncated { needed: len + 1, left: len });
        }
    }
    // More than the value needs is read, more than 32 bits or five bytes is not.
    assert_eq!(Reader::new(&[0x85, 0x80, 0]).read_uvarint(), Ok(5));
    for bytes in [[0xff, 0xff, 0xff, 0xff, 0x10], [0x80, 0x80, 0x80, 0x80, 0x80]] {
        assert_eq!(Reader::new(&bytes).read_uvarint().unwrap_err().reason, Reason::BadVarint);
    }
}

#[test]
fn signed_varints() {
    for value in [0, -1, 1, 63, 64, -64, -65, i32::MAX, i32::MIN] {
        let mut w = Writer::new();
        w.write_varint(value);
        let small = w.len();
        w.write_varlong(i64::from(value));
        assert_eq!(w.bytes()[..small], w.bytes()[small..], "{value}");
        let mut r = Reader::new(w.bytes());
        assert_eq!(r.read_varint(), Ok(value));
        assert_eq!(r.read_varlong(), Ok(i64::from(value)));
    }
    for value in [i64::MIN, i64::MAX, 1 << 40, -(1 << 40)] {
        let mut w = Writer::new();
        w.write_varlong(value);
        assert_eq!(Reader::new(w.bytes()).read_varlong(), Ok(value));
    }
    let eleven = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0];
    assert_eq!(Reader::new(&eleven).read_varlong().unwrap_err().reason, Reason::BadVarint);
    let overflow = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(Reader::new(&overflow).read_varlong().unwrap_err().reason, Reason::BadVarint);
}

#[test]
fn any_byte_but_zero_is_true() {
    for byte in 0..=255 {
        assert_eq!(read::<bool>(&[byte], PLAIN), Ok(byte != 0));
    }
    assert_eq!(written(true, PLAIN), [1]);
}

#[test]
fn strings() {
    assert_eq!(read(&[0, 2, b'h', b'i'], PLAIN), Ok("hi"));
    assert_eq!(read(&[3, b'h', b'i'], COMPACT), Ok("hi"));
    assert_eq!(reason::<&str>(&[0xff, 0xff], PLAIN), Reason::UnexpectedNull);
    assert_eq!(reason::<&str>(&[0], COMPACT), Reason::UnexpectedNull);
    assert_eq!(reason::<&str>(&[0xff, 0xfe], PLAIN), Reason::UnexpectedNull);
    assert_eq!(reason::<&str>(&[2, 0xc3], COMPACT), Reason::NotUtf8);
    assert_eq!(reason::<&str>(&[3, b'h'], COMPACT), Reason::Truncated { needed: 2, left: 1 });
}

#[test]
fn the_longest_string_and_one_more() {
    let text = "x".repeat(MAX_STRING);
    for form in [PLAIN, COMPACT] {
        let bytes = written(text.as_str(), form);
        assert_eq!(read(&bytes, form), Ok(text.as_str()));
    }
    let mut bytes = vec![0x81, 0x80, 2];
    bytes.resize(bytes.len() + MAX_STRING + 1, b'x');
    assert_eq!(reason::<&str>(&bytes, COMPACT), Reason::StringTooLong(MAX_STRING + 1));
}

#[test]
fn bytes_and_records() {
    let records = |bytes| Some(Records::Bytes(bytes));
    let nullable = |form| Form { nullable: true, ..form };
    assert_eq!(read(&[0, 0, 0, 1, 9], PLAIN), Ok(&[9][..]));
    assert_eq!(read(&[2, 9], nullable(COMPACT)), Ok(records(&[9])));
    assert_eq!(read::<Option<Records<'_>>>(&[0], nullable(COMPACT)), Ok(None));
    assert_eq!(read::<Option<&[u8]>>(&[0xff; 4], nullable(PLAIN)), Ok(None));
    assert_eq!(reason::<Option<&[u8]>>(&[0xff; 4], PLAIN), Reason::UnexpectedNull);
    let minus_two = [0xff, 0xff, 0xff, 0xfe];
    assert_eq!(reason::<&[u8]>(&minus_two, PLAIN), Reason::UnexpectedNull);
    let huge = [0x7f, 0xff, 0xff, 0xff, 1];
    let needed = i32::MAX as usize;
    assert_eq!(reason::<&[u8]>(&huge, PLAIN), Reason::Truncated { needed, left: 1 });
}

#[test]
fn arrays() {
    let mut bytes = vec![0, 0, 0, 2];
    bytes.extend([0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff]);
    let array: Array<'_, i32> = read(&bytes, PLAIN).unwrap();
    assert_eq!((array.len(), array.is_empty(), array.iter().len()), (2, false, 2));
    assert_eq!(array.iter().collect::<Vec<_>>(), [7, -1]);
    assert_eq!(array, Array::from(&[7, -1]));
    assert_ne!(array, Array::from(&[7]));
    assert_eq!(format!("{array:?}"), "[7, -1]");
    assert_eq!(written(array, COMPACT), [3, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(written(Array::<&str>::default(), COMPACT), [1]);

    // A count that the bytes allow, but not for elements of four.
    let reason_of = reason::<Array<'_, i32>>;
    assert_eq!(reason_of(&bytes[..11], PLAIN), Reason::Truncated { needed: 8, left: 7 });
    assert_eq!(reason_of(&[4, 0, 0], COMPACT), Reason::TooManyElements { count: 3, left: 2 });
    assert_eq!(reason_of(&[0], COMPACT), Reason::UnexpectedNull);
    assert_eq!(reason_of(&[0xff, 0xff, 0xff, 0xfe], PLAIN), Reason::UnexpectedNull);
    assert_eq!(reason::<Array<'_, &str>>(&[3, 1, 0], COMPACT), Reason::UnexpectedNull);
}

#[test]
fn tagged_values_fill_their_size() {
    let mut r = Reader::new(&[7, 5, 0, 0, 0, 1, 9, 42]);
    let (tag, mut value) = r.read_tag().unwrap();
    assert_eq!((tag, value.remaining(), value.position()), (7, 5, 2));
    assert_eq!(r.position(), 7);
    assert_eq!(i32::read(&mut value, COMPACT), Ok(1));
    let error = value.finish_tag(tag).unwrap_err();
    assert_eq!((error.at, error.reason), (6, Reason::BadTagSize { tag: 7, unused: 1 }));
    let error = Reader::new(&[7, 5, 1]).read_tag().unwrap_err();
    assert_eq!(error.reason, Reason::Truncated { needed: 5, left: 1 });
}

#[test]
fn writer_patches_and_splices() {
    let mut inner = Writer::new();
    inner.write_i16(1);
    inner.write_external(10);
    inner.write_external(0);
    inner.write_i16(2);
    let mut w = Writer::new();
    w.write_i32(0);
    w.write_parts(&inner);
    w.patch_i32(0, w.total_len() as i32 - 4);
    assert_eq!(w.bytes(), [0, 0, 0, 14, 0, 1, 0, 2]);
    assert_eq!(w.externals(), [External { at: 6, len: 10 }]);
    w.clear();
    assert!(w.is_empty());
    assert_eq!((w.len(), w.total_len()), (0, 0));
}

#[test]
fn a_cleared_writer_keeps_little() {
    let mut w = Writer::new();
    w.write_slice(&[0; 1000]);
    let small = w.capacity();
    w.clear();
    assert_eq!(w.capacity(), small);
    w.write_slice(&vec![0; 10 << 20]);
    w.clear();
    assert!(w.capacity() < 1 << 20);
}

#[test]
fn errors_say_what_and_where() {
    let error = read::<i64>(&[1, 2], PLAIN).unwrap_err().within("A.inner").within("B.outer");
    assert_eq!(error.to_string(), "A.inner at byte 0: the value takes 8 bytes, 2 are left");
}

#[test]
fn errors_are_counted_where_they_are_written() {
    use crate::wire::error::ErrorCode;
    let (mut inner, mut w) = (Writer::new(), Writer::new());
    for code in [ErrorCode::NONE, ErrorCode(3), ErrorCode(3), ErrorCode(1), ErrorCode(i16::MAX)] {
        code.write(&mut inner, PLAIN);
    }
    ErrorCode(3).write(&mut w, PLAIN);
    w.write_parts(&inner);
    let expected = [(ErrorCode(3), 3), (ErrorCode(1), 1), (ErrorCode::UNKNOWN_SERVER_ERROR, 1)];
    assert_eq!(w.errors(), expected);
    assert_eq!(w.take_errors(), expected);
    assert_eq!(w.errors(), []);
    inner.clear();
    assert_eq!(inner.errors(), []);
}
