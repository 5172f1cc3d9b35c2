//! Who is calling and what they may do: [`Actor`], [`Role`], [`Permission`].
//!
//! Pure: decides from values alone. It must not know HTTP, tokens or the table.

mod permission;

pub use permission::{Permission, Role};

use primitives::{Email, Fault, FaultKind, MemberId, OrgId, SessionId, UserId};

/// A person with a valid session, in no organization or in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user_id: UserId,
    /// The person's verified address.
    pub email: Email,
    /// The session the call was made with.
    pub session_id: SessionId,
    /// The person's place in the session's organization, where it is in one.
    pub actor: Option<Actor>,
}

impl Principal {
    /// The person as a member of the session's organization.
    pub fn in_org(&self) -> Result<Actor, AccessError> {
        self.actor.ok_or(AccessError::NoOrganization)
    }
}

/// A member acting in an organization. The only source of the tenant in every read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The tenant.
    pub org_id: OrgId,
    /// The membership.
    pub member_id: MemberId,
    /// The person.
    pub user_id: UserId,
    /// The session the call was made with.
    pub session_id: SessionId,
    /// The member's role now, not when the token was made.
    pub role: Role,
}

impl Actor {
    /// Refuses unless the member's role holds the permission.
    pub fn require(&self, permission: Permission) -> Result<(), AccessError> {
        if self.role.holds(permission) {
            Ok(())
        } else {
            Err(AccessError::Forbidden { permission, role: self.role })
        }
    }
}

/// The caller may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The session is in no organization.
    #[error(
        "this session is in no organization: create one with POST /v1/orgs or choose one with POST /v1/auth/switch-org"
    )]
    NoOrganization,
    /// The role lacks the permission.
    #[error("the role {role} may not {permission}")]
    Forbidden {
        /// What was asked for.
        permission: Permission,
        /// What the member is.
        role: Role,
    },
}

impl Fault for AccessError {
    fn kind(&self) -> FaultKind {
        FaultKind::Forbidden
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoOrganization => "no_organization",
            Self::Forbidden { .. } => "forbidden",
        }
    }
}

/// The tenant that a read or write is confined to. Every key of a tenant's item asks for one, so that an id from a
/// request can never choose the tenant by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(OrgId);

impl Tenant {
    /// The tenant of a piece of work that our own system began: an event, a schedule, a signed webhook, or the creation
    /// of the organization itself. Never call it with an id taken from a request.
    pub fn trusted(org_id: OrgId) -> Self {
        Self(org_id)
    }

    /// The organization.
    pub fn org_id(self) -> OrgId {
        self.0
    }
}

impl Actor {
    /// The tenant that the actor is confined to.
    pub fn tenant(&self) -> Tenant {
        Tenant(self.org_id)
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    fn actor(role: Role) -> Actor {
        let ids = Ids::sequence();
        Actor { org_id: ids.next(), member_id: ids.next(), user_id: ids.next(), session_id: ids.next(), role }
    }

    #[test]
    fn a_role_without_the_permission_is_refused_and_told_why() {
        assert_eq!(actor(Role::Admin).require(Permission::ReadBilling), Ok(()));
        let refused = actor(Role::Viewer).require(Permission::ReadBilling).unwrap_err();
        assert_eq!(refused.to_string(), "the role viewer may not read the subscription");
        assert_eq!((refused.code(), refused.kind()), ("forbidden", FaultKind::Forbidden));
    }

    #[test]
    fn a_session_in_no_organization_is_told_so() {
        assert_eq!(AccessError::NoOrganization.code(), "no_organization");
        assert_eq!(AccessError::NoOrganization.kind(), FaultKind::Forbidden);
    }

    #[test]
    fn an_actor_is_confined_to_its_tenant() {
        let actor = actor(Role::Owner);
        assert_eq!(actor.tenant().org_id(), actor.org_id);
    }
}
