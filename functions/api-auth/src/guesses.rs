//! What somebody shows and may guess at: counted, and written down.

use access::Way;
use http_api::{Limiter, Problem};
use identity::{FailedLogin, Guessed};
use primitives::UserId;
use table::{Cause, RateLimit, RateLimitState};

use crate::Api;

/// What a proof is counted by.
pub(crate) struct Guess<'a> {
    pub(crate) limit: RateLimit,
    pub(crate) subject: &'a str,
    /// What the network is counted by from which somebody guesses at many, where that is nobody's own.
    pub(crate) network: Option<(RateLimit, &'a str)>,
    /// Whose it would be.
    pub(crate) at: Guessed<'a>,
    pub(crate) way: Way,
}

impl<'a> Guess<'a> {
    /// At something of somebody who has shown something else.
    pub(crate) fn of_person(limit: RateLimit, subject: &'a str, user_id: UserId, way: Way) -> Self {
        Self { limit, subject, network: None, at: Guessed::Person(user_id), way }
    }
}

/// Counts a wrong proof, for its network too, and notes it, with the limit if that was its last place; of a
/// right one it is asked whether a wrong one could have been counted.
///
/// Nobody is told what a proof was before it stands in the limit's item, in one order with all others: so
/// that of many guesses at once no more are answered than of the same one after another. And a right one that
/// is sent twice is right twice.
pub(crate) async fn count(
    api: &Api,
    limiter: &Limiter,
    cause: &Cause,
    guess: &Guess<'_>,
    is_right: bool,
) -> Result<RateLimitState, Problem> {
    let Guess { limit, subject, network, at, way } = guess;
    if is_right {
        return limiter.room(limit, subject).await;
    }
    let state = limiter.count(limit, subject).await?;
    if let Some((limit, network)) = network.as_ref().filter(|_| state.allowed) {
        limiter.take(limit, network).await?;
    }
    if state.allowed {
        let reached = state.is_used_up().then_some(limit.name);
        let failed = FailedLogin { at: *at, way: *way, reached };
        identity::note_failure(&api.table, cause, &failed).await?;
    }
    Ok(state)
}
