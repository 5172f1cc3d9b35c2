//! How often something may be asked for that takes long.

use primitives::SignedDuration;
use table::RateLimit;

/// Jobs of one organization, or of one person.
pub fn heavy() -> RateLimit {
    RateLimit::new("heavy", [(10, SignedDuration::from_mins(1))])
}
