//! Our staff in the name of a member: a token of an hour at most, which says who really acts (RFC 8693,
//! section 4.1), and gets no other one. What is done with it is refused elsewhere.

use access::{ImpersonationMode, StaffActor, Tenant};
use events::NewEvent;
use identity_core::{
    Impersonation, Membership, User, keys,
    suspension::{ImpersonationEnded, ImpersonationStarted},
};
use primitives::{
    ImpersonationId, MemberId, OrgId, Secret, SessionId, SignedDuration, Time, Timestamp, UserId,
};
use serde::Deserialize;
use table::{Changes, Condition, Consistency, Item, Table};

use crate::{
    IdentityError, Issuer,
    authority::StaffFacts,
    session::FIRST_PARTY,
    token::{Act, Claims},
};

/// How many act in one person's name at a time.
const MOST_AT_ONCE: usize = 5;

/// What somebody of our staff asks for.
#[derive(Clone, Debug)]
pub struct ImpersonationAsked {
    /// In which organization.
    pub tenant: Tenant,
    /// In whose name.
    pub user_id: UserId,
    /// To do what.
    pub mode: ImpersonationMode,
    /// For how long.
    pub lasts: SignedDuration,
    /// Why.
    pub reason: String,
    /// Where more is said about it.
    pub ticket: Option<String>,
}

/// One that begins.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The impersonation.
    pub impersonation: Impersonation,
    /// The membership in whose name it is.
    pub member_id: MemberId,
}

/// What of the gate is about it.
#[derive(Deserialize)]
struct OfGate {
    #[serde(default)]
    refuses_support: bool,
    version: u64,
}

/// Decides that somebody of our staff acts in the name of a member: never of one of our own, and not where
/// the organization does not want it. Two calls.
///
/// # Errors
/// [`IdentityError::NotAMember`] where there is no such member, and
/// [`IdentityError::ImpersonationNotAllowed`].
pub async fn begin_impersonation(
    table: &Table,
    (by, staff_session_id): (&StaffActor, SessionId),
    asked: &ImpersonationAsked,
) -> Result<(Begun, Changes), IdentityError> {
    let (tenant, user_id) = (asked.tenant, asked.user_id);
    if user_id == by.user_id {
        return Err(IdentityError::ImpersonationNotAllowed);
    }
    let all = [
        keys::User::key(user_id),
        keys::Staff::key(user_id),
        keys::Membership::key(user_id, tenant),
        keys::Gate::key(tenant),
        keys::Staff::key(by.user_id),
    ];
    let mut found = table.get_many(&all, Consistency::Strong).await?;
    let [of_user, of_staff, of_place, of_gate, of_by] = all;
    let user: Option<User> = found.take(&of_user)?;
    let staff: Option<StaffFacts> = found.take(&of_staff)?;
    let place: Option<Membership> = found.take(&of_place)?;
    let gate: Option<OfGate> = found.take(&of_gate)?;
    let (user, place) = user.zip(place).ok_or(IdentityError::NotAMember)?;
    let gate = gate.ok_or(IdentityError::NotAMember)?;
    if staff.is_some() || gate.refuses_support || user.suspended_at().is_some() {
        return Err(IdentityError::ImpersonationNotAllowed);
    }
    let by_facts: Option<StaffFacts> = found.take(&of_by)?;
    // whoever lost the role a moment ago begins nothing
    let by_facts = by_facts.ok_or(IdentityError::ImpersonationNotAllowed)?;
    let now = table.clock().now();
    let user = user.without_past_impersonations(now);
    if user.impersonations().count() >= MOST_AT_ONCE {
        return Err(IdentityError::TooManyImpersonations { limit: MOST_AT_ONCE });
    }
    let impersonation = Impersonation {
        id: table.ids().next(),
        org_id: tenant.org_id(),
        user_id,
        staff_user_id: by.user_id,
        staff_session_id,
        mode: asked.mode,
        reason: asked.reason.clone(),
        ticket: asked.ticket.clone(),
        created_at: now.into(),
        ends_at: Time::from(now + asked.lasts),
        ended_at: None,
        version: 0,
    };
    let event = ImpersonationStarted {
        impersonation_id: impersonation.id,
        user_id,
        staff_user_id: by.user_id,
        mode: asked.mode,
        expires_at: now + asked.lasts,
    };
    let event = of_history(&impersonation, &event);
    let changes = Changes::new()
        .replace(&user.impersonated(impersonation.id, impersonation.in_the_name(by_facts.role_since)))
        .create(&impersonation)
        .require(of_staff, Condition::Absent)
        .require(of_place, Condition::VersionIs(place.version()))
        .require(of_gate, Condition::VersionIs(gate.version))
        .publish(event);
    let impersonation = Impersonation { version: 1, ..impersonation };
    Ok((Begun { impersonation, member_id: place.member_id }, changes))
}

