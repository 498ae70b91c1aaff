//! From the figures of all rounds to those of the results.

use crate::load::Figures;
use crate::results::{Point, Scenario};

/// The point of several rounds' figures, of which one is named; nothing if it is in none of them.
pub(super) fn point(x: Option<f64>, rounds: &[Figures], figure: &str) -> Option<Point> {
    let of = |name: &str| sorted(rounds.iter().filter_map(|round| round.get(name)));
    let figures = of(figure);
    let (&low, &high) = (figures.first()?, figures.last()?);
    let names = rounds.iter().flat_map(|round| round.iter().map(|(name, _)| name));
    let details = names.filter(|name| *name != figure);
    let details = details.filter_map(|name| Some((name.to_owned(), median(&of(name))?))).collect();
    Some(Point { x, median: median(&figures)?, low, high, details })
}

/// Puts a scenario in the place of the one that has its name, all of them in the order of these names; others are dropped.
pub(super) fn put(scenarios: &mut Vec<Scenario>, new: Scenario, names: &[&str]) {
    let place = |scenario: &Scenario| names.iter().position(|name| *name == scenario.name);
    scenarios.retain(|other| other.name != new.name && place(other).is_some());
    if !new.series.is_empty() {
        scenarios.push(new);
    }
    scenarios.sort_by_key(place);
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The median of figures in their order: of an even number of them, the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(sorted[middle - 1], upper)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Series;

    fn rounds(figures: &[f64]) -> Vec<Figures> {
        let round = |&value: &f64| {
            let mut figures = Figures::default();
            figures.set("server_us", value);
            figures.set("double", value * 2.0);
            figures
        };
        figures.iter().map(round).collect()
    }

    #[test]
    fn a_point_is_the_median_and_what_was_least_and_greatest() {
        let it = point(None, &rounds(&[9.0, 1.0, 2.0]), "server_us").unwrap();
        assert_eq!((it.low, it.median, it.high), (1.0, 2.0, 9.0));
        assert_eq!(it.details, [("double".to_owned(), 4.0)].into());
        let it = point(Some(7.0), &rounds(&[4.0, 1.0]), "server_us").unwrap();
        assert_eq!((it.x, it.median), (Some(7.0), 2.5));
    }

    #[test]
    fn without_the_figure_there_is_no_point() {
        assert_eq!(point(None, &rounds(&[1.0]), "other"), None);
        assert_eq!(point(None, &[], "server_us"), None);
    }

    #[test]
    fn what_was_not_measured_again_is_kept() {
        let scenario = |name: &str, unit: &str| Scenario {
            name: name.into(),
            title: String::new(),
            unit: unit.into(),
            cluster: false,
            axis: None,
            log: false,
            series: vec![Series { server: "floor".into(), points: Vec::new() }],
        };
        let mut all = vec![scenario("echo", "old"), scenario("ack", "old"), scenario("gone", "old")];
        for name in ["ack", "idle"] {
            put(&mut all, scenario(name, "new"), &["idle", "echo", "ack"]);
        }
        assert_eq!(all, [scenario("idle", "new"), scenario("echo", "old"), scenario("ack", "new")]);
        put(&mut all, Scenario { series: Vec::new(), ..scenario("ack", "failed") }, &["idle", "echo", "ack"]);
        assert_eq!(all, [scenario("idle", "new"), scenario("echo", "old")]);
    }
}
