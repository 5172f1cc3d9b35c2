use std::{error::Error, fmt};

use access::{AccessLevel, PROOF_IS_FRESH};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use primitives::{Fault, FaultKind, FieldCode, Invalid, Time};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{etag::etag, refusal::Refusal};

/// What `type` begins with; the code follows. A name, not an address: `docs/errors.md` explains the
/// codes.
const TYPE: &str = "urn:gantry:problem:";

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub struct Problem(Box<ProblemDocument>);

/// A problem document (RFC 9457), the body of every answer that is not a success.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Names the kind of problem: `urn:gantry:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in a few words: its own, not HTTP's.
    title: String,
    /// The HTTP status.
    #[schema(value_type = u16)]
    #[serde(serialize_with = "status_number")]
    status: StatusCode,
    /// What went wrong this time, and what to do.
    detail: String,
    /// The correlation id of the request: quote it when you ask for help.
    instance: Option<String>,
    /// Names the problem for machines; never renamed.
    code: &'static str,
    /// What is wrong with which part of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What the caller lacks: the permission, or the kind of access.
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<&'static str>,
    /// How much the organization may use, where that is what refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<AccessLevel>,
    /// When there is more of what is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<Time>,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// Whether it is about an access token that was sent.
    #[serde(skip)]
    about_token: bool,
    /// How certain it must be who the caller is, where a proof of that is asked for.
    #[serde(skip)]
    level: Option<&'static str>,
    /// The version at which the resource stands.
    #[serde(skip)]
    current: Option<u64>,
    #[serde(skip)]
    cause: Option<String>,
}

/// What is wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The part, as a JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong with it, for machines; never renamed.
    pub code: &'static str,
    /// What is wrong with it, for people.
    pub detail: String,
}

impl FieldError {
    /// Pointer and detail are cut to what people read: a request may be wrong at any length.
    pub fn new(pointer: &str, code: FieldCode, detail: &str) -> Self {
        const LONGEST: usize = 300;
        let cut = |text: &str| text.chars().take(LONGEST).collect();
        Self { pointer: cut(pointer), code: code.as_str(), detail: cut(detail) }
    }

    /// What serde says of it.
    pub(crate) fn of(pointer: &str, text: &str) -> Self {
        let (code, detail) = FieldCode::of(text);
        Self::new(pointer, code, detail)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDocument {
            kind: format!("{TYPE}{code}"),
            title: title(code),
            status,
            detail: detail.into(),
            instance: None,
            code,
            errors: Vec::new(),
            needed: None,
            access: None,
            resets_at: None,
            retry_after: None,
            about_token: false,
            level: None,
            current: None,
            cause: None,
        }))
    }

    /// The request breaks rules: which, where.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::from(Refusal::Rules);
        problem.0.errors = errors;
        problem
    }

    /// One part of the request breaks a rule that its type does not know.
    pub fn field(pointer: &str, error: &impl Invalid) -> Self {
        Self::invalid(vec![FieldError::new(pointer, error.field_code(), &error.to_string())])
    }

    /// The same about a part of the request that is at this JSON pointer.
    #[must_use]
    pub fn below(mut self, pointer: &str) -> Self {
        for error in &mut self.0.errors {
            error.pointer.insert_str(0, pointer);
        }
        self
    }

    /// As a part of an answer about several.
    pub fn into_document(self) -> ProblemDocument {
        *self.0
    }

    /// The same with the version at which the resource stands, as its `ETag`.
    #[must_use]
    pub fn standing_at(mut self, version: u64) -> Self {
        self.0.current = Some(version);
        self
    }

    /// What is lacking, and how much the organization may use where that is what refuses.
    #[must_use]
    pub(crate) fn needed(mut self, needed: &'static str, access: Option<AccessLevel>) -> Self {
        self.0.needed = Some(needed);
        self.0.access = access;
        self
    }

    /// The same with when there is more of what is used up.
    #[must_use]
    pub fn resetting_at(mut self, resets_at: Time) -> Self {
        self.0.resets_at = Some(resets_at);
        self
    }

    /// The request breaks a rule that is about no single part of it.
    #[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
    pub fn broken_rule(detail: impl ToString) -> Self {
        Refusal::Rule(detail.to_string()).into()
    }

    /// The same as an answer to the access token that came with the request (RFC 6750, section
    /// 3.1).
    #[must_use]
    pub(crate) fn about_token(mut self) -> Self {
        self.0.about_token = true;
        self
    }

    /// The same with how certain it must be who the caller is: a value of `acr`.
    #[must_use]
    pub(crate) fn asking(mut self, level: &'static str) -> Self {
        self.0.level = Some(level);
        self
    }

    /// The code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What a 401 asks for (RFC 6750, section 3; RFC 9470, section 3); and a 403 that a second factor mends.
    fn challenge(&self) -> Option<HeaderValue> {
        let level = |level: &str| format!(", acr_values=\"{level}\"");
        let error = match (self.0.code, self.0.status) {
            ("step_up_required", _) => {
                let of_level = self.0.level.map(level).unwrap_or_default();
                let age = PROOF_IS_FRESH.as_secs();
                format!(" error=\"insufficient_user_authentication\"{of_level}, max_age={age}")
            }
            ("mfa_required", _) => {
                format!(" error=\"insufficient_user_authentication\"{}", level("aal2"))
            }
            ("insufficient_scope", _) => {
                let scope = self.0.needed.map(|needed| format!(", scope=\"{needed}\"")).unwrap_or_default();
                format!(" error=\"insufficient_scope\"{scope}")
            }
            (_, StatusCode::UNAUTHORIZED) if self.0.about_token => " error=\"invalid_token\"".to_owned(),
            (_, StatusCode::UNAUTHORIZED) => String::new(),
            _ => return None,
        };
        HeaderValue::try_from(format!("Bearer{error}")).ok()
    }

    pub(crate) fn instance(mut self, correlation_id: &str) -> Self {
        self.0.instance = Some(correlation_id.to_owned());
        self
    }

    /// What to write to the log: nothing about what callers do wrong, everything about what we do.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

