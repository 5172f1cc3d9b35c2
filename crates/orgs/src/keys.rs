//! The kinds of items of organizations and their members.

use access::{Role, Tenant};
use primitives::{Email, MemberId, OrgId, Slug};
use table::{Entry, Index, Indexed, Query};

table::kinds! {
    /// An organization. Written by create organization; read by `GET /v1/orgs/current`, `queue-mail`, and by
    /// `api-admin`, through the index too.
    "org" Org(org: Tenant;) "ORG#<org>" "ORG" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Whose a slug is: keeps slugs unique. Written by create organization, of which that it is absent is a
    /// condition; read by `api-admin`.
    "slug_owner" SlugOwner(slug: Slug;) "SLUG#<slug>" "SLUG_OWNER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: NamedIn("org"),
    }
    /// Who owns an organization: a roster of memberships, never empty. Written by create organization, and
    /// when an owner leaves; read before an owner leaves.
    "owners" Owners(org: Tenant;) "ORG#<org>" "OWNERS" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// A person's place in an organization, seen from the organization: a row of its list of members. Written
    /// by create organization; read by the list of members, `queue-mail`, `queue-push-fanout`.
    "member" Member(org: Tenant; member: MemberId) "ORG#<org>" "MEMBER#<member>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[MEMBER_BY_ROLE, BY_SLUG];

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

/// Members who are written to because of their role, by organization and role: found without reading the
/// others.
const MEMBER_BY_ROLE: Entry = Entry {
    name: "member by role",
    on: "member",
    indexed: Indexed::List,
    pk: "ORG_ROLE#<org>",
    sk: "<role>#<member>",
};

/// The entry of a member who is written to because of this role, with the address.
pub fn member_by_role(org: Tenant, role: Role, member: MemberId, email: &Email) -> Index {
    MEMBER_BY_ROLE.listed(&[&org], &[&role, &member], email.to_string())
}

/// Asks for the members of an organization who have this role, one of those that may read billing. The index
/// is a moment behind.
pub fn with_role(org: Tenant, role: Role) -> Query {
    let (pk, sk) = MEMBER_BY_ROLE.place(&[&org], &[&role, &""]);
    Query::list_prefix(MEMBER_BY_ROLE.on, pk, sk)
}
