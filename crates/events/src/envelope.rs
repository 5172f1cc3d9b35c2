use primitives::{EventId, MemberId, OrgId, Timestamp, UserId, json};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error},
};
use serde_json::Value;

/// What the event bus shows as the source of all our events.
pub const SOURCE: &str = "gantry";

/// So many events of one change have places of their own in the history of their aggregate. A transaction has
/// room for fewer.
const PLACES: u64 = 100;

/// The data of one kind of domain event.
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync {
    /// The name: the aggregate, a dot, and what happened in the past tense.
    const NAME: &'static str;
    /// The version of the data's shape; a change that an old consumer would misread makes a new one.
    const VERSION: u16 = 1;
}

/// The thing whose history an event belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aggregate {
    /// What it is, such as `organization`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActorRef {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in person.
    User {
        /// The person.
        user_id: UserId,
        /// The membership, where the session was in an organization.
        #[serde(skip_serializing_if = "Option::is_none")]
        member_id: Option<MemberId>,
    },
    /// One of our own functions, on its own account.
    System {
        /// The function.
        name: String,
    },
    /// Stripe, by a signed webhook.
    Stripe,
}

/// As it is written. Serde would read a tagged enum through a buffer, where an array stands for an object
/// again.
#[derive(Deserialize)]
struct WrittenActor {
    r#type: ActorKind,
    user_id: Option<UserId>,
    member_id: Option<MemberId>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActorKind {
    Anonymous,
    User,
    System,
    Stripe,
}

impl<'de> Deserialize<'de> for ActorRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenActor::deserialize(deserializer)?;
        Ok(match written.r#type {
            ActorKind::Anonymous => Self::Anonymous,
            ActorKind::User => {
                let user_id = written.user_id.ok_or_else(|| D::Error::missing_field("user_id"))?;
                Self::User { user_id, member_id: written.member_id }
            }
            ActorKind::System => {
                Self::System { name: written.name.ok_or_else(|| D::Error::missing_field("name"))? }
            }
            ActorKind::Stripe => Self::Stripe,
        })
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
    /// The event's place in the aggregate's history: the version that the change led to, times 100, and the
    /// place within the change. It rises from event to event, with gaps, so that consumers can put events in
    /// order.
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

/// An event about to be published: everything that the decision knows. Id, time, actor and correlation id are
/// added by the transaction that publishes it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The name.
    pub kind: &'static str,
    /// The version of `data`'s shape.
    pub version: u16,
    /// The tenant, where there is one.
    pub org_id: Option<OrgId>,
    /// Whose history it belongs to.
    pub aggregate: Aggregate,
    /// The event's place in the aggregate's history.
    pub sequence: u64,
    /// What happened.
    pub data: Value,
}

impl NewEvent {
    /// An event in the history of `aggregate_id`, which has this version after the change. The first of the
    /// change: the transaction counts on for others.
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
        }
    }
}
