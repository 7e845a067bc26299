//! CRC-32C (Castagnoli), the checksum of batches.
//!
//! The one place that names the crate which computes it. Besides the plain sum there is the sum of
//! a text whose beginning was replaced: the rest, which can be megabytes, is not read again.

/// The checksum of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    ::crc32c::crc32c(bytes)
}

/// The checksum of a text of which `sum` is that of the beginning and `more` is the rest.
#[must_use]
pub fn append(sum: u32, more: &[u8]) -> u32 {
    ::crc32c::crc32c_append(sum, more)
}

/// The checksum of a text after its prefix was replaced by another of the same length.
///
/// `whole` is the checksum of the text as it was, `old` and `new` are those of the two prefixes, and
/// `rest` is how many bytes follow them. When `whole` was wrong, so is the result: a patched header
/// cannot make a corrupt batch look whole.
#[must_use]
pub fn replace_prefix(whole: u32, old: u32, new: u32, rest: usize) -> u32 {
    whole ^ shift(old ^ new, rest)
}

/// Castagnoli's polynomial without its highest term, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// x to the power of 2^k modulo the polynomial: k = 3 moves by one byte, k = 34 by 2 GiB.
const POWERS: [u32; 35] = powers();

const fn powers() -> [u32; 35] {
    let mut table = [0; 35];
    table[0] = 1 << 30;
    let mut k = 1;
    while k < table.len() {
        table[k] = multiply(table[k - 1], table[k - 1]);
        k += 1;
    }
    table
}

/// The product of two polynomials modulo Castagnoli's, bit 31 being the power 0.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 1_u32 << 31;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        b = if b & 1 != 0 { (b >> 1) ^ POLYNOMIAL } else { b >> 1 };
        bit >>= 1;
    }
    product
}

/// What a difference in the checksum becomes once `bytes` more bytes were read.
fn shift(mut difference: u32, bytes: usize) -> u32 {
    assert!(bytes <= u32::MAX as usize, "a batch is below 4 GiB");
    let mut left = bytes;
    for power in POWERS.iter().skip(3) {
        if left & 1 != 0 {
            difference = multiply(difference, *power);
        }
        left >>= 1;
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_castagnolis_polynomial() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_replaced_prefix_gives_the_sum_of_the_new_text() {
        for rest in [0_usize, 1, 7, 40, 1000, 65_536, 1_000_003] {
            let mut text = vec![7_u8; 40 + rest];
            text.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 31 % 251) as u8);
            let (whole, old) = (crc32c(&text), crc32c(&text[..40]));
            text[3] ^= 0x40;
            text[39] = 99;
            let patched = replace_prefix(whole, old, crc32c(&text[..40]), rest);
            assert_eq!(patched, crc32c(&text), "{rest} bytes after the prefix");
        }
    }

    #[test]
    fn a_wrong_sum_stays_wrong() {
        let text = *b"headerrest";
        let wrong = crc32c(&text) ^ 1;
        let patched = replace_prefix(wrong, crc32c(b"header"), crc32c(b"HEADER"), 4);
        assert_ne!(patched, crc32c(b"HEADERrest"));
    }
}
