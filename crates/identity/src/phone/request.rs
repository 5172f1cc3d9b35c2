use access::{Principal, Way};
use events::NewEvent;
use identity_core::{
    Policy, SmsCode, SmsPlace,
    events::{FactorEnrollmentStarted, SmsCodeRequested},
};
use primitives::{FactorId, Ids, PhoneNumber, SmsCodeId, UserId};
use table::{Attempt, Cause, Changes, Consistency, Decision, Item, RateLimitState, StoreError, Table};

use super::step::{SmsStep, load, place_of};
use crate::{Enroller, IdentityError, mfa::With};

/// A code that is about to be sent: whoever asks for it may, and nothing is written yet.
#[derive(Debug)]
pub struct SmsRequest {
    user_id: UserId,
    place: SmsPlace,
    number: PhoneNumber,
    before: Option<SmsCode>,
    is_known: bool,
}

/// A code that is on its way.
#[derive(Clone, Debug)]
pub struct CodeSent {
    /// Where to.
    pub number: PhoneNumber,
    /// How long it works, seconds.
    pub expires_in: i64,
}

impl SmsRequest {
    /// To a number that is to be the person's.
    pub async fn of_phone(
        table: &Table,
        principal: &Principal,
        number: PhoneNumber,
    ) -> Result<Self, IdentityError> {
        let step = load(table, &Enroller::principal(principal), SmsPlace::Phone).await?;
        step.with.require_factor(table, &step.user).await?;
        Ok(Self::to(step, number))
    }

    /// To the person's phone, to set up codes there as a second factor; and the factor that is to be.
    pub async fn of_factor(table: &Table, who: &Enroller) -> Result<(Self, FactorId), IdentityError> {
        let factor_id = table.ids().next();
        let step = load(table, who, SmsPlace::Factor(factor_id)).await?;
        step.with.require_factor(table, &step.user).await?;
        let phone = step.user.phone.clone().ok_or(IdentityError::PhoneRequired)?;
        Ok((Self::to(step, phone.number), factor_id))
    }

    /// To the person's phone, for a second factor that is to be shown.
    pub async fn of_second(table: &Table, who: &Enroller) -> Result<Self, IdentityError> {
        let step = unused(load(table, who, place_of(who)).await?)?;
        let phone = step.user.phone.clone().filter(|_| step.user.ways().contains_key(&Way::Sms));
        let phone = phone.ok_or(IdentityError::FactorUnavailable)?;
        Ok(Self::to(step, phone.number))
    }

    fn to(step: SmsStep, number: PhoneNumber) -> Self {
        let is_known = step.is_known();
        Self { user_id: step.user.user_id, place: step.place, number, before: step.code, is_known }
    }

    /// Whom codes are counted for: the person. Who is signed in, or comes from a network that is known to be
    /// theirs, is counted apart from all others: nobody elsewhere can use it up.
    pub fn subject(&self) -> String {
        if self.is_known { format!("{} known", self.user_id) } else { self.user_id.to_string() }
    }

    /// Counts it for what many share: the number and its block, where it is a new one, and the day of the
    /// deployment. Gives the limit that has no room, if one has none.
    ///
    /// New numbers have a share of the day of their own: whoever has SMS sent to many of them keeps nobody
    /// from signing in.
    pub async fn admit(&self, table: &Table, policy: &Policy) -> Result<Option<RateLimitState>, StoreError> {
        let share = if self.place == SmsPlace::Phone {
            let number = table.take(&policy.sms_codes(), self.number.as_str()).await?;
            if !number.allowed {
                return Ok(Some(number));
            }
            let block = table.take(&policy.sms_codes_per_block(), self.number.block()).await?;
            if !block.allowed {
                return Ok(Some(block));
            }
            "new numbers"
        } else {
            "verified numbers"
        };
        let day = table.take(&policy.sms_a_day(), share).await?;
        let is_near = day.windows.iter().any(|state| is_near(state.remaining, state.window.at_once()));
        if is_near || !day.allowed {
            tracing::warn!(code = "sms_cap_near", share, "most of the SMS of a day have been sent");
        }
        Ok(Some(day).filter(|day| !day.allowed))
    }

    /// Has it sent, in the place of the one before.
    pub async fn send(
        self,
        table: &Table,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<CodeSent, IdentityError> {
        let (request, code_id): (_, SmsCodeId) = (&self, Ids::unguessable());
        let send = |attempt: Attempt| async move {
            let SmsRequest { user_id, place, number, .. } = request;
            let before: Option<SmsCode> = match attempt.before() {
                0 => request.before.clone(),
                _ => table.get(&place.key(*user_id), Consistency::Strong).await?,
            };
            let now = table.clock().now();
            let sent = (code_id, number.clone());
            let code = SmsCode::new((*user_id, *place), sent, before.as_ref(), policy, now);
            let event = SmsCodeRequested {
                user_id: *user_id,
                code_id,
                place: place.to_string(),
                expires_at: code.valid_until,
            };
            let event = NewEvent::new(None, &code_id, code.next_version(), &event);
            let mut changes = Changes::new().replace(&code).publish(event);
            if let SmsPlace::Factor(factor_id) = *place {
                let event = FactorEnrollmentStarted { user_id: *user_id, factor_id };
                changes = changes.publish(NewEvent::new(None, &factor_id, 1, &event));
            }
            let expires_in = policy.sms_code_seconds;
            Ok::<_, IdentityError>(Decision::commit(changes, CodeSent { number: number.clone(), expires_in }))
        };
        table.decide(cause, send).await
    }
}

/// Less than a fifth is left.
fn is_near(remaining: u32, at_once: u32) -> bool {
    remaining.saturating_mul(5) < at_once
}

/// A login that was completed needs no code any more.
fn unused(step: SmsStep) -> Result<SmsStep, IdentityError> {
    match &step.with {
        With::Half(half) if half.used.is_some() => Err(IdentityError::HalfSessionEnded),
        With::Half(_) | With::Session(_) => Ok(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_near_its_end_before_it_is() {
        assert!(!is_near(500, 500) && !is_near(100, 500));
        assert!(is_near(99, 500) && is_near(0, 500) && is_near(0, 1));
    }
}
