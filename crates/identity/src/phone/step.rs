use access::Principal;
use identity_core::{LinkKey, Policy, SmsCode, SmsPlace, User, keys};
use primitives::{Keys, Timestamp};
use table::{Consistency, Table};

use super::proof::SmsProof;
use crate::{
    Code, Enroller, IdentityError,
    mfa::{SecondFactors, With},
};

/// What somebody who is sent a code, or shows one, is judged by.
#[derive(Debug)]
pub struct SmsStep {
    pub(crate) user: User,
    pub(crate) with: With,
    pub(crate) factors: SecondFactors,
    /// The code that was sent for this, if it can still be shown.
    pub(crate) code: Option<SmsCode>,
    pub(crate) place: SmsPlace,
}

/// What is known of a code before its digits are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// They are to be compared: this try is counted.
    NotYet,
    /// They were right a moment ago, and the answer was lost.
    Right,
    /// There is no code, or it was tried too often.
    Wrong,
}

/// Reads it all: one call. A half-session may be used up.
pub(super) async fn load(table: &Table, who: &Enroller, place: SmsPlace) -> Result<SmsStep, IdentityError> {
    let user_id = who.user_id();
    let keys = [keys::User::key(user_id), who.key(), keys::SecondFactors::key(user_id), place.key(user_id)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let user: User = found.take(&keys[0])?.ok_or(IdentityError::HalfSessionEnded)?;
    let with = who.take(&mut found, &user, table.clock().now())?;
    let factors = found.take(&keys[2])?.unwrap_or_else(|| SecondFactors::none(user_id));
    Ok(SmsStep { user, with, factors, code: found.take(&keys[3])?, place })
}

/// What a code is sent for that shows a second factor: to a login that lacks one, or to a session.
pub(super) fn place_of(who: &Enroller) -> SmsPlace {
    match who {
        Enroller::Session(_, session_id) => SmsPlace::Session(*session_id),
        Enroller::Half(shown) => SmsPlace::Half(shown.id),
    }
}

impl SmsStep {
    /// Of somebody who shows that a number is theirs.
    pub async fn of_phone(table: &Table, principal: &Principal) -> Result<Self, IdentityError> {
        load(table, &Enroller::principal(principal), SmsPlace::Phone).await
    }

    /// Of somebody who shows a second factor.
    pub async fn of_second(table: &Table, who: &Enroller) -> Result<Self, IdentityError> {
        load(table, who, place_of(who)).await
    }

    /// Counts a try, before anything is compared: so that of many at once no more are compared than of the
    /// same one after another.
    pub async fn count(
        &self,
        table: &Table,
        policy: &Policy,
        typed: &Code,
    ) -> Result<Compared, IdentityError> {
        let now = table.clock().now();
        if let With::Half(half) = &self.with
            && let Some(used) = &half.used
        {
            let is_repeated = used.is_repeated_by(typed.as_str().as_bytes(), now);
            return if is_repeated { Ok(Compared::Right) } else { Err(IdentityError::HalfSessionEnded) };
        }
        let Some(code) = self.code.as_ref().filter(|code| code.is_open(now) || code.was_used_lately(now))
        else {
            return Ok(Compared::Wrong);
        };
        let state = table.take(&policy.sms_code_tries(), &code.code_id.to_string()).await?;
        Ok(if state.allowed { Compared::NotYet } else { Compared::Wrong })
    }

    /// Whether these are the digits that were sent.
    pub fn is_right(&self, typed: &Code, links: &Keys<LinkKey>) -> bool {
        let Some(code) = &self.code else { return false };
        links.iter().fold(false, |is_right, key| is_right | key.is_sms_code(code.code_id, typed.as_str()))
    }

    /// The end of the number that the code was sent to.
    pub fn hint(&self) -> Option<String> {
        self.code.as_ref().map(|code| code.number.masked())
    }

    /// Whether the person signed in from there before, or is signed in.
    pub(crate) fn is_known(&self) -> bool {
        match &self.with {
            With::Session(_) => true,
            With::Half(half) => half.knows_network,
        }
    }

    /// The proof that these digits are, once they were compared: wrong ones prove nothing.
    pub(crate) fn proof(&self, code: Code, is_right: bool) -> SmsProof {
        let code_id = self.code.as_ref().filter(|_| is_right).map(|code| code.code_id);
        SmsProof { code, code_id, place: self.place }
    }

    /// Whether this is still the code that was compared, and open.
    pub(super) fn still_has(&self, compared: Option<&SmsCode>, now: Timestamp) -> Option<&SmsCode> {
        let code = self.code.as_ref().filter(|code| code.is_open(now))?;
        (Some(code.code_id) == compared.map(|compared| compared.code_id)).then_some(code)
    }
}
