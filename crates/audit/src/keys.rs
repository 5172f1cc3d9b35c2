//! The kinds of items of audit logs, but for their rows, which `table` writes.

use primitives::{EventId, OrgId};
use table::{Entry, Indexed};

table::kinds! {
    /// Where the chain of an organization's audit log ends: its number, and its hash. Written and read by
    /// `queue-audit`; read by `cron-audit-anchors`, which notes that it is anchored.
    "audit_head" AuditHead(org: OrgId;) "AUDIT_HEAD#<org>" "AUDIT_HEAD" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// An audit row as the API shows it, among those with the same actor, target or area. Written by
    /// `queue-audit` when the row is chained; read by the list of audit events, where it is asked for those.
    "audit_view" AuditView(org: OrgId, by: char, value: String; time: String, event: EventId)
        "AUDIT_VIEW#<org>#<by>#<value>" "<time>#<event>" {
        store: Main, most_kb: 8, kept: Until("as long as its row"), owner: Org, erased: NamedIn("audit"),
    }
    /// That the chain of an organization's audit log ended here when an anchor was made: the anchor, and the
    /// path that proves it. Written by `cron-audit-anchors`; read by the list of anchors and by exports.
    "audit_anchor" AuditAnchor(org: OrgId; time: String, sequence: u64) "AUDIT_ANCHOR#<org>" "<time>#<sequence>" {
        store: Main, most_kb: 2, kept: Until("30 days longer than `AuditRetentionDays`, for good with 0"), owner: Org,
        erased: Partition,
    }
    /// The newest anchor, which the next one goes on from. Written and read by `cron-audit-anchors`.
    "newest_anchor" NewestAnchor(;) "NEWEST_ANCHOR" "NEWEST_ANCHOR" {
        store: Main, most_kb: 1, kept: ForGood, owner: Nobody, erased: Stays("no organization is in it"),
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[ANCHOR];

/// Chains that went on since they were anchored, by since when.
pub const ANCHOR: Entry = Entry {
    name: "chain to anchor",
    on: "audit_head",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#ANCHOR#<shard>",
    sk: "<due_at>#<org>",
};

/// By what rows are looked for.
pub(crate) const BY_ACTOR: char = 'A';
pub(crate) const BY_TARGET: char = 'T';
pub(crate) const BY_AREA: char = 'K';
