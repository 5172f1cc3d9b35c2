//! The table's attributes, and the kinds of items that the table itself keeps.

use primitives::EventId;

use crate::outbox_part::OutboxPart;

/// The partition key's attribute.
pub const PK: &str = "pk";
/// The sort key's attribute.
pub const SK: &str = "sk";
/// The index of what has to be looked at at some time: the keys alone.
pub const DUE: &str = "due";
/// Its partition key's attribute.
pub const DUE_PK: &str = "due_pk";
/// Its sort key's attribute.
pub const DUE_SK: &str = "due_sk";
/// The index of lists, with a few words about each item.
pub const LIST: &str = "list";
/// Its partition key's attribute.
pub const LIST_PK: &str = "list_pk";
/// Its sort key's attribute.
pub const LIST_SK: &str = "list_sk";
/// What a list says of an item beside its keys: at most some 300 bytes.
pub const SUMMARY: &str = "summary";
/// The attributes that the index of lists has, where an item has them.
pub const LISTED: [&str; 5] = [KIND, "at", "status", "role", SUMMARY];
/// The attribute that `DynamoDB`'s time to live reads: epoch seconds.
pub const TTL: &str = "expires_at";
/// The attribute that says which kind of item it is: [`Key::kind`](crate::Key::kind).
pub const KIND: &str = "kind";
/// The attribute that counts an item's changes, from 1.
pub const VERSION: &str = "version";

crate::kinds! {
    /// That a consumer dealt with an event. Written and read by `queue-mail`.
    "consumed" Consumed(consumer: &'static str, event: EventId;) "CONSUMED#<consumer>#<event>" "CONSUMED" {
        store: Traffic, most_kb: 4, kept: Days(30, "30 days"), owner: Nobody, erased: Expires,
    }
    /// An event on its way to the bus. Written by every transaction with an event; `stream-outbox`,
    /// which reads it from the stream, and `operator` set the expiry.
    "outbox" Outbox(hour: String, shard: String; event: EventId) "OUTBOX#<hour>#<shard>" "<event>" {
        store: Main, most_kb: 8, kept: Until("7 days after publishing; for good until then"),
        owner: Org, erased: Expires,
    }
    /// One row of an audit log: of an organization or, outside of any, of a person or login.
    /// Written by every transaction with an event; those of an organization are numbered by
    /// `queue-audit`, and read by it and by `GET /v1/audit/events`; the others by operators.
    "audit" Audit(org: String; time: String, event: EventId) "AUDIT#<org>" "<time>#<event>" {
        store: Main, most_kb: 8,
        kept: Until("the days of the plan, and `AuditRetentionDays`; outside of any organization 90 days"),
        owner: Org, erased: Partition,
    }
    /// An answer kept for a caller who asks twice: in the scope of a person, under the hash of the
    /// caller's key. Written and read by the routes that take an `Idempotency-Key`.
    "idempotency" Idempotency(scope: String, hash: String;) "IDEMPOTENCY#<scope>#<hash>" "IDEMPOTENCY" {
        store: Main, most_kb: 16, kept: Days(1, "24 hours"), owner: Person, erased: Expires,
    }
    /// The recent uses of a limited thing, by the hash of whom it limits. Written and read by the
    /// routes that are limited.
    "limit" Limit(limit: &'static str, hash: String;) "LIMIT#<limit>#<hash>" "LIMIT" {
        store: Traffic, most_kb: 2, kept: Days(2, "the limit's longest window and a minute"),
        owner: Nobody, erased: Expires,
    }
}

impl Outbox {
    /// The row of this event.
    pub fn of(event: EventId) -> crate::Key {
        let part = OutboxPart::of(event);
        Self::key(part.hour(), part.shard(), event)
    }
}
