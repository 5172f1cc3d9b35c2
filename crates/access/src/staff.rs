//! Our own people, who look after everybody's accounts and organizations.

use std::{fmt, marker::PhantomData, ops::Deref};

use primitives::{OrgId, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{AccessError, Needed, Principal, Tenant, permission::permissions};

/// What somebody of our staff is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StaffRole {
    /// Helps people with their accounts.
    Support,
    /// Looks after what customers pay.
    Billing,
    /// May do everything, and says who is staff.
    Operator,
}

impl StaffRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Support, Self::Billing, Self::Operator];
}

impl fmt::Display for StaffRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Support => "support",
            Self::Billing => "billing",
            Self::Operator => "operator",
        })
    }
}

permissions! {
    /// One thing that somebody of our staff may be allowed to do.
    StaffPermission of StaffRole, as types in staff_needs;
    /// Find and show people.
    ReadPeople: "people:read", "look at people", Support | Billing | Operator;
    /// End sessions, remove a lost factor, have mails sent again.
    WritePeople: "people:write", "help people with their accounts", Support | Operator;
    /// Suspend people, and lift that.
    SuspendPeople: "people:suspend", "suspend people", Operator;
    /// Find and show organizations.
    ReadOrganizations: "orgs:read", "look at organizations", Support | Billing | Operator;
    /// Give an organization more days of its trial.
    ExtendTrials: "trials:write", "extend trials", Support | Billing | Operator;
    /// Suspend organizations, and lift that.
    SuspendOrganizations: "orgs:suspend", "suspend organizations", Operator;
    /// Act in the name of a member, who looks.
    ReadAsMembers: "impersonation:read", "look in the name of a member", Support | Operator;
    /// The same, and change things.
    WriteAsMembers: "impersonation:write", "change things in the name of a member", Operator;
    /// See who of the staff acted in whose name.
    ReadAudit: "audit:read", "read what staff did", Support | Billing | Operator;
    /// See what organizations pay, and with which cards.
    ReadBilling: "billing:read", "look at what is paid, and how the money stands", Billing | Operator;
    /// Have people and organizations erased.
    Erase: "erasure:write", "have people and organizations erased", Operator;
    /// Say who is staff.
    WriteStaff: "staff:write", "say who is staff", Operator;
}

/// How long a session is one of staff, from the sign-in on, whatever was shown since.
pub const STAFF_SESSIONS_LAST: SignedDuration = SignedDuration::from_hours(8);

/// A person's place among our staff, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaffMember {
    /// What the person is.
    pub role: StaffRole,
    /// When the session began that the call was made with.
    pub session_began_at: Timestamp,
}

impl Principal {
    /// The person as one of our staff who may do this. Whoever is none finds nothing.
    pub fn permit_staff<P: Needed<StaffPermission>>(
        &self,
        now: Timestamp,
    ) -> Result<StaffPermit<P>, AccessError> {
        let staff = self.staff.filter(|_| self.impersonator.is_none());
        let StaffMember { role, session_began_at } = staff.ok_or(AccessError::NotStaff)?;
        if now.duration_since(session_began_at) >= STAFF_SESSIONS_LAST {
            return Err(AccessError::StaffSessionOver);
        }
        if !self.shown.is_multi_factor() {
            return Err(AccessError::StaffMfaRequired);
        }
        self.require_staying()?;
        if !role.holds(P::PERMISSION) {
            return Err(AccessError::StaffForbidden { permission: P::PERMISSION, role });
        }
        Ok(StaffPermit(StaffActor { user_id: self.user_id, role }, PhantomData))
    }
}

/// Somebody of our staff at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaffActor {
    /// Who.
    pub user_id: UserId,
    /// What they are.
    pub role: StaffRole,
}

/// Somebody of our staff who holds a permission: [`Permit`](crate::Permit) for what belongs to no tenant.
#[derive(Clone, Copy, Debug)]
pub struct StaffPermit<P>(StaffActor, PhantomData<P>);

impl<P> Deref for StaffPermit<P> {
    type Target = StaffActor;

