use std::borrow::Cow;

use primitives::{ApiKeyId, EventId, OrgId, ScimTokenId, Timestamp, UserId, json};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

use crate::Event;

/// What the event bus shows as the source of all our events.
pub const SOURCE: &str = "gantry";

/// So many events of one change have places of their own in the history of their aggregate. A
/// transaction has room for fewer.
const PLACES: u64 = 100;

/// The thing whose history an event belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aggregate {
    /// What it is, such as `organization`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Who caused an event: written as a type and an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorRef {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in person.
    User(UserId),
    /// Somebody of our staff, in the name of a person.
    Impersonated {
        /// The person.
        user_id: UserId,
        /// Who of our staff.
        by: UserId,
    },
    /// Somebody of our staff, on the account of others.
    Staff(UserId),
    /// A program, with this key of the organization's.
    ApiKey(ApiKeyId),
    /// One of our own functions, on its own account, by its name.
    System(String),
    /// Stripe, by a signed webhook.
    Stripe,
    /// An identity provider, with this token of the organization's.
    Scim(ScimTokenId),
}

/// Who caused an event.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Actor")]
struct WrittenActor {
    r#type: ActorKind,
    /// The person's id, the key's or the token's id, or the function's name; null of others.
    id: Option<String>,
    /// Who of our staff did it in the person's name, where it was not the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    impersonator: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ActorKind {
    Anonymous,
    User,
    Staff,
    ApiKey,
    System,
    Stripe,
    Scim,
}

impl ActorRef {
    /// The person, or whoever acts in the person's name.
    pub fn person(user_id: UserId, impersonator: Option<UserId>) -> Self {
        impersonator.map_or(Self::User(user_id), |by| Self::Impersonated { user_id, by })
    }
}

impl Serialize for ActorRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let impersonator = match self {
            Self::Impersonated { by, .. } => Some(by.to_string()),
            _ => None,
        };
        let (r#type, id) = match self {
            Self::Anonymous => (ActorKind::Anonymous, None),
            Self::User(person) | Self::Impersonated { user_id: person, .. } => {
                (ActorKind::User, Some(person.to_string()))
            }
            Self::Staff(person) => (ActorKind::Staff, Some(person.to_string())),
            Self::ApiKey(key) => (ActorKind::ApiKey, Some(key.to_string())),
            Self::System(name) => (ActorKind::System, Some(name.clone())),
            Self::Stripe => (ActorKind::Stripe, None),
            Self::Scim(token) => (ActorKind::Scim, Some(token.to_string())),
        };
        WrittenActor { r#type, id, impersonator }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ActorRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WrittenActor { r#type, id, impersonator } = WrittenActor::deserialize(deserializer)?;
        let id = id.ok_or_else(|| D::Error::missing_field("id"));
        Ok(match r#type {
            ActorKind::Anonymous => Self::Anonymous,
            ActorKind::User => {
                let user_id = id?.parse().map_err(D::Error::custom)?;
                let by = impersonator.map(|by| by.parse().map_err(D::Error::custom)).transpose()?;
                by.map_or(Self::User(user_id), |by| Self::Impersonated { user_id, by })
            }
            ActorKind::Staff => Self::Staff(id?.parse().map_err(D::Error::custom)?),
            ActorKind::ApiKey => Self::ApiKey(id?.parse().map_err(D::Error::custom)?),
            ActorKind::System => Self::System(id?),
            ActorKind::Stripe => Self::Stripe,
            ActorKind::Scim => Self::Scim(id?.parse().map_err(D::Error::custom)?),
        })
    }
}

impl JsonSchema for ActorRef {
    fn schema_name() -> Cow<'static, str> {
        WrittenActor::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WrittenActor::json_schema(generator)
    }
}

/// An event as it is stored and carried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Unique; consumers use it to tell a repeated delivery.
    pub id: EventId,
    /// The name, such as `organization.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of `data`'s shape.
    pub version: u16,
    /// When it happened.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The tenant; null for what concerns a person alone.
    pub org_id: Option<OrgId>,
    /// Whose history it belongs to.
    pub aggregate: Aggregate,
    /// The event's place in the aggregate's history: the version that the change led to, times 100,
    /// and the place within the change. It rises from event to event, with gaps, so that consumers
    /// can put events in order.
    pub sequence: u64,
    /// Names the request that caused it.
    pub correlation_id: String,
    /// Who caused it.
    pub actor: ActorRef,
    /// What happened, in the shape that `type` and `version` name.
    pub data: Value,
}

impl Envelope {
    /// The data as `E`, where this is an event of that kind and version.
    pub fn data<E: Event>(&self) -> Option<Result<E, serde_json::Error>> {
        (self.kind == E::NAME && self.version == E::VERSION).then(|| json::from_ref(&self.data))
    }
}

/// An event about to be published: everything that the decision knows. Id, time, actor and
/// correlation id are added by the transaction that publishes it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    pub kind: &'static str,
    /// The version of `data`'s shape.
    pub version: u16,
    pub org_id: Option<OrgId>,
    /// Whose history it belongs to.
    pub aggregate: Aggregate,
    /// The event's place in the aggregate's history.
    pub sequence: u64,
    /// What happened.
    pub data: Value,
    /// Whether the audit row about it has the hash of that alone, since the person is erased whom it names.
    pub nameless: bool,
}

impl NewEvent {
    /// An event in the history of `aggregate_id`, which has this version after the change. The
    /// first of the change: the transaction counts on for others.
    ///
    /// # Panics
    /// When the data cannot be written as JSON, which none of the catalogue's shapes allow.
    #[expect(
        clippy::expect_used,
        reason = "the catalogue's shapes have string keys only; a test writes each of them"
    )]
    pub fn new<E: Event>(
        org_id: Option<OrgId>,
        aggregate_id: &impl ToString,
        version: u64,
        data: &E,
    ) -> Self {
        let kind = E::NAME.split_once('.').map_or(E::NAME, |(aggregate, _)| aggregate).to_owned();
        Self {
            kind: E::NAME,
            version: E::VERSION,
            org_id,
            aggregate: Aggregate { kind, id: aggregate_id.to_string() },
            sequence: version.saturating_mul(PLACES),
            data: serde_json::to_value(data).expect("event data is JSON"),
            nameless: false,
        }
    }
}
