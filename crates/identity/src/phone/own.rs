use access::{Principal, Way};
use events::NewEvent;
use identity_core::{
    Phone, SmsPlace,
    events::{PhoneRemoved, PhoneVerified},
};
use primitives::PhoneNumber;
use table::{Cause, Changes, Decision, Item, Table};

use super::step::{SmsStep, load};
use crate::{
    Enroller, IdentityError, factor_required_by,
    mfa::{removed, unless_staff_has_none},
};

/// Makes the number the person's, in the place of the one before, after the code that was sent there was
/// compared. Where codes are a second factor, they go to the new number from then on.
///
/// The same once more within some seconds changes nothing: the answer was lost.
pub async fn verify_phone(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    compared: SmsStep,
) -> Result<PhoneNumber, IdentityError> {
    let sent = &compared.code.clone();
    let mut first = Some(compared);
    let verify = |_| {
        let first = first.take();
        async move {
            let step = match first {
                Some(step) => step,
                None => SmsStep::of_phone(table, principal).await?,
            };
            let (now, is_same) =
                (table.clock().now(), |id| sent.as_ref().is_some_and(|sent| sent.code_id == id));
            if let Some(code) =
                step.code.as_ref().filter(|code| code.was_used_lately(now) && is_same(code.code_id))
            {
                return Ok(Decision::done(code.number.clone()));
            }
            let code = step.still_has(sent.as_ref(), now).cloned().ok_or(IdentityError::MfaFailed)?;
            step.with.require_factor(table, &step.user).await?;
            let phone = Phone { number: code.number.clone(), verified_at: now };
            let event = PhoneVerified {
                user_id: step.user.user_id,
                number: phone.number.masked(),
                is_factor: step.user.ways().contains_key(&Way::Sms),
            };
            let event = NewEvent::new(None, &step.user.user_id, step.user.next_version(), &event);
            let user = step.user.with_phone(Some(phone), now);
            let number = code.number.clone();
            let changes = Changes::new().replace(&user).replace(&code.used(now)).publish(event);
            Ok(Decision::commit(changes, number))
        }
    };
    table.decide(cause, verify).await
}

/// Takes the person's phone away, and codes as a second factor with it. One that is not there is gone. The
/// last factor of a person stays as long as an organization of theirs asks for one.
pub async fn remove_phone(table: &Table, cause: &Cause, principal: &Principal) -> Result<(), IdentityError> {
    let who = &Enroller::principal(principal);
    let remove = |_| async move {
        let SmsStep { user, factors, .. } = load(table, who, SmsPlace::Phone).await?;
        let Some(phone) = user.phone.clone() else { return Ok(Decision::done(())) };
        let (now, user_id) = (table.clock().now(), user.user_id);
        let event = PhoneRemoved { user_id, number: phone.number.masked() };
        let event = NewEvent::new(None, &user_id, user.next_version(), &event);
        let user = user.with_phone(None, now);
        let Some(factor) = factors.sms.filter(|_| user.ways().contains_key(&Way::Sms)) else {
            return Ok(Decision::commit(Changes::new().replace(&user).publish(event), ()));
        };
        let user = user.without_way(Way::Sms, now);
        if !user.has_factor() && !factor_required_by(table, user_id).await?.is_empty() {
            return Err(IdentityError::LastFactor);
        }
        let changes = Changes::new().replace(&user).publish(event);
        let changes = changes.and(removed(&user, &factors, (Way::Sms, factor.factor_id)));
        Ok(unless_staff_has_none(user_id, user.has_factor(), changes))
    };
    table.decide(cause, remove).await
}
