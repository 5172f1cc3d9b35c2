use access::{AccessSchedule, Deletion, MfaPolicy, Permit, Role, SsoPolicy, Tenant, needs::ReadOrganization};
use events::NewEvent;
use identity_core::Membership;
use primitives::{Email, Ids, MediaId, Name, OrgId, Slug, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, Index, Item, Key, Table};

use crate::{
    Member, OrgError, api,
    caps::{MOST_MEMBERSHIPS, memberships, owned, owners},
    events::{MemberAdded, OrganizationCreated, Via},
    keys,
    seats::Seats,
    slugs::SlugOwner,
};

/// An organization: the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Org {
    /// Its id.
    pub org_id: OrgId,
    /// Its name.
    pub name: String,
    /// Its name in URLs, its alone.
    pub slug: Slug,
    /// The slugs that it had, and that are nobody else's yet.
    #[serde(default)]
    pub former_slugs: Vec<api::FormerSlug>,
    /// The language of those who say none: a tag of BCP 47.
    pub locale: Option<String>,
    /// A picture of it.
    pub logo_media_id: Option<MediaId>,
    /// Since when.
    pub created_at: Timestamp,
    /// That it is to be erased. The gate says the same to whoever checks requests.
    pub deletion: Option<Deletion>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Org {
    fn key(&self) -> Key {
        keys::Org::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        Some(keys::by_slug(&self.slug, self.org_id))
    }
}

impl Org {
    /// This member's side of the place; `sso` is what the organization's gate says.
    pub(crate) fn membership(&self, member: &Member, sso: &SsoPolicy) -> Membership {
        Membership {
            user_id: member.user_id,
            org_id: self.org_id,
            member_id: member.member_id,
            role: member.role,
            sessions_valid_after: None,
            org_name: self.name.clone(),
            org_slug: self.slug.to_string(),
            sso_required: sso.required,
            version: 0,
        }
    }

    /// As the API shows it at this version.
    pub fn resource(&self, version: u64) -> api::Organization {
        api::Organization {
            id: self.org_id,
            name: self.name.clone(),
            slug: self.slug.clone(),
            former_slugs: self.former_slugs.clone(),
            locale: self.locale.clone(),
            logo_media_id: self.logo_media_id,
            created_at: self.created_at.into(),
            deletion: self.deletion.map(api::OrganizationDeletion::from),
            version,
        }
    }
}

/// All that a request has to know of its organization, in one item: whether it is there, since when its
/// tokens count, and how much it may use. Billing writes `access` when it changes, in the transaction of the
/// change.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Gate {
    org_id: OrgId,
    sessions_valid_after: Option<Timestamp>,
    access: AccessSchedule,
    /// What is asked of how members sign in.
    #[serde(default)]
    mfa: MfaPolicy,
    #[serde(default)]
    version: u64,
}

impl Item for Gate {
    fn key(&self) -> Key {
        identity_core::keys::Gate::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The person who creates an organization.
#[derive(Clone, Debug)]
pub struct Founder {
    /// The person.
    pub user_id: UserId,
    /// The person's verified address.
    pub email: Email,
    /// What others call the person.
    pub name: Option<String>,
    /// How many organizations a person may own who creates one.
    pub most_owned: u32,
}

/// An organization that is decided on and not yet stored.
#[derive(Debug)]
pub struct NewOrg {
    /// The organization.
    pub org: Org,
    /// Its first owner.
    pub owner: Member,
}

/// Decides on a new organization with its founder as the owner; `access` says how much one may use that is
/// created at this time. [`refusals`] says what it means if it cannot be stored.
pub fn create(
    table: &Table,
    founder: &Founder,
    name: &Name,
    slug: Slug,
    access: impl FnOnce(Timestamp) -> AccessSchedule,
) -> Result<(NewOrg, Changes), OrgError> {
    if slug.is_reserved() {
        return Err(OrgError::SlugReserved);
    }
    let now = table.clock().now();
    Ok(establish(table.ids(), founder, name, slug, access(now), now))
}

/// What it means if the condition on one of these items does not hold.
pub fn refusals(new: &NewOrg, founder: &Founder) -> [(Key, OrgError); 3] {
    let most_owned = founder.most_owned;
    let too_many = OrgError::TooManyMemberships { limit: MOST_MEMBERSHIPS };
    [
        (memberships(new.owner.user_id).key().clone(), too_many),
        (owned(new.owner.user_id, most_owned).key().clone(), OrgError::TooManyOwned { limit: most_owned }),
        (keys::SlugOwner::key(new.org.slug.clone()), OrgError::SlugTaken),
    ]
}

fn establish(
    ids: &Ids,
    founder: &Founder,
    name: &Name,
    slug: Slug,
    access: AccessSchedule,
    now: Timestamp,
) -> (NewOrg, Changes) {
    let org = Org {
        org_id: ids.next(),
        name: name.to_string(),
        slug,
        former_slugs: Vec::new(),
        locale: None,
        logo_media_id: None,
        created_at: now,
        deletion: None,
        version: 0,
    };
    let gate = Gate {
        org_id: org.org_id,
        sessions_valid_after: None,
        access,
        mfa: MfaPolicy::default(),
        version: 0,
    };
    let owner = Member {
        org_id: org.org_id,
        member_id: ids.next(),
        user_id: founder.user_id,
        email: founder.email.clone(),
        name: founder.name.clone(),
        role: Role::Owner,
        managed_by: None,
        joined_at: now,
        version: 0,
    };
    let changes = Changes::new()
        .claim(&SlugOwner::new(org.slug.clone(), org.org_id), now)
        .create(&org)
        .create(&gate)
        .publish(created(&org))
        .and(owners(org.org_id).first(&owner.member_id.to_string(), &owner.user_id))
        .and(owned(founder.user_id, founder.most_owned).add(1))
        .and(Seats::of(Tenant::trusted(org.org_id)).enter(None, org.created_at))
        .and(join((&org, &SsoPolicy::default()), &owner, Via::Creation));
    (NewOrg { org, owner }, changes)
}

/// Somebody new has a place in the organization. The seat and what it is owed to are the caller's to write.
pub(crate) fn join((org, sso): (&Org, &SsoPolicy), member: &Member, via: Via) -> Changes {
    let membership = org.membership(member, sso);
    let event = MemberAdded { member: member.resource(member.next_version()), via };
    let event = NewEvent::new(Some(org.org_id), &member.member_id, member.next_version(), &event);
    memberships(member.user_id).add(1).create(member).create(&membership).publish(event)
}

fn created(org: &Org) -> NewEvent {
    let event = OrganizationCreated { organization: org.resource(org.next_version()) };
    NewEvent::new(Some(org.org_id), &org.org_id, org.next_version(), &event)
}

/// The actor's organization. One that an eventual read misses may be a moment old: it is read again,
/// strongly, before it is not there.
pub async fn current(table: &Table, reader: &Permit<ReadOrganization>) -> Result<Org, OrgError> {
    let key = keys::Org::key(reader.tenant());
    if let Some(org) = table.get(&key, Consistency::Eventual).await? {
        return Ok(org);
    }
    table.get(&key, Consistency::Strong).await?.ok_or(OrgError::NotFound)
}
