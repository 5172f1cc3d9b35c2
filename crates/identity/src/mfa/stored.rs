use identity_core::keys;
use primitives::UserId;
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use super::{recovery::RecoveryCodes, totp::TotpFactor};

/// The second factors of a person, which are read together wherever one is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SecondFactors {
    user_id: UserId,
    /// The authenticator app.
    pub(crate) totp: Option<TotpFactor>,
    /// The recovery codes.
    pub(crate) recovery: Option<RecoveryCodes>,
    #[serde(default)]
    version: u64,
}

impl Item for SecondFactors {
    fn key(&self) -> Key {
        keys::SecondFactors::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl SecondFactors {
    /// Of somebody who has none.
    pub(crate) fn none(user_id: UserId) -> Self {
        Self { user_id, totp: None, recovery: None, version: 0 }
    }
}
