//! The kinds of items of organizations and their members.

use std::fmt::Display;

use access::{Role, Tenant};
use primitives::{Email, InviteId, JoinRequestId, MemberId, OrgId, Slug, UserId, json};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use table::{Entry, Index, Indexed, Query};

use crate::api::{self, InviteStatus, JoinRequestStatus};

table::kinds! {
    /// An organization. Written by create, change, delete and restore organization; read by the same, by
    /// `GET /v1/orgs/current`, `queue-mail`, and by `api-admin`, through the index too.
    "org" Org(org: Tenant;) "ORG#<org>" "ORG" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Whose a slug is, or was a moment ago: keeps slugs unique, and leads from a former one to that of
    /// today. Written by create organization, of which that it is absent is a condition, and by change
    /// organization; read by the latter, by check slug, and by `api-admin`.
    "slug_owner" SlugOwner(slug: Slug;) "SLUG#<slug>" "SLUG_OWNER" {
        store: Main, most_kb: 1, kept: Until("90 days after its organization took another one"), owner: Org,
        erased: NamedIn("org"),
    }
    /// That an organization is to be erased, and when. Written by delete and restore organization; found by
    /// `cron-account-erasure` through the index.
    "org_deletion" OrgDeletion(org: Tenant;) "ORG#<org>" "DELETION" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Who owns an organization: a roster of memberships, never empty unless it is deleted. Written by create
    /// organization, and when a member becomes an owner or is one no longer; read before that.
    "owners" Owners(org: Tenant;) "ORG#<org>" "OWNERS" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// How many people an organization has, those who are invited included. Written by whatever adds or
    /// takes away one.
    "seats" Seats(org: Tenant;) "ORG#<org>" "SEATS" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// What an organization asks of its members, but for what the gate has of it. Written by update
    /// policies; read by the same, by invite, rebind, and by accept of a link.
    "policies" Policies(org: Tenant;) "ORG#<org>" "POLICIES" {
        store: Main, most_kb: 6, kept: ForGood, owner: Org, erased: Partition,
    }
    /// The links by which several people come into an organization, at most 10. Written by make and revoke
    /// a link, and by accept, which counts; read by the same, their list, and preview.
    "invite_links" InviteLinks(org: Tenant;) "ORG#<org>" "INVITE_LINKS" {
        store: Main, most_kb: 8, kept: ForGood, owner: Org, erased: Partition,
    }
    /// A person's place in an organization, seen from the organization: a row of its list of members.
    /// Written by create organization, accept, by what changes a role, takes somebody out or leaves, and
    /// by a change of address; read by the same, the list of members, `queue-mail`, `queue-push-fanout`.
    "member" Member(org: Tenant; member: MemberId) "ORG#<org>" "MEMBER#<member>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// A member, under a word by which it is found: the address, the name from one of its words on. Written
    /// by `queue-member-copies`; read by the list of members, where it is asked for those.
    "member_word" MemberWord(org: Tenant; text: String, member: MemberId, what: char)
        "MEMBER_WORDS#<org>" "WORD#<text>#<member>#<what>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// What was shown of a member when its words were written. Written and read by `queue-member-copies`.
    "member_words" MemberWords(org: Tenant; member: MemberId) "MEMBER_WORDS#<org>" "OF#<member>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That a person was a member. Written when somebody is taken out or leaves; read by accept: no invite
    /// from before lets that person in again; and by join, since nobody who was taken out comes in by a
    /// domain alone.
    "former_member" FormerMember(org: Tenant; user: UserId) "ORG#<org>" "FORMER_MEMBER#<user>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That the organization's directory has taken somebody out, by the address or by the person: nothing
    /// lets them in again but the directory itself. Written by `api-scim`; that it is absent is a
    /// condition of whatever lets somebody in while the organization has a directory.
    "barred" Barred(org: Tenant; who: String) "ORG#<org>" "BARRED#<who>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Somebody is asked to become a member. Written by invite and by whatever becomes of it; read by the
    /// same, the list of invites, preview, and `queue-mail`, which sends the link.
    "invite" Invite(org: Tenant; invite: InviteId) "INVITES#<org>" "INVITE#<invite>" {
        store: Main, most_kb: 2, kept: Until("90 days after it was closed"), owner: Org, erased: Partition,
    }
    /// That an address is invited into an organization: keeps it from being invited twice. Written with the
    /// invite, and deleted with its end; read by invite, and when somebody is taken out.
    "invited" Invited(email: Email; org: Tenant) "INVITED#<email>" "INVITED#<org>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: NamedIn("invite"),
    }
    /// Somebody asks to become a member, by the domain of their address. Written by join, approve and
    /// decline; read by the same, and by the list of requests.
    "join_request" JoinRequest(org: Tenant; request: JoinRequestId) "JOIN_REQUESTS#<org>" "JOIN_REQUEST#<request>" {
        store: Main, most_kb: 2, kept: Until("90 days after it was decided"), owner: Org, erased: Partition,
    }
    /// That a person asks to become a member, or was declined not long ago. Written by join and decline,
    /// and deleted by approve; read by join.
    "asked" Asked(org: Tenant; user: UserId) "JOIN_REQUESTS#<org>" "ASKED#<user>" {
        store: Main, most_kb: 1, kept: Until("30 days after a no"), owner: Org, erased: Partition,
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[MEMBER_BY_ROLE, BY_SLUG, INVITE_BY_STATUS, JOIN_REQUEST_BY_STATUS, ERASURE];

/// Organizations that are to be erased, by when.
pub const ERASURE: Entry = Entry {
    name: "erasure of an organization",
    on: "org_deletion",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#ORG_ERASURE#<shard>",
    sk: "<due_at>#<org>",
};

/// Organizations by their slugs, in a partition for each first letter: what staff finds them by.
const BY_SLUG: Entry = Entry {
    name: "organization by slug",
    on: "org",
    indexed: Indexed::List,
    pk: "ORG_SLUG#<first>",
    sk: "<slug>",
};

/// The entry of this organization, whose slug this is.
pub(crate) fn by_slug(slug: &Slug, org: OrgId) -> Index {
    BY_SLUG.listed(&[&first_letter(slug.as_str())], &[&slug.as_str()], org.to_string())
}

/// Asks for the organizations whose slugs begin so. The index is a moment behind.
pub fn with_slug(prefix: &str) -> Query {
    let (pk, sk) = BY_SLUG.place(&[&first_letter(prefix)], &[&prefix]);
    Query::list_prefix(BY_SLUG.on, pk, sk)
}

fn first_letter(text: &str) -> String {
    text.chars().take(1).collect()
}

/// Members by role, each as the API shows it: found without reading the others.
const MEMBER_BY_ROLE: Entry = Entry {
    name: "member by role",
    on: "member",
    indexed: Indexed::List,
    pk: "ORG_ROLE#<org>",
    sk: "<role>#<member>",
};

/// The entry of a member, who is shown like this.
pub fn member_by_role(org: Tenant, shown: &api::Member) -> Index {
    MEMBER_BY_ROLE.listed(&[&org], &[&shown.role, &shown.id], summary(shown))
}

/// What an index says of an item that is shown like this: [`Summary`] reads it.
pub(crate) fn summary(shown: &impl Serialize) -> String {
    serde_json::to_string(shown).unwrap_or_default()
}

/// Asks for the members of an organization who have this role. The index is a moment behind.
pub fn with_role(org: Tenant, role: Role) -> Query {
    let (pk, sk) = MEMBER_BY_ROLE.place(&[&org], &[&role, &""]);
    Query::list_prefix(MEMBER_BY_ROLE.on, pk, sk)
}

/// Invites by what became of them, each as the API shows it; those that end first before the others.
const INVITE_BY_STATUS: Entry = Entry {
    name: "invite by status",
    on: "invite",
    indexed: Indexed::List,
    pk: "ORG_INVITES#<org>",
    sk: "<status>#<expires_at>#<invite>",
};

/// The entry of an invite, which is shown like this.
pub(crate) fn invite_by_status(org: Tenant, shown: &api::Invite) -> Index {
    let sk: [&dyn Display; 3] = [&shown.status, &shown.expires_at, &shown.id];
    INVITE_BY_STATUS.listed(&[&org], &sk, summary(shown))
}

/// Asks for the invites of which this became. The index is a moment behind.
pub(crate) fn with_status(org: Tenant, status: InviteStatus) -> Query {
    let (pk, sk) = INVITE_BY_STATUS.place(&[&org], &[&status, &"", &""]);
    // what there is behind the status is asked of none
    let sk = sk.strip_suffix('#').map(str::to_owned).unwrap_or(sk);
    Query::list_prefix(INVITE_BY_STATUS.on, pk, sk)
}

/// Requests to join by what became of them, each as the API shows it; the oldest first.
const JOIN_REQUEST_BY_STATUS: Entry = Entry {
    name: "join request by status",
    on: "join_request",
    indexed: Indexed::List,
    pk: "ORG_JOIN_REQUESTS#<org>",
    sk: "<status>#<created_at>#<request>",
};

/// The entry of a request, which is shown like this.
pub(crate) fn join_request_by_status(org: Tenant, shown: &api::JoinRequest) -> Index {
    let sk: [&dyn Display; 3] = [&shown.status, &shown.created_at, &shown.id];
    JOIN_REQUEST_BY_STATUS.listed(&[&org], &sk, summary(shown))
}

/// Asks for the requests of which this became. The index is a moment behind.
pub(crate) fn join_requests_with_status(org: Tenant, status: JoinRequestStatus) -> Query {
    let (pk, sk) = JOIN_REQUEST_BY_STATUS.place(&[&org], &[&status, &"", &""]);
    // what there is behind the status is asked of none
    let sk = sk.strip_suffix('#').map(str::to_owned).unwrap_or(sk);
    Query::list_prefix(JOIN_REQUEST_BY_STATUS.on, pk, sk)
}

/// What an index says of an item that is shown as `T`.
#[derive(Debug)]
pub struct Summary<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Summary<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Entry {
            summary: String,
        }
        let Entry { summary } = Entry::deserialize(deserializer)?;
        json::from_str(&summary).map(Self).map_err(D::Error::custom)
    }
}
