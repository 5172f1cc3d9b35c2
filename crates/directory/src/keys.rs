//! The kinds of items of domains.

use std::{fmt, str::FromStr};

use access::Tenant;
use primitives::{DomainId, EmailDomain, OrgId, Timestamp};
use table::{Entry, Index, Indexed};

table::kinds! {
    /// A domain of an organization, verified or to be. Written by add, verify, update and remove a domain,
    /// and by `cron-domains`; read by the same, and by the list of domains.
    "domain" Domain(org: Tenant; domain: DomainId) "DOMAINS#<org>" "DOMAIN#<domain>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which domains an organization has: a roster of at most 20, by name. Written and read by add; written
    /// by remove.
    "domain_names" DomainNames(org: Tenant;) "DOMAINS#<org>" "NAMES" {
        store: Main, most_kb: 8, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which organization a verified domain is of: there is one at most; and who may join by it. Written by
    /// verify, update and remove a domain, and by `cron-domains`; read by verify, by whoever asks where to
    /// join, or does, and by `api-scim`, which lets in people of such domains alone.
    "domain_owner" DomainOwner(name: EmailDomain;) "DOMAIN#<name>" "DOMAIN_OWNER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: NamedIn("domain"),
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[CHECK];

/// Verified domains, by when their records are looked up again.
pub(crate) const CHECK: Entry = Entry {
    name: "domain check",
    on: "domain",
    indexed: Indexed::Due { shards: 2 },
    pk: "DUE#DOMAIN#<shard>",
    sk: "<due_at>#<domain>",
};

/// Which domain an entry is about: its key takes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) org_id: OrgId,
    pub(crate) domain_id: DomainId,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.org_id, self.domain_id)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (org_id, domain_id) = text.split_once('/').ok_or(())?;
        Ok(Self { org_id: org_id.parse().map_err(drop)?, domain_id: domain_id.parse().map_err(drop)? })
    }
}

pub(crate) fn check(at: Timestamp, place: Place) -> Index {
    CHECK.due(at, &place)
}
