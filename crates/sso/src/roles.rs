//! What somebody becomes by what their identity provider says of them.

use access::Role;

use crate::SsoConnection;

/// What somebody becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleSaid {
    /// Who was no member.
    pub new: Role,
    /// Who is one: nothing where the provider does not say in which groups the person is. A claim that is
    /// missing may be a mistake of whoever runs the provider, and takes nobody's role.
    pub kept: Option<Role>,
}

/// What somebody would like to know who tries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The provider tells no address.
    NoEmail,
    /// It does not say that it knows the address to be the person's.
    EmailNotVerified,
    /// The address is of no domain that the connection serves.
    DomainNotServed,
    /// It does not say in which groups the person is.
    NoGroups,
    /// The person is in none of the groups that make something else of anybody than the usual.
    NoGroupCounts,
}

impl SsoConnection {
    /// What somebody becomes whom the provider says to be in these groups. It is never an owner.
    pub fn role(&self, groups: Option<&[&str]>) -> RoleSaid {
        let usual = Role::from(self.default_role);
        let Some(groups) = groups.filter(|_| self.group_claim.is_some()) else {
            return RoleSaid { new: usual, kept: None };
        };
        let most = groups.iter().filter_map(|group| self.group_roles.get(*group)).max();
        let role = most.map_or(usual, |role| Role::from(*role));
        RoleSaid { new: role, kept: Some(role) }
    }

    /// What is to be said about a person's groups.
    pub fn of_groups(&self, groups: Option<&[&str]>) -> Option<Finding> {
        self.group_claim.as_ref()?;
        match groups {
            None => Some(Finding::NoGroups),
            Some(groups) => {
                let counts = groups.iter().any(|group| self.group_roles.contains_key(*group));
                (!counts).then_some(Finding::NoGroupCounts)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use primitives::{Ids, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::api::{GroupRole, SsoDefaultRole};

    fn connection(claim: Option<&str>, groups: &[(&str, GroupRole)]) -> SsoConnection {
        SsoConnection {
            org_id: Ids::unguessable(),
            connection_id: Ids::unguessable(),
            name: "A".to_owned(),
            issuer: "https://a.example".to_owned(),
            client_id: "c".to_owned(),
            secret: String::new(),
            secret_hint: String::new(),
            domain_ids: Vec::new(),
            default_role: SsoDefaultRole::Viewer,
            group_claim: claim.map(str::to_owned),
            group_roles: groups.iter().map(|(group, role)| ((*group).to_owned(), *role)).collect(),
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            last_sign_in_at: None,
            last_error: None,
            version: 1,
        }
    }

    #[test]
    fn the_group_that_may_do_most_counts() {
        let groups = [("it", GroupRole::Admin), ("staff", GroupRole::Member), ("guests", GroupRole::Viewer)];
        let with = connection(Some("groups"), &groups);
        let said = |new, kept| RoleSaid { new, kept };
        assert_eq!(with.role(Some(&["staff", "it", "x"])), said(Role::Admin, Some(Role::Admin)));
        assert_eq!(with.role(Some(&["guests", "staff"])), said(Role::Member, Some(Role::Member)));
        assert_eq!(with.role(Some(&["IT"])), said(Role::Viewer, Some(Role::Viewer)), "to the letter");
        assert_eq!(with.role(Some(&[])), said(Role::Viewer, Some(Role::Viewer)), "in no group any more");
        assert_eq!(with.role(None), said(Role::Viewer, None), "a claim that is missing demotes nobody");
        let without = connection(None, &groups);
        assert_eq!(without.role(Some(&["it"])), said(Role::Viewer, None));
        assert_eq!((with.of_groups(None), without.of_groups(None)), (Some(Finding::NoGroups), None));
        assert_eq!(with.of_groups(Some(&["x"])), Some(Finding::NoGroupCounts));
        assert_eq!(with.of_groups(Some(&["it"])), None);
    }

    proptest! {
        #[test]
        fn nobody_becomes_an_owner(groups in proptest::collection::vec("[a-c]", 0..4), said: bool) {
            let roles = [("a", GroupRole::Admin), ("b", GroupRole::Member), ("c", GroupRole::Viewer)];
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            let role = connection(Some("groups"), &roles).role(said.then_some(groups.as_slice()));
            prop_assert!(role.new != Role::Owner && role.kept != Some(Role::Owner));
        }
    }
}
