//! The results for a reader at a terminal.

use crate::results::{Point, Results, Scenario, Series};

/// Details that are worth a line.
const SHOWN: [&str; 34] = [
    "per_second",
    "server_us",
    "server_share",
    "generator_us",
    "generator_share",
    "servers",
    "rate",
    "failures",
    "p50_us",
    "p99_us",
    "p999_us",
    "late_p99_us",
    "quiet_p99_us",
    "call_p99_us",
    "call_max_us",
    "alone_delivery_us",
    "resident_kib",
    "heap_kib",
    "kernel_kib_both_ends",
    "engine_us",
    "redis_us",
    "round_p50_us",
    "round_p99_us",
    "join_ms",
    "settled_ms",
    "redis_ms",
    "redis_kib",
    "calls_server_ms",
    "calls_join_ms",
    "calls_settled_ms",
    "calls_redis_ms",
    "in_bytes",
    "out_bytes",
    "quiet_us",
];

/// Where and how it is measured.
pub(super) fn head(results: &Results, processors: Option<[String; 2]>) {
    let machine = &results.machine;
    println!("{}, {} processors, {}", machine.processor, machine.cores, machine.kernel);
    let pinned = processors.map_or_else(
        || "not pinned to processors".to_owned(),
        |[server, generator]| format!("server on processor {server}, generator on {generator}"),
    );
    println!("{}; {pinned}", machine.rustc);
}

/// A line for each point: the median, the range, and the ratios to the floor and to socketioxide.
pub(super) fn scenario(scenario: &Scenario) {
    println!("\n## {}: {} ({})", scenario.name, scenario.title, scenario.unit);
    for series in &scenario.series {
        for point in &series.points {
            println!("{}", line(scenario, series, point));
        }
    }
}

fn line(scenario: &Scenario, series: &Series, point: &Point) -> String {
    let Point { x, median, low, high, .. } = point;
    let x = x.map(|x| format!("{x:>9}")).unwrap_or_default();
    let mut line = format!("  {:15}{x} {median:12.3}  [{low:.3}..{high:.3}]", series.server);
    for server in ["floor", "socketioxide"] {
        if series.server != server
            && let Some(other) = at(scenario, server, point.x)
        {
            line += &format!("  {:.2}x {server}", median / other.median);
        }
    }
    let shown = SHOWN.iter().filter_map(|name| Some((name, point.details.get(*name)?)));
    let shown: Vec<_> = shown.map(|(name, value)| format!("{name} {value:.2}")).collect();
    if !shown.is_empty() {
        line += &format!("  ({})", shown.join(", "));
    }
    line
}

/// A server's point at the same place.
fn at<'a>(scenario: &'a Scenario, server: &str, x: Option<f64>) -> Option<&'a Point> {
    let series = scenario.series.iter().find(|series| series.server == server)?;
    series.points.iter().find(|point| point.x == x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_ratios() {
        let series = |server: &str, median: f64| Series {
            server: server.into(),
            points: vec![Point { x: None, median, low: median, high: median, details: [].into() }],
        };
        let scenario = Scenario {
            name: "echo".into(),
            title: "Echo".into(),
            unit: "µs".into(),
            cluster: false,
            axis: None,
            log: false,
            series: vec![series("floor", 2.0), series("tower-socketio", 3.0), series("socketioxide", 4.0)],
        };
        let ours = &scenario.series[1];
        let line = line(&scenario, ours, &ours.points[0]);
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>().join(" "),
            "tower-socketio 3.000 [3.000..3.000] 1.50x floor 0.75x socketioxide"
        );
    }
}
