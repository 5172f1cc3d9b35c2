//! Organizations and members as the API shows them and events tell of them.

use std::fmt;

use access::{Deletion, MfaMode, MfaPolicy, Role};
use primitives::{
    Email, EmailDomain, InviteId, InviteLinkId, JoinRequestId, MediaId, MemberId, OrgId, Slug, Time,
    Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// The organization.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: Slug,
    /// The slugs that it had: each leads to that of today, until it is anybody's again. The oldest first.
    #[serde(default)]
    #[schema(required = true)]
    pub former_slugs: Vec<FormerSlug>,
    /// The language of those of its members who say none: a tag of BCP 47.
    pub locale: Option<String>,
    /// A picture of it.
    pub logo_media_id: Option<MediaId>,
    /// Since when.
    pub created_at: Time,
    /// That it is about to be erased; null where it is not.
    pub deletion: Option<OrganizationDeletion>,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

impl Organization {
    /// As it is at this time: slugs that it had long ago are anybody's.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.former_slugs.retain(|former| former.reserved_until.timestamp() > now);
        self
    }
}

/// A slug that an organization had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormerSlug {
    /// The slug.
    pub slug: Slug,
    /// Until when it is nobody else's.
    pub reserved_until: Time,
}

/// The end of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrganizationDeletion {
    /// When an owner asked for it.
    pub requested_at: Time,
    /// When it comes: until then `POST /v1/orgs/current/restore` takes it back.
    pub erase_at: Time,
}

impl From<Deletion> for OrganizationDeletion {
    fn from(Deletion { requested_at, erase_at }: Deletion) -> Self {
        Self { requested_at: requested_at.into(), erase_at: erase_at.into() }
    }
}

/// A member of the organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The membership.
    pub id: MemberId,
    /// The person.
    pub user_id: UserId,
    /// The person's address.
    pub email: Email,
    /// What others call the person; null where nobody said. It is some seconds behind.
    pub name: Option<String>,
    /// What the person may do. Treat a word that you do not know as the least.
    pub role: Role,
    /// Whether the person can be there. Treat a word that you do not know as one who cannot.
    #[serde(default)]
    #[schema(required = true)]
    pub status: MemberStatus,
    /// Who says what the person may do; null where owners and admins do.
    #[serde(default)]
    #[schema(required = true)]
    pub managed_by: Option<ManagedBy>,
    /// Since when.
    pub joined_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// Whether a member can be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    /// As far as the membership is about. Whoever a directory takes out is no member any more.
    #[default]
    Active,
}

/// Who says what a member may do. Treat a word that you do not know as somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManagedBy {
    /// A group of the organization's directory.
    Directory,
}

/// One organization of a person's.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Membership {
    /// The membership.
    pub id: MemberId,
    /// The organization.
    pub org_id: OrgId,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// What the person is there. Treat a word that you do not know as the least.
    pub role: Role,
    /// Whether the organization takes those alone who come by its identity provider. It is some seconds
    /// behind.
    pub sso_required: bool,
}

impl From<identity_core::Membership> for Membership {
    fn from(place: identity_core::Membership) -> Self {
        Self {
            id: place.member_id,
            org_id: place.org_id,
            name: place.org_name,
            slug: place.org_slug,
            role: place.role,
            sso_required: place.sso_required,
        }
    }
}

/// Somebody is asked to become a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// The invite.
    pub id: InviteId,
    /// Whom it is sent to: nobody with another address comes in by it.
    pub email: Email,
    /// What that person becomes.
    pub role: Role,
    /// What became of it.
    pub status: InviteStatus,
    /// Who answers for it: who sent it, or who confirmed it later.
    pub invited_by: UserId,
    /// Since when.
    pub created_at: Time,
    /// When the link was sent that works.
    pub last_sent_at: Time,
    /// When that link stops working.
    pub expires_at: Time,
    /// Whether the person wanted to come in after whoever answers for it had left, or could not invite any
    /// more: another member confirms it.
    pub needs_confirmation: bool,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

impl Invite {
    /// As it is at this time: whoever notes that one is over may be late.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let is_over = self.status == InviteStatus::Pending && self.expires_at.timestamp() <= now;
        Self { status: if is_over { InviteStatus::Expired } else { self.status }, ..self }
    }
}

/// A link by which several people come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InviteLink {
    /// The link.
    pub id: InviteLinkId,
    /// What people become by it.
    pub role: Role,
    /// How many came in by it.
    pub uses: u32,
    /// How many may.
    pub max_uses: u32,
    /// When it stops working.
    pub expires_at: Time,
    /// Of which domains their addresses are. Null is any that the organization admits.
    pub allowed_domains: Option<Vec<EmailDomain>>,
    /// Who made it. It works as long as that person may invite.
    pub created_by: UserId,
    /// Since when.
    pub created_at: Time,
    /// Whether somebody can come in by it now, as far as it alone decides.
    pub status: InviteLinkStatus,
}

/// What people become by a link: nothing that could let others in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteLinkRole {
    /// Works in the organization.
    Member,
    /// Looks at it.
    Viewer,
}

impl From<InviteLinkRole> for Role {
    fn from(role: InviteLinkRole) -> Self {
        match role {
            InviteLinkRole::Member => Self::Member,
            InviteLinkRole::Viewer => Self::Viewer,
        }
    }
}

/// What is the matter with a link. Treat a word that you do not know as one that leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteLinkStatus {
    /// Somebody can come in.
    Active,
    /// As many came in as may.
    UsedUp,
    /// Its day is over.
    Expired,
}

/// What became of an invite. Treat a word that you do not know as one that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteStatus {
    /// Nothing yet.
    Pending,
    /// The person is a member.
    Accepted,
    /// The person does not want to.
    Declined,
    /// The organization took it back.
    Revoked,
    /// Nobody used the link in time.
    Expired,
}

impl fmt::Display for InviteStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        })
    }
}

/// Somebody asks to become a member, by the domain of their address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JoinRequest {
    /// The request.
    pub id: JoinRequestId,
    /// The organization.
    pub org_id: OrgId,
    /// Who asks.
    pub user_id: UserId,
    /// That person's address.
    pub email: Email,
    /// The domain.
    pub domain: EmailDomain,
    /// What the person becomes, or became.
    pub role: Role,
    /// What became of it.
    pub status: JoinRequestStatus,
    /// Since when.
    pub created_at: Time,
    /// When somebody decided. Null is that nobody has.
    pub decided_at: Option<Time>,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// What became of a request to join. Treat a word that you do not know as one that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinRequestStatus {
    /// Nothing yet.
    Pending,
    /// The person is a member.
    Approved,
    /// The organization does not want it.
    Declined,
}

impl fmt::Display for JoinRequestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
        })
    }
}

/// What becomes of the API keys of whoever is no member any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeysOfLeavers {
    /// They work no more, from the next request on.
    #[default]
    Revoke,
    /// They go on working with the scopes that they have. The owners are told.
    Keep,
}

/// Whether members show a second factor when they sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[schema(as = MfaPolicy)]
pub struct Mfa {
    /// Whether it is asked for.
    pub mode: MfaMode,
    /// Until when those may come without who have none yet. Null is no grace.
    #[schemars(with = "Option<String>")]
    pub grace_ends_at: Option<Time>,
}

impl From<MfaPolicy> for Mfa {
    fn from(policy: MfaPolicy) -> Self {
        Self { mode: policy.mode, grace_ends_at: policy.grace_ends_at.map(Time::from) }
    }
}

events::resources! { Organization Member Invite JoinRequest }
