//! How somebody comes in by the domain of their address: by asking, or at once.

use access::{Permit, Principal, Role, Tenant, needs::WriteMembers};
use identity_core::{Membership, User, keys as identity_keys};
use primitives::{EmailDomain, JoinRequestId, Limit, MemberId, OrgId, Page, Timestamp, UserId};
use table::{Cause, Changes, Condition, Consistency, CursorKeys, Decision, Item, Key, Table};

use crate::{
    Invite, Member, Org, OrgError,
    accept::Gate,
    api::{self, InviteLinkRole, JoinRequestStatus},
    caps::{MOST_MEMBERSHIPS, memberships},
    events::Via,
    invites::release,
    join_request::{Asked, Asking, JoinRequest},
    keys,
    org::join,
    place::{FormerMember, stays},
    policies::StoredPolicies,
    seats::Seats,
};

/// That an organization is joined by whoever has an address of this domain.
#[derive(Clone, Debug)]
pub struct ByDomain {
    /// The organization.
    pub org_id: OrgId,
    /// The domain.
    pub domain: EmailDomain,
    /// Whether somebody has to say yes.
    pub needs_approval: bool,
    /// What people become.
    pub role: Role,
    /// That this is so.
    pub condition: (Key, Condition),
}

/// A member who takes a seat: a new one, or that of an invite to the same address.
pub(crate) async fn seated(
    table: &Table,
    via: Via,
    (org, gate, member): (&Org, &Gate, &Member),
    now: Timestamp,
) -> Result<Changes, OrgError> {
    let tenant = Tenant::trusted(org.org_id);
    let seat = match Invite::to(table, tenant, &member.email).await? {
        Some(invite) => invite.accepted(member, now).and(Seats::of(tenant).keep_promise()),
        None => Seats::of(tenant).enter(gate.access.seats(), now),
    };
    Ok(join((org, &gate.sso), member, via).and(seat))
}

/// Asks to become a member, or becomes one where nobody has to say yes. Whoever was one before, and is no
/// more, needs a yes in any case. Who asks again has asked.
pub async fn ask(
    table: &Table,
    principal: &Principal,
    (request_id, member_id): (JoinRequestId, MemberId),
    by: ByDomain,
) -> Result<Decision<JoinRequest, OrgError>, OrgError> {
    let (tenant, user_id, now) = (Tenant::trusted(by.org_id), principal.user_id, table.clock().now());
    let keys = [
        keys::Org::key(tenant),
        identity_keys::Gate::key(tenant),
        identity_keys::Membership::key(user_id, tenant),
        keys::FormerMember::key(tenant, user_id),
        keys::Policies::key(tenant),
        identity_keys::User::key(user_id),
        keys::Asked::key(tenant, user_id),
    ];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [org, gate, place, former, policies, person, asked] = keys;
    if found.take::<Membership>(&place)?.is_some() {
        return Err(OrgError::AlreadyMember);
    }
    let (gate, org): (Option<Gate>, Option<Org>) = (found.take(&gate)?, found.take(&org)?);
    let (gate, org) = gate.zip(org).ok_or(OrgError::NotFound)?;
    gate.admit(now)?;
    // as it is now: the address may have changed since the session was looked at
    let user: Option<User> = found.take(&person)?;
    let user = user.filter(|user| by.domain.has(&user.email)).ok_or(OrgError::NotFound)?;
    let policies: Option<StoredPolicies> = found.take(&policies)?;
    StoredPolicies::admit(policies.as_ref(), &user.email).map_err(|_| OrgError::ForeignDomain)?;
    let asked: Option<Asked> = found.take(&asked)?;
    let former: Option<FormerMember> = found.take(&former)?;
    let needs_approval = by.needs_approval || former.is_some();
    let waiting = match asked.as_ref().filter(|asked| !asked.is_over(now)) {
        Some(asked) if asked.is_open() => Some(read(table, tenant, asked.request_id).await?),
        Some(_) => return Err(OrgError::RequestDeclined),
        None => None,
    };
    if let Some(waiting) = waiting.clone().filter(|_| needs_approval) {
        return Ok(Decision::done(waiting));
    }
    let email = user.email.clone();
    let asking =
        Asking { org_id: by.org_id, user_id, email: email.clone(), domain: by.domain, role: by.role };
    let request = JoinRequest::new(asking, request_id, now);
    let (key, condition) = by.condition;
    if needs_approval {
        let (request, changes) = request.asked(asked.as_ref());
        return Ok(Decision::commit(changes.require(key, condition), request));
    }
    let member = Member {
        org_id: by.org_id,
        member_id,
        user_id,
        email,
        name: user.person().profile.name,
        role: by.role,
        managed_by: None,
        joined_at: now,
        version: 0,
    };
    let (request, changes) = match waiting {
        Some(waiting) => waiting.approved(&member, now),
        None => request.granted(&member, now),
    };
    let changes = changes
        .and(seated(table, Via::Domain, (&org, &gate, &member), now).await?)
        .require(key, condition)
        .require(person, Condition::VersionIs(user.version()));
    Ok(within(gate.admitting(&member, (changes, request)), &member))
}

/// What it means that there is no room for one more.
fn within<T>(decision: Decision<T, OrgError>, member: &Member) -> Decision<T, OrgError> {
    let refusals = no_room(Tenant::trusted(member.org_id), member.user_id);
    refusals.into_iter().fold(decision, |decision, (key, error)| decision.unless(&key, Err(error)))
}

