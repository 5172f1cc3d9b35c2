use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::{header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use primitives::{
    FieldCode,
    json::{Strict, refuse_duplicates},
};
use serde::de::DeserializeOwned;

use utoipa::ToSchema;

use crate::{
    fields::{faults, pointer},
    problem::{FieldError, Problem, not_found},
    refusal::Refusal,
};

/// The largest body that a route reads, in bytes, unless it says otherwise.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The header that names a request, so that it can be sent twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A JSON body, which is what its type says, and what makes the request repeatable.
#[derive(Debug)]
pub struct Command<T> {
    /// The body.
    pub input: T,
    pub(crate) key: Option<String>,
    pub(crate) request: Vec<u8>,
}

impl<S, T> FromRequest<S> for Command<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(&request)?;
        let key = idempotency_key(&request)?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut whole = format!("{} {target}\n", request.method()).into_bytes();
        let bytes = RawBody::<BODY_LIMIT>::from_request(request, state).await?.0;
        let input: T = parse(&bytes)?;
        whole.extend_from_slice(&bytes);
        Ok(Self { input, key, request: whole })
    }
}

/// A body as it came, of at most `LIMIT` bytes.
#[derive(Debug)]
pub struct RawBody<const LIMIT: usize = BODY_LIMIT>(pub Bytes);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for RawBody<LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_plain(&request)?;
        match Limited::new(request.into_body(), LIMIT).collect().await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                Err(Refusal::BodyTooLarge { limit: LIMIT }.into())
            }
            Err(_) => Err(Refusal::IncompleteBody.into()),
        }
    }
}

/// The parameter of the path. One that cannot be read as its type names nothing.
#[derive(Debug)]
pub struct PathParameter<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathParameter<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let read = path.ok().and_then(|text| text.parse().ok());
        read.map(Self).ok_or_else(not_found)
    }
}

fn require_json(request: &Request) -> Result<(), Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let json = kind.and_then(|kind| kind.parse::<mime::Mime>().ok()).is_some_and(|kind| {
        let charset = kind.get_param(mime::CHARSET);
        kind.essence_str() == "application/json" && charset.is_none_or(|charset| charset == mime::UTF_8)
    });
    if json { Ok(()) } else { Err(Refusal::ContentType.into()) }
}

/// What is compressed would be taken for text that is broken.
fn require_plain(request: &Request) -> Result<(), Problem> {
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    let plain = codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain { Ok(()) } else { Err(Refusal::ContentEncoding.into()) }
}

fn idempotency_key(request: &Request) -> Result<Option<String>, Problem> {
    let mut keys = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let is_key = (1..=255).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
    match key.to_str() {
        Ok(key) if is_key && keys.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Refusal::IdempotencyKey.into()),
    }
}

fn parse<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(Strict(&mut json));
    let value = read.map_err(|error| unreadable::<T>(bytes, &pointer(error.path()), error.inner()))?;
    json.end().map_err(|error| malformed(&error))?;
    refuse_duplicates(bytes).map_err(|error| duplicates(&error))?;
    Ok(value)
}

fn unreadable<T: DeserializeOwned + ToSchema>(
    bytes: &[u8],
    pointer: &str,
    error: &serde_json::Error,
) -> Problem {
    if !error.is_data() {
        return malformed(error);
    }
    match faults::<T>(bytes) {
        none if none.is_empty() => Problem::invalid(vec![FieldError::of(pointer, &without_position(error))]),
        errors => Problem::invalid(errors),
    }
}

fn duplicates(error: &serde_json::Error) -> Problem {
    if error.is_data() {
        let detail = without_position(error);
        Problem::invalid(vec![FieldError::new("", FieldCode::DuplicateField, &detail)])
    } else {
        malformed(error)
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Refusal::MalformedJson(error.to_string()).into()
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(text, _)| text.to_owned())
}
