//! Which of the other figures of a scenario are worth a reader's time; all of them are in the file of results.

use crate::results::{Point, Scenario};

/// The names of scenarios begin so; the names of details, and what they are called in tables.
const SHOWN: [(&str, &[(&str, &str)]); 7] = [
    ("latency", &[("rate", "echoes in a second"), ("p50_us", "p50, µs"), ("p999_us", "p99.9, µs")]),
    (
        "crowd",
        &[
            ("alone_delivery_us", "without joins, µs"),
            ("p99_us", "a join, p99, µs"),
            ("quiet_p99_us", "a join without broadcasts, p99, µs"),
            ("call_max_us", "longest call of `join`, µs"),
        ],
    ),
    (
        "nodes",
        &[
            ("engine_us", "engine, µs for each broadcast"),
            ("round_p50_us", "until all have it, p50, µs"),
            ("round_p99_us", "p99, µs"),
        ],
    ),
    (
        "many_rooms",
        &[
            ("join_ms", "in the call, ms"),
            ("settled_ms", "until Redis knows all, ms"),
            ("redis_ms", "processor time of Redis, ms"),
            ("resident_kib", "KiB resident for each room"),
            ("redis_kib", "KiB in Redis for each room"),
            ("calls_server_ms", "with 100 calls, ms of processor time"),
            ("calls_join_ms", "in the 100 calls, ms"),
            ("calls_redis_ms", "of Redis, ms"),
        ],
    ),
    (
        "quiet_room",
        &[
            ("in_bytes", "into Redis"),
            ("out_bytes", "out of Redis"),
            ("quiet_us", "another node, µs for each broadcast"),
            ("server_us", "the node that emits, µs"),
            ("redis_us", "Redis, µs"),
        ],
    ),
    ("storm", &[("failures", "clients that did not get in")]),
    ("idle50k", &[("resident_kib", "KiB resident for each connection")]),
];

/// The percentiles of a scenario that is about the 99th, which is its median of the rounds.
const PERCENTILES: [(&str, &str); 3] = [("p50_us", "p50"), ("", "p99"), ("p999_us", "p99.9")];

/// The names of details that the scenario's table shows, and their headings.
pub(super) fn shown(scenario: &Scenario) -> impl Iterator<Item = (&'static str, &'static str)> {
    let known =
        SHOWN.iter().find(|(name, _)| scenario.name.starts_with(name)).map_or(&[][..], |(_, shown)| shown);
    let points = || scenario.series.iter().flat_map(|series| &series.points);
    known.iter().copied().filter(move |(name, _)| points().any(|point| point.details.contains_key(*name)))
}

/// Names and figures of percentiles, from the middle to the slowest; none where a scenario is about something else.
pub(super) fn percentiles(scenario: &Scenario, point: &Point) -> Vec<(&'static str, f64)> {
    if !scenario.name.starts_with("latency") {
        return Vec::new();
    }
    let of = |name: &str| if name.is_empty() { Some(point.median) } else { point.details.get(name).copied() };
    let all = PERCENTILES.iter().filter_map(|(name, text)| Some((*text, of(name)?)));
    all.filter(|(_, value)| *value > 0.0).collect()
}
