use http::Method;
use primitives::Fault;

/// What the edge refuses by itself, around every handler.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum Refusal {
    /// The request is not what HTTP asks for.
    #[error("{0}")]
    #[fault(Invalid, "malformed_request", status = 400)]
    Malformed(String),
    #[error("answers are JSON: accept `application/json`")]
    #[fault(Invalid, "not_acceptable", status = 406)]
    NotAcceptable,
    #[error("this route does not answer {0}")]
    #[fault(Invalid, "method_not_allowed", status = 405)]
    Method(Method),
    #[error("there is nothing here")]
    #[fault(NotFound, "not_found")]
    NotFound,
    #[error("send the access token as `Authorization: Bearer …`")]
    #[fault(Unauthenticated, "missing_token")]
    MissingToken,
    #[error("send the token of the sign-in's challenge as `Authorization: Bearer …`")]
    #[fault(Unauthenticated, "invalid_token")]
    NoHalfSession,
    #[error("send an API key as `Authorization: Bearer …`")]
    #[fault(Unauthenticated, "invalid_token")]
    NoApiKey,
    #[error("no more than {full}; wait {wait} seconds{way_out}")]
    #[fault(Limited, "rate_limited", retry_after = *wait)]
    RateLimited { full: String, wait: u64, way_out: String },
    #[error("send JSON in UTF-8, with `Content-Type: application/json`")]
    #[fault(Invalid, "unsupported_media_type", status = 415)]
    ContentType,
    #[error("send a form in UTF-8, with `Content-Type: application/x-www-form-urlencoded`")]
    #[fault(Invalid, "unsupported_media_type", status = 415)]
    FormType,
    #[error(
        "send CloudEvents 1.0 in JSON: one with `Content-Type: application/cloudevents+json`, several with `application/cloudevents-batch+json`"
    )]
    #[fault(Invalid, "unsupported_media_type", status = 415)]
    EventsType,
    #[error("send the body as it is, without a `Content-Encoding`")]
    #[fault(Invalid, "unsupported_media_type", status = 415)]
    ContentEncoding,
    #[error("the body is larger than {limit} bytes")]
    #[fault(Invalid, "body_too_large", status = 413)]
    BodyTooLarge { limit: usize },
    #[error("the body ended too early")]
    #[fault(Invalid, "incomplete_body", status = 400)]
    IncompleteBody,
    #[error("the body is not JSON: {0}")]
    #[fault(Invalid, "malformed_json", status = 400)]
    MalformedJson(String),
    #[error("the request breaks a rule; `errors` says which")]
    #[fault(Invalid, "invalid_request")]
    Rules,
    /// The request breaks a rule that is about no single part of it.
    #[error("{0}")]
    #[fault(Invalid, "invalid_request")]
    Rule(String),
    #[error("send `If-Match` as one or more ETags, in their quotation marks")]
    #[fault(Invalid, "malformed_request", status = 400)]
    IfMatch,
    #[error("nothing that this route changes has an ETag; leave `If-Match` out")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    NothingTagged,
    #[error("send one Idempotency-Key, of 1 to 255 visible ASCII characters without blanks")]
    #[fault(Invalid, "invalid_idempotency_key", status = 400)]
    IdempotencyKey,
    // It takes a fraction of a second. The lease is as long as it is for crashes alone.
    #[error("the first request with this Idempotency-Key is still being carried out")]
    #[fault(Conflict, "idempotency_key_in_use", retry_after = 1)]
    KeyInUse,
    #[error("this Idempotency-Key was used for another request; use a new key for a new request")]
    #[fault(Invalid, "idempotency_key_reused")]
    KeyReused,
    #[error("it could not be done in time")]
    #[fault(Unavailable, "unavailable", retry_after = 1)]
    OutOfTime,
    #[error("the routes were not wrapped by the edge")]
    #[fault(Internal, "internal")]
    NotWrapped,
    #[error("a handler panicked: {0}")]
    #[fault(Internal, "internal")]
    Panicked(String),
}
