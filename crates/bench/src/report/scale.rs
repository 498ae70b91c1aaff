//! From figures to places, and which figures are written beside an axis.

/// An axis: the figures it covers, and where their ends are drawn.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    /// From zero to at least `most`, with an end that is a tick.
    pub(super) fn from_zero(most: f64, start: f64, end: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(most, 5.0);
        Self { from: 0.0, to: (most / step - 1e-9).ceil() * step, start, end, log: false }
    }

    /// What is between two figures, evenly.
    pub(super) fn linear(least: f64, most: f64, start: f64, end: f64) -> Self {
        let margin = if most > least { 0.0 } else { least.abs().max(1.0) / 2.0 };
        Self { from: least - margin, to: most + margin, start, end, log: false }
    }

    /// What is between two figures above zero, by factors.
    pub(super) fn log(least: f64, most: f64, start: f64, end: f64) -> Self {
        let margin = if most > least { 1.0 } else { 2.0 };
        Self { from: least / margin, to: most * margin, start, end, log: true }
    }

    /// As [`log`](Self::log), with ends of 1, 2 or 5 of some power of ten.
    pub(super) fn log_rounded(least: f64, most: f64, start: f64, end: f64) -> Self {
        let below = steps(least.log10().floor(), 1).into_iter().rfind(|&tick| tick <= least * (1.0 + 1e-9));
        let above = steps(most.log10().floor(), 1).into_iter().find(|&tick| tick >= most * (1.0 - 1e-9));
        Self::log(below.unwrap_or(least), above.unwrap_or(most), start, end)
    }

    /// Where a figure is drawn; none is outside.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = if self.log {
            (value.max(self.from) / self.from).log(self.to / self.from)
        } else {
            (value - self.from) / (self.to - self.from)
        };
        (self.end - self.start).mul_add(part.clamp(0.0, 1.0), self.start)
    }

    /// Round figures, at most some eight.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let inside = |tick: &f64| *tick >= self.from * (1.0 - 1e-9) && *tick <= self.to * (1.0 + 1e-9);
        if !self.log {
            let step = step(self.to - self.from, 5.0);
            let first = (self.from / step - 1e-9).ceil();
            return (0..20).map(|n| (first + f64::from(n)) * step).filter(inside).collect();
        }
        let decades = self.to.log10() - self.from.log10();
        let first = self.from.log10().floor();
        if decades > 2.5 {
            let every = (decades / 8.0).ceil();
            return (0..9).map(|n| 10f64.powf(f64::from(n).mul_add(every, first))).filter(inside).collect();
        }
        steps(first, 4).into_iter().filter(inside).collect()
    }
}

/// 1, 2 and 5 of so many powers of ten, and the next power.
fn steps(first: f64, powers: i32) -> Vec<f64> {
    let mut ticks: Vec<_> = (0..powers)
        .flat_map(|n| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powf(first + f64::from(n))))
        .collect();
    ticks.push(10f64.powf(first + f64::from(powers)));
    ticks
}

/// 1, 2 or 5 of some power of ten, so that a length has about so many of it.
fn step(length: f64, number: f64) -> f64 {
    let raw = length / number;
    let power = 10f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= raw * (1.0 - 1e-9)).unwrap_or(10.0);
    digit * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ticks: &[f64], expected: &[f64]) {
        assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
        for (tick, expected) in ticks.iter().zip(expected) {
            assert!((tick - expected).abs() <= expected.abs() * 1e-9, "{ticks:?}");
        }
    }

    #[test]
    fn ticks_are_round_and_cover_what_is_shown() {
        close(&Scale::from_zero(6.7, 0.0, 1.0).ticks(), &[0.0, 2.0, 4.0, 6.0, 8.0]);
        close(&Scale::from_zero(0.093, 0.0, 1.0).ticks(), &[0.0, 0.02, 0.04, 0.06, 0.08, 0.1]);
        close(&Scale::from_zero(1000.0, 0.0, 1.0).ticks(), &[0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        close(&Scale::linear(1.0, 4.0, 0.0, 1.0).ticks(), &[1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn ticks_of_factors_are_powers_or_steps_between_them() {
        close(&Scale::log(10.0, 10_000.0, 0.0, 1.0).ticks(), &[10.0, 100.0, 1000.0, 10_000.0]);
        close(&Scale::log(1000.0, 50_000.0, 0.0, 1.0).ticks(), &[1e3, 2e3, 5e3, 1e4, 2e4, 5e4]);
        let wide = Scale::log(1e-9, 1e12, 0.0, 1.0).ticks();
        assert!((3..=9).contains(&wide.len()), "{wide:?}");
        close(&Scale::log_rounded(0.7, 41.0, 0.0, 1.0).ticks(), &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
    }

    #[test]
    fn figures_have_their_places() {
        let scale = Scale::from_zero(10.0, 100.0, 0.0);
        close(&[scale.at(0.0), scale.at(5.0), scale.at(10.0)], &[100.0, 50.0, 0.0]);
        let scale = Scale::log(1.0, 100.0, 0.0, 2.0);
        close(&[scale.at(1.0), scale.at(10.0), scale.at(100.0), scale.at(0.0)], &[0.0, 1.0, 2.0, 0.0]);
    }

    #[test]
    fn one_figure_alone_and_none_but_zero_have_a_place_too() {
        for scale in [Scale::linear(5.0, 5.0, 0.0, 1.0), Scale::log(5.0, 5.0, 0.0, 1.0)] {
            close(&[scale.at(5.0)], &[0.5]);
            assert!(!scale.ticks().is_empty());
        }
        let nothing = Scale::from_zero(0.0, 0.0, 1.0);
        close(&[nothing.at(0.0)], &[0.0]);
        close(&nothing.ticks(), &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        close(&[Scale::linear(0.0, 0.0, 0.0, 1.0).at(0.0)], &[0.5]);
    }
}
