//! A scenario without an axis: one bar for each server.

use super::figures::{figure, ratio, tick};
use super::marks::color;
use super::scale::Scale;
use super::svg::{Anchor, MARGIN, Svg, WIDTH, width};
use crate::results::Scenario;

const ROW: f64 = 34.0;
const BAR: f64 = 18.0;

pub(super) fn draw(scenario: &Scenario) -> String {
    let (mut svg, top) = Svg::titled(&scenario.title, &scenario.unit);
    let floor = scenario.server("floor").and_then(|series| series.points.first()).map(|point| point.median);
    let bars: Vec<_> = scenario
        .series
        .iter()
        .flat_map(|series| series.points.iter().map(move |point| (series.server.as_str(), point)))
        .map(|(server, point)| {
            let times = floor.filter(|&floor| floor > 0.0 && server != "floor");
            let times =
                times.map_or_else(String::new, |floor| format!("{} floor", ratio(point.median / floor)));
            (server, point, figure(point.median), times)
        })
        .collect();
    let widest = |width: &dyn Fn(usize) -> f64| (0..bars.len()).map(width).fold(0.0, f64::max);
    let left = MARGIN + widest(&|at| width(bars[at].0) * 1.15) + 12.0;
    let figures = widest(&|at| width(&bars[at].2) * 1.1) + 8.0;
    let right = WIDTH - MARGIN - figures - widest(&|at| width(&bars[at].3)) - 8.0;
    let most = widest(&|at| bars[at].1.high);
    let scale = Scale::from_zero(most, left, right);
    let bottom = ROW.mul_add(bars.len() as f64, top);
    for value in scale.ticks() {
        let x = scale.at(value);
        svg.line((x, top), (x, bottom + 4.0), "grid");
        svg.text(x, bottom + 20.0, "dim", Anchor::Middle, &tick(value));
    }
    for (at, (server, point, text, times)) in bars.iter().enumerate() {
        let middle = ROW.mul_add(at as f64 + 0.5, top);
        svg.text(
            left - 12.0,
            middle + 4.5,
            if server.starts_with("tower-socketio") { "strong" } else { "" },
            Anchor::End,
            server,
        );
        let end = scale.at(point.median);
        svg.rect(left, middle - BAR / 2.0, (end - left).max(1.0), BAR, &format!("fill {}", color(server)));
        let (low, high) = (scale.at(point.low), scale.at(point.high));
        if high - low > 1.0 {
            svg.line((low, middle), (high, middle), "whisker");
            for end in [low, high] {
                svg.line((end, middle - 4.0), (end, middle + 4.0), "whisker");
            }
        }
        let x = high.max(end) + 8.0;
        svg.text(x, middle + 4.5, "strong", Anchor::Start, text);
        svg.text(width(text).mul_add(1.1, x) + 8.0, middle + 4.5, "dim", Anchor::Start, times);
    }
    svg.line((left, top), (left, bottom + 4.0), "axis");
    svg.finish(bottom + 20.0 + MARGIN, &scenario.title)
}
