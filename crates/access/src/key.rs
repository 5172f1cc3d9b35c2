use std::marker::PhantomData;

use primitives::{ApiKeyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{AccessError, Actor, Needed, Permission, Permit, Principal, needs::WriteOwners};

/// What the text of every key begins with, of whatever environment it is.
pub const API_KEY: &str = "gk_";

/// What the text of every token begins with by which an identity provider keeps a directory (SCIM).
pub const SCIM_TOKEN: &str = "gs_";

/// A permission that a key may be given.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
pub enum Scope {
    /// Read the organization's own record.
    #[serde(rename = "org:read")]
    ReadOrganization,
    /// Change its name, its slug and how it is shown.
    #[serde(rename = "org:write")]
    WriteOrganization,
    /// List the members.
    #[serde(rename = "members:read")]
    ReadMembers,
    /// Change the roles of members and take them out, below owner.
    #[serde(rename = "members:write")]
    WriteMembers,
    /// See who is invited.
    #[serde(rename = "invites:read")]
    ReadInvites,
    /// Invite people as members or viewers, and take that back.
    #[serde(rename = "invites:write")]
    WriteInvites,
    /// See the state of the subscription.
    #[serde(rename = "billing:read")]
    ReadBilling,
    /// Ask whether a member's access token is good.
    #[serde(rename = "tokens:read")]
    ReadTokens,
    /// See what happened in the organization, and who did it.
    #[serde(rename = "audit:read")]
    ReadAudit,
    /// See what is used, of what there may be.
    #[serde(rename = "usage:read")]
    ReadUsage,
    /// Report what is used, and set aside what is about to be.
    #[serde(rename = "usage:write")]
    WriteUsage,
}

impl Scope {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::ReadOrganization,
        Self::WriteOrganization,
        Self::ReadMembers,
        Self::WriteMembers,
        Self::ReadInvites,
        Self::WriteInvites,
        Self::ReadBilling,
        Self::ReadTokens,
        Self::ReadAudit,
        Self::ReadUsage,
        Self::WriteUsage,
    ];

    /// What it lets a key do.
    pub fn permission(self) -> Permission {
        match self {
            Self::ReadOrganization => Permission::ReadOrganization,
            Self::WriteOrganization => Permission::WriteOrganization,
            Self::ReadMembers => Permission::ReadMembers,
            Self::WriteMembers => Permission::WriteMembers,
            Self::ReadInvites => Permission::ReadInvites,
            Self::WriteInvites => Permission::WriteInvites,
            Self::ReadBilling => Permission::ReadBilling,
            Self::ReadTokens => Permission::ReadTokens,
            Self::ReadAudit => Permission::ReadAudit,
            Self::ReadUsage => Permission::ReadUsage,
            Self::WriteUsage => Permission::WriteUsage,
        }
    }
}

/// A program acting for an organization by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyActor {
    /// The key.
    pub key_id: ApiKeyId,
    /// What it was given.
    pub scopes: Vec<Scope>,
    /// Whoever made the key, in the role of now. Where that person has left and the organization keeps such
    /// keys, what the person was.
    pub maker: Actor,
    /// Whether the role of whoever made it counts no more.
    pub outlives_maker: bool,
}

impl KeyActor {
    /// The key as one that may do this: refused unless it has the scope, and whoever made it may do so too.
    pub fn permit<P: Needed>(&self) -> Result<Permit<P>, AccessError> {
        let permission = P::PERMISSION;
        if self.maker.is_suspended {
            return Err(AccessError::OrganizationSuspended);
        }
        if !self.scopes.iter().any(|scope| scope.permission() == permission) {
            return Err(AccessError::InsufficientScope { permission });
        }
        if self.outlives_maker || self.maker.role.holds(permission) {
            Ok(Permit(self.maker, PhantomData))
        } else {
            Err(AccessError::Forbidden { permission, role: self.maker.role })
        }
    }
}

/// Who asks for something: a person, of whom a proof can be asked, or a program, of which none can be.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// A signed-in person.
    Person(&'a Principal),
    /// A program with a key.
    Key(&'a KeyActor),
}

impl Asker<'_> {
    /// Refuses what is about owners to whoever is none, or showed who they are too long ago; to a program
    /// always.
    pub fn require_owner<P>(self, permit: &Permit<P>, now: Timestamp) -> Result<(), AccessError> {
        let Self::Person(principal) = self else { return Err(AccessError::PeopleOnly) };
        permit.permit::<WriteOwners>()?;
        principal.require_fresh(now)
    }

    /// Whose the names are that the caller gives to requests: see [`Principal::scope`].
    pub fn scope(self) -> String {
        match self {
            Self::Person(principal) => principal.scope(),
            Self::Key(key) => format!("{}@{}", key.key_id, key.maker.org_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use primitives::{Fault, Ids};

    use super::*;
    use crate::{AccessLevel, Role, needs};

    #[test]
    fn a_scope_has_the_name_of_its_permission() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.permission().name());
        }
    }

    #[test]
    fn a_key_may_do_what_it_was_given_and_its_maker_may() {
        let ids = Ids::sequence();
        let maker = |role| Actor {
            org_id: ids.next(),
            member_id: ids.next(),
            user_id: ids.next(),
            role,
            level: AccessLevel::Full,
            level_until: None,
            plan: crate::Plan::of_trial(),
            requires_factor: false,
            lacks_factor: true,
            lacks_sso: true,
            is_suspended: false,
        };
        let key = |role, scopes: &[Scope]| KeyActor {
            key_id: ids.next(),
            scopes: scopes.to_vec(),
            maker: maker(role),
            outlives_maker: false,
        };
        let billing = key(Role::Admin, &[Scope::ReadBilling]);
        assert_eq!(billing.permit::<needs::ReadBilling>().unwrap().org_id, billing.maker.org_id);
        let refused = billing.permit::<needs::ReadMembers>().unwrap_err();
        assert_eq!(refused.code(), "insufficient_scope");
        let lowered = key(Role::Member, &[Scope::ReadBilling]);
        assert_eq!(lowered.permit::<needs::ReadBilling>().unwrap_err().code(), "forbidden");
        let kept = KeyActor { outlives_maker: true, ..lowered };
        assert!(kept.permit::<needs::ReadBilling>().is_ok());
        let suspended = Actor { is_suspended: true, ..kept.maker };
        let suspended = KeyActor { maker: suspended, ..kept };
        assert_eq!(suspended.permit::<needs::ReadBilling>().unwrap_err().code(), "organization_suspended");
    }
}
