//! What was measured, for people (a table on standard output), for programs (CSV) and as a plot (SVG).

mod csv;
mod svg;
mod text;

use crate::outcome::Series;
use crate::plan::Plan;
use std::fs;

/// Writes everything that the plan asks for.
///
/// # Errors
/// When a file cannot be written.
pub fn write(plan: &Plan, series: &[Series]) -> Result<(), String> {
    let measured: Vec<Series> =
        series.iter().filter(|series| !series.turns.is_empty()).cloned().collect();
    if measured.is_empty() {
        return Ok(());
    }
    print!("{}", text::table(plan, &measured));
    for (path, content) in
        [(&plan.csv, csv::distribution(&measured)), (&plan.svg, svg::plot(plan, &measured))]
    {
        let Some(path) = path else { continue };
        fs::write(path, content)
            .map_err(|why| format!("cannot write {}: {why}", path.display()))?;
    }
    Ok(())
}

/// The quantiles up to which there are enough values to say something: each has ten beyond it.
pub fn quantiles(count: u64) -> Vec<f64> {
    let all = [0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999];
    all.into_iter()
        .filter(|quantile| count as f64 * (1.0 - quantile) >= 10.0 || *quantile <= 0.5)
        .collect()
}
