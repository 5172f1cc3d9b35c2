//! How often usage may be reported.

use primitives::SignedDuration;
use table::RateLimit;

/// Requests of one organization: 100 a second, and as many at once as in two.
pub fn ingest() -> RateLimit {
    RateLimit::new("ingest", [(400, SignedDuration::from_secs(2))])
}
