//! Who is calling and what they may do: [`Actor`], [`Role`], [`Permission`], [`AccessLevel`], [`Permit`].
//!
//! Pure: decides from values alone. It must not know HTTP, tokens or the table.

mod impersonation;
mod key;
mod level;
mod permission;
mod person;
mod plan;
mod sso;
mod staff;
mod way;

pub use impersonation::{ImpersonationMode, Impersonator};
pub use key::{API_KEY, Asker, KeyActor, SCIM_TOKEN, Scope};
pub use level::{Access, AccessLevel, AccessSchedule, Always, Full, Offered, Open, Reading, With, features};
pub use permission::{Needed, Permission, Role, needs};
pub use person::{Deletion, Person, Profile};
pub use plan::{Feature, Interval, PLANS, Plan, Price, Quota};
pub use sso::{SsoAdmission, SsoPolicy};
pub use staff::{
    STAFF_SESSIONS_LAST, StaffActor, StaffMember, StaffPermission, StaffPermit, StaffRole, staff_needs,
};
pub use way::{MfaMode, MfaPolicy, Shown, Way};

use std::{collections::BTreeSet, fmt, marker::PhantomData, ops::Deref, sync::Arc};

use primitives::{
    Email, Fault, FaultCode, MemberId, OrgId, SessionId, SignedDuration, SsoConnectionId, Timestamp, UserId,
};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[AccessError::CODES];

/// A person with a valid session, in no organization or in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user_id: UserId,
    /// The person's verified address.
    pub email: Email,
    /// The session the call was made with.
    pub session_id: SessionId,
    /// The person's sessions that have not ended.
    pub live_sessions: Arc<BTreeSet<SessionId>>,
    /// When the person last showed who they are: at the sign-in, or later when that was asked for again.
    pub signed_in_at: Timestamp,
    /// What else is known of the person.
    pub person: Person,
    /// What the person has shown.
    pub shown: Shown,
    /// The connection to an organization's identity provider that the person signed in by, where it was one.
    pub sso: Option<SsoConnectionId>,
    /// The person's place in the session's organization, where it is in one.
    pub actor: Option<Actor>,
    /// The person's place among our staff: asked for by the routes of staff alone.
    pub staff: Option<StaffMember>,
    /// Who of our staff acts in the person's name, where it is not the person.
    pub impersonator: Option<Impersonator>,
}

/// For how long a proof of who somebody is counts as a fresh one.
pub const PROOF_IS_FRESH: SignedDuration = SignedDuration::from_mins(10);

impl Principal {
    /// Refuses to change anything for a person who asked for the account to be erased: it can be looked at
    /// and restored.
    pub fn require_staying(&self) -> Result<(), AccessError> {
        if self.person.deletion.is_none() { Ok(()) } else { Err(AccessError::DeletionPending) }
    }

    /// Refuses what asks for a fresh proof, unless the person showed who they are a moment ago: a token
    /// that somebody else has, or a screen that was left open, does not suffice for it.
    pub fn require_fresh(&self, now: Timestamp) -> Result<(), AccessError> {
        let is_fresh = now.duration_since(self.signed_in_at) <= PROOF_IS_FRESH && self.shown.is_whole();
        if is_fresh { Ok(()) } else { Err(AccessError::StepUpRequired) }
    }

    /// The person as a member of the session's organization: refused where that one asks for more than was
    /// shown.
    pub fn in_org(&self) -> Result<Actor, AccessError> {
        let actor = self.actor.ok_or(AccessError::NoOrganization)?;
        if actor.is_suspended {
            return Err(AccessError::OrganizationSuspended);
        }
        if actor.lacks_sso {
            return Err(AccessError::SsoRequired);
        }
        if actor.lacks_factor { Err(AccessError::MfaRequired) } else { Ok(actor) }
    }

    /// Whose the names are that a caller gives to requests: the person's, in this organization or in none.
    pub fn scope(&self) -> String {
        self.actor.map_or_else(|| self.user_id.to_string(), Actor::scope)
    }
}

/// A member acting in an organization. The only source of the tenant in every read and write.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and no two belong together")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The tenant.
    pub org_id: OrgId,
    /// The membership.
    pub member_id: MemberId,
    /// The person.
    pub user_id: UserId,
    /// The member's role now, not when the token was made.
    pub role: Role,
    /// How much the organization may use now.
    pub level: AccessLevel,
    /// When that ends if nothing else happens.
    pub level_until: Option<Timestamp>,
    /// What the organization subscribed to, or tries out.
    pub plan: &'static Plan,
    /// Whether the organization asks everybody for a second factor, now or from some day on.
    pub requires_factor: bool,
    /// Whether the organization asks for a second factor that this session has not shown.
    pub lacks_factor: bool,
    /// Whether the organization asks for a sign-in by its own identity provider, which this session is not.
    pub lacks_sso: bool,
    /// Whether our staff has suspended the organization.
    pub is_suspended: bool,
}

