//! Codes of a phone as a second factor.

use access::Way;
use identity_core::SmsPlace;
use primitives::FactorId;
use table::{Cause, Decision, Table};

use super::step::{SmsStep, load};
use crate::{
    ConfirmedFactor, Enroller, IdentityError,
    mfa::{SmsFactor, added},
};

/// Makes codes of the person's phone a second factor, after the one that was sent there was compared. With
/// the first factor come recovery codes.
pub async fn confirm_sms_factor(
    table: &Table,
    cause: &Cause,
    who: &Enroller,
    factor_id: FactorId,
    compared: SmsStep,
) -> Result<ConfirmedFactor, IdentityError> {
    let sent = &compared.code.clone();
    let mut first = Some(compared);
    let confirm = |_| {
        let first = first.take();
        async move {
            let mut step = match first {
                Some(step) => step,
                None => load(table, who, SmsPlace::Factor(factor_id)).await?,
            };
            let now = table.clock().now();
            let code = step.still_has(sent.as_ref(), now).cloned().ok_or(IdentityError::EnrollmentExpired)?;
            step.with.require_factor(table, &step.user).await?;
            let phone = step.user.phone.as_ref().filter(|phone| phone.number == code.number);
            phone.ok_or(IdentityError::PhoneRequired)?;
            step.factors.sms = Some(SmsFactor { factor_id, confirmed_at: now });
            let (changes, confirmed) =
                added((step.user, step.with, step.factors), (Way::Sms, factor_id), now);
            Ok(Decision::commit(changes.delete(&code), confirmed))
        }
    };
    table.decide(cause, confirm).await
}
