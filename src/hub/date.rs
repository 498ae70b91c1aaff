use std::fmt;
use std::time::{Duration, SystemTime};

/// A moment, in milliseconds since 1970, as JavaScript's dates are shown in UTC.
pub(super) struct Date(pub(super) u64);

/// The last moment of the year 9999: HTTP has no later one.
const LAST: u64 = 253_402_300_799_999;

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Thu, 26 Nov 2026 21:05:44 GMT
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.min(LAST)));
        let mut parts = date.split([',', ' ']).filter(|part| !part.is_empty());
        let [weekday, day, month, year, time] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        write!(f, "{weekday} {month} {day} {year} {time} GMT+0000 (Coordinated Universal Time)")
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
            (u64::MAX, "Fri Dec 31 9999 23:59:59"),
        ] {
            let zone = "GMT+0000 (Coordinated Universal Time)";
            assert_eq!(Date(millis).to_string(), format!("{shown} {zone}"));
        }
    }
}
