//! Which picture a scenario gets.

use super::{bars, curves, dots};
use crate::results::{Results, Scenario};

/// The files of pictures and what is in them.
pub(super) fn all(results: &Results) -> Vec<(String, String)> {
    let mut all: Vec<_> =
        results.scenarios.iter().map(|scenario| (file(&scenario.name), picture(scenario))).collect();
    all.extend(dots::overview(results).map(|overview| (file("overview"), overview)));
    all
}

/// The name of a picture's file.
pub(super) fn file(name: &str) -> String {
    format!("{name}.svg")
}

fn picture(scenario: &Scenario) -> String {
    if scenario.axis.is_some() {
        return curves::draw(scenario);
    }
    dots::percentiles(scenario).unwrap_or_else(|| bars::draw(scenario))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Point, Series};

    /// A server, and `x` and the median of its points.
    type Bars<'a> = (&'a str, &'a [(Option<f64>, f64)]);

    /// Whether every element that begins ends, in order, and every attribute has its quotes.
    fn is_well_formed(xml: &str) -> bool {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = xml;
        while let Some((text, after)) = rest.split_once('<') {
            let Some((tag, after)) = after.split_once('>') else { return false };
            rest = after;
            if text.contains('>') || tag.contains('<') || tag.matches('"').count() % 2 != 0 {
                return false;
            }
            let unknown =
                |piece: &str| !["amp;", "lt;", "gt;", "quot;"].iter().any(|known| piece.starts_with(known));
            if text.split('&').skip(1).chain(tag.split('&').skip(1)).any(unknown) {
                return false;
            }
            let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        open.is_empty() && rest.trim().is_empty()
    }

    fn scenario(axis: Option<&str>, log: bool, servers: &[Bars<'_>]) -> Scenario {
        let point = |&(x, median): &(Option<f64>, f64)| Point {
            x,
            median,
            low: median * 0.9,
            high: median * 1.1,
            details: Default::default(),
        };
        let series = |(server, points): &Bars<'_>| Series {
            server: (*server).to_owned(),
            points: points.iter().map(point).collect(),
        };
        Scenario {
            name: "some".to_owned(),
            title: "Some <work> & \"more\"".to_owned(),
            unit: "µs".to_owned(),
            cluster: false,
            axis: axis.map(str::to_owned),
            log,
            series: servers.iter().map(series).collect(),
        }
    }

    #[test]
    fn pictures_are_well_formed_whatever_the_figures_are() {
        let many: Vec<_> = (0..60).map(|n| (Some(f64::from(n)), f64::from(n) * 1e9)).collect();
        let cases: [(Option<&str>, &[Bars<'_>]); 6] = [
            (None, &[("floor", &[(None, 0.0)]), ("tower-socketio", &[(None, 0.0)])]),
            (None, &[("<&\">", &[(None, 1e-300)]), ("floor", &[(None, 1e300)])]),
            (Some("n"), &[("floor", &[(Some(0.0), 0.0)])]),
            (Some("n"), &[("floor", &[(Some(5.0), 3.0)]), ("a", &[(Some(5.0), 3.0)])]),
            (Some("n"), &[("floor", &[(Some(1.0), 1e-9), (Some(1e12), 1e12)])]),
            (Some("n"), &[("floor", &many)]),
        ];
        for (axis, servers) in cases {
            for log in [false, true] {
                let picture = picture(&scenario(axis, log, servers));
                assert!(is_well_formed(&picture), "{picture}");
                assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
                assert!(picture.contains("Some &lt;work&gt; &amp; &quot;more&quot;"), "{picture}");
            }
        }
    }

    #[test]
    fn this_test_knows_what_is_well_formed() {
        for bad in ["<a>", "<a></b>", "<a b=\"></a>", "<a>&c</a>", "<a", "<a/>>b<c/>", "</a>"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
        assert!(is_well_formed("<a b=\"c\"><d/>&amp;<e>f</e></a>\n"));
    }

    #[test]
    fn a_bar_shows_its_figure_and_its_ratio_to_the_floor() {
        let servers: [Bars<'_>; 2] = [("floor", &[(None, 4.0)]), ("a", &[(None, 5.0)])];
        let picture = picture(&scenario(None, false, &servers));
        assert!(picture.contains(">5.00<") && picture.contains(">1.25\u{a0}× floor<"), "{picture}");
        assert!(!picture.contains(">1.00\u{a0}× floor<"), "{picture}");
    }

    #[test]
    fn percentiles_are_shown_where_there_are_some() {
        let servers: [Bars<'_>; 1] = [("a", &[(None, 5.0)])];
        let mut latency = scenario(None, false, &servers);
        latency.name = "latency_same".to_owned();
        latency.series[0].points[0].details =
            [("p50_us".to_owned(), 2.0), ("p999_us".to_owned(), 80.0)].into();
        let picture = picture(&latency);
        assert!(is_well_formed(&picture), "{picture}");
        assert!(
            picture.contains(">p50 2.00<")
                && picture.contains(">p99 5.00<")
                && picture.contains(">p99.9 80.0<"),
            "{picture}"
        );
    }
}
