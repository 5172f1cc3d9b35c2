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

    /// Uses the limit once for `subject`, or refuses with 429. When the limits cannot be read nothing is
    /// allowed: 503.
    pub async fn take(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.count(limit, subject).await?;
        if state.allowed { Ok(state) } else { Err(Self::refusal(&state, None)) }
    }

    /// Uses the limit once for `subject` and says how it stands: for a caller who decides with more than this
    /// limit.
    pub async fn count(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.table.take(limit, subject).await?;
        Ok(self.noted(state))
    }

    /// Says how the limit stands without a use, for what counts only when it is wrong.
    pub async fn room(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.table.room(limit, subject).await?;
        Ok(self.noted(state))
    }

    fn noted(&self, state: RateLimitState) -> RateLimitState {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(state.clone());
        state
    }

    /// The answer to a use that is beyond the limit; `way_out` says what else may be done.
    pub fn refusal(state: &RateLimitState, way_out: Option<&str>) -> Problem {
        let wait = state.retry_after().max(1);
        let full = state.windows.iter().filter(|state| state.remaining == 0).map(|state| {
            let Window { uses, length } = state.window;
            format!("{uses} in {} seconds", length.as_secs())
        });
        let full = full.collect::<Vec<_>>().join(" and ");
        let way_out = way_out.map(|way_out| format!(", or {way_out}")).unwrap_or_default();
        Refusal::RateLimited { full, wait, way_out }.into()
    }

    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let windows: Vec<_> = used
            .iter()
            .flat_map(|limit| {
                let named = |(index, state)| (window_name(limit.name, index, state), *state);
                limit.windows.iter().enumerate().map(named)
            })
            .collect();
        let list = |item: fn(&(String, WindowState)) -> String| {
            windows.iter().map(item).collect::<Vec<_>>().join(", ")
        };
        let policy = list(|(name, state)| {
            format!("\"{name}\";q={};w={}", state.window.uses, state.window.length.as_secs())
        });
        let state = list(|(name, state)| format!("\"{name}\";r={};t={}", state.remaining, state.reset));
        for (name, value) in [(POLICY, policy), (STATE, state)] {
            if let Some(value) = Some(value)
                .filter(|value| !value.is_empty())
                .and_then(|value| HeaderValue::from_str(&value).ok())
            {
                headers.insert(name, value);
            }
        }
    }
}

/// A limit's first window has its name; the others say their length behind it, as names in the headers must
/// differ.
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
