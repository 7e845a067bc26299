//! Two habits of Java that clients can see: its hash of a text, which spreads groups over partitions,
//! and the order in which its hash maps are walked, which decides where votes are even.

/// `String.hashCode`, over units of UTF-16.
pub fn hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The bucket of a text in a `HashMap` that has so many keys and never had more.
pub fn bucket(text: &str, keys: usize) -> u32 {
    let hash = hash(text).cast_unsigned();
    // Its table is doubled whenever it is fuller than three quarters.
    let mut buckets = 16_usize;
    while keys > buckets / 4 * 3 {
        buckets *= 2;
    }
    (hash ^ (hash >> 16)) & (u32::try_from(buckets).unwrap_or(u32::MAX) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        assert_eq!((hash(""), hash("a"), hash("group")), (0, 97, 98_629_247));
        assert_eq!((hash("polygenelubricants"), hash("\u{1f600}")), (i32::MIN, 1_772_899));
    }

    #[test]
    fn maps_are_walked_as_java_walks_them() {
        // What a `HashMap` of these names gives first.
        let first = |names: [&'static str; 2]| names.into_iter().min_by_key(|name| bucket(name, 2));
        assert_eq!(first(["roundrobin", "range"]), Some("range"));
        assert_eq!(first(["range", "sticky"]), Some("sticky"));
        assert_eq!(first(["y", "x"]), Some("x"));
    }
}
