//! The distribution as a plot: latency by percentile, both on scales that show the tail.

use crate::outcome::Series;
use crate::plan::Plan;
use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 60.0;
/// Characters that fit beside each other.
const LINE: usize = 105;
/// Told apart by those who see few colours, too (Okabe and Ito).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// Share of latencies that is longer, and what it is called.
const TICKS: [(f64, &str); 7] = [
    (1.0, "0"),
    (0.5, "50"),
    (0.1, "90"),
    (0.01, "99"),
    (0.001, "99.9"),
    (0.0001, "99.99"),
    (0.00001, "99.999"),
];

/// Where things are: shares from 1 down, latencies from `low` to `high` in milliseconds.
struct Scale {
    share: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn x(&self, share: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * share.max(self.share).log10() / self.share.log10()
    }

    fn y(&self, ms: f64) -> f64 {
        let (low, high) = (self.low.log10(), self.high.log10());
        let part = (ms.clamp(self.low, self.high).log10() - low) / (high - low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part
    }
}

/// The plot of all brokers.
pub fn plot(plan: &Plan, series: &[Series]) -> String {
    let lines: Vec<Vec<(f64, f64)>> = series.iter().map(steps).collect();
    let scale = scale(&lines);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (at, line) in wrapped(&plan.describe()).iter().enumerate() {
        text(&mut out, LEFT, 22.0 + 16.0 * at as f64, "start", line);
    }
    axes(&mut out, &scale);
    for (at, (one, line)) in series.iter().zip(&lines).enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let points: Vec<String> = line
            .iter()
            .map(|(share, ms)| format!("{:.1},{:.1}", scale.x(*share), scale.y(*ms)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        );
        // Latencies rise to the right, so they leave room below.
        let below = (series.len() - at) as f64;
        let (x, y) = (WIDTH - RIGHT - 28.0, HEIGHT - BOTTOM - 18.0 * below + 6.0);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>",
            y - 6.0
        );
        text(&mut out, x - 6.0, y, "end", &one.name);
    }
    out.push_str("</svg>\n");
    out
}

/// For each step of the distribution the share that is longer, and the latency in milliseconds.
fn steps(series: &Series) -> Vec<(f64, f64)> {
    let latency = series.latency();
    let total = latency.len().max(1) as f64;
    let (mut count, mut before) = (0, 1.0);
    let mut points = Vec::new();
    for step in latency.iter_recorded() {
        let ms = step.value_iterated_to() as f64 / 1e6;
        points.push((before, ms));
        count += step.count_since_last_iteration();
        // The longest one is drawn where half a value would be longer.
        before = ((total - count as f64) / total).max(0.5 / total);
        points.push((before, ms));
    }
    points
}

fn scale(lines: &[Vec<(f64, f64)>]) -> Scale {
    let all = || lines.iter().flatten();
    let share = all().map(|(share, _)| *share).fold(0.1, f64::min);
    let least = all().map(|(_, ms)| *ms).fold(f64::INFINITY, f64::min);
    let most = all().map(|(_, ms)| *ms).fold(0.0, f64::max);
    let decade = |ms: f64, up: bool| {
        let exponent = ms.max(1e-3).log10();
        10f64.powf(if up { exponent.ceil() } else { exponent.floor() })
    };
    let low = decade(if least.is_finite() { least } else { 0.1 }, false);
    Scale { share, low, high: decade(most, true).max(low * 10.0) }
}

fn axes(out: &mut String, scale: &Scale) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (share, name) in TICKS.iter().filter(|(share, _)| *share >= scale.share) {
        let x = scale.x(*share);
        grid(out, (x, TOP), (x, bottom));
        text(out, x, bottom + 18.0, "middle", &format!("{name} %"));
    }
    let mut ms = scale.low;
    while ms <= scale.high * 1.01 {
        let y = scale.y(ms);
        grid(out, (LEFT, y), (right, y));
        text(out, LEFT - 8.0, y + 4.0, "end", &length(ms));
        ms *= 10.0;
    }
    text(out, f64::midpoint(LEFT, right), HEIGHT - 16.0, "middle", "percentile");
}

/// A power of ten of milliseconds.
fn length(ms: f64) -> String {
    match ms {
        _ if ms < 0.9 => format!("{:.0} us", ms * 1e3),
        _ if ms < 900.0 => format!("{ms:.0} ms"),
        _ => format!("{:.0} s", ms / 1e3),
    }
}

/// Lines that fit, broken between words.
fn wrapped(words: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn grid(out: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#dddddd\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222222\">{words}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_goes_on_below() {
        let words = "word ".repeat(50);
        let lines = wrapped(words.trim());
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= LINE));
        assert_eq!(lines.join(" "), words.trim());
    }

    #[test]
    fn lengths_have_the_unit_that_keeps_them_short() {
        assert_eq!([0.01, 1.0, 100.0, 1e5].map(length), ["10 us", "1 ms", "100 ms", "100 s"]);
    }
}
