//! How often something may be done in organizations.

use primitives::SignedDuration;
use table::RateLimit;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Mails with invites of one organization.
pub fn invites() -> RateLimit {
    RateLimit::new("invite", [(100, HOUR)])
}

/// Mails with invites to one address, of whatever organizations.
pub fn invites_to_address() -> RateLimit {
    RateLimit::new("invite-address", [(5, HOUR)])
}

/// Requests to join of one person.
pub fn join_requests() -> RateLimit {
    RateLimit::new("join-request", [(10, HOUR)])
}
