//! Erasures as the API shows them and events tell of them.

use primitives::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Part;

/// What is certified of an erasure. Nobody is named in it but by the id that was theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// The person or the organization that is erased.
    pub id: String,
    /// When it began.
    pub begun_at: Time,
    /// When all was gone that is not listed as kept; null until then.
    pub ended_at: Option<Time>,
    /// What went, as far as it was counted: of a run that died, what it had not noted is missing here.
    pub erased: Vec<ErasedPart>,
    /// What stays.
    pub kept: Vec<Kept>,
    /// When the certificate itself goes; null until there is one.
    pub expires_at: Option<Time>,
}

/// A part of what was erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErasedPart {
    /// Which.
    pub part: Part,
    /// How many items or rows.
    pub count: u64,
}

/// Something that an erasure leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// What it is, by a stable name.
    pub what: String,
    /// What it is, and why it stays.
    pub why: String,
    /// Until when; null where others say so.
    pub until: Option<Time>,
}

events::resources! { Certificate Kept }