fn of_history<E: events::Event>(impersonation: &Impersonation, event: &E) -> NewEvent {
    NewEvent::new(Some(impersonation.org_id), &impersonation.id, impersonation.next_version(), event)
}

/// Decides that one ends: with the next request that is made by it. Nothing where it has ended.
pub async fn end_impersonation(
    table: &Table,
    impersonation: &Impersonation,
) -> Result<Option<Changes>, IdentityError> {
    let now = table.clock().now();
    if impersonation.ended_at.is_some() || impersonation.ends_at.timestamp() <= now {
        return Ok(None);
    }
    let user: Option<User> = table.get(&keys::User::key(impersonation.user_id), Consistency::Strong).await?;
    let ended = Impersonation { ended_at: Some(now.into()), ..impersonation.clone() };
    let Impersonation { id, user_id, staff_user_id, .. } = *impersonation;
    let event = ImpersonationEnded { impersonation_id: id, user_id, staff_user_id };
    let changes = Changes::new().replace(&ended).publish(of_history(impersonation, &event));
    let changes = match user {
        Some(user) if user.in_the_name(id, now).is_some() => changes.replace(&user.impersonated_no_more(id)),
        _ => changes,
    };
    Ok(Some(changes))
}

/// An impersonation, of whatever organization: for our staff.
pub async fn impersonation(
    table: &Table,
    id: ImpersonationId,
) -> Result<Option<Impersonation>, IdentityError> {
    Ok(table.get(&keys::Impersonation::key(id), Consistency::Strong).await?)
}

/// Which impersonations are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImpersonationFilter {
    /// Those in this organization.
    pub org_id: Option<OrgId>,
    /// Those of this one of our staff.
    pub staff_user_id: Option<UserId>,
}

impl ImpersonationFilter {
    /// Whether this is one of them.
    pub fn holds(&self, impersonation: &Impersonation) -> bool {
        self.org_id.is_none_or(|org_id| org_id == impersonation.org_id)
            && self.staff_user_id.is_none_or(|by| by == impersonation.staff_user_id)
    }
}

impl Issuer {
    /// The token of an impersonation, and for how many seconds it works: until the end, and with none to get
    /// another one by.
    pub fn impersonating(
        &self,
        Begun { impersonation, member_id }: &Begun,
        now: Timestamp,
    ) -> Result<(Secret<String>, i64), IdentityError> {
        let key = &self.keys.current;
        let begun = impersonation.created_at.timestamp().as_second();
        let ends = impersonation.ends_at.timestamp().as_second();
        let claims = Claims {
            iss: key.issuer().to_owned(),
            aud: key.issuer().to_owned(),
            sub: impersonation.user_id,
            client_id: FIRST_PARTY.to_owned(),
            jti: impersonation.id.to_string(),
            sid: Impersonation::session_id(impersonation.id),
            org: Some(impersonation.org_id),
            mbr: Some(*member_id),
            auth_time: begun,
            // the person has shown nothing, and whoever acts has shown more than one factor
            acr: "aal2".to_owned(),
            amr: Vec::new(),
            sso: None,
            iat: begun,
            nbf: None,
            exp: ends,
            act: Some(Act { sub: impersonation.staff_user_id }),
        };
        let signer = &self.published.signer(&self.keys, now).signer;
        Ok((Secret::new(signer.sign(&claims)?), (ends - now.as_second()).max(0)))
    }
}
