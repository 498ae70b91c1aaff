//! Numbers as people read them.

/// Three digits that count, groups of three, no exponent: `0.438`, `6.42`, `30.8`, `12 300`.
pub(super) fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rounded first, as that may add a digit: 9.996 is 10.0.
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let magnitude = rounded.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 6.0);
    grouped(&format!("{rounded:.*}", small(decimals)))
}

/// A number on an axis: only the digits it needs, `k`, `M` and `G` for thousands.
pub(super) fn tick(value: f64) -> String {
    let (scaled, letter) = match value.abs() {
        1e9.. => (value / 1e9, "\u{a0}G"),
        1e6.. => (value / 1e6, "\u{a0}M"),
        1e3.. => (value / 1e3, "\u{a0}k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{letter}")
}

/// What `x` is, in full: `12 300`.
pub(super) fn count(value: f64) -> String {
    let text = format!("{value:.3}");
    grouped(text.trim_end_matches('0').trim_end_matches('.'))
}

/// How many times as much, with two digits behind the point below 10.
pub(super) fn ratio(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}\u{a0}×") } else { format!("{}\u{a0}×", figure(value)) }
}

/// Spaces that do not break between groups of three.
fn grouped(number: &str) -> String {
    let (whole, rest) =
        number.split_once('.').map_or((number, ""), |(whole, _)| (whole, &number[whole.len()..]));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && whole.len() > 4 {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out + rest
}

/// A number of decimals, which is small.
fn small(decimals: f64) -> usize {
    (0..=6).find(|&n| f64::from(n) >= decimals).unwrap_or(6).try_into().unwrap_or(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let cases = [
            (0.0, "0"),
            (0.4376, "0.438"),
            (0.000_004_2, "0.000004"),
            (6.0, "6.00"),
            (9.996, "10.0"),
            (30.84, "30.8"),
            (999.6, "1000"),
            (12_345.0, "12\u{a0}300"),
            (1_234_567.0, "1\u{a0}230\u{a0}000"),
        ];
        for (value, text) in cases {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn ticks_are_short() {
        let cases =
            [(0.0, "0"), (0.25, "0.25"), (50.0, "50"), (1000.0, "1\u{a0}k"), (2_500_000.0, "2.5\u{a0}M")];
        for (value, text) in cases {
            assert_eq!(tick(value), text);
        }
    }

    #[test]
    fn ratios_and_counts_are_as_exact_as_is_of_use() {
        assert_eq!(ratio(1.049), "1.05\u{a0}×");
        assert_eq!(ratio(12.04), "12.0\u{a0}×");
        assert_eq!(count(10_000.0), "10\u{a0}000");
        assert_eq!(count(0.5), "0.5");
    }
}
