use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use garde::Validate;
use http::{header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use primitives::json::{Strict, refuse_duplicates};
use serde::de::DeserializeOwned;

use crate::{
    problem::{FieldError, Problem, not_found},
    refusal::Refusal,
};

/// The largest body that a route reads, in bytes, unless it says otherwise.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The header that names a request, so that it can be sent twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A JSON body, checked against its type's rules, and what makes the request repeatable.
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
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(&request)?;
        let key = idempotency_key(&request)?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut whole = format!("{} {target}\n", request.method()).into_bytes();
        let bytes = RawBody::<BODY_LIMIT>::from_request(request, state).await?.0;
        let input: T = parse(&bytes)?;
        validate(&input, "/")?;
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

/// Query parameters, read as their type. Those that the route's description does not name were refused
/// before.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_pairs(query));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let pointer = format!("?{}", error.path());
            Problem::invalid(vec![FieldError::new(&pointer, &error.inner().to_string())])
        })
    }
}

/// One parameter of the path. One that is no text names nothing.
#[derive(Debug)]
pub struct PathParameter(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathParameter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(parameter)| Self(parameter)).map_err(|_| not_found())
    }
}

fn form_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

/// A garde rule: the text parses as `T`, whose error says what is wrong.
///
/// # Errors
/// When it does not.
pub fn parses<T: FromStr<Err: std::fmt::Display>>(text: &str, (): &()) -> garde::Result {
    text.parse::<T>().map(drop).map_err(garde::Error::new)
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

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Strict(&mut json))
        .map_err(|error| unreadable(&pointer(error.path()), error.inner()))?;
    json.end().map_err(|error| malformed(&error))?;
    refuse_duplicates(bytes).map_err(|error| unreadable("", &error))?;
    Ok(value)
}

fn unreadable(pointer: &str, error: &serde_json::Error) -> Problem {
    if error.is_data() {
        Problem::invalid(vec![FieldError::new(pointer, &without_position(error))])
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

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

fn validate<T: Validate<Context = ()>>(input: &T, prefix: &str) -> Result<(), Problem> {
    input.validate().map_err(|report| {
        let errors = report.iter().map(|(path, error)| {
            let pointer = format!("{prefix}{}", path.to_string().replace('.', "/").replace(['[', ']'], ""));
            FieldError::new(&pointer, error.message())
        });
        Problem::invalid(errors.collect())
    })
}
