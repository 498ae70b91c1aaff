use std::fmt;

/// A moment, in milliseconds since 1970, as JavaScript's dates are shown in UTC.
pub(super) struct Date(pub(super) u64);

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (number, second) = (seconds / 86_400, seconds % 86_400);
        let (mut year, mut day) = (1970, number);
        // Years of 400 have the same length, and there may be many.
        year += day / 146_097 * 400;
        day %= 146_097;
        while day >= days_of(year) {
            day -= days_of(year);
            year += 1;
        }
        let mut month = 0;
        while day >= days_in(month, year) {
            day -= days_in(month, year);
            month += 1;
        }
        let (weekday, name) = (DAYS[(number % 7) as usize], MONTHS[month]);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{weekday} {name} {:02} {year:04} {hour:02}:{minute:02}:{second:02} ", day + 1)?;
        f.write_str("GMT+0000 (Coordinated Universal Time)")
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn days_in(month: usize, year: u64) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_javascript_shows_it() {
        for (millis, shown) in [
            (0, "Thu Jan 01 1970 00:00:00"),
            (951_782_400_000, "Tue Feb 29 2000 00:00:00"),
            (1_709_251_199_999, "Thu Feb 29 2024 23:59:59"),
            (1_795_727_144_000, "Thu Nov 26 2026 21:05:44"),
            (4_107_542_400_000, "Mon Mar 01 2100 00:00:00"),
            (13_569_465_599_000, "Fri Dec 31 2399 23:59:59"),
        ] {
            let zone = "GMT+0000 (Coordinated Universal Time)";
            assert_eq!(Date(millis).to_string(), format!("{shown} {zone}"));
        }
        // Also where nobody will ever be.
        assert!(Date(u64::MAX).to_string().ends_with(')'));
    }
}
