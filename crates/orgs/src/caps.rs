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

/// How many organizations a person owns. Only whoever creates one is held to a number: nobody is kept from
/// being made an owner.
pub(crate) fn owned(user_id: UserId, most: u32) -> Tally {
    Tally::new(identity_core::keys::OwnedOrgs::key(user_id), most)
}

/// The same where it has no end.
pub(crate) fn all_owned(user_id: UserId) -> Tally {
    owned(user_id, u32::MAX)
}

/// How many owners one organization may have.
pub(crate) const MOST_OWNERS: usize = 50;

/// How many owners may come in past an identity provider that is asked for.
pub(crate) const MOST_BREAK_GLASS: usize = 5;

/// The owners of an organization, by their memberships.
pub fn owners(org_id: OrgId) -> Roster {
    Roster::new(keys::Owners::key(Tenant::trusted(org_id)), MOST_OWNERS)
}
