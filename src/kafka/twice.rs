//! Whether a request names a partition twice, as far as that is seen at a glance.
//!
//! Kafka keeps maps, so what is named twice counts once, as it is named last. No client does that, but each
//! request must be asked; a map of all that it names would cost more than the rest of it. Here few topics are
//! compared with each other, and partitions by their last bits. A doubt is answered with false: then the caller
//! makes that map.

/// Topics that are compared with each other.
const FEW: usize = 16;
/// Partitions of a topic that are told apart: those with other last bits.
const LAST_BITS: i32 = 127;

/// True if no partition is named twice for sure.
pub(super) fn all_differ<T: PartialEq + Copy>(named: impl Iterator<Item = (T, i32)>) -> bool {
    let mut topics = [None; FEW];
    let mut last = None;
    let (mut count, mut seen) = (0, 0_u128);
    for (topic, index) in named {
        if last != Some(topic) {
            let Some((place, before)) = topics.get_mut(..=count).and_then(<[_]>::split_last_mut)
            else {
                return false;
            };
            if before.contains(&Some(topic)) {
                return false;
            }
            *place = Some(topic);
            (last, count, seen) = (Some(topic), count + 1, 0);
        }
        let bit = 1 << (index & LAST_BITS);
        if seen & bit != 0 {
            return false;
        }
        seen |= bit;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_twice_is_never_overlooked() {
        // All requests of four partitions of three topics each.
        for number in 0_u32..12_u32.pow(4) {
            let named = (0..4).map(|at| number / 12_u32.pow(at) % 12);
            let named: Vec<_> = named.map(|one| (one / 4, (one % 4) as i32)).collect();
            let mut unique = named.clone();
            unique.sort_unstable();
            unique.dedup();
            let is_twice = unique.len() < named.len();
            assert!(!(is_twice && all_differ(named.iter().copied())), "{named:?}");
        }
    }

    #[test]
    fn common_requests_are_seen_to_name_nothing_twice() {
        let rotated = (5..128).chain(0..5).map(|index| ("t", index));
        assert!(all_differ(rotated));
        let topics = (0..FEW).flat_map(|topic| (0..3).map(move |index| (topic, index)));
        assert!(all_differ(topics));
        assert!(all_differ(std::iter::empty::<((), i32)>()));
    }

    #[test]
    fn doubts_are_no_answer() {
        assert!(!all_differ([(1, 0), (1, 128)].into_iter()), "the same last bits");
        assert!(!all_differ((0..=FEW).map(|topic| (topic, 0))), "many topics");
        assert!(!all_differ([(1, 0), (2, 0), (1, 1)].into_iter()), "a topic comes again");
        assert!(!all_differ([(1, -1), (1, -1)].into_iter()));
    }
}
