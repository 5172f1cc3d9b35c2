//! Audit events as the API shows them.

use primitives::{EventId, OrgId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One thing that happened, as the audit log has it. What proves it is described in the documentation:
/// `salt`, `details`, `sequence` and `hash`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// The event.
    pub id: EventId,
    /// When it happened, to a millisecond.
    pub time: Time,
    /// The organization.
    pub org_id: OrgId,
    /// What happened, such as `member.updated`.
    pub action: String,
    /// Who did it.
    pub actor: AuditActor,
    /// What it was done to.
    pub target: AuditTarget,
    /// Names the request that caused it.
    pub correlation_id: String,
    /// The address that it was asked for from. Null where nobody asked, or it was erased.
    pub address: Option<String>,
    /// The program that asked. Null where none did, or it was erased.
    pub user_agent: Option<String>,
    /// What was before, where the event says so. Null where it does not, or it was erased.
    #[schema(value_type = Option<Object>)]
    pub before: Value,
    /// What is since. Null where it was erased.
    #[schema(value_type = Option<Object>)]
    pub after: Value,
    /// What `address`, `user_agent`, `before` and `after` are hashed with. Null where they were erased.
    pub salt: Option<String>,
    /// Where they were erased, the hash that is left of them.
    pub details: Option<String>,
    /// Its number in the organization's chain, from 1. Null for some seconds, until it has one.
    pub sequence: Option<u64>,
    /// The chain's hash behind it. Null until it has a number.
    pub hash: Option<String>,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// What the actor is: `anonymous`, `user`, `staff`, `api_key`, `scim`, `system`, `stripe`. There may be
    /// others.
    pub r#type: String,
    /// The person, the key, the token of a directory, or the name of the function. Null of others.
    #[schema(required = true)]
    pub id: Option<String>,
    /// Who of our staff did it in the person's name; left out where it was the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator: Option<String>,
}

/// What something was done to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditTarget {
    /// What it is, such as `member`.
    pub r#type: String,
    /// Its id.
    pub id: String,
}

/// Where the organization's chain ended at some time, and the proof that the anchor with this root says so.
/// How it is held against a log is described in the documentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditAnchor {
    /// The organization.
    pub org_id: OrgId,
    /// The number of the last event in the chain.
    pub sequence: u64,
    /// The chain's hash behind it.
    pub hash: String,
    /// When the anchor was made, to a millisecond.
    pub made_at: Time,
    /// The name of the anchor's file, which nobody can change.
    pub anchor: String,
    /// The root of the anchor's tree.
    pub root: String,
    /// Which leaf of the tree is about this organization, from 0.
    pub leaf: u64,
    /// How many leaves the tree has.
    pub leaves: u64,
    /// The hashes on the way from that leaf to the root.
    #[schema(max_items = 20)]
    pub path: Vec<String>,
}