impl Actor {
    /// Whose the names are that the member gives to requests: see [`Principal::scope`].
    pub fn scope(self) -> String {
        format!("{}@{}", self.user_id, self.org_id)
    }

    /// The actor as one who may do this: refused unless the role holds the permission.
    pub fn permit<P: Needed>(self) -> Result<Permit<P>, AccessError> {
        let permission = P::PERMISSION;
        if self.role.holds(permission) {
            Ok(Permit(self, PhantomData))
        } else {
            Err(AccessError::Forbidden { permission, role: self.role })
        }
    }

    /// Refuses work of a kind that is closed at the organization's access level, or is not in its plan.
    pub fn require_open<L: Open>(&self) -> Result<(), AccessError> {
        if !L::at(self.level) {
            return Err(AccessError::Restricted { level: self.level });
        }
        match L::FEATURE.filter(|feature| !self.plan.has(*feature)) {
            Some(feature) => Err(AccessError::NotInPlan { feature, plan: self.plan.name }),
            None => Ok(()),
        }
    }
}

/// An actor who holds a permission. What needs the permission takes this, so that nobody can forget to ask
/// for it.
#[derive(Clone, Copy, Debug)]
pub struct Permit<P>(Actor, PhantomData<P>);

impl<P> Deref for Permit<P> {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.0
    }
}

/// The caller may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Fault)]
pub enum AccessError {
    /// The session is in no organization.
    #[error(
        "this session is in no organization: create one with POST /v1/orgs or choose one with POST /v1/auth/switch-org"
    )]
    #[fault(Forbidden, "no_organization")]
    NoOrganization,
    /// Our staff has suspended the organization.
    #[error("this organization is suspended; ask the support")]
    #[fault(Forbidden, "organization_suspended")]
    OrganizationSuspended,
    /// Whoever is no staff finds nothing where staff works.
    #[error("there is nothing here")]
    #[fault(NotFound, "not_found")]
    NotStaff,
    /// The request comes from where no staff works.
    #[error("this is not open to your network address")]
    #[fault(Forbidden, "address_not_allowed")]
    AddressNotAllowed,
    /// The session of somebody of our staff is older than such a session may be.
    #[error("a session of staff lasts {} hours; sign in again", STAFF_SESSIONS_LAST.as_hours())]
    #[fault(Unauthenticated, "session_ended")]
    StaffSessionOver,
    /// Somebody of our staff has shown one factor alone.
    #[error("staff shows a second factor: do so with POST /v1/auth/step-up/verify")]
    #[fault(Forbidden, "mfa_required")]
    StaffMfaRequired,
    /// The role among our staff lacks the permission.
    #[error("the staff role {role} may not {permission}")]
    #[fault(Forbidden, "forbidden")]
    StaffForbidden {
        /// What was asked for.
        permission: StaffPermission,
        /// What the member of staff is.
        role: StaffRole,
    },
    /// Somebody of our staff wants what only the person does.
    #[error("nobody does this in the name of somebody else")]
    #[fault(Forbidden, "impersonation_refused")]
    ImpersonationRefused,
    /// The organization asks for a second factor.
    #[error("this organization asks for a second factor: show one with POST /v1/auth/step-up/verify")]
    #[fault(Forbidden, "mfa_required")]
    MfaRequired,
    /// The organization asks for a sign-in by its own identity provider.
    #[error(
        "this organization asks for a sign-in by its own identity provider: begin one with POST /v1/auth/sso/authorizations"
    )]
    #[fault(Forbidden, "sso_required")]
    SsoRequired,
    /// The role lacks the permission.
    #[error("the role {role} may not {permission}")]
    #[fault(Forbidden, "forbidden")]
    Forbidden {
        /// What was asked for.
        permission: Permission,
        /// What the member is.
        role: Role,
    },
    /// The key was not given this.
    #[error("this API key may not {permission}: give it the scope {}, or use another one", permission.name())]
    #[fault(Forbidden, "insufficient_scope")]
    InsufficientScope {
        /// What was asked for.
        permission: Permission,
    },
    /// A key is shown where only people go.
    #[error("no API key may do this: a signed-in person may")]
    #[fault(Forbidden, "insufficient_scope")]
    PeopleOnly,
    /// The person showed who they are too long ago.
    #[error("show once more who you are: what you ask for needs a proof of the last {} minutes", PROOF_IS_FRESH.as_mins())]
    #[fault(Unauthenticated, "step_up_required")]
    StepUpRequired,
    /// The person asked for the account to be erased.
    #[error("this account is about to be erased; have it restored with POST /v1/me/restore first")]
    #[fault(Forbidden, "account_deletion_pending")]
    DeletionPending,
    /// The organization's access level does not allow it.
    #[error("the organization's access is {level}; whoever manages its billing can change that")]
    #[fault(Unpaid, "access_restricted")]
    Restricted {
        /// How much it may use.
        level: AccessLevel,
    },
    /// What the organization pays for does not have it.
    #[error("the plan {plan} has no {}; whoever manages the organization's billing can choose another", feature.name())]
    #[fault(Unpaid, "feature_not_in_plan")]
    NotInPlan {
        /// What was asked for.
        feature: Feature,
        /// What the organization pays for.
        plan: &'static str,
    },
}

