//! The known name nearest to a mistyped one, for error messages.
//!
//! Damerau-Levenshtein distance (optimal string alignment). A name too far from all is given no suggestion:
//! a wild guess misleads more than it helps.

use super::table;

/// The setting whose name is nearest to `name`, if one is near enough to be meant.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let rows = [
        table::broker_settings(),
        table::unlisted_settings(),
        table::topic_settings(),
        table::own_settings(),
    ];
    among(name, rows.into_iter().flatten().map(|setting| (setting.name, setting.name)))
}

/// The setting of Barnabas whose name without `barnabas.` is nearest to `name`, if one is near enough.
pub(super) fn nearest_own(name: &str) -> Option<&'static str> {
    let names = table::own_settings().iter().map(|setting| setting.name);
    let short = |name: &'static str| name.strip_prefix("barnabas.").unwrap_or(name);
    among(name, names.map(|name| (short(name), name)))
}

/// Of what may stand on the command line, what is nearest to `text`, if it is near enough.
pub(super) fn nearest_of<'n>(text: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    among(text, known.map(|known| (known, known)))
}

/// Of pairs of a text to compare with and a name, the nearest name.
fn among<'n>(name: &str, known: impl Iterator<Item = (&'n str, &'n str)>) -> Option<&'n str> {
    // Longer than every name: not worth the time.
    if name.len() > 128 {
        return None;
    }
    let (distance, found) = known.map(|(text, of)| (distance(name, text), of)).min()?;
    (distance * 3 <= name.len().max(3)).then_some(found)
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    let mut rows = vec![vec![0_usize; width]; one.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    rows[0] = (0..width).collect();
    for i in 1..=one.len() {
        for j in 1..width {
            let same = one[i - 1] == other[j - 1];
            let replaced = rows[i - 1][j - 1] + usize::from(!same);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[one.len()][width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_the_name_that_was_meant() {
        for (typed, meant) in [
            ("num.partition", "num.partitions"),
            ("num.partitoins", "num.partitions"),
            ("auto.create.topic.enable", "auto.create.topics.enable"),
            ("retention.mss", "retention.ms"),
            ("Log.Dirs", "log.dirs"),
            ("max.message.byte", "max.message.bytes"),
        ] {
            assert_eq!(nearest(typed), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_name_like_no_other_gets_no_suggestion() {
        for typed in ["", "x", "completely.different.thing", &"a".repeat(10_000)] {
            assert_eq!(nearest(typed), None, "{typed}");
        }
    }

    #[test]
    fn the_distance_counts_edits() {
        for (one, other, edits) in
            [("", "", 0), ("abc", "", 3), ("abc", "acb", 1), ("abc", "axc", 1)]
        {
            assert_eq!(distance(one, other), edits);
            assert_eq!(distance(other, one), edits);
        }
    }
}
