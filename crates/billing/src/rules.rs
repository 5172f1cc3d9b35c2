use jiff::SignedDuration;
use serde::Deserialize;

const DAY: i64 = 24;

/// How long things last. Days are spans of exactly 24 hours, counted to the second. A deployment may set others as JSON, in
/// hours: `{"trial": "720h"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The free trial, from the organization's creation on.
    pub trial: SignedDuration,
    /// Full use after the first failed payment.
    pub grace: SignedDuration,
    /// Reading only: after the grace, or after a trial or subscription that was not followed by another.
    pub read_only: SignedDuration,
    /// Nothing but paying, after reading only. What follows lasts: taking the data out, and paying.
    pub suspended: SignedDuration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            trial: SignedDuration::from_hours(14 * DAY),
            grace: SignedDuration::from_hours(21 * DAY),
            read_only: SignedDuration::from_hours(14 * DAY),
            suspended: SignedDuration::from_hours(30 * DAY),
        }
    }
}
