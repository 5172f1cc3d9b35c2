//! A passkey as a second factor, and to show once more who one is.

use std::sync::Arc;

use identity_core::{HalfSession, ShownHalf, User, keys};
use primitives::{Keys, Timestamp, UserId};
use table::{Changes, Consistency, Found, Key, StoreError, Table};

use super::{
    ceremony::{OpenedCeremony, Purpose},
    credential::Assertion,
    relying_party::{Judged, PasskeyOptions, RelyingParty, id},
    sign_in::{of_person, reversed},
    stored::{Passkey, SpentChallenge, passkey_of},
};
use crate::{Enroller, IdentityError, SealKey};

/// A proof with a passkey, for a login that lacks something or a session.
#[derive(Clone, Debug)]
pub struct PasskeyProof {
    /// For whom passkeys are made.
    pub relying_party: Arc<RelyingParty>,
    /// What the challenge was made for.
    pub ceremony: OpenedCeremony,
    /// What the browser answered.
    pub shown: Assertion,
}

/// What a proof is judged by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) passkey: Option<Passkey>,
    pub(crate) spent: Option<SpentChallenge>,
}

impl Shelf {
    /// What was found of a proof by its keys; nothing where it has none.
    pub(crate) fn take(found: &mut Found, keys: &[Key]) -> Result<Self, StoreError> {
        let [passkey, spent] = keys else { return Ok(Self::default()) };
        Ok(Self { passkey: found.take(passkey)?, spent: found.take(spent)? })
    }
}

impl PasskeyProof {
    /// Where that is.
    pub(crate) fn keys(&self, user_id: UserId) -> [Key; 2] {
        [
            keys::Passkey::key(user_id, passkey_of(&self.shown.id)),
            keys::SpentChallenge::key(self.ceremony.hash.clone()),
        ]
    }

    /// What has to be stored when this is shown for `purpose`, if it is right: its challenge is used up.
    pub(crate) fn used(
        &self,
        user: &User,
        shelf: &Shelf,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<Changes>, IdentityError> {
        let is_for_this = self.ceremony.purpose(now) == Some(purpose) && shelf.spent.is_none();
        let Some(passkey) = shelf.passkey.as_ref().filter(|_| is_for_this) else { return Ok(None) };
        match self.relying_party.judge(self.ceremony.state(), &self.shown, passkey, now) {
            Judged::Right(passkey) => {
                let answer = &self.shown.signature;
                let spent = SpentChallenge::new(&self.ceremony.hash, user.user_id, None, answer, now);
                Ok(Some(Changes::new().replace(passkey.as_ref()).create(&spent)))
            }
            Judged::Reversed => Err(IdentityError::CounterReversed(Box::new(reversed(passkey)))),
            Judged::Wrong => Ok(None),
        }
    }
}

/// Begins to show a passkey for a login that lacks a second factor, or with a session: it names those that
/// the person has.
pub async fn start_second_passkey(
    table: &Table,
    relying_party: &RelyingParty,
    seals: &Keys<SealKey>,
    who: &Enroller,
) -> Result<PasskeyOptions, IdentityError> {
    let (purpose, user_id) = match who {
        Enroller::Session(user_id, session_id) => (Purpose::StepUp(*user_id, *session_id), *user_id),
        Enroller::Half(shown) => {
            half(table, shown).await?;
            (Purpose::Complete(shown.user_id, shown.id), shown.user_id)
        }
    };
    let passkeys = of_person(table, user_id, Consistency::Strong).await?;
    if passkeys.is_empty() {
        return Err(IdentityError::FactorUnavailable);
    }
    relying_party.ask(&seals.current, purpose, passkeys.iter().map(id), table.clock().now())
}

/// The person of a login that lacks something and can still be completed.
pub(crate) async fn half(table: &Table, shown: &ShownHalf) -> Result<User, IdentityError> {
    let keys = [shown.key(), keys::User::key(shown.user_id)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let half: Option<HalfSession> = found.take(&keys[0])?;
    let user: Option<User> = found.take(&keys[1])?;
    let (Some(half), Some(user)) = (half, user) else { return Err(IdentityError::HalfSessionEnded) };
    let stands = half.is_shown_by(shown, table.clock().now()) && user.admits(&half) && half.used.is_none();
    if stands { Ok(user) } else { Err(IdentityError::HalfSessionEnded) }
}
