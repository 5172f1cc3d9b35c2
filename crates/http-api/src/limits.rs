use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts};
use table::{RateLimit, RateLimitState, Table};

use crate::{caller::extension, problem::Problem};

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

    /// Gives a use back that turned out not to count.
    pub async fn give_back(&self, state: &RateLimitState, subject: &str) -> Result<(), Problem> {
        Ok(self.table.give_back(state, subject).await?)
    }

    /// Uses the limit once for `subject`, or refuses with 429. When the limits cannot be read nothing is allowed: 503.
    pub async fn take(&self, limit: RateLimit, subject: &str) -> Result<RateLimitState, Problem> {
        let state = self.table.take(limit, subject).await?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(state);
        if state.allowed {
            return Ok(state);
        }
        let detail = format!(
            "no more than {} in {} seconds; wait {} seconds",
            limit.uses,
            limit.window.as_secs(),
            state.reset
        );
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(state.reset))
    }

    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let list = |item: fn(&RateLimitState) -> String| used.iter().map(item).collect::<Vec<_>>().join(", ");
        let policy = list(|state| {
            format!("\"{}\";q={};w={}", state.limit.name, state.limit.uses, state.limit.window.as_secs())
        });
        let state = list(|state| format!("\"{}\";r={};t={}", state.limit.name, state.remaining, state.reset));
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

impl<S: Sync> FromRequestParts<S> for Limiter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        extension(parts)
    }
}
