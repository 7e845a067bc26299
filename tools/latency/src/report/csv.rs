//! The distribution as CSV: a line for each step of the histogram.

use crate::outcome::Series;
use std::fmt::Write;

/// `broker,quantile,latency_ms,count`: so many latencies were this long or shorter.
pub fn distribution(series: &[Series]) -> String {
    let mut out = String::from("broker,quantile,latency_ms,count\n");
    for one in series {
        let latency = one.latency();
        let mut count = 0;
        for step in latency.iter_recorded() {
            count += step.count_since_last_iteration();
            let (name, value) = (quoted(&one.name), step.value_iterated_to() as f64 / 1e6);
            let quantile = count as f64 / latency.len().max(1) as f64;
            let _ = writeln!(out, "{name},{quantile:.7},{value:.6},{count}");
        }
    }
    out
}

fn quoted(name: &str) -> String {
    match name.contains([',', '"', '\n']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn every_latency_is_counted_once() {
        let mut turn = Outcome::new();
        for latency in [1_000_000, 2_000_000, 2_000_000, 9_000_000] {
            turn.latency.saturating_record(latency);
        }
        let series = Series { name: "a,b".into(), turns: vec![turn] };
        let text = distribution(&[series]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with("\"a,b\",0.2500000,1.00") && lines[1].ends_with(",1"));
        assert!(lines[2].starts_with("\"a,b\",0.7500000,2.0") && lines[2].ends_with(",3"));
        assert!(lines[3].starts_with("\"a,b\",1.0000000,9.0") && lines[3].ends_with(",4"));
    }
}
