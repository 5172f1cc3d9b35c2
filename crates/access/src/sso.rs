use primitives::{MemberId, SsoConnectionId};
use serde::{Deserialize, Serialize};

use crate::Role;

/// What an organization asks of how its members sign in, as far as it is about its own identity providers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SsoPolicy {
    /// Whether members come in by one of them alone.
    pub required: bool,
    /// Its connections to them that are in use.
    pub connections: Vec<SsoConnectionId>,
    /// The memberships of those owners who come in otherwise too, with a second factor: for the day on which
    /// the provider is out of order.
    pub break_glass: Vec<MemberId>,
}

/// Whether somebody comes into an organization in the way in which they signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SsoAdmission {
    /// As far as this is about.
    Freely,
    /// As one of those owners, who show a second factor.
    AsBreakGlass,
    /// Only by the organization's identity provider.
    Not,
}

impl SsoPolicy {
    /// Whether this member comes in who signed in by this connection, or otherwise. Who is no owner any more
    /// opens nothing.
    pub fn admits(&self, (member, role): (MemberId, Role), by: Option<SsoConnectionId>) -> SsoAdmission {
        if !self.required || by.is_some_and(|by| self.connections.contains(&by)) {
            SsoAdmission::Freely
        } else if role == Role::Owner && self.break_glass.contains(&member) {
            SsoAdmission::AsBreakGlass
        } else {
            SsoAdmission::Not
        }
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn who_comes_in_where_sso_is_required() {
        let ids = Ids::sequence();
        let (owner, other): (MemberId, MemberId) = (ids.next(), ids.next());
        let (used, removed): (SsoConnectionId, SsoConnectionId) = (ids.next(), ids.next());
        let policy = SsoPolicy { required: true, connections: vec![used], break_glass: vec![owner] };
        for role in Role::ALL {
            assert_eq!(policy.admits((other, role), None), SsoAdmission::Not, "{role}");
            assert_eq!(
                policy.admits((other, role), Some(removed)),
                SsoAdmission::Not,
                "another organization's too"
            );
            assert_eq!(policy.admits((other, role), Some(used)), SsoAdmission::Freely);
            let expected = if role == Role::Owner { SsoAdmission::AsBreakGlass } else { SsoAdmission::Not };
            assert_eq!(policy.admits((owner, role), None), expected, "{role}");
            assert_eq!(policy.admits((owner, role), Some(used)), SsoAdmission::Freely);
            let free = SsoPolicy { required: false, ..policy.clone() };
            assert_eq!(free.admits((other, role), None), SsoAdmission::Freely);
        }
    }

    #[test]
    fn what_was_never_said_asks_for_nothing() {
        let none: SsoPolicy = serde_json::from_str("{}").unwrap();
        assert_eq!(none, SsoPolicy::default());
        assert_eq!(none.admits((Ids::unguessable(), Role::Viewer), None), SsoAdmission::Freely);
    }
}
