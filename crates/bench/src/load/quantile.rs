//! How long things took, as quantiles.

use std::time::Duration;

use super::Figures;

/// Durations, all of them kept.
#[derive(Clone, Debug, Default)]
pub struct Quantiles(Vec<Duration>);

impl Quantiles {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least duration that this share of them, from 0 to 1, does not exceed; zero if there are none.
    pub fn at(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let least = (share * self.0.len() as f64).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at least 1")]
        let rank = (least as usize).min(self.0.len());
        rank.checked_sub(1).map_or(Duration::ZERO, |index| self.0[index])
    }

    /// The figures `p50_us`, `p99_us`, `p999_us` and `max_us` with this in front of their names, in microseconds.
    pub(super) fn put(&mut self, figures: &mut Figures, prefix: &str) {
        for (name, share) in [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999), ("max_us", 1.0)] {
            figures.set(&format!("{prefix}{name}"), self.at(share).as_secs_f64() * 1e6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_duration_that_was_there() {
        let mut all = Quantiles::default();
        (1..=1000).rev().for_each(|ms| all.add(Duration::from_millis(ms)));
        let at = |all: &mut Quantiles, share| all.at(share).as_millis();
        assert_eq!(at(&mut all, 0.5), 500);
        assert_eq!(at(&mut all, 0.99), 990);
        assert_eq!(at(&mut all, 0.999), 999);
        assert_eq!(at(&mut all, 1.0), 1000);
        assert_eq!(at(&mut all, 0.0), 1);
    }

    #[test]
    fn of_nothing_every_quantile_is_zero() {
        assert_eq!(Quantiles::default().at(0.99), Duration::ZERO);
    }
}
