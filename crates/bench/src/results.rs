//! What was measured, in the form of `docs/performance/results.json`: the generator of load writes it, the report reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Everything that one run has measured, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Where it was measured.
    pub machine: Machine,
    /// The day, as `2026-11-26`.
    pub date: String,
    /// What measures it again.
    pub command: String,
    /// What was measured, in the order in which tables show it.
    pub scenarios: Vec<Scenario>,
}

/// The machine and the programs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// As the processor calls itself.
    pub processor: String,
    /// How many of its threads the machine has.
    pub cores: u32,
    /// All of its memory.
    pub memory_kib: u64,
    /// The operating system's kernel, and its version.
    pub kernel: String,
    /// The version of the compiler.
    pub rustc: String,
    /// The version of Node.js, where one of the servers needs it.
    pub node: Option<String>,
    /// What the servers of Rust allocate with.
    pub allocator: String,
}

/// One thing that was done to every server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// A short name, of which files are made: lower case, digits and `_`.
    pub name: String,
    /// What was done, in words.
    pub title: String,
    /// What was measured, with its unit.
    pub unit: String,
    /// Whether the servers are nodes of clusters, which are compared with one another only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cluster: bool,
    /// What `x` counts, where the work grows; without it each server has one point.
    pub axis: Option<String>,
    /// Whether `x` grows by factors.
    pub log: bool,
    /// What was measured of each server.
    pub series: Vec<Series>,
}

fn is_false(it: &bool) -> bool {
    !it
}

/// What was measured of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// The server's name: `floor`, `axum alone`, `tower-socketio`, `socketioxide` or `socket.io`; as a node of a cluster
    /// with what joins it to the others, as in `tower-socketio, sharded`, where there is a choice.
    pub server: String,
    /// In the order of `x`.
    pub points: Vec<Point>,
}

/// The outcome of several rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// How much work there was, where the scenario has an axis.
    pub x: Option<f64>,
    /// The middle of the rounds.
    pub median: f64,
    /// The least of them.
    pub low: f64,
    /// The most of them.
    pub high: f64,
    /// What else was measured; a name's last word is the unit, as in `p99_us`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, f64>,
}

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is no JSON, or of another form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A scenario does not make sense.
    #[error("the scenario `{scenario}`: {fault}")]
    Scenario {
        /// Its name.
        scenario: String,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl Results {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is of another form, or a scenario contradicts itself.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        Self::from_json(&fs::read_to_string(path)?)
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    ///
    /// If it is of another form, or a scenario contradicts itself.
    pub fn from_json(json: &str) -> Result<Self, ResultsError> {
        let results: Self = serde_json::from_str(json)?;
        results.check()?;
        Ok(results)
    }

    /// Checks itself and writes a file that [`read`](Self::read) reads.
    ///
    /// # Errors
    ///
    /// If a scenario contradicts itself or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ResultsError> {
        self.check()?;
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(fs::write(path, json)?)
    }

    /// The scenario of this name.
    pub fn scenario(&self, name: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.name == name)
    }

    fn check(&self) -> Result<(), ResultsError> {
        let mut names = BTreeSet::new();
        for scenario in &self.scenarios {
            let fault = if names.insert(&scenario.name) { scenario.fault() } else { Some("is there twice") };
            if let Some(fault) = fault {
                return Err(ResultsError::Scenario { scenario: scenario.name.clone(), fault });
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// What was measured of this server.
    pub fn server(&self, server: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.server == server)
    }

    fn fault(&self) -> Option<&'static str> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Some("its name is no name of a file");
        }
        let mut servers = BTreeSet::new();
        for Series { server, points } in &self.series {
            if !servers.insert(server) {
                return Some("a server is there twice");
            }
            if points.iter().any(|point| !point.is_sound()) {
                return Some("a figure is negative or not a number, or the median is not between the others");
            }
            let grows = points.windows(2).all(|two| two[0].x < two[1].x);
            let fault = match &self.axis {
                Some(_) if points.is_empty() => Some("a server has no point"),
                Some(_) if points.iter().any(|point| point.x.is_none()) => Some("a point has no `x`"),
                Some(_) if !grows => Some("`x` does not grow"),
                None if points.len() != 1 || points[0].x.is_some() => {
                    Some("without an axis a server has one point, which has no `x`")
                }
                _ => None,
            };
            if fault.is_some() {
                return fault;
            }
        }
        if self.series.is_empty() { Some("no server was measured") } else { None }
    }
}

impl Point {
    fn is_sound(&self) -> bool {
        let sound = |figure: f64| figure.is_finite() && figure >= 0.0;
        let figures = [self.median, self.low, self.high].into_iter().chain(self.x);
        figures.chain(self.details.values().copied()).all(sound)
            && self.low <= self.median
            && self.median <= self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(scenario: &str) -> Result<Results, ResultsError> {
        let machine = r#"{"processor":"p","cores":2,"memory_kib":1,"kernel":"k","rustc":"r","node":null,"allocator":"a"}"#;
        Results::from_json(&format!(
            r#"{{"machine":{machine},"date":"2026-11-26","command":"c","scenarios":[{scenario}]}}"#
        ))
    }

    fn scenario(name: &str, axis: &str, points: &str) -> String {
        format!(
            r#"{{"name":"{name}","title":"t","unit":"u","axis":{axis},"log":false,
            "series":[{{"server":"floor","points":[{points}]}}]}}"#
        )
    }

    const BAR: &str = r#"{"x":null,"median":2.0,"low":1.0,"high":3.0}"#;

    #[test]
    fn what_is_written_is_read() {
        let details = r#"{"x":null,"median":2.0,"low":1.0,"high":3.0,"details":{"p50_us":1.0}}"#;
        let results = one(&scenario("echo", "null", details)).expect("sound");
        let json = serde_json::to_string(&results).expect("it can be written");
        assert_eq!(Results::from_json(&json).expect("sound"), results);
        assert_eq!(
            results.scenario("echo").and_then(|echo| echo.server("floor")).map(|s| s.points.len()),
            Some(1)
        );
        assert!(results.scenario("idle").is_none());
    }

    #[test]
    fn a_scenario_that_contradicts_itself_is_refused() {
        let faults = [
            scenario("../echo", "null", BAR),
            scenario("", "null", BAR),
            scenario("echo", "null", ""),
            scenario("echo", "null", &format!("{BAR},{BAR}")),
            scenario("echo", "\"rooms\"", ""),
            scenario("echo", "\"rooms\"", BAR),
            scenario("echo", "null", r#"{"x":1,"median":2,"low":1,"high":3}"#),
            scenario("echo", "null", r#"{"x":null,"median":0.5,"low":1,"high":3}"#),
            scenario("echo", "null", r#"{"x":null,"median":-1,"low":-1,"high":3}"#),
            scenario(
                "echo",
                "\"n\"",
                r#"{"x":1,"median":2,"low":1,"high":3},{"x":1,"median":2,"low":1,"high":3}"#,
            ),
            format!("{0},{0}", scenario("echo", "null", BAR)),
        ];
        for fault in faults {
            assert!(matches!(one(&fault), Err(ResultsError::Scenario { .. })), "{fault}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_json() {
        for figure in ["NaN", "1e999", "\"1\""] {
            let point = BAR.replace("3.0", figure);
            assert!(matches!(one(&scenario("echo", "null", &point)), Err(ResultsError::Json(_))), "{figure}");
        }
    }
}
