use audit_chain::Hash;
use events::Envelope;
use primitives::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    audit_row::audit_row,
    cause::Cause,
    edit::Edit,
    error::StoreError,
    item::{Attributes, key_attributes, number, text},
    keys::{KIND, Outbox, TTL},
    outbox_part::OutboxPart,
    store::Table,
};

/// How long a row of the outbox stays after it was published.
pub const PUBLISHED_ROWS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// A row of the outbox, as the table's stream shows it.
#[derive(Debug, Deserialize, Serialize)]
pub struct OutboxRow {
    /// The event, as JSON text.
    pub envelope: String,
    /// The hash of the audit row about it, which was written with it.
    pub audit_hash: Hash,
}

impl OutboxRow {
    /// The row of these attributes; else why it is none.
    pub fn read(envelope: &Value, audit_hash: &Value) -> Result<Self, String> {
        let text = |value: &Value, name| {
            value.as_str().map(str::to_owned).ok_or_else(|| format!("the row has no text attribute {name:?}"))
        };
        let audit_hash = text(audit_hash, "audit_hash")?.parse();
        let audit_hash = audit_hash.map_err(|error| format!("the audit hash is {error}"))?;
        Ok(Self { envelope: text(envelope, "envelope")?, audit_hash })
    }

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
    envelope: Value,
    /// The hash of the audit row about it.
    #[serde(default)]
    audit_hash: Value,
}

impl Unpublished {
    /// The row and the event in it; else why there is none.
    pub fn event(&self) -> Result<(OutboxRow, Envelope), String> {
        let row = OutboxRow::read(&self.envelope, &self.audit_hash)?;
        let event = row.envelope().map_err(|error| format!("the envelope is no event: {error}"))?;
        if event.id.to_string() != self.id {
            return Err(format!("it is the event {} under another key", event.id));
        }
        Ok((row, event))
    }
}

/// The row about an event that is on its way to the bus, and the audit row about it.
pub(crate) fn rows(
    (envelope, nameless): (&Envelope, bool),
    cause: &Cause,
    kept: Option<SignedDuration>,
) -> Result<[Attributes; 2], StoreError> {
    let (audit, audit_hash) = audit_row((envelope, nameless), cause, kept)?;
    let key = Outbox::of(envelope.id);
    let row = OutboxRow { envelope: json(envelope)?, audit_hash };
    let mut outbox: Attributes =
        serde_dynamo::to_item(&row).map_err(|source| StoreError::shape(&key, source))?;
    outbox.extend(key_attributes(&key));
    outbox.insert(KIND.to_owned(), text(key.kind()));
    Ok([outbox, audit])
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
