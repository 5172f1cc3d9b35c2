use events::{ActorRef, Envelope};
use primitives::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    cause::Cause,
    edit::Edit,
    error::StoreError,
    item::{Attributes, key_attributes, number, text},
    keys::{Audit, KIND, Outbox, TTL},
    outbox_part::OutboxPart,
    sortable::sortable,
    store::Table,
};

/// How long a row of the outbox stays after it was published.
pub const PUBLISHED_ROWS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// How long an audit row outside of any organization stays, unless it is about what staff does: what
/// strangers ask for is written down there, and the addresses of people who may never become
/// customers.
pub const AUDIT_ROWS_OF_NOBODY_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

const ENVELOPE: &str = "envelope";

/// A row of the outbox, as the table's stream shows it.
#[derive(Debug, Deserialize, Serialize)]
pub struct OutboxRow {
    /// The event, as JSON text.
    pub envelope: String,
}

impl OutboxRow {
    /// The event.
    pub fn envelope(&self) -> Result<Envelope, serde_json::Error> {
        primitives::json::from_str(&self.envelope)
    }
}

/// A row of the outbox that nobody has marked as published, whatever is in it.
#[derive(Debug, Deserialize)]
pub struct Unpublished {
    /// The event's id, as the row's key has it.
    #[serde(rename = "sk")]
    pub id: String,
    #[serde(default)]
    envelope: serde_json::Value,
}

impl Unpublished {
    /// The row's text and the event in it; else why there is none.
    pub fn event(&self) -> Result<(&str, Envelope), String> {
        let text = self.envelope.as_str().ok_or("the row has no text attribute \"envelope\"")?;
        let event: Envelope =
            primitives::json::from_str(text).map_err(|error| format!("the envelope is no event: {error}"))?;
        if event.id.to_string() != self.id {
            return Err(format!("it is the event {} under another key", event.id));
        }
        Ok((text, event))
    }
}

pub(crate) fn outbox_row(envelope: &Envelope) -> Result<Attributes, StoreError> {
    let key = Outbox::of(envelope.id);
    let mut row = key_attributes(&key);
    row.insert(KIND.to_owned(), text(key.kind()));
    row.insert(ENVELOPE.to_owned(), text(json(envelope)?));
    Ok(row)
}

#[derive(Serialize)]
struct AuditRow<'a> {
    action: &'a str,
    event: &'a Envelope,
    ip: Option<String>,
    user_agent: Option<&'a str>,
}

/// The audit row about an event. `kept` is how long those of organizations stay, and those about what
/// staff does; for good where it is not said.
pub(crate) fn audit_row(
    envelope: &Envelope,
    cause: &Cause,
    kept: Option<SignedDuration>,
) -> Result<Attributes, StoreError> {
    let of = envelope.org_id.map_or_else(|| envelope.aggregate.id.clone(), |org| org.to_string());
    let key = Audit::key(of, sortable(envelope.time), envelope.id);
    let row = AuditRow {
        action: &envelope.kind,
        event: envelope,
        ip: cause.ip.map(|ip| ip.to_string()),
        user_agent: cause.user_agent.as_deref(),
    };
    let mut attributes: Attributes =
        serde_dynamo::to_item(&row).map_err(|source| StoreError::shape(&key, source))?;
    attributes.extend(key_attributes(&key));
    attributes.insert(KIND.to_owned(), text(key.kind()));
    let is_of_nobody = envelope.org_id.is_none() && !matches!(envelope.actor, ActorRef::Staff(_));
    let kept = if is_of_nobody { Some(AUDIT_ROWS_OF_NOBODY_ARE_KEPT) } else { kept };
    if let Some(kept) = kept {
        attributes.insert(TTL.to_owned(), number(envelope.time.as_second().saturating_add(kept.as_secs())));
    }
    Ok(attributes)
}

fn json(envelope: &Envelope) -> Result<String, StoreError> {
    serde_json::to_string(envelope).map_err(|error| StoreError::Refused {
        operation: "TransactWriteItems",
        code: "event".to_owned(),
        detail: error.to_string(),
    })
}

impl Table {
    /// Of the next `examined` rows of this part, behind the key `after`, those that are not marked
    /// as published; and behind which key the part goes on, where it does.
    pub async fn unpublished(
        &self,
        part: OutboxPart,
        after: Option<&str>,
        examined: usize,
    ) -> Result<(Vec<Unpublished>, Option<String>), StoreError> {
        let query = Outbox::all(part.hour(), part.shard()).strong().without_expiry();
        self.after(&query, examined, after).await
    }

    /// Notes that an event is on the bus: its row may go after [`PUBLISHED_ROWS_ARE_KEPT`].
    /// Harmless when repeated: the first time counts.
    pub async fn mark_published(&self, event: &Envelope) -> Result<(), StoreError> {
        let expires_at = self.clock.now().as_second() + PUBLISHED_ROWS_ARE_KEPT.as_secs();
        let mark = Edit::new("SET #ttl = if_not_exists(#ttl, :ttl)").when("attribute_exists(pk)");
        let mark = mark.name("#ttl", TTL).value(":ttl", number(expires_at));
        // one that is gone was published long ago
        self.edit(&Outbox::of(event.id), mark).await.map(drop)
    }
}
