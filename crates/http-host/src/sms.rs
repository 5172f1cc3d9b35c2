//! Codes of phones, as routes send them and take them.

use http_api::{Limiter, Problem};
use identity::{Code, Compared, LinkKey, Policy, SmsRequest, SmsStep};
use lambda_host::Rotating;
use primitives::Keys;
use table::Table;

/// Counts a code that is to be sent for everything that it counts for, or refuses it.
pub async fn admit_sms(
    limiter: &Limiter,
    table: &Table,
    policy: &Policy,
    request: &SmsRequest,
) -> Result<(), Problem> {
    limiter.take(&policy.sms_codes(), &request.subject()).await?;
    // how many are sent to others is nothing for the headers
    match request.admit(table, policy).await? {
        Some(full) => Err(Limiter::refusal(&full, None)),
        None => Ok(()),
    }
}

/// Whether this is the code that was sent: counted, then compared, with newer keys where there are some,
/// since `queue-mail` may have made it with one that this instance has not seen yet.
pub async fn is_right_sms(
    table: &Table,
    policy: &Policy,
    links: &Rotating<Keys<LinkKey>>,
    step: &SmsStep,
    typed: &Code,
) -> Result<bool, Problem> {
    match step.count(table, policy, typed).await? {
        Compared::Right => return Ok(true),
        Compared::Wrong => return Ok(false),
        Compared::NotYet => {}
    }
    let keys = links.get().await?;
    if step.is_right(typed, &keys) {
        return Ok(true);
    }
    Ok(links.newer(&keys).await?.is_some_and(|newer| step.is_right(typed, &newer)))
}
