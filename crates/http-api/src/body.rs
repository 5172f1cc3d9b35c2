use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::{header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use primitives::json::{Strict, duplicates};
use serde::de::DeserializeOwned;

use utoipa::ToSchema;

use crate::{
    fields::{faults, pointer, without_position},
    problem::{FieldError, Problem, not_found},
    refusal::Refusal,
};

/// The largest body that a route reads, in bytes, unless it says otherwise.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The header that names a request, so that it can be sent twice.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// A JSON body, which is what its type says.
#[derive(Debug)]
pub struct Command<T> {
    /// The body.
    pub input: T,
}

impl<S, T> FromRequest<S> for Command<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (input, _) = read(request, state).await?;
        Ok(Self { input })
    }
}

/// The same of a request that may be sent twice with an `Idempotency-Key`, which the route's
/// description names. The body comes out of [`Repeatable::once`] alone.
#[derive(Debug)]
pub struct Repeatable<T> {
    pub(crate) input: T,
    pub(crate) key: Option<String>,
    pub(crate) request: Vec<u8>,
}

impl<S, T> FromRequest<S> for Repeatable<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let key = idempotency_key(&request)?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut whole = format!("{} {target}\n", request.method()).into_bytes();
        let (input, bytes) = read(request, state).await?;
        whole.extend_from_slice(&bytes);
        Ok(Self { input, key, request: whole })
    }
}

async fn read<S, T>(request: Request, state: &S) -> Result<(T, Bytes), Problem>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
{
    require_json(&request)?;
    let bytes = RawBody::<BODY_LIMIT>::from_request(request, state).await?.0;
    Ok((parse(&bytes)?, bytes))
}

/// A body as it came, of at most `LIMIT` bytes.
#[derive(Debug)]
pub struct RawBody<const LIMIT: usize = BODY_LIMIT>(pub Bytes);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for RawBody<LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
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

/// The parameters of a path that has several. Those that cannot be read as their types name nothing.
#[derive(Debug)]
pub struct PathParameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(read)| Self(read)).map_err(|_| not_found())
    }
}

fn require_json(request: &Request) -> Result<(), Problem> {
    let mut kinds = request.headers().get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|value| value.to_str().ok()?.parse::<mime::Mime>().ok());
    let json = kind.is_some_and(|kind| {
        let mut charsets = kind.params().filter(|(name, _)| *name == mime::CHARSET);
        kind.essence_str() == "application/json"
            && charsets.next().is_none_or(|(_, charset)| charset == mime::UTF_8)
            && charsets.next().is_none()
    });
    if json && kinds.next().is_none() { Ok(()) } else { Err(Refusal::ContentType.into()) }
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

pub(crate) fn parse<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(Strict(&mut json));
    let value = read.map_err(|error| {
        let place = pointer(error.path(), &error.inner().to_string());
        unreadable::<T>(bytes, &place, error.inner())
    })?;
    json.end().map_err(|error| malformed(&error))?;
    match duplicates(bytes) {
        Ok(none) if none.is_empty() => Ok(value),
        Ok(_) => Err(Problem::invalid(faults::<T>(bytes))),
        Err(error) => Err(unreadable::<T>(bytes, "", &error)),
    }
}

fn unreadable<T: DeserializeOwned + ToSchema>(
    bytes: &[u8],
    pointer: &str,
    error: &serde_json::Error,
) -> Problem {
    // a number that is too large is JSON nevertheless
    let is_json = error.is_data() || error.to_string().starts_with(TOO_LARGE);
    if !is_json {
        return malformed(error);
    }
    match faults::<T>(bytes) {
        none if none.is_empty() => Problem::invalid(vec![FieldError::of(pointer, &without_position(error))]),
        errors => Problem::invalid(errors),
    }
}

/// What `serde_json` says of a number that fits into none of Rust's.
const TOO_LARGE: &str = "number out of range";

fn malformed(error: &serde_json::Error) -> Problem {
    Refusal::MalformedJson(error.to_string()).into()
}
