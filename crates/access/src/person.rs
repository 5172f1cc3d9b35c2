use primitives::{MediaId, PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};

/// What is known of a person beside who it is, as it was read with the request's session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// What the person says about themselves.
    pub profile: Profile,
    /// The number of the person's phone, which was verified.
    pub phone: Option<PhoneNumber>,
    /// That the account is to be erased.
    pub deletion: Option<Deletion>,
    /// How many changes the person's item has seen.
    pub version: u64,
    /// When the person last changed how they sign in.
    pub credentials_changed_at: Option<Timestamp>,
}

/// What a person says about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// What others call the person.
    pub name: Option<String>,
    /// The language that the person reads: a tag of BCP 47.
    pub locale: Option<String>,
    /// Where the person is, by the name of a time zone.
    pub time_zone: Option<String>,
    /// A picture of the person.
    pub avatar_media_id: Option<MediaId>,
    /// How often it was changed.
    pub version: u64,
}

/// When somebody asked for their account to be erased, and when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When the person asked for it.
    pub requested_at: Timestamp,
    /// Until then the person can have it restored; from then on it is erased.
    pub erase_at: Timestamp,
}

impl Person {
    /// Whether what was trusted then is trusted still: no change of credentials came after it.
    pub fn trusts(&self, at: Timestamp) -> bool {
        self.credentials_changed_at.is_none_or(|changed| changed < at)
    }
}
