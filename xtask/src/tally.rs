//! Counting tests by the summaries of their runners.

use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: i64,
    pub(crate) failed: i64,
}

impl Tally {
    /// Takes a line of a runner's output into account, if it is one of its summary.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(summary) = line.strip_prefix("test result: ") {
            self.passed += before(summary, " passed");
            self.failed += before(summary, " failed");
        } else if let Some(summary) = line.strip_prefix("ℹ ") {
            self.passed += after(summary, "pass ");
            self.failed += after(summary, "fail ") + after(summary, "cancelled ");
        } else if line.starts_with("Ran ") && line.contains(" in ") {
            self.passed += before(line, " test");
        } else if line.starts_with("OK (") || line.starts_with("FAILED (") {
            // Python's runner counted these among those it ran.
            let failed =
                after(line, "failures=") + after(line, "errors=") + after(line, "unexpected successes=");
            self.failed += failed;
            self.passed -= failed + after(line, "skipped=") + after(line, "expected failures=");
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The number that ends where `word` begins, or 0.
fn before(text: &str, word: &str) -> i64 {
    let Some((text, _)) = text.split_once(word) else { return 0 };
    text.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The number that begins where `word` ends, or 0.
fn after(text: &str, word: &str) -> i64 {
    let Some((_, text)) = text.split_once(word) else { return 0 };
    text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> (i64, i64) {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn cargo_prints_one_summary_for_each_binary() {
        let output = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 40 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.50s";
        assert_eq!(tally(output), (43, 2));
    }

    #[test]
    fn node_counts_cancelled_tests_apart() {
        let output = "✔ a pass 7 of the ball (1ms)\nℹ tests 12\nℹ suites 0\nℹ pass 9\nℹ fail 2\nℹ cancelled 1\n\
            ℹ duration_ms 73987.9";
        assert_eq!(tally(output), (9, 3));
    }

    #[test]
    fn python_counts_failures_and_skipped_tests_among_those_it_ran() {
        assert_eq!(tally("Ran 1 test in 0.1s\n\nOK"), (1, 0));
        assert_eq!(tally("Ran 45 tests in 12.345s\n\nOK (skipped=3)"), (42, 0));
        assert_eq!(tally("Ran 45 tests in 2.5s\n\nFAILED (failures=1, errors=2, skipped=3)"), (39, 3));
    }
}
