//! The table: a column for each broker, and beside each but the first its ratio to the first.

use super::quantiles;
use crate::outcome::{Outcome, Series};
use crate::plan::{Mode, Plan};
use std::fmt::Write;

type Of = Box<dyn Fn(&Outcome) -> Option<f64>>;

struct Row {
    name: String,
    decimals: usize,
    of: Of,
}

fn row(
    name: impl Into<String>,
    decimals: usize,
    of: impl Fn(&Outcome) -> Option<f64> + 'static,
) -> Row {
    Row { name: name.into(), decimals, of: Box::new(of) }
}

fn rows(plan: &Plan, fewest: u64) -> Vec<Row> {
    let requests = if plan.mode == Mode::Fetch { "fetches/s" } else { "requests/s" };
    let mut rows = vec![
        row(requests, 0, |turn| Some(turn.request_rate())),
        row("records/s", 0, |turn| Some(turn.record_rate())),
        row("MB/s", 1, |turn| Some(turn.megabytes())),
    ];
    for quantile in quantiles(fewest) {
        let name = format!("p{} ms", (quantile * 1e7).round() / 1e5);
        rows.push(row(name, 3, move |turn| Some(turn.at(quantile))));
    }
    rows.push(row("max ms", 3, |turn| Some(turn.latency.max() as f64 / 1e6)));
    rows.push(row("broker: CPU s/GB", 3, Outcome::cpu_by_gb));
    rows.push(row("broker: CPU us/request", 2, Outcome::cpu_by_request));
    rows.push(row("broker: memory MB", 1, |turn| Some(turn.used?.resident as f64 / 1e6)));
    rows.push(row("load: share of a core", 3, |turn| Some(turn.load_share)));
    let some = |count: u64| (count > 0).then_some(count as f64);
    rows.push(row("not answered in time", 0, move |turn| some(turn.unanswered)));
    rows.push(row("records not consumed", 0, move |turn| some(turn.missing)));
    rows
}

/// Medians over the turns.
pub fn table(plan: &Plan, series: &[Series]) -> String {
    let mut out = format!("{}\n", plan.describe());
    let turns = series.iter().map(|one| one.turns.len()).max().unwrap_or(0);
    if turns > 1 {
        let _ = writeln!(out, "medians of {turns} turns");
    }
    let width = series.iter().map(|one| one.name.chars().count()).max().unwrap_or(0).max(12);
    let _ = write!(out, "\n{:<24}", "");
    for (at, one) in series.iter().enumerate() {
        let _ = write!(out, " {:>width$}", one.name);
        let _ = if at > 0 { write!(out, " {:>8}", "ratio") } else { Ok(()) };
    }
    out.push('\n');
    let counts = series.iter().flat_map(|one| one.turns.iter().map(|turn| turn.latency.len()));
    for row in rows(plan, counts.min().unwrap_or(0)) {
        let values: Vec<Option<f64>> = series.iter().map(|one| one.median(&row.of)).collect();
        if values.iter().any(Option::is_some) {
            line(&mut out, &row, &values, width);
        }
    }
    // An open load waits without sleeping for what is due within a millisecond: what it takes says nothing.
    let saturated = |turn: &Outcome| plan.rate.is_none() && turn.load_share > 0.9;
    if series.iter().any(|one| one.turns.iter().any(saturated)) {
        out.push_str("\nThe load took nearly a whole core: it may be the load that was slow.\n");
    }
    out
}

fn line(out: &mut String, row: &Row, values: &[Option<f64>], width: usize) {
    let (decimals, first) = (row.decimals, values.first().copied().flatten());
    let _ = write!(out, "{:<24}", row.name);
    for (at, value) in values.iter().enumerate() {
        let shown = value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"));
        let _ = write!(out, " {shown:>width$}");
        if at > 0 {
            let ratio = first.zip(*value).filter(|(first, _)| *first > 0.0);
            let shown =
                ratio.map_or("-".to_owned(), |(first, value)| format!("{:.2}", value / first));
            let _ = write!(out, " {shown:>8}");
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;

    fn plan() -> Plan {
        let words = ["--broker", "x:1", "--rounds", "2"].map(str::to_owned);
        options::parse(&words).expect("a plan")
    }

    #[test]
    fn others_are_compared_with_the_first() {
        let turn = |requests| {
            let mut turn = Outcome { requests, seconds: 1.0, ..Outcome::new() };
            turn.latency.saturating_record(1_000_000);
            turn
        };
        let series = [
            Series { name: "one".into(), turns: vec![turn(100), turn(300)] },
            Series { name: "two".into(), turns: vec![turn(50)] },
        ];
        let text = table(&plan(), &series);
        let line = text.lines().find(|line| line.starts_with("requests/s")).expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["requests/s", "200", "50", "0.25"]);
        assert!(!text.contains("CPU"), "nobody asked for it: {text}");
        assert!(!text.contains("p99"), "two values do not say that: {text}");
    }
}
