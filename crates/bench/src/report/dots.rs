//! Rows of marks on one axis of factors: how the servers compare in everything, and how slow the slowest answers are.

use super::details;
use super::figures::{figure, tick};
use super::marks::{color, mark};
use super::scale::Scale;
use super::svg::{Anchor, MARGIN, Svg, WIDTH, width};
use crate::results::{Results, Scenario, Series};

const ROW: f64 = 30.0;

/// All scenarios without an axis, as multiples of the floor; `None` where nothing was measured of a floor.
pub(super) fn overview(results: &Results) -> Option<String> {
    let rows: Vec<_> =
        results.scenarios.iter().filter_map(|scenario| Some((scenario, ratios(scenario)?))).collect();
    let all = || rows.iter().flat_map(|(_, ratios)| ratios.iter().map(|(_, ratio)| *ratio));
    let (least, most) =
        all().fold((1.0f64, 1.0f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
    if rows.is_empty() {
        return None;
    }
    let title = "What it costs, as a multiple of the floor";
    let (mut svg, top) = Svg::titled(title, "1 is a server that does almost nothing; less is better");
    let top =
        legend(&mut svg, top, rows.iter().flat_map(|(_, ratios)| ratios.iter().map(|(server, _)| *server)));
    let left = MARGIN + rows.iter().map(|(scenario, _)| width(&scenario.title)).fold(0.0, f64::max) + 14.0;
    let left = left.min(WIDTH / 2.0);
    let scale = Scale::log_rounded(least, most, left + 8.0, WIDTH - MARGIN - 16.0);
    let bottom = ROW.mul_add(rows.len() as f64, top);
    grid(&mut svg, &scale, top, bottom);
    let one = scale.at(1.0);
    svg.line((one, top), (one, bottom + 5.0), "axis");
    for (at, (scenario, ratios)) in rows.iter().enumerate() {
        let middle = ROW.mul_add(at as f64 + 0.5, top);
        svg.text(
            left - 14.0,
            middle + 4.5,
            "",
            Anchor::End,
            &shortened(&scenario.title, left - 14.0 - MARGIN),
        );
        let places = || ratios.iter().map(|(_, ratio)| scale.at(*ratio));
        let (first, last) = (places().fold(one, f64::min), places().fold(one, f64::max));
        svg.line((first, middle), (last, middle), "leader");
        // The last is on top.
        for (server, ratio) in ratios.iter().rev() {
            mark(&mut svg, server, (scale.at(*ratio), middle));
        }
    }
    Some(svg.finish(bottom + 20.0 + MARGIN, title))
}

/// Percentiles of a scenario, from the middle to the slowest; `None` if it has none.
pub(super) fn percentiles(scenario: &Scenario) -> Option<String> {
    let of = |series: &Series| {
        series.points.first().map_or_else(Vec::new, |point| details::percentiles(scenario, point))
    };
    let rows: Vec<_> = scenario.series.iter().map(|series| (series.server.as_str(), of(series))).collect();
    let all = || rows.iter().flat_map(|(_, row)| row.iter().map(|(_, value)| *value));
    let (least, most) =
        all().fold((f64::MAX, 0.0f64), |(least, most), value| (least.min(value), most.max(value)));
    if most == 0.0 || scenario.axis.is_some() {
        return None;
    }
    let (mut svg, top) = Svg::titled(&scenario.title, &scenario.unit);
    let left = MARGIN + rows.iter().map(|(server, _)| width(server) * 1.15).fold(0.0, f64::max) + 14.0;
    let scale = Scale::log_rounded(least, most, left + 24.0, WIDTH - MARGIN - 40.0);
    let row = ROW * 1.7;
    let bottom = row.mul_add(rows.len() as f64, top);
    grid(&mut svg, &scale, top, bottom);
    for (at, (server, percentiles)) in rows.iter().enumerate() {
        let middle = row.mul_add(at as f64 + 0.55, top);
        let class = color(server);
        let strong = if *server == "tower-socketio" { "strong" } else { "" };
        svg.text(left - 14.0, middle + 4.5, &format!("fill {class} {strong}"), Anchor::End, server);
        let places: Vec<_> = percentiles.iter().map(|(_, value)| (scale.at(*value), middle)).collect();
        svg.path(&places, &format!("stroke {class}"));
        // Names and figures share a place below or above, so that neighbours do not meet.
        let mut free = [f64::MIN; 2];
        for ((name, value), place) in percentiles.iter().zip(places) {
            mark(&mut svg, server, place);
            let text = format!("{name} {}", figure(*value));
            let half = width(&text) / 2.0;
            let side = usize::from(free[0] > place.0 - half);
            if free[side] <= place.0 - half {
                free[side] = place.0 + half + 6.0;
                let y = if side == 0 { middle - 11.0 } else { middle + 21.0 };
                svg.text(place.0, y, "dim", Anchor::Middle, &text);
            }
        }
    }
    Some(svg.finish(bottom + 20.0 + MARGIN, &scenario.title))
}

/// What each server costs as a multiple of the floor; `None` if there is no floor, or only that.
fn ratios(scenario: &Scenario) -> Option<Vec<(&str, f64)>> {
    if scenario.axis.is_some() {
        return None;
    }
    let median =
        |series: &Series| series.points.first().map(|point| point.median).filter(|&median| median > 0.0);
    let floor = median(scenario.server("floor")?)?;
    let others = scenario.series.iter().filter(|series| series.server != "floor");
    let ratios: Vec<_> =
        others.filter_map(|series| Some((series.server.as_str(), median(series)? / floor))).collect();
    if ratios.is_empty() { None } else { Some(ratios) }
}

fn grid(svg: &mut Svg, scale: &Scale, top: f64, bottom: f64) {
    for value in scale.ticks() {
        let x = scale.at(value);
        svg.line((x, top), (x, bottom + 5.0), "grid");
        svg.text(x, bottom + 20.0, "dim", Anchor::Middle, &tick(value));
    }
}

/// Which mark is whose, in one line; gives where it ends.
fn legend<'a>(svg: &mut Svg, top: f64, servers: impl Iterator<Item = &'a str>) -> f64 {
    let (mut x, mut seen) = (MARGIN + 6.0, Vec::new());
    for server in servers {
        if !seen.contains(&server) {
            seen.push(server);
            mark(svg, server, (x, top + 4.0));
            svg.text(x + 12.0, top + 8.5, &format!("fill {}", color(server)), Anchor::Start, server);
            x += 12.0 + width(server) + 24.0;
        }
    }
    top + 24.0
}

/// As much of a text as has room.
fn shortened(text: &str, most: f64) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while !short.is_empty() && width(&short) + 13.0 > most {
        short.pop();
    }
    format!("{}…", short.trim_end())
}
