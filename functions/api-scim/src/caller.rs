use std::sync::{Arc, OnceLock};

use access::{AccessError, Full, Open, SCIM_TOKEN, Tenant};
use axum::extract::{FromRequest, FromRequestParts, Request};
use events::ActorRef;
use http_api::{
    Client, Limiter, Needs, Problem, RawBody,
    http::{header, request::Parts},
};
use primitives::json;
use scim::{Presented, ScimError, presented, requests};
use serde_json::{Map, Value};
use table::Cause;

use crate::{Api, error::Refused};

/// An identity provider, with a token of the organization whose directory it keeps.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) presented: Presented,
    client: Client,
}

/// Whose directory a request was about, for whoever notes that it was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whose(pub(crate) Arc<OnceLock<(Tenant, Cause)>>);

impl Directory {
    pub(crate) fn tenant(&self) -> Tenant {
        self.presented.tenant
    }

    /// The cause of what it does.
    pub(crate) fn cause(&self) -> Cause {
        self.client.cause_by(ActorRef::Scim(self.presented.token_id))
    }

    /// Refuses what costs something while the organization's access is not full. To take somebody out is
    /// always possible.
    pub(crate) fn require_full(&self) -> Result<(), Refused> {
        let level = self.presented.level;
        if Full::at(level) {
            return Ok(());
        }
        Err(ScimError::from(AccessError::Restricted { level }).into())
    }
}

impl FromRequestParts<Api> for Directory {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let client = Client::from_request_parts(parts, api).await?;
        let text = bearer(parts).filter(|text| text.starts_with(SCIM_TOKEN));
        let presented = presented(&api.table, text.ok_or(ScimError::InvalidToken)?).await?;
        let directory = Self { presented, client };
        if let Some(Whose(whose)) = parts.extensions.get() {
            whose.get_or_init(|| (directory.tenant(), directory.cause()));
        }
        let limiter = Limiter::from_request_parts(parts, api).await?;
        limiter.take(&requests(), &directory.presented.token_id.to_string()).await?;
        Ok(directory)
    }
}

impl Needs for Directory {
    fn needs() -> Option<Value> {
        Some(serde_json::json!({ "caller": "scim" }))
    }
}

/// The token of RFC 6750, section 2.1; the scheme has no case.
fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_alone = values.next().is_none();
    (is_alone && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}

/// The body of a request: an object, whatever is in it.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Map<String, Value>);

/// The largest body, bytes: a group with some thousand members.
const LARGEST: usize = 1024 * 1024;

impl FromRequest<Api> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(|kind| kind.trim().to_ascii_lowercase());
        if !matches!(kind.as_deref(), Some("application/scim+json" | "application/json")) {
            return Err(Refused::MediaType.into());
        }
        let body = RawBody::<LARGEST>::from_request(request, api).await?.0;
        let read = json::from_slice(&body)
            .map_err(|error| ScimError::Syntax(format!("the body is no object of JSON: {error}")));
        Ok(Self(read?))
    }
}

impl Needs for Body {}