/// What it means if the condition on one of these items does not hold when somebody joins.
pub(crate) fn no_room(tenant: Tenant, user_id: UserId) -> [(Key, OrgError); 2] {
    let too_many = OrgError::TooManyMemberships { limit: MOST_MEMBERSHIPS };
    [(memberships(user_id).key().clone(), too_many), (Seats::of(tenant).key(), OrgError::SeatLimit)]
}

/// Gives the seats back that invites hold whose time is over; says whether there was one.
pub async fn release_seats(table: &Table, cause: &Cause, org_id: OrgId) -> Result<bool, OrgError> {
    release(table, cause, Tenant::trusted(org_id)).await
}

/// One page of the requests to join the organization; of one status the oldest first.
pub async fn join_requests(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<WriteMembers>,
    status: Option<JoinRequestStatus>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<api::JoinRequest>, OrgError> {
    let tenant = reader.tenant();
    if let Some(status) = status {
        let query = keys::join_requests_with_status(tenant, status);
        let page = table.page(&query, limit, cursor, cursors).await?;
        return Ok(page.map(|keys::Summary(request)| request));
    }
    let page: Page<JoinRequest> = table.page(&keys::JoinRequest::all(tenant), limit, cursor, cursors).await?;
    Ok(page.map(|request| request.resource(request.version())))
}

async fn read(table: &Table, tenant: Tenant, request_id: JoinRequestId) -> Result<JoinRequest, OrgError> {
    let key = keys::JoinRequest::key(tenant, request_id);
    table.get(&key, Consistency::Strong).await?.ok_or(OrgError::NotFound)
}

/// What a request to join is about.
#[derive(Debug)]
pub enum Requested {
    /// Somebody is to say yes or no.
    Waiting(Box<JoinRequest>),
    /// It was approved, and this is the member.
    Approved(Box<Member>),
}

/// A request to join of which nobody has said no.
pub async fn requested(
    table: &Table,
    tenant: Tenant,
    request_id: JoinRequestId,
) -> Result<Requested, OrgError> {
    let request = read(table, tenant, request_id).await?;
    if let Some(member_id) = request.approved_as {
        let member = table.get(&keys::Member::key(tenant, member_id), Consistency::Strong).await?;
        return member.map(|member| Requested::Approved(Box::new(member))).ok_or(OrgError::RequestClosed);
    }
    if request.status != JoinRequestStatus::Pending {
        return Err(OrgError::RequestClosed);
    }
    Ok(Requested::Waiting(Box::new(request)))
}

/// Makes a member of whoever asked, who takes a seat. That the organization is still joined by that domain,
/// which is `by`, is a condition.
pub async fn approve(
    table: &Table,
    tenant: Tenant,
    request: JoinRequest,
    by: (Key, Condition),
    (member_id, role): (MemberId, Option<InviteLinkRole>),
) -> Result<Decision<Member, OrgError>, OrgError> {
    let now = table.clock().now();
    let keys = [
        keys::Org::key(tenant),
        identity_keys::Gate::key(tenant),
        identity_keys::Membership::key(request.user_id, tenant),
        identity_keys::User::key(request.user_id),
    ];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [org, gate, place, person] = keys;
    if found.take::<Membership>(&place)?.is_some() {
        return Err(OrgError::AlreadyMember);
    }
    let (gate, org): (Option<Gate>, Option<Org>) = (found.take(&gate)?, found.take(&org)?);
    let (gate, org) = gate.zip(org).ok_or(OrgError::NotFound)?;
    // who has another address now is no more the one who asked
    let user: Option<User> = found.take(&person)?;
    let user = user.filter(|user| user.email == request.email).ok_or(OrgError::RequestClosed)?;
    if !stays(&user) {
        return Err(OrgError::MemberInactive);
    }
    let member = Member {
        org_id: org.org_id,
        member_id,
        user_id: request.user_id,
        email: user.email.clone(),
        name: user.person().profile.name,
        role: role.map_or(request.role, Role::from),
        managed_by: None,
        joined_at: now,
        version: 0,
    };
    let (key, condition) = by;
    let changes = seated(table, Via::Domain, (&org, &gate, &member), now)
        .await?
        .and(request.approved(&member, now).1)
        .require(key, condition)
        .require(person, Condition::VersionIs(user.version()));
    let made = Member { version: member.next_version(), ..member.clone() };
    Ok(within(gate.admitting(&member, (changes, made)), &member))
}

/// What an organization is called that somebody can join: nothing where the person is a member, and of one
/// that is about to be erased.
pub async fn to_be_joined(table: &Table, user_id: UserId, org_id: OrgId) -> Result<Option<String>, OrgError> {
    let tenant = Tenant::trusted(org_id);
    let keys = [keys::Org::key(tenant), identity_keys::Membership::key(user_id, tenant)];
    let mut found = table.get_many(&keys, Consistency::Eventual).await?;
    let [org, place] = keys;
    let (org, place): (Option<Org>, Option<Membership>) = (found.take(&org)?, found.take(&place)?);
    Ok(org.filter(|org| org.deletion.is_none() && place.is_none()).map(|org| org.name))
}

/// Says no to whoever asked. One that was declined is.
pub async fn decline_request(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteMembers>,
    request_id: JoinRequestId,
) -> Result<(), OrgError> {
    let decide = |_| async move {
        let request = read(table, permit.tenant(), request_id).await?;
        match request.status {
            JoinRequestStatus::Pending => Ok(Decision::commit(request.declined(table.clock().now()), ())),
            JoinRequestStatus::Declined => Ok(Decision::done(())),
            JoinRequestStatus::Approved => Err(OrgError::RequestClosed),
        }
    };
    table.decide(cause, decide).await
}
