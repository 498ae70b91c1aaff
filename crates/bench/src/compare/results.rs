//! The file of results.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

type Error = Box<dyn std::error::Error>;

/// Everything that one run found out, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The machine.
    pub machine: Machine,
    /// The day, as 2026-11-26, in UTC.
    pub date: String,
    /// What to type for the same.
    pub command: String,
    /// What was measured.
    pub scenarios: Vec<Scenario>,
}

/// A machine and what is installed on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many processors there are.
    pub cores: usize,
    /// How much memory, in KiB.
    pub memory_kib: u64,
    /// The kernel's version.
    pub kernel: String,
    /// The compiler's.
    pub rustc: String,
    /// That of Node.js, where it is.
    pub node: Option<String>,
    /// The allocator of the servers in Rust.
    pub allocator: String,
}

/// What was measured of several servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// What the figures are.
    pub unit: String,
    /// What grows from point to point, if it is a curve.
    pub axis: Option<String>,
    /// Whether it grows by factors.
    pub log: bool,
    /// A line for each server.
    pub series: Vec<Series>,
}

/// The figures of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub server: String,
    /// One point, or those of a curve.
    pub points: Vec<Point>,
}

/// One figure, the median of some rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where on the axis.
    pub x: Option<f64>,
    /// The median.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// What else was found, medians as well.
    pub details: BTreeMap<String, f64>,
}

impl Results {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If there is none, or it is something else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    }

    /// Writes a file; directories that are missing are made.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(std::fs::write(path, text)?)
    }

    /// Takes over scenarios of another run which this one did not measure, before its own.
    pub fn keep(&mut self, before: Self) {
        let new = std::mem::take(&mut self.scenarios);
        self.scenarios = before.scenarios;
        for scenario in new {
            match self.scenarios.iter_mut().find(|other| other.name == scenario.name) {
                Some(other) => *other = scenario,
                None => self.scenarios.push(scenario),
            }
        }
    }
}

impl Point {
    /// The point of several rounds' figures, of which one is named; nothing if it is in none of them.
    pub(super) fn of(x: Option<f64>, rounds: &[crate::load::Figures], figure: &str) -> Option<Self> {
        let of = |name: &str| sorted(rounds.iter().filter_map(|round| round.get(name)));
        let figures = of(figure);
        let (&low, &high) = (figures.first()?, figures.last()?);
        let names = rounds.iter().flat_map(|round| round.iter().map(|(name, _)| name));
        let details = names.filter(|name| *name != figure);
        let details = details.filter_map(|name| Some((name.to_owned(), median(&of(name))?))).collect();
        Some(Self { x, median: median(&figures)?, low, high, details })
    }
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
    use crate::load::Figures;

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
        let point = Point::of(None, &rounds(&[9.0, 1.0, 2.0]), "server_us").unwrap();
        assert_eq!((point.low, point.median, point.high), (1.0, 2.0, 9.0));
        assert_eq!(point.details, [("double".to_owned(), 4.0)].into());
        let point = Point::of(Some(7.0), &rounds(&[4.0, 1.0]), "server_us").unwrap();
        assert_eq!((point.x, point.median), (Some(7.0), 2.5));
    }

    #[test]
    fn without_the_figure_there_is_no_point() {
        assert_eq!(Point::of(None, &rounds(&[1.0]), "other"), None);
        assert_eq!(Point::of(None, &[], "server_us"), None);
    }

    #[test]
    fn what_was_not_measured_again_is_kept() {
        let scenario = |name: &str, unit: &str| Scenario {
            name: name.into(),
            title: String::new(),
            unit: unit.into(),
            axis: None,
            log: false,
            series: Vec::new(),
        };
        let results = |scenarios| Results {
            machine: Machine {
                processor: String::new(),
                cores: 2,
                memory_kib: 1,
                kernel: String::new(),
                rustc: String::new(),
                node: None,
                allocator: String::new(),
            },
            date: String::new(),
            command: String::new(),
            scenarios,
        };
        let mut new = results(vec![scenario("ack", "new"), scenario("crowd", "new")]);
        new.keep(results(vec![scenario("echo", "old"), scenario("ack", "old")]));
        let expected = [scenario("echo", "old"), scenario("ack", "new"), scenario("crowd", "new")];
        assert_eq!(new.scenarios, expected);
    }
}
