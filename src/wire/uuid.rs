//! Kafka's `Uuid`: 16 bytes, written as 22 characters of URL-safe base64 without padding.
//!
//! Rule: `clients/.../common/Uuid.java` (KIP-516). Nothing here draws random bytes.

use std::fmt;
use std::str::FromStr;

use super::codec::{DecodeError, Form, Reader, Value, Writer};
use super::schema::Type;

/// A topic id, a directory id, an incarnation id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

/// A text that is not 22 characters of URL-safe base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// All zero: none.
    pub const ZERO: Uuid = Uuid([0; 16]);
    /// The id of the metadata log's topic, also a reserved directory id.
    pub const ONE: Uuid = Uuid(1u128.to_be_bytes());

    /// From its bytes, most significant first.
    #[inline]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Uuid(bytes)
    }

    /// Its bytes, most significant first.
    #[inline]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A random (version 4) id out of 16 random bytes. Never reserved, and its text never begins
    /// with `-`, which command lines would take for a flag.
    pub const fn new_v4_from(mut random: [u8; 16]) -> Self {
        random[6] = random[6] & 0x0f | 0x40;
        random[8] = random[8] & 0x3f | 0x80;
        if random[0] >> 2 == 62 {
            random[0] &= 0x7f;
        }
        Uuid(random)
    }

    /// True when it means "none".
    #[inline]
    pub const fn is_zero(&self) -> bool {
        u128::from_be_bytes(self.0) == 0
    }

    /// True for the ids that no topic can have.
    #[inline]
    pub const fn is_reserved(&self) -> bool {
        u128::from_be_bytes(self.0) <= 1
    }
}

impl Uuid {
    /// As Java's `UUID` writes it: 32 hexadecimal digits in five groups.
    pub fn hyphenated(&self) -> String {
        let mut text = String::with_capacity(36);
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text += &format!("{byte:02x}");
        }
        text
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        let mut text = [0u8; 22];
        for (i, c) in text.iter_mut().enumerate() {
            // The last character holds two bits and four of padding.
            let six = if i == 21 { number << 4 } else { number >> (122 - 6 * i) };
            *c = ALPHABET[(six & 63) as usize];
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    /// Reads the 22 characters; with the padding `==` too, as Kafka does.
    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let text = text.strip_suffix("==").unwrap_or(text).as_bytes();
        let Some((last, digits)) = text.split_last().filter(|_| text.len() == 22) else {
            return Err(InvalidUuid);
        };
        let mut number = 0u128;
        for digit in digits {
            number = number << 6 | u128::from(value_of(*digit)?);
        }
        Ok(Uuid((number << 2 | u128::from(value_of(*last)? >> 4)).to_be_bytes()))
    }
}

fn value_of(digit: u8) -> Result<u8, InvalidUuid> {
    match digit {
        b'A'..=b'Z' => Ok(digit - b'A'),
        b'a'..=b'z' => Ok(digit - b'a' + 26),
        b'0'..=b'9' => Ok(digit - b'0' + 52),
        b'-' => Ok(62),
        b'_' => Ok(63),
        _ => Err(InvalidUuid),
    }
}

impl fmt::Display for InvalidUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: expected 22 characters of URL-safe base64")
    }
}

impl std::error::Error for InvalidUuid {}

impl<'a> Value<'a> for Uuid {
    const TYPE: Type = Type::Uuid;
    const EMPTY: Self = Uuid::ZERO;
    const SIZE: usize = 16;

    #[inline]
    fn read(r: &mut Reader<'a>, _: Form) -> Result<Self, DecodeError> {
        r.read_uuid().map(Uuid)
    }

    #[inline]
    fn write(&self, w: &mut Writer, _: Form) {
        w.write_slice(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kafkas() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid::ONE.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let id = Uuid(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes());
        assert_eq!(id.to_string(), "ABEiM0RVZneImaq7zN3u_w");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn hyphenated_text_is_javas() {
        let bytes = [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255];
        let text = Uuid::from_bytes(bytes).hyphenated();
        assert_eq!(text, "00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn text_goes_back_and_forth() {
        for seed in 0..200u128 {
            let id =
                Uuid(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(format!("{id}==").parse(), Ok(id));
        }
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA+A", "ÄAAAAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(text.parse::<Uuid>(), Err(InvalidUuid), "{text}");
        }
    }

    #[test]
    fn random_ids_are_never_reserved_nor_flags() {
        assert!(Uuid::ZERO.is_reserved() && Uuid::ONE.is_reserved() && Uuid::ZERO.is_zero());
        for first in 0..=255 {
            let mut bytes = [0; 16];
            bytes[0] = first;
            let id = Uuid::new_v4_from(bytes);
            assert!(!id.is_reserved());
            assert!(!id.to_string().starts_with('-'));
            assert_eq!((id.0[6] >> 4, id.0[8] >> 6), (4, 2));
        }
    }
}
