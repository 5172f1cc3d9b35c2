//! How many there may be.

use access::Tenant;
use primitives::{OrgId, UserId};
use table::{Roster, Tally};

use crate::keys;

/// How many organizations one person may belong to.
pub const MOST_MEMBERSHIPS: u32 = 50;

/// How many memberships a person has: each joins and leaves in the transaction that counts it.
pub(crate) fn memberships(user_id: UserId) -> Tally {
    Tally::new(identity_core::keys::Caps::key(user_id), MOST_MEMBERSHIPS)
}

/// How many owners one organization may have.
pub(crate) const MOST_OWNERS: usize = 50;

/// The owners of an organization, by their memberships.
pub fn owners(org_id: OrgId) -> Roster {
    Roster::new(keys::Owners::key(Tenant::trusted(org_id)), MOST_OWNERS)
}
