//! The rows of audit logs: written with every event, chained later by `queue-audit`.

use audit_chain::{Hash, NotHashed};
use events::{ActorRef, Envelope};
use primitives::{EventId, OrgId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Key,
    cause::Cause,
    edit::{Edit, Edited},
    error::StoreError,
    item::{Attributes, key_attributes, number, read, text},
    keys::{Audit, KIND, TTL},
    sortable::sortable,
    store::Table,
};

/// How long an audit row outside of any organization stays, unless it is about what staff does: what
/// strangers ask for is written down there, and the addresses of people who may never become
/// customers.
pub const AUDIT_ROWS_OF_NOBODY_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Of an event's data, what was before the change.
const PREVIOUS: &str = "previous";
/// What a row is written by.
const WRITES: &str = "TransactWriteItems";
/// Of an event, what happened.
const DATA: &str = "data";

/// A row of an audit log.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AuditRow {
    /// The event. Without its data where that was erased; nothing where somebody took it out of the table.
    #[serde(default)]
    pub event: Value,
    /// The client's address, where there was a client.
    #[serde(default)]
    pub ip: Option<String>,
    /// The client's `User-Agent`, shortened.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// What personal data are hashed with; gone where they were erased.
    #[serde(default)]
    pub salt: Option<String>,
    /// What is left of erased personal data.
    #[serde(default)]
    pub details: Option<String>,
    /// The hash of all that, as it was written.
    #[serde(default)]
    pub row_hash: Option<Hash>,
    /// Its number in the organization's chain, once it has one.
    #[serde(default)]
    pub sequence: Option<u64>,
    /// The chain's hash behind it.
    #[serde(default)]
    pub hash: Option<Hash>,
    /// When it goes, in epoch seconds.
    #[serde(default, skip_serializing)]
    pub expires_at: Option<i64>,
}

impl AuditRow {
    /// The event as the API shows it, and as it is hashed.
    pub fn shown(&self) -> Map<String, Value> {
        let event = &self.event;
        let mut after = event["data"].clone();
        let before = after.as_object_mut().and_then(|data| data.remove(PREVIOUS)).unwrap_or_default();
        let time = event["time"].as_str().unwrap_or_default();
        let time = time.parse().map_or_else(|_| time.to_owned(), sortable);
        let mut shown = json!({
            "id": event["id"], "time": time, "org_id": event["org_id"], "action": event["type"],
            "actor": event["actor"], "target": event["aggregate"], "correlation_id": event["correlation_id"],
            "address": self.ip, "user_agent": self.user_agent, "before": before, "after": after,
            "salt": self.salt, "details": self.details, "sequence": self.sequence, "hash": self.hash,
        });
        // where our own people sit is for nobody outside to know; the row has it for operators
        if shown["actor"]["type"] == "staff" || shown["actor"].get("impersonator").is_some() {
            (shown["address"], shown["user_agent"]) = (Value::Null, Value::Null);
        }
        // the table keeps no order, and what is shown twice is to be the same twice
        shown.sort_all_objects();
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }

    /// The same without what may name a person: its hash is left, and the row's own stays what it was.
    pub(crate) fn nameless(&self) -> Result<Self, NotHashed> {
        let details = audit_chain::details(&self.shown())?;
        let mut event = self.event.clone();
        event.as_object_mut().and_then(|event| event.remove(DATA));
        let details = Some(details.to_string());
        Ok(Self { event, ip: None, user_agent: None, salt: None, details, ..self.clone() })
    }

    /// Whether something is left in it that may name a person.
    pub fn is_whole(&self) -> bool {
        self.salt.is_some()
    }

    /// Whether the row is what this hash was made of.
    pub fn is(&self, row_hash: Hash) -> bool {
        audit_chain::row_hash(&self.shown()) == Ok(row_hash)
    }
}

impl Audit {
    /// The row about this event of an organization.
    pub fn of(org: OrgId, time: Timestamp, event: EventId) -> Key {
        Self::key(org.to_string(), sortable(time), event)
    }
}

impl Table {
    /// Deletes from a row what may name a person, with the salt that it is hashed with: its hash is left, so
    /// that the row is still what was written. Gives the row as it is since; nothing where it is gone. One
    /// that was erased stays as it is.
    pub async fn erase_details(&self, key: &Key, row: &AuditRow) -> Result<Option<AuditRow>, StoreError> {
        let (Some(salt), true) = (&row.salt, row.event.is_object()) else { return Ok(Some(row.clone())) };
        let details = audit_chain::details(&row.shown()).map_err(|error| unwritten("UpdateItem", &error))?;
        let erase = Edit::new("SET details = :details REMOVE ip, user_agent, salt, #event.#data")
            .when("salt = :salt")
            .name("#event", "event")
            .name("#data", DATA)
            .value(":details", text(details.to_string()))
            .value(":salt", text(salt));
        // refused, it was erased before, or is gone
        let (Edited::Made(left) | Edited::Refused(left)) = self.edit(key, erase).await?;
        if left.is_empty() { Ok(None) } else { read(key.kind(), left).map(Some) }
    }
}

fn unwritten(operation: &'static str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused { operation, code: "audit row".to_owned(), detail: error.to_string() }
}

/// The audit row about an event, and its hash. `kept` is how long those of organizations stay, and those
/// about what staff does; for good where it is not said. One that is `nameless` has the hash alone of what
/// may name a person.
pub(crate) fn audit_row(
    (envelope, nameless): (&Envelope, bool),
    cause: &Cause,
    kept: Option<SignedDuration>,
) -> Result<(Attributes, Hash), StoreError> {
    let of = envelope.org_id.map_or_else(|| envelope.aggregate.id.clone(), |org| org.to_string());
    let key = Audit::key(of, sortable(envelope.time), envelope.id);
    let mut row = AuditRow {
        event: serde_json::to_value(envelope).map_err(|error| unwritten(WRITES, &error))?,
        ip: cause.ip.map(|ip| ip.to_string()),
        user_agent: cause.user_agent.clone(),
        salt: Some(hex::encode(primitives::random_secret::<16>())),
        details: None,
        row_hash: None,
        sequence: None,
        hash: None,
        expires_at: None,
    };
    let row_hash = audit_chain::row_hash(&row.shown()).map_err(|error| unwritten(WRITES, &error))?;
    if nameless {
        row = row.nameless().map_err(|error| unwritten(WRITES, &error))?;
    }
    row.row_hash = Some(row_hash);
    let mut attributes: Attributes =
        serde_dynamo::to_item(&row).map_err(|source| StoreError::shape(&key, source))?;
    attributes.retain(|_, value| !value.is_null());
    attributes.extend(key_attributes(&key));
    attributes.insert(KIND.to_owned(), text(key.kind()));
    let is_of_nobody = envelope.org_id.is_none() && !matches!(envelope.actor, ActorRef::Staff(_));
    let kept = if is_of_nobody { Some(AUDIT_ROWS_OF_NOBODY_ARE_KEPT) } else { kept };
    if let Some(kept) = kept {
        attributes.insert(TTL.to_owned(), number(envelope.time.as_second().saturating_add(kept.as_secs())));
    }
    Ok((attributes, row_hash))
}
