//! Where to begin without an offset, as text: `earliest`, `latest` or `by_duration:` with a duration.
//!
//! From Kafka's `ShareGroupAutoOffsetResetStrategy`; durations are those of Java's `Duration.parse`:
//! `P1DT2H3M4.5S`, in capitals or small letters, with signs. Pure.

/// Whether Kafka takes it.
pub(super) fn is_valid(text: &str) -> bool {
    match text.strip_prefix("by_duration:") {
        Some(duration) => seconds(duration).is_some_and(|seconds| seconds >= 0.0),
        None => matches!(text, "earliest" | "latest"),
    }
}

/// What is wrong, in Kafka's words.
pub(super) fn refusal(name: &str, text: &str) -> String {
    format!(
        "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', \
         'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
    )
}

/// The seconds of a duration; what a part of a second is worth does not matter here.
fn seconds(text: &str) -> Option<f64> {
    let upper = text.to_ascii_uppercase();
    let (sign, rest) = signed(&upper);
    let parts = rest.strip_prefix('P')?;
    let (days, times) = match parts.split_once('T') {
        Some((_, "")) => return None,
        Some((days, times)) => (days, times),
        None => (parts, ""),
    };
    let days = units(days, &[('D', 86_400.0)])?;
    let times = units(times, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)])?;
    let found = days.or(times)?;
    Some(sign * (found + days.and(times).unwrap_or(0.0)))
}

/// The sum of numbers with these units, each at most once and in this order. `Some(None)`: there are none.
fn units(mut text: &str, known: &[(char, f64)]) -> Option<Option<f64>> {
    let (mut sum, mut next) = (None, known);
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?;
        let at = next.iter().position(|(name, _)| *name == unit)?;
        let (_, worth) = next.get(at)?;
        sum = Some(sum.unwrap_or(0.0) + worth * amount(number, unit == 'S')?);
        next = next.get(at + 1..)?;
        text = rest.get(1..)?;
    }
    Some(sum)
}

/// A number as it may stand before a unit: seconds may have up to nine decimals.
fn amount(text: &str, may_have_fraction: bool) -> Option<f64> {
    let (sign, digits) = signed(text);
    let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let has_fraction = whole.len() != digits.len();
    let fits = !whole.is_empty() && plain(whole) && plain(fraction) && fraction.len() <= 9;
    if !fits || (has_fraction && !may_have_fraction) {
        return None;
    }
    whole.parse::<i64>().ok()?;
    let number: f64 = format!("{whole}.{fraction}0").parse().ok()?;
    Some(sign * number)
}

fn signed(text: &str) -> (f64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn what_java_takes_is_taken() {
        let durations =
            ["PT1H", "P1D", "p1dt2h3m4.5s", "PT-1H2H", "P-1DT24H", "PT0S", "+PT5M", "PT1,5S"];
        let taken = |text: &&str| is_valid(&format!("by_duration:{text}"));
        let others: Vec<_> = durations.iter().filter(|text| !taken(text)).collect();
        assert_eq!(others, [&"PT-1H2H"], "a unit twice is the only one that Java refuses");
        assert!(is_valid("earliest") && is_valid("latest"));
    }

    #[test]
    fn what_java_refuses_is_refused() {
        for text in ["", "none", "Latest", "by_duration", "by_duration:"] {
            assert!(!is_valid(text), "{text}");
        }
        for text in ["P", "PT", "P1H", "PT1D", "PT1.5H", "PT.5S", "-PT1S", "PT1M1H", "1D", "P1DT"] {
            assert!(!is_valid(&format!("by_duration:{text}")), "{text}");
        }
    }
}