    fn deref(&self) -> &StaffActor {
        &self.0
    }
}

impl<P> StaffPermit<P> {
    /// The tenant that staff chose to look at. Nobody else chooses one.
    pub fn tenant(&self, org_id: OrgId) -> Tenant {
        Tenant::trusted(org_id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use primitives::{Fault, Ids};

    use super::*;
    use crate::{Deletion, Person, Shown, Way};

    /// The whole table, written a second time: a slip in one of the two is noticed.
    #[test]
    fn who_of_the_staff_may_do_what() {
        let table = [
            (StaffPermission::ReadPeople, "people:read", "support billing operator"),
            (StaffPermission::WritePeople, "people:write", "support operator"),
            (StaffPermission::SuspendPeople, "people:suspend", "operator"),
            (StaffPermission::ReadOrganizations, "orgs:read", "support billing operator"),
            (StaffPermission::ExtendTrials, "trials:write", "support billing operator"),
            (StaffPermission::SuspendOrganizations, "orgs:suspend", "operator"),
            (StaffPermission::ReadAsMembers, "impersonation:read", "support operator"),
            (StaffPermission::WriteAsMembers, "impersonation:write", "operator"),
            (StaffPermission::ReadAudit, "audit:read", "support billing operator"),
            (StaffPermission::ReadBilling, "billing:read", "billing operator"),
            (StaffPermission::Erase, "erasure:write", "operator"),
            (StaffPermission::WriteStaff, "staff:write", "operator"),
        ];
        assert_eq!(StaffPermission::ALL, table.map(|(permission, ..)| permission));
        for (permission, name, roles) in table {
            let may: Vec<_> = StaffRole::ALL.into_iter().filter(|role| role.holds(permission)).collect();
            let may: Vec<_> = may.iter().map(ToString::to_string).collect();
            assert_eq!((permission.name(), &*may.join(" ")), (name, roles));
        }
    }

    #[test]
    fn only_staff_with_two_factors_and_a_session_of_today_is_let_in() {
        let (ids, began) = (Ids::sequence(), Timestamp::from_second(1_800_000_000).unwrap());
        let person = |role: Option<StaffRole>, shown: Shown| Principal {
            user_id: ids.next(),
            email: "ada@example.com".parse().unwrap(),
            session_id: ids.next(),
            live_sessions: Arc::default(),
            // what was shown later makes no session longer
            signed_in_at: began + SignedDuration::from_hours(7),
            person: Person::default(),
            shown,
            sso: None,
            actor: None,
            staff: role.map(|role| StaffMember { role, session_began_at: began }),
            impersonator: None,
        };
        let both = || Shown::only(Way::Mail).and(Way::Totp);
        let code = |person: &Principal, hours: i64| {
            let now = began + SignedDuration::from_hours(hours);
            person.permit_staff::<staff_needs::SuspendPeople>(now).map_or_else(|error| error.code(), |_| "")
        };
        let operator = person(Some(StaffRole::Operator), both());
        assert_eq!((code(&operator, 7), code(&operator, 8)), ("", "session_ended"));
        assert_eq!(code(&person(Some(StaffRole::Operator), Shown::only(Way::Passkey)), 0), "");
        for shown in [Shown::only(Way::Password), Shown::only(Way::Password).and(Way::TrustedBrowser)] {
            assert_eq!(code(&person(Some(StaffRole::Operator), shown), 0), "mfa_required");
        }
        assert_eq!(code(&person(None, both()), 0), "not_found");
        assert_eq!(
            code(&person(None, Shown::default()), 9),
            "not_found",
            "nothing is said about what is lacking"
        );
        for role in [StaffRole::Support, StaffRole::Billing] {
            assert_eq!(code(&person(Some(role), both()), 0), "forbidden");
        }
        let deletion = Some(Deletion { requested_at: began, erase_at: began });
        let leaving = Principal { person: Person { deletion, ..Person::default() }, ..operator };
        assert_eq!(code(&leaving, 0), "account_deletion_pending");
    }
}
