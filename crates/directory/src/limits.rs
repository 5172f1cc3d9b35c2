//! How often something may be done about domains.

use primitives::SignedDuration;
use table::RateLimit;

/// Look-ups that one organization asks for.
pub fn look_ups() -> RateLimit {
    RateLimit::new(
        "domain-look-up",
        [(10, SignedDuration::from_mins(1)), (100, SignedDuration::from_hours(1))],
    )
}
