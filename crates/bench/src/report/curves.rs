//! A scenario with an axis: a curve for each server, with a band from the least to the most.

use super::figures::{count, tick};
use super::marks::{color, mark};
use super::scale::Scale;
use super::svg::{Anchor, MARGIN, Svg, WIDTH, width};
use crate::results::{Point, Scenario};

const HEIGHT: f64 = 280.0;
/// Between the lines of two names.
const NAME: f64 = 17.0;
/// From this factor between the least and the most on, equal steps of the axis are equal factors.
const WIDE: f64 = 30.0;

pub(super) fn draw(scenario: &Scenario) -> String {
    let (mut svg, top) = Svg::titled(&scenario.title, &scenario.unit);
    let (top, bottom) = (top + 8.0, top + 8.0 + HEIGHT);
    let points = || scenario.series.iter().flat_map(|series| &series.points);
    let vertical = vertical(scenario.log, points(), top, bottom);
    let labels: Vec<_> = vertical.ticks().into_iter().map(|value| (value, tick(value))).collect();
    let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
    let left = MARGIN + widest(&mut labels.iter().map(|(_, text)| width(text))) + 8.0;
    let names =
        MARGIN + 24.0 + widest(&mut scenario.series.iter().map(|series| width(&series.server) * 1.15));
    let right = WIDTH - names;
    let horizontal = horizontal(scenario.log, points(), left + 10.0, right - 10.0);

    for (value, text) in &labels {
        let y = vertical.at(*value);
        svg.line((left, y), (right, y), "grid");
        svg.text(left - 8.0, y + 4.5, "dim", Anchor::End, text);
    }
    for (x, text) in ticks(&horizontal, points()) {
        svg.line((x, bottom), (x, bottom + 5.0), "axis");
        svg.text(x, bottom + 21.0, "dim", Anchor::Middle, &text);
    }
    svg.line((left, bottom), (right, bottom), "axis");
    let axis = scenario.axis.as_deref().unwrap_or_default();
    svg.text(f64::midpoint(left, right), bottom + 43.0, "dim", Anchor::Middle, axis);

    let place = |point: &Point, value: f64| (horizontal.at(point.x.unwrap_or_default()), vertical.at(value));
    // What is drawn last is on top.
    for series in scenario.series.iter().rev() {
        let class = color(&series.server);
        let mut band: Vec<_> = series.points.iter().map(|point| place(point, point.high)).collect();
        band.extend(series.points.iter().rev().map(|point| place(point, point.low)));
        svg.area(&band, &format!("band {class}"));
        for point in &series.points {
            let (low, high) = (place(point, point.low), place(point, point.high));
            svg.line(low, high, &format!("stroke {class}"));
        }
        let line: Vec<_> = series.points.iter().map(|point| place(point, point.median)).collect();
        svg.path(&line, &format!("stroke {class}"));
        line.into_iter().for_each(|place| mark(&mut svg, &series.server, place));
    }
    let last: Vec<_> = scenario
        .series
        .iter()
        .filter_map(|series| {
            series.points.last().map(|point| (series.server.as_str(), place(point, point.median)))
        })
        .collect();
    let heights = spread(&last.iter().map(|(_, (_, y))| *y).collect::<Vec<_>>(), top, bottom);
    for ((server, (x, y)), name) in last.into_iter().zip(heights) {
        svg.line((x + 8.0, y), (right + 18.0, name), "leader");
        let class = if server == "tower-socketio" { "fill strong" } else { "fill" };
        svg.text(right + 22.0, name + 4.5, &format!("{class} {}", color(server)), Anchor::Start, server);
    }
    svg.finish(bottom + 43.0 + MARGIN, &scenario.title)
}

/// By factors where the work grows by factors and the cost does by much, else from zero.
fn vertical<'a>(log: bool, points: impl Iterator<Item = &'a Point>, top: f64, bottom: f64) -> Scale {
    let (least, most) =
        points.fold((f64::MAX, 0.0f64), |(least, most), point| (least.min(point.low), most.max(point.high)));
    if log && least > 0.0 && most / least >= WIDE {
        Scale::log_rounded(least, most, bottom, top)
    } else {
        Scale::from_zero(most, bottom, top)
    }
}

fn horizontal<'a>(log: bool, points: impl Iterator<Item = &'a Point>, left: f64, right: f64) -> Scale {
    let (least, most) = points
        .filter_map(|point| point.x)
        .fold((f64::MAX, 0.0f64), |(least, most), x| (least.min(x), most.max(x)));
    if log && least > 0.0 {
        Scale::log(least, most, left, right)
    } else {
        Scale::linear(least.min(most), most, left, right)
    }
}

/// The amounts of work that were measured, where their labels have room; else round ones.
fn ticks<'a>(horizontal: &Scale, points: impl Iterator<Item = &'a Point>) -> Vec<(f64, String)> {
    let mut amounts: Vec<_> = points.filter_map(|point| point.x).collect();
    amounts.sort_by(f64::total_cmp);
    amounts.dedup();
    let label = |value: f64| (horizontal.at(value), count(value));
    let measured: Vec<_> = amounts.into_iter().map(label).collect();
    let room = |two: &[(f64, String)]| {
        two[1].0 - two[0].0 >= f64::midpoint(width(&two[0].1), width(&two[1].1)) + 8.0
    };
    if measured.windows(2).all(room) {
        return measured;
    }
    horizontal.ticks().into_iter().map(|value| (horizontal.at(value), tick(value))).collect()
}

/// Places for names, as near to these as the lines of text allow, and none outside.
fn spread(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<_> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut places = wanted.to_vec();
    let mut least = top;
    for &at in &order {
        places[at] = places[at].max(least);
        least = places[at] + NAME;
    }
    let mut most = bottom;
    for &at in order.iter().rev() {
        places[at] = places[at].min(most);
        most = places[at] - NAME;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_overlap_and_stay_inside() {
        for wanted in [&[10.0, 10.0, 10.0][..], &[300.0, 299.0, 12.0, 298.0], &[50.0]] {
            let mut places = spread(wanted, 10.0, 300.0);
            places.sort_by(f64::total_cmp);
            assert!(places.windows(2).all(|two| two[1] - two[0] >= NAME - 1e-9), "{places:?}");
            assert!(places.iter().all(|place| (10.0..=300.0).contains(place)), "{places:?}");
        }
    }

    #[test]
    fn amounts_that_were_measured_are_ticks_where_there_is_room() {
        let point =
            |x: f64| Point { x: Some(x), median: 1.0, low: 1.0, high: 1.0, details: Default::default() };
        let labels = |xs: &[f64]| {
            let points: Vec<_> = xs.iter().map(|x| point(*x)).collect();
            let scale = horizontal(true, points.iter(), 0.0, 500.0);
            ticks(&scale, points.iter()).into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(&[16.0, 1024.0, 1_048_576.0]), ["16", "1024", "1\u{a0}048\u{a0}576"]);
        let crowded: Vec<_> = (0..40).map(|n| f64::from(1000 + n * 100)).collect();
        assert_eq!(labels(&crowded), ["1\u{a0}k", "2\u{a0}k"]);
    }
}
