use std::fmt;

use primitives::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a span of time is, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month, which quotas are for.
    Month,
}

/// An hour, a day or a month, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// How long.
    pub window: Window,
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment that is not in it.
    pub end: Timestamp,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl Span {
    /// The span of this length that a moment is in.
    pub fn of(window: Window, at: Timestamp) -> Self {
        let day = at.as_second().div_euclid(DAY);
        let (start, end) = match window {
            Window::Hour => {
                let hour = at.as_second().div_euclid(HOUR);
                (hour * HOUR, (hour + 1) * HOUR)
            }
            Window::Day => (day * DAY, (day + 1) * DAY),
            Window::Month => {
                let (year, month, _) = civil(day);
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                (days(year, month) * DAY, days(next.0, next.1) * DAY)
            }
        };
        // no time of ours is at the ends of what can be said
        let moment = |second| Timestamp::from_second(second).unwrap_or(at);
        Self { window, start: moment(start), end: moment(end) }
    }
}

/// Days since 1970 of the first of a month
/// (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>).
fn days(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of so many days since 1970.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// As keys name it, so that text order is time order: `2026-11-28T10`, `2026-11-28`, `2026-11`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.window {
            Window::Hour => "%Y-%m-%dT%H",
            Window::Day => "%Y-%m-%d",
            Window::Month => "%Y-%m",
        };
        self.start.strftime(form).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_month_is_as_long_as_it_is() {
        for (at, start, end) in [
            ("2024-02-29T23:59:59.999Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ] {
            let span = Span::of(Window::Month, at.parse().unwrap());
            assert_eq!((span.start, span.end), (start.parse().unwrap(), end.parse().unwrap()), "{at}");
        }
        let at: Timestamp = "2026-11-28T10:15:00Z".parse().unwrap();
        let names = [Window::Hour, Window::Day, Window::Month].map(|window| Span::of(window, at).to_string());
        assert_eq!(names, ["2026-11-28T10", "2026-11-28", "2026-11"]);
    }

    proptest! {
        #[test]
        fn each_moment_is_in_one_span_of_each_length(second in 0_i64..7_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            for window in [Window::Hour, Window::Day, Window::Month] {
                let span = Span::of(window, at);
                prop_assert!(span.start <= at && at < span.end);
                prop_assert_eq!(Span::of(window, span.start), span);
                prop_assert_eq!(Span::of(window, span.end).start, span.end);
                prop_assert!(at.to_string().starts_with(&span.to_string()));
            }
        }
    }
}
