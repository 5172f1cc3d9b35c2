use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use garde::Validate;
use http::{StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::problem::{FieldError, Problem};

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
        let mut whole = format!("{} {}\n", request.method(), request.uri().path()).into_bytes();
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
        match Limited::new(request.into_body(), LIMIT).collect().await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the body is larger than {LIMIT} bytes"),
            )),
            Err(_) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "incomplete_body", "the body ended too early"))
            }
        }
    }
}

/// Query parameters, checked against their type's rules. Unknown ones are refused where the type denies them.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_pairs(query));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let pointer = format!("?{}", error.path());
            Problem::invalid(vec![FieldError { pointer, detail: error.inner().to_string() }])
        })
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
    let json = kind
        .and_then(|kind| kind.parse::<mime::Mime>().ok())
        .is_some_and(|kind| kind.essence_str() == "application/json");
    if json {
        return Ok(());
    }
    let detail = "send JSON, with `Content-Type: application/json`";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

fn idempotency_key(request: &Request) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let problem = || {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            "use 1 to 255 visible ASCII characters",
        )
    };
    key.map(|key| Some(key.to_owned())).ok_or_else(problem)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json);
    let trailing = json.end();
    match (value, trailing) {
        (Ok(value), Ok(())) => Ok(value),
        (Err(error), _) if error.inner().is_data() => {
            let pointer = pointer(error.path());
            Err(Problem::invalid(vec![FieldError { pointer, detail: without_position(error.inner()) }]))
        }
        (Err(error), _) => Err(malformed(error.inner())),
        (Ok(_), Err(error)) => Err(malformed(&error)),
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_json", format!("the body is not JSON: {error}"))
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
            FieldError { pointer, detail: error.message().to_owned() }
        });
        Problem::invalid(errors.collect())
    })
}
