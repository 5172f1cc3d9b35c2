//! The table's attributes, and the kinds of items that the table itself keeps.

use primitives::{EventId, Timestamp};

use crate::outbox_part::OutboxPart;

/// The partition key's attribute.
pub const PK: &str = "pk";
/// The sort key's attribute.
pub const SK: &str = "sk";
/// The name of the one global secondary index.
pub const GSI1: &str = "gsi1";
/// The index's partition key attribute.
pub const GSI1_PK: &str = "gsi1pk";
/// The index's sort key attribute.
pub const GSI1_SK: &str = "gsi1sk";
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
    /// An event on its way to the bus. Written by every transaction with an event; `stream-outbox`, which
    /// reads it from the stream, and `operator` set the expiry.
    "outbox" Outbox(hour: String, shard: String; event: EventId) "OUTBOX#<hour>#<shard>" "<event>" {
        store: Main, most_kb: 8, kept: Until("7 days after publishing; for good until then"),
        owner: Org, erased: Expires,
    }
    /// One row of an audit log: of an organization or, outside of any, of a person or login. Written by every
    /// transaction with an event; read by operators (there is no route for it yet).
    "audit" Audit(org: String; time: String, event: EventId) "AUDIT#<org>" "<time>#<event>" {
        store: Main, most_kb: 8,
        kept: Until("`AuditRetentionDays`, for good with 0; outside of any organization 90 days"),
        owner: Org, erased: Partition,
    }
    /// An answer kept for a caller who asks twice: in the scope of a person, under the hash of the caller's
    /// key. Written and read by the routes that take an `Idempotency-Key`.
    "idempotency" Idempotency(scope: String, hash: String;) "IDEMPOTENCY#<scope>#<hash>" "IDEMPOTENCY" {
        store: Main, most_kb: 16, kept: Days(1, "24 hours"), owner: Person, erased: Expires,
    }
    /// The recent uses of a limited thing, by the hash of whom it limits. Written and read by the routes that
    /// are limited.
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

/// The time as text of one length, so that text order is time order: `2026-11-23T00:00:00.000Z`.
pub fn sortable(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sortable_times_sort() {
        let at = |milliseconds| sortable(Timestamp::from_millisecond(milliseconds).unwrap());
        assert_eq!(at(1_795_392_000_000), "2026-11-23T00:00:00.000Z");
        assert!(
            at(1_795_392_000_000) < at(1_795_392_000_001) && at(1_795_392_000_999) < at(1_795_392_001_000)
        );
    }
}
