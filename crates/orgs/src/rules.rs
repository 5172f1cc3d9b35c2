use primitives::SignedDuration;
use serde::Deserialize;

/// The numbers of this domain. Each has the product's default; a deployment may set others as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// How many organizations a person may own who creates another one.
    pub most_owned: u32,
    /// For how long a deleted organization can be restored: spans of exactly 24 hours.
    pub deletion_grace_days: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { most_owned: 10, deletion_grace_days: 30 }
    }
}

impl Rules {
    pub(crate) fn deletion_grace(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.deletion_grace_days))
    }
}
