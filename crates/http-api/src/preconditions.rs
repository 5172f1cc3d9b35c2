use axum::extract::FromRequestParts;
use http::request::Parts;
use primitives::Expected;

use crate::{etag::expected, problem::Problem, refusal::Refusal};

/// The state in which a resource must be for the request to be carried out: `If-Match`, and any
/// where there is none. It stands in the description of a route that takes it; the edge refuses it
/// everywhere else.
#[derive(Debug)]
pub struct IfMatch(pub Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        expected(&parts.headers).ok_or_else(|| Refusal::IfMatch.into()).map(Self)
    }
}