/// The tenant that a read or write is confined to. Every key of a tenant's item asks for one, so that an id
/// from a request can never choose the tenant by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(OrgId);

impl Tenant {
    /// The tenant of a piece of work that our own system began: an event, a schedule, a signed webhook, or
    /// the creation of the organization itself. Never call it with an id taken from a request.
    pub fn trusted(org_id: OrgId) -> Self {
        Self(org_id)
    }

    /// The organization.
    pub fn org_id(self) -> OrgId {
        self.0
    }
}

/// The organization's id.
impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
    use primitives::{FaultKind, Ids};

    use super::*;

    fn actor(role: Role) -> Actor {
        let ids = Ids::sequence();
        let level = AccessLevel::ReadOnly;
        Actor {
            org_id: ids.next(),
            member_id: ids.next(),
            user_id: ids.next(),
            role,
            level,
            level_until: None,
            plan: Plan::of_trial(),
            requires_factor: false,
            lacks_factor: false,
            lacks_sso: false,
            is_suspended: false,
        }
    }

    #[test]
    fn a_role_without_the_permission_is_refused_and_told_why() {
        let admin = actor(Role::Admin);
        assert_eq!(*admin.permit::<needs::ReadBilling>().unwrap(), admin);
        let refused = actor(Role::Viewer).permit::<needs::ReadBilling>().unwrap_err();
        assert_eq!(refused.to_string(), "the role viewer may not read the subscription");
        assert_eq!((refused.code(), refused.kind()), ("forbidden", FaultKind::Forbidden));
    }

    #[test]
    fn what_the_access_level_closes_is_refused() {
        let actor = actor(Role::Owner);
        assert_eq!(actor.require_open::<Reading>(), Ok(()));
        let refused = actor.require_open::<Full>().unwrap_err();
        assert_eq!((refused.code(), refused.kind()), ("access_restricted", FaultKind::Unpaid));
        assert!(refused.to_string().contains("read_only"), "{refused}");
    }

    #[test]
    fn what_the_plan_has_not_is_refused() {
        let of = |plan, level| Actor { plan: Plan::named(Some(plan)), level, ..actor(Role::Owner) };
        assert_eq!(of("team", AccessLevel::Full).require_open::<With<features::Sso>>(), Ok(()));
        assert_eq!(of("starter", AccessLevel::Full).require_open::<Full>(), Ok(()));
        let refused = of("starter", AccessLevel::Grace).require_open::<With<features::Sso>>().unwrap_err();
        assert_eq!((refused.code(), refused.kind()), ("feature_not_in_plan", FaultKind::Unpaid));
        assert!(refused.to_string().contains("Starter has no sso"), "{refused}");
        let unpaid = of("starter", AccessLevel::Suspended).require_open::<With<features::Sso>>().unwrap_err();
        assert_eq!(unpaid.code(), "access_restricted", "what is to be done first");
    }

    #[test]
    fn a_session_in_no_organization_is_told_so() {
        assert_eq!(AccessError::NoOrganization.code(), "no_organization");
        assert_eq!(AccessError::NoOrganization.kind(), FaultKind::Forbidden);
    }

    #[test]
    fn a_proof_is_fresh_for_ten_minutes() {
        let ids = Ids::sequence();
        let signed_in_at = Timestamp::from_second(1_800_000_000).unwrap();
        let person = Principal {
            user_id: ids.next(),
            email: "ada@example.com".parse().unwrap(),
            session_id: ids.next(),
            live_sessions: Arc::default(),
            signed_in_at,
            person: Person::default(),
            shown: Shown::default(),
            sso: None,
            actor: None,
            staff: None,
            impersonator: None,
        };
        assert_eq!(person.require_fresh(signed_in_at), Ok(()));
        let shown = Shown::only(Way::Password).and(Way::TrustedBrowser);
        let remembered = Principal { shown, ..person.clone() };
        assert!(remembered.require_fresh(signed_in_at).is_err(), "a browser is no proof");
        assert_eq!(person.require_fresh(signed_in_at + PROOF_IS_FRESH), Ok(()));
        let late = person.require_fresh(signed_in_at + PROOF_IS_FRESH + SignedDuration::from_millis(1));
        let refused = late.unwrap_err();
        assert_eq!((refused.code(), refused.kind()), ("step_up_required", FaultKind::Unauthenticated));
        assert!(refused.to_string().contains("10 minutes"), "{refused}");
    }

    #[test]
    fn an_actor_is_confined_to_its_tenant() {
        let actor = actor(Role::Owner);
        assert_eq!(actor.tenant().org_id(), actor.org_id);
    }
}
