use access::Way;
use identity_core::keys;
use primitives::{FactorId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use super::{recovery::RecoveryCodes, totp::TotpFactor};

/// The second factors of a person, which are read together wherever one is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecondFactors {
    user_id: UserId,
    /// The authenticator app.
    pub(crate) totp: Option<TotpFactor>,
    /// That codes go to the person's phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sms: Option<SmsFactor>,
    /// The recovery codes.
    pub(crate) recovery: Option<RecoveryCodes>,
    #[serde(default)]
    version: u64,
}

/// Codes that go to the person's phone, whatever its number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SmsFactor {
    pub(crate) factor_id: FactorId,
    pub(crate) confirmed_at: Timestamp,
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
    /// What the factor with this id is.
    pub(crate) fn way_of(&self, factor_id: FactorId) -> Option<Way> {
        let totp = self.totp.as_ref().map(|totp| (totp.factor_id, Way::Totp));
        let sms = self.sms.map(|sms| (sms.factor_id, Way::Sms));
        totp.into_iter().chain(sms).find(|(id, _)| *id == factor_id).map(|(_, way)| way)
    }

    /// The same without this one.
    pub(crate) fn without(&self, way: Way) -> Self {
        let mut left = self.clone();
        match way {
            Way::Totp => left.totp = None,
            Way::Sms => left.sms = None,
            _ => {}
        }
        left
    }

    /// Of somebody who has none.
    pub(crate) fn none(user_id: UserId) -> Self {
        Self { user_id, totp: None, sms: None, recovery: None, version: 0 }
    }

    /// How many recovery codes are left.
    pub(crate) fn recovery_codes_left(&self) -> usize {
        self.recovery.as_ref().map_or(0, RecoveryCodes::left)
    }
}
