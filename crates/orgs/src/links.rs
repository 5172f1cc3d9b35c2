//! Links by which several people come in: so many, until some day, of some domains. They hold no seat.

use access::{
    Permission, Permit, Principal, Role, Tenant,
    needs::{ReadInvites, WriteInvites},
};
use events::NewEvent;
use identity_core::{Membership, User, keys as identity_keys};
use primitives::{EmailDomain, InviteLinkId, MemberId, OrgId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Key, Table};

use crate::{
    Invite, Member, Org, OrgError,
    accept::{Gate, answering},
    api::{self, InviteLinkRole, InviteLinkStatus},
    caps::{MOST_MEMBERSHIPS, memberships},
    events::{InviteLinkCreated, InviteLinkRevoked, Via},
    invites::release,
    keys,
    org::join,
    place::FormerMember,
    policies::StoredPolicies,
    seats::Seats,
};

/// How many links an organization has at most: all of them are one item.
const MOST_LINKS: usize = 10;
/// How many people a link lets in at most.
const MOST_USES: u32 = 1000;
/// How many domains a link may name.
const MOST_DOMAINS: usize = 5;

/// The links of an organization.
#[derive(Debug, Serialize, Deserialize)]
struct Links {
    org_id: OrgId,
    links: Vec<Link>,
    #[serde(default)]
    version: u64,
}

impl Item for Links {
    fn key(&self) -> Key {
        keys::InviteLinks::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// A link by which several people come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The link.
    pub link_id: InviteLinkId,
    role: Role,
    uses: u32,
    max_uses: u32,
    valid_until: Timestamp,
    allowed_domains: Option<Vec<EmailDomain>>,
    created_by: UserId,
    creator: MemberId,
    created_at: Timestamp,
}

/// What a link is to be like.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// What people become by it.
    pub role: InviteLinkRole,
    /// How many may come in, from 1 to 1000.
    pub max_uses: u32,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Of which domains their addresses are; nothing where it is any.
    pub allowed_domains: Option<Vec<EmailDomain>>,
}

impl Link {
    /// As the API shows it.
    pub fn resource(&self, now: Timestamp) -> api::InviteLink {
        api::InviteLink {
            id: self.link_id,
            role: self.role,
            uses: self.uses,
            max_uses: self.max_uses,
            expires_at: self.valid_until.into(),
            allowed_domains: self.allowed_domains.clone(),
            created_by: self.created_by,
            created_at: self.created_at.into(),
            status: self.status(now),
        }
    }

    fn status(&self, now: Timestamp) -> InviteLinkStatus {
        if self.valid_until <= now {
            InviteLinkStatus::Expired
        } else if self.uses >= self.max_uses {
            InviteLinkStatus::UsedUp
        } else {
            InviteLinkStatus::Active
        }
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.status(now) == InviteLinkStatus::Active
    }
}

async fn read(table: &Table, tenant: Tenant, consistency: Consistency) -> Result<Links, OrgError> {
    let found: Option<Links> = table.get(&keys::InviteLinks::key(tenant), consistency).await?;
    Ok(found.unwrap_or_else(|| Links { org_id: tenant.org_id(), links: Vec::new(), version: 0 }))
}

/// The links of the organization that were not taken back, oldest first.
pub async fn links(table: &Table, reader: &Permit<ReadInvites>) -> Result<Vec<Link>, OrgError> {
    Ok(read(table, reader.tenant(), Consistency::Eventual).await?.links)
}

/// Makes a link. Those that lead nowhere any more make room for it.
pub async fn create_link(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    new: NewLink,
) -> Result<Link, OrgError> {
    let now = table.clock().now();
    if !(1..=MOST_USES).contains(&new.max_uses) {
        return Err(OrgError::LinkUses { most: MOST_USES });
    }
    if new.expires_at <= now || new.expires_at > now + Invite::LONGEST {
        return Err(OrgError::LinkEnd { days: Invite::LONGEST.as_hours() / 24 });
    }
    let allowed_domains = new.allowed_domains.map(|mut domains| {
        domains.sort();
        domains.dedup();
        domains
    });
    if allowed_domains.as_ref().is_some_and(|named| !(1..=MOST_DOMAINS).contains(&named.len())) {
        return Err(OrgError::DomainCount { most: MOST_DOMAINS });
    }
    let link = Link {
        link_id: table.ids().next(),
        role: new.role.into(),
        uses: 0,
        max_uses: new.max_uses,
        valid_until: new.expires_at,
        allowed_domains,
        created_by: permit.user_id,
        creator: permit.member_id,
        created_at: now,
    };
    let (tenant, link) = (permit.tenant(), &link);
    let decide = |_| async move {
        let mut stored = read(table, tenant, Consistency::Strong).await?;
        stored.links.retain(|link| link.is_open(now));
        if stored.links.len() >= MOST_LINKS {
            return Err(OrgError::TooManyLinks { limit: MOST_LINKS });
        }
        stored.links.push(link.clone());
        let (org_id, link_id, user_id) = (tenant.org_id(), link.link_id, link.created_by);
        let event = InviteLinkCreated { org_id, link_id, user_id };
        let event = NewEvent::new(Some(org_id), &link_id, 1, &event);
        Ok(Decision::commit(Changes::new().replace(&stored).publish(event), link.clone()))
    };
    table.decide(cause, decide).await
}