/// The name of a kind of problem: its code as people write it.
pub fn title(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// The answer to a route, or an id, that is not there: the same for what never was and for what
/// belongs to somebody else.
pub fn not_found() -> Problem {
    Refusal::NotFound.into()
}

/// How a kind is answered: its status, and the detail where the error's own text is not for the
/// caller.
pub fn answer(kind: FaultKind) -> (StatusCode, Option<&'static str>) {
    match kind {
        FaultKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, None),
        FaultKind::Unauthenticated => (StatusCode::UNAUTHORIZED, None),
        FaultKind::Forbidden => (StatusCode::FORBIDDEN, None),
        FaultKind::Unpaid => (StatusCode::PAYMENT_REQUIRED, None),
        // One body, whether it never was or belongs to somebody else.
        FaultKind::NotFound => {
            (StatusCode::NOT_FOUND, Some("there is nothing here; check the path and the ids in it"))
        }
        FaultKind::Conflict => (StatusCode::CONFLICT, None),
        FaultKind::Limited => (StatusCode::TOO_MANY_REQUESTS, None),
        FaultKind::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            Some("a service that we need does not answer; nothing is lost, try again"),
        ),
        FaultKind::Internal => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Some("this is our fault; it was noted under the correlation id"),
        ),
    }
}

impl<F: Fault> From<F> for Problem {
    fn from(fault: F) -> Self {
        let (usual, fixed) = answer(fault.kind());
        let status = fault.status().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(usual);
        let detail = fixed.map_or_else(|| fault.to_string(), str::to_owned);
        let mut problem = Self::new(status, fault.code(), detail);
        problem.0.cause = status.is_server_error().then(|| chain(&fault));
        problem.0.retry_after = fault.retry_after();
        problem
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:?}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (self.0.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(etag) = self.0.current.and_then(|version| etag(version).parse().ok()) {
            headers.insert(header::ETAG, etag);
        }
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use access::AccessError;

    use super::*;

    #[test]
    fn a_401_says_what_it_asks_for() {
        let challenge = |problem: Problem| {
            let answer = problem.into_response();
            answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned()
        };
        assert_eq!(challenge(Refusal::MissingToken.into()), "Bearer");
        assert_eq!(
            challenge(Problem::from(Refusal::MissingToken).about_token()),
            "Bearer error=\"invalid_token\""
        );
        assert_eq!(challenge(AccessError::PeopleOnly.into()), "Bearer error=\"insufficient_scope\"");
        let scope = Problem::from(AccessError::PeopleOnly).needed("members:read", None);
        assert_eq!(challenge(scope), "Bearer error=\"insufficient_scope\", scope=\"members:read\"");
        assert_eq!(
            challenge(AccessError::StepUpRequired.into()),
            "Bearer error=\"insufficient_user_authentication\", max_age=600"
        );
        assert_eq!(
            challenge(Problem::from(AccessError::StepUpRequired).asking("aal2")),
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=600"
        );
        assert_eq!(
            challenge(AccessError::MfaRequired.into()),
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\""
        );
    }
}
