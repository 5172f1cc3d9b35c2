use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use table::{RateLimit, RateLimitState, Table, Window, WindowState};

use crate::{caller::extension, problem::Problem, refusal::Refusal};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Uses limits for one request, and tells the client how they stand
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>).
#[derive(Clone, Debug)]
pub struct Limiter {
    table: Table,
    used: Arc<Mutex<Vec<RateLimitState>>>,
}

impl Limiter {
    pub(crate) fn new(table: Table) -> Self {
        Self { table, used: Arc::default() }
    }

    /// Uses the limit once for `subject`, or refuses with 429. When the limits cannot be read
    /// nothing is allowed: 503.
    pub async fn take(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.count(limit, subject).await?;
        if state.allowed { Ok(state) } else { Err(Self::refusal(&state, None)) }
    }

    /// Uses the limit once for `subject` and says how it stands: for a caller who decides with more
    /// than this limit.
    pub async fn count(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.table.take(limit, subject).await?;
        Ok(self.noted(state))
    }

    /// Says how the limit stands without a use, for what counts only when it is wrong.
    pub async fn room(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.table.room(limit, subject).await?;
        Ok(self.noted(state))
    }

    /// Refuses with 429 where nothing is left of the limit, without a use.
    pub async fn require_room(&self, limit: &RateLimit, subject: &str) -> Result<(), Problem> {
        let state = self.room(limit, subject).await?;
        if state.allowed { Ok(()) } else { Err(Self::refusal(&state, None)) }
    }

    /// Of a limit that was asked more than once the last answer counts.
    fn noted(&self, state: RateLimitState) -> RateLimitState {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|known| known.name != state.name);
        used.push(state.clone());
        state
    }

    /// The answer to a use that is beyond the limit; `way_out` says what else may be done.
    pub fn refusal(state: &RateLimitState, way_out: Option<&str>) -> Problem {
        let wait = state.retry_after().max(1);
        let full = state.windows.iter().filter(|state| state.remaining == 0).map(|state| said(state.window));
        let full = full.collect::<Vec<_>>().join(" and ");
        let way_out = way_out.map(|way_out| format!(", or {way_out}")).unwrap_or_default();
        Refusal::RateLimited { full, wait, way_out }.into()
    }

    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        write_headers(&self.used.lock().unwrap_or_else(PoisonError::into_inner), headers);
    }
}

/// Of each window what holds of it: whoever makes no more than `q` uses in any `w` seconds is never
/// refused; `r` are left, and one more comes in `t` seconds.
fn write_headers(used: &[RateLimitState], headers: &mut HeaderMap) {
    let named = used.iter().flat_map(|limit| {
        let named = |(index, state)| (window_name(limit.name, index, state), *state);
        limit.windows.iter().enumerate().map(named)
    });
    let windows: Vec<(String, WindowState)> = named.collect();
    let list =
        |item: fn(&(String, WindowState)) -> String| windows.iter().map(item).collect::<Vec<_>>().join(", ");
    let policy = list(|(name, state)| {
        let (uses, seconds) = state.window.promised();
        format!("\"{name}\";q={uses};w={seconds}")
    });
    let state = list(|(name, state)| format!("\"{name}\";r={};t={}", state.remaining, state.reset));
    for (name, value) in [(POLICY, policy), (STATE, state)] {
        if let Some(value) =
            Some(value).filter(|value| !value.is_empty()).and_then(|value| HeaderValue::from_str(&value).ok())
        {
            headers.insert(name, value);
        }
    }
}

/// What a window allows, in words.
fn said(window: Window) -> String {
    let (uses, seconds) = window.promised();
    match window.one_more_every() {
        Some(every) => format!("{uses} at once, and one more every {every} seconds"),
        None => format!("{uses} in {seconds} seconds"),
    }
}

/// A limit's first window has its name; the others say their length behind it, as names in the
/// headers must differ.
fn window_name(limit: &str, index: usize, state: &WindowState) -> String {
    match (index, state.window.length.as_secs()) {
        (0, _) => limit.to_owned(),
        (_, 3600) => format!("{limit}-hour"),
        (_, 86_400) => format!("{limit}-day"),
        (_, seconds) => format!("{limit}-{seconds}"),
    }
}

impl<S: Sync> FromRequestParts<S> for Limiter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        extension(parts)
    }
}

#[cfg(test)]
mod tests {
    use primitives::SignedDuration;

    use super::*;

    #[test]
    fn whoever_trusts_what_is_said_is_not_refused_early() {
        let limit = RateLimit::new(
            "client",
            [(30, SignedDuration::from_mins(1)), (300, SignedDuration::from_hours(24))],
        );
        let windows =
            limit.windows.iter().map(|window| WindowState { window: *window, remaining: 0, reset: 576 });
        let state = RateLimitState { name: limit.name, allowed: false, windows: windows.collect() };
        assert_eq!(
            Limiter::refusal(&state, None).to_string(),
            "429 rate_limited: no more than 30 in 60 seconds and 150 at once, and one more every 576 seconds; wait 576 seconds"
        );
        let mut headers = HeaderMap::new();
        write_headers(&[state], &mut headers);
        assert_eq!(headers[POLICY], "\"client\";q=30;w=60, \"client-day\";q=150;w=86400");
        assert_eq!(headers[STATE], "\"client\";r=0;t=576, \"client-day\";r=0;t=576");
    }
}