/// Takes a link back: nobody comes in by it any more.
pub async fn revoke_link(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    link_id: InviteLinkId,
) -> Result<(), OrgError> {
    let tenant = permit.tenant();
    let decide = |_| async move {
        let mut stored = read(table, tenant, Consistency::Strong).await?;
        let at = stored.links.iter().position(|link| link.link_id == link_id).ok_or(OrgError::NotFound)?;
        stored.links.remove(at);
        let event = InviteLinkRevoked { org_id: tenant.org_id(), link_id };
        let event = NewEvent::new(Some(tenant.org_id()), &link_id, stored.version + 1, &event);
        Ok(Decision::commit(Changes::new().replace(&stored).publish(event), ()))
    };
    table.decide(cause, decide).await
}

/// The organization and the link, which works: one call. Whose token it is was made by us for this
/// organization.
pub async fn preview_link(
    table: &Table,
    org_id: OrgId,
    link_id: InviteLinkId,
) -> Result<(Org, api::InviteLink), OrgError> {
    let tenant = Tenant::trusted(org_id);
    let keys = [keys::InviteLinks::key(tenant), keys::Org::key(tenant)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [links, org] = keys;
    let (links, org): (Option<Links>, Option<Org>) = (found.take(&links)?, found.take(&org)?);
    let now = table.clock().now();
    let link = links.into_iter().flat_map(|links| links.links);
    let link = link.into_iter().find(|link| link.link_id == link_id && link.is_open(now));
    let org = org.filter(|org| org.deletion.is_none());
    let (link, org) = link.zip(org).ok_or(OrgError::InviteClosed)?;
    Ok((org, link.resource(now)))
}

/// Makes a member of the person, who takes a seat. Whoever is a member already stays one, as it is.
pub async fn accept_link(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    (org_id, link_id): (OrgId, InviteLinkId),
) -> Result<Membership, OrgError> {
    let tenant = Tenant::trusted(org_id);
    let (user_id, id, seats) = (principal.user_id, table.ids().next(), Seats::of(tenant));
    let decide = |_| async move {
        let now = table.clock().now();
        let keys = [
            keys::InviteLinks::key(tenant),
            keys::Org::key(tenant),
            identity_keys::Gate::key(tenant),
            identity_keys::Membership::key(user_id, tenant),
            keys::FormerMember::key(tenant, user_id),
            keys::Policies::key(tenant),
            identity_keys::User::key(user_id),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [links, org, gate, place, former, policies, person] = keys;
        if let Some(place) = found.take::<Membership>(&place)? {
            return Ok(Decision::done(place));
        }
        let mut links: Links = found.take(&links)?.ok_or(OrgError::InviteClosed)?;
        let former: Option<FormerMember> = found.take(&former)?;
        let is_this = |link: &&mut Link| {
            let is_void = former.as_ref().is_some_and(|former| link.created_at <= former.removed_at);
            link.link_id == link_id && link.is_open(now) && !is_void
        };
        let link = links.links.iter_mut().find(is_this).ok_or(OrgError::InviteClosed)?;
        let (gate, org): (Option<Gate>, Option<Org>) = (found.take(&gate)?, found.take(&org)?);
        let (gate, org) = gate.zip(org).ok_or(OrgError::InviteClosed)?;
        gate.admit(now)?;
        let user: User = found.take(&person)?.ok_or(OrgError::InviteClosed)?;
        let policies: Option<StoredPolicies> = found.take(&policies)?;
        let named = link.allowed_domains.as_ref();
        let is_named = named.is_none_or(|named| named.iter().any(|domain| domain.has(&user.email)));
        if !is_named || StoredPolicies::admit(policies.as_ref(), &user.email).is_err() {
            return Err(OrgError::ForeignDomain);
        }
        let answers = (link.created_by, link.creator, Permission::WriteInvites);
        let (answers, condition) =
            answering(table, tenant, answers, true).await?.ok_or(OrgError::InviteClosed)?;
        // whoever is invited by mail as well has a seat already
        let invite = Invite::to(table, tenant, &user.email).await?;
        link.uses += 1;
        let member = Member {
            org_id,
            member_id: id,
            user_id,
            email: user.email.clone(),
            name: user.person().profile.name,
            role: link.role,
            managed_by: None,
            joined_at: now,
            version: 0,
        };
        let seat = match invite {
            Some(invite) => invite.accepted(&member, now).and(seats.keep_promise()),
            None => seats.enter(gate.access.seats(), now),
        };
        let changes = join((&org, &gate.sso), &member, Via::InviteLink)
            .and(seat)
            .replace(&links)
            .require(answers, condition)
            .require(person, Condition::VersionIs(user.version()));
        let too_many = OrgError::TooManyMemberships { limit: MOST_MEMBERSHIPS };
        let decision = gate.admitting(&member, (changes, org.membership(&member, &gate.sso)));
        let decision = decision.unless(memberships(user_id).key(), Err(too_many));
        Ok(decision.unless(&seats.key(), Err(OrgError::SeatLimit)))
    };
    match table.decide(cause, decide).await {
        Err(OrgError::SeatLimit) if release(table, cause, tenant).await? => table.decide(cause, decide).await,
        other => other,
    }
}
