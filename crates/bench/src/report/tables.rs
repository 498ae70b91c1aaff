//! Tables in Markdown.

use super::details;
use super::figures::{count, figure, ratio};
use crate::results::{Machine, Point, Results, Scenario};

/// Where, when and how it was measured.
pub(super) fn machine(results: &Results) -> String {
    let Machine { processor, cores, memory_kib, kernel, rustc, node, allocator } = &results.machine;
    let memory = *memory_kib as f64 / 1024.0 / 1024.0;
    // Its number alone says little.
    let linux = if kernel.starts_with(|c: char| c.is_ascii_digit()) {
        format!("Linux {kernel}")
    } else {
        kernel.clone()
    };
    let node = node.as_ref().map_or_else(String::new, |node| format!("; Node.js {}", escaped(node)));
    format!(
        "| machine | system | compiler, runtime | allocator | measured on | by |\n|---|---|---|---|---|---|\n\
         | {}, {cores} cores, {} GiB | {} | {}{node} | {} | {} | `{}` |\n",
        escaped(processor),
        figure(memory),
        escaped(&linux),
        escaped(rustc),
        escaped(allocator),
        escaped(&results.date),
        results.command.replace(['`', '|', '\n'], " "),
    )
}

/// All servers in all scenarios without an axis, those of clusters excepted: medians, and multiples of the floor.
pub(super) fn comparison(results: &Results) -> String {
    let scenarios = || results.scenarios.iter().filter(|it| it.axis.is_none() && !it.cluster);
    let servers = servers(scenarios());
    let mut rows = vec![row("what was done", "of what", servers.iter().map(|server| escaped(server)))];
    rows.push(rule(servers.len()));
    for scenario in scenarios() {
        let floor =
            scenario.server("floor").and_then(|series| series.points.first()).map(|point| point.median);
        let cells = servers.iter().map(|server| {
            let Some(point) = scenario.server(server).and_then(|series| series.points.first()) else {
                return "–".to_owned();
            };
            match floor.filter(|&floor| floor > 0.0 && *server != "floor") {
                Some(floor) => format!("{} ({})", figure(point.median), ratio(point.median / floor)),
                None => figure(point.median),
            }
        });
        rows.push(row(&escaped(&scenario.title), &escaped(&scenario.unit), cells));
    }
    rows.concat()
}

/// One scenario: a row for each server, or for each amount of work.
pub(super) fn scenario(scenario: &Scenario) -> String {
    let Some(axis) = &scenario.axis else { return by_server(scenario) };
    let servers = servers([scenario].into_iter());
    let heads = servers.iter().map(|server| escaped(server));
    let mut rows = vec![head(&escaped(axis), heads), head("---:", servers.iter().map(|_| "---:".to_owned()))];
    let points = || scenario.series.iter().flat_map(|series| &series.points);
    let mut amounts: Vec<_> = points().filter_map(|point| point.x).collect();
    amounts.sort_by(f64::total_cmp);
    amounts.dedup();
    for amount in amounts {
        let cells = servers.iter().map(|server| {
            let series = scenario.server(server);
            let point = series.and_then(|series| series.points.iter().find(|point| point.x == Some(amount)));
            point.map_or_else(|| "–".to_owned(), spread)
        });
        rows.push(head(&count(amount), cells));
    }
    rows.concat()
}

fn by_server(scenario: &Scenario) -> String {
    let points =
        || scenario.series.iter().filter_map(|series| Some((&series.server, series.points.first()?)));
    let details: Vec<_> = details::shown(scenario).collect();
    let heads = details.iter().map(|(_, text)| (*text).to_owned());
    let unit = escaped(&scenario.unit);
    let mut rows = vec![head("server", [unit].into_iter().chain(heads))];
    rows.push(head("---", (0..=details.len()).map(|_| "---:".to_owned())));
    for (server, point) in points() {
        let details = details
            .iter()
            .map(|(name, _)| point.details.get(*name).map_or_else(|| "–".to_owned(), |&n| figure(n)));
        rows.push(head(&escaped(server), [spread(point)].into_iter().chain(details)));
    }
    rows.concat()
}

/// The median, and between which figures all rounds were.
fn spread(point: &Point) -> String {
    let (low, median, high) = (figure(point.low), figure(point.median), figure(point.high));
    if low == high { median } else { format!("{median} ({low}–{high})") }
}

/// The names of all servers, in the order in which they come.
fn servers<'a>(scenarios: impl Iterator<Item = &'a Scenario>) -> Vec<&'a str> {
    let mut servers = Vec::new();
    for series in scenarios.flat_map(|scenario| &scenario.series) {
        if !servers.contains(&series.server.as_str()) {
            servers.push(&series.server);
        }
    }
    servers
}

fn row(what: &str, unit: &str, cells: impl Iterator<Item = String>) -> String {
    head(what, [unit.to_owned()].into_iter().chain(cells))
}

fn rule(servers: usize) -> String {
    row("---", "---", (0..servers).map(|_| "---:".to_owned()))
}

fn head(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {first} | {} |\n", cells.join(" | "))
}

/// Text that means itself in a table of Markdown.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_itself() {
        assert_eq!(escaped("a|b <!-- end --> *c*\n"), "a\\|b &lt;!-- end --> \\*c\\* ");
    }

    #[test]
    fn a_spread_of_nothing_is_left_out() {
        let mut point = Point { x: None, median: 6.4, low: 6.4, high: 6.4, details: Default::default() };
        assert_eq!(spread(&point), "6.40");
        point.high = 6.6;
        assert_eq!(spread(&point), "6.40 (6.40–6.60)");
    }
}
