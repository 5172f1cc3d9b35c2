//! How often something may be done about connections.

use primitives::SignedDuration;
use table::RateLimit;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Identity providers that are asked what they are since somebody of one organization names them.
pub fn discoveries() -> RateLimit {
    RateLimit::new("sso-discovery", [(10, MINUTE), (100, SignedDuration::from_hours(1))])
}

/// Questions from one network address how somebody can sign in.
pub fn looks() -> RateLimit {
    RateLimit::new("sign-in-discovery", [(60, MINUTE)])
}

/// Sign-ins that begin from one network address: each may have us ask a provider what it is.
pub fn starts() -> RateLimit {
    RateLimit::new("sso-start", [(60, MINUTE)])
}
