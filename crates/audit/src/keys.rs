//! The kinds of items of audit logs, but for their rows, which `table` writes.

use primitives::{EventId, OrgId};

table::kinds! {
    /// Where the chain of an organization's audit log ends: its number, and its hash. Written and read by
    /// `queue-audit`.
    "audit_head" AuditHead(org: OrgId;) "AUDIT_HEAD#<org>" "AUDIT_HEAD" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// An audit row as the API shows it, among those with the same actor, target or area. Written by
    /// `queue-audit` when the row is chained; read by the list of audit events, where it is asked for those.
    "audit_view" AuditView(org: OrgId, by: char, value: String; time: String, event: EventId)
        "AUDIT_VIEW#<org>#<by>#<value>" "<time>#<event>" {
        store: Main, most_kb: 8, kept: Until("as long as its row"), owner: Org, erased: NamedIn("audit"),
    }
}

/// By what rows are looked for.
pub(crate) const BY_ACTOR: char = 'A';
pub(crate) const BY_TARGET: char = 'T';
pub(crate) const BY_AREA: char = 'K';
