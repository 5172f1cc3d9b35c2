use access::AccessError;
use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

use crate::caps::MOST_OWNERS;

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum OrgError {
    /// Another organization has this slug.
    #[error("another organization has this slug; choose another one")]
    #[fault(Conflict, "slug_taken")]
    SlugTaken,
    /// The slug is kept for the product.
    #[error("this word is no organization's slug; choose another one")]
    #[fault(Conflict, "slug_reserved")]
    SlugReserved,
    /// The person belongs to as many organizations as one may.
    #[error("you belong to {limit} organizations, which is as many as one person may")]
    #[fault(Conflict, "too_many_memberships")]
    TooManyMemberships {
        /// How many.
        limit: u32,
    },
    /// The person owns as many organizations as one may who creates another one.
    #[error("you own {limit} organizations, which is as many as one person may create")]
    #[fault(Conflict, "too_many_organizations")]
    TooManyOwned {
        /// How many.
        limit: u32,
    },
    /// The organization had so many slugs of late that it gets no other one.
    #[error("an organization keeps {limit} former slugs for {days} days each; take one of them, or wait")]
    #[fault(Conflict, "too_many_former_slugs")]
    TooManyFormerSlugs {
        /// How many.
        limit: usize,
        /// For how long one is kept.
        days: i64,
    },
    /// The time in which the organization could be restored is over.
    #[error("the time in which this organization could be restored is over")]
    #[fault(Conflict, "erased", status = 410)]
    Erased,
    /// The person is the only owner of an organization.
    #[error(
        "you are the only owner of an organization; make somebody else an owner of it first, or delete it"
    )]
    #[fault(Conflict, "last_owner")]
    LastOwner,
    /// An organization has as many owners as one may.
    #[error("an organization has {limit} owners at most")]
    #[fault(Conflict, "too_many_owners")]
    TooManyOwners {
        /// How many.
        limit: usize,
    },
    /// A group of the organization's directory says what the member may do.
    #[error(
        "a group of the organization's directory gives this member the role; change it there, or take the role from the group"
    )]
    #[fault(Conflict, "managed_by_directory")]
    ManagedByDirectory,
    /// The account of whoever is to be an owner ends, or is suspended.
    #[error("this member's account is about to be erased, or suspended; choose somebody else")]
    #[fault(Conflict, "member_inactive")]
    MemberInactive,
    /// The organization is to be given to whoever has it.
    #[error("this is your own membership; name the member who is to be an owner")]
    #[fault(Invalid, "invalid_request")]
    AlreadyTheirs,
    /// The organization has no seat left.
    #[error("the organization has no seat left: take a member out, take an invite back, or have more seats")]
    #[fault(Unpaid, "seat_limit_reached")]
    SeatLimit,
    /// The person was a member of an organization whose directory names them.
    #[error(
        "you were a member of this organization and are none any more; somebody who is one has to invite you"
    )]
    #[fault(Forbidden, "member_removed")]
    WasRemoved,
    /// The person is a member already.
    #[error("there is a member with this address already")]
    #[fault(Conflict, "already_member")]
    AlreadyMember,
    /// There is an invite to this address.
    #[error("there is an invite to this address already; send that one again")]
    #[fault(Conflict, "invite_pending")]
    InvitePending,
    /// The invite is closed, or its link is not the last one that was sent.
    #[error(
        "this invite is over: it was used, taken back, declined, sent again, or its time has passed; ask for a new one"
    )]
    #[fault(Conflict, "invite_closed", status = 410)]
    InviteClosed,
    /// The invite is for somebody else.
    #[error(
        "this invite was sent to another address than yours; sign in with that one, or ask for an invite to yours"
    )]
    #[fault(Forbidden, "wrong_account")]
    WrongAccount,
    /// Whoever sent the invite has left.
    #[error(
        "whoever invited you cannot do so any more; somebody else of the organization has to confirm the invite"
    )]
    #[fault(Conflict, "confirmation_pending")]
    ConfirmationPending,
    /// The organization's directory has taken the person out.
    #[error(
        "the directory of the organization has taken you out; whoever looks after it has to put you in again"
    )]
    #[fault(Forbidden, "deprovisioned")]
    Deprovisioned,
    /// The request to join was decided, whoever asked has another address now, or the domain lets nobody in.
    #[error(
        "this request is over: it was decided, whoever asked has another address now, or nobody joins by its domain (any more)"
    )]
    #[fault(Conflict, "join_request_closed")]
    RequestClosed,
    /// The request to join was declined not long ago.
    #[error("your request was declined; ask for an invite, or ask again after 30 days")]
    #[fault(Conflict, "join_request_declined")]
    RequestDeclined,
    /// The policy would keep out whoever sets it.
    #[error(
        "you would be out with your next request: sign in with a second factor yourself, or set `grace_ends_at`"
    )]
    #[fault(Conflict, "would_lock_out")]
    WouldLockOut,
    /// Nobody would be left who comes in when the identity provider does not answer, or nobody at all.
    #[error(
        "enable a connection to your identity provider, name in `break_glass_member_ids` one to {most} owners who have \
         a second factor, and come by that provider yourself or be one of them"
    )]
    #[fault(Conflict, "would_lock_out")]
    WouldLockOutOfSso {
        /// How many owners.
        most: usize,
    },
    /// So many owners cannot be named.
    #[error("name {most} owners at most")]
    #[fault(Invalid, "invalid_request")]
    BreakGlassCount {
        /// The most.
        most: usize,
    },
    /// Those who are to come in past the identity provider cannot.
    #[error("name memberships of owners who have a second factor")]
    #[fault(Invalid, "invalid_request")]
    NoOwners,
    /// The grace of a policy is too long.
    #[error("grace ends within {days} days")]
    #[fault(Invalid, "invalid_request")]
    LongGrace {
        /// The longest.
        days: i64,
    },
    /// So many domains cannot be named.
    #[error("name 1 to {most} domains, or null to admit any")]
    #[fault(Invalid, "invalid_request")]
    DomainCount {
        /// The most.
        most: usize,
    },
    /// The organization admits no addresses of this domain: of one that is invited,
    #[error("the organization admits no addresses of this domain")]
    #[fault(Invalid, "invalid_request")]
    DomainNotAllowed,
    /// and of whoever wants to come in by a link.
    #[error("the link is for addresses of other domains than yours; ask for an invite to yours")]
    #[fault(Forbidden, "domain_not_allowed")]
    ForeignDomain,
    /// So many people cannot be invited at once.
    #[error("invite 1 to {most} people at once")]
    #[fault(Invalid, "invalid_request")]
    BatchSize {
        /// The most.
        most: usize,
    },
    /// There are as many links as there may be.
    #[error("an organization has {limit} links at most; take one back first")]
    #[fault(Conflict, "too_many_invite_links")]
    TooManyLinks {
        /// How many.
        limit: usize,
    },
    /// So many people cannot come in by a link.
    #[error("1 to {most} people come in by a link")]
    #[fault(Invalid, "invalid_request")]
    LinkUses {
        /// The most.
        most: u32,
    },
    /// A link ends too late, or has ended.
    #[error("a link ends within {days} days from now")]
    #[fault(Invalid, "invalid_request")]
    LinkEnd {
        /// The longest.
        days: i64,
    },
    /// What is to be changed is not as the caller expects it.
    #[error("this has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// Its version.
        current: u64,
    },
    /// The organization is not there.
    #[error("there is no such organization")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The actor may not do this.
    #[error(transparent)]
    #[fault(transparent)]
    Access(#[from] AccessError),
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

impl OrgError {
    pub(crate) fn too_many_owners() -> Self {
        Self::TooManyOwners { limit: MOST_OWNERS }
    }
}

/// Where it is about one part of a request.
impl Invalid for OrgError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::LongGrace { .. }
            | Self::BatchSize { .. }
            | Self::DomainCount { .. }
            | Self::BreakGlassCount { .. }
            | Self::LinkEnd { .. }
            | Self::LinkUses { .. } => FieldCode::OutOfRange,
            Self::DomainNotAllowed => FieldCode::DomainNotAllowed,
            Self::AlreadyTheirs | Self::NoOwners => FieldCode::UnknownValue,
            _ => FieldCode::InvalidFormat,
        }
    }
}
