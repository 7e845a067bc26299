//! Medians and lines.

/// The median, the least and the most of some figures.
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(mut figures: Vec<f64>) -> Spread {
        assert!(!figures.is_empty(), "something was measured");
        figures.sort_by(f64::total_cmp);
        let (least, most) = (figures[0], figures[figures.len() - 1]);
        Spread { median: figures[figures.len() / 2], least, most }
    }
}

/// The median of one figure of some runs.
pub fn median<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    Spread::of(runs.iter().map(figure).collect()).median
}

pub fn heading(text: &str) {
    println!("== {text}");
}
