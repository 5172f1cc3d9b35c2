//! How much there may be, and how often somebody may ask.

use primitives::SignedDuration;
use table::RateLimit;

/// How many tokens an organization may have.
pub const MOST_TOKENS: usize = 10;
/// How many groups of an organization give roles. All of them are read with each change of who is in one.
pub const MOST_MAPPED: usize = 20;
/// In how many groups a user may be: they are in the user's item.
pub const MOST_GROUPS_OF_USER: usize = 100;
/// How many users and groups a directory has.
pub(crate) const MOST_USERS: u32 = 200_000;
pub(crate) const MOST_GROUPS: u32 = 10_000;
/// Of how many users a directory may be looked through for what no key answers.
pub(crate) const MOST_LOOKED_THROUGH: u32 = 1_000;
/// Of how many users those are found whose name contains a text.
pub(crate) const MOST_CONTAINING: u32 = 5_000;
/// Up to what a number of results is exact.
pub(crate) const MOST_COUNTED: usize = 1_000;
/// How large a resource is, bytes of JSON.
pub(crate) const LARGEST: usize = 16 * 1024;

/// Requests with one token.
pub fn requests() -> RateLimit {
    RateLimit::new("scim", [(1_500, SignedDuration::from_mins(1))])
}
