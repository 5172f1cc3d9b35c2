use std::sync::Arc;

use axum::extract::{Query, State as Shared};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::grants::{Asked, Issuer, Person, Redeemed};
use crate::aws;
use crate::clock::VirtualClock;

/// What the page may do: to be shown, and to be sent. Where the answer leads is the client's address.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What an organization's people may say of themselves besides.
const GROUPS: &str = r#"<p><label>Groups, with blanks between them <input name="groups"></label></p>"#;

#[derive(Clone)]
struct World {
    issuer: Arc<Issuer>,
    clock: VirtualClock,
}

/// What the person types into the page.
#[derive(Debug, Deserialize)]
struct Answered {
    #[serde(flatten)]
    asked: Asked,
    email: String,
    /// Another name than the address, for whoever wants to try two accounts with one address.
    #[serde(default)]
    subject: String,
    /// The groups that the person is in, with blanks between them.
    #[serde(default)]
    groups: String,
    /// Present where the box is ticked.
    verified: Option<String>,
}

/// The provider, to be mounted at `/_local/oidc`.
pub(crate) fn router(issuer: Arc<Issuer>, clock: VirtualClock) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/jwks", get(keys))
        .route("/authorize", get(ask).post(answer))
        .route("/token", post(token))
        .with_state(World { issuer, clock })
}

async fn metadata(Shared(world): Shared<World>) -> Json<Value> {
    Json(world.issuer.metadata())
}

async fn keys(Shared(world): Shared<World>) -> Json<Value> {
    Json(world.issuer.keys())
}

/// The page that asks who somebody is.
async fn ask(Shared(world): Shared<World>, Query(asked): Query<Asked>) -> Response {
    if let Some(problem) = world.issuer.refuses(&asked) {
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    let hidden = [
        ("response_type", &asked.response_type),
        ("client_id", &asked.client_id),
        ("redirect_uri", &asked.redirect_uri),
        ("state", &asked.state),
        ("nonce", &asked.nonce),
        ("code_challenge", &asked.code_challenge),
        ("code_challenge_method", &asked.code_challenge_method),
    ]
    .into_iter()
    .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)))
    .collect::<Vec<_>>()
    .concat();
    let page = include_str!("page.html").replace("<!--hidden-->", &hidden);
    let page =
        page.replace("<!--groups-->", if asked.client_id == super::SSO_CLIENT_ID { GROUPS } else { "" });
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Sends the person back.
async fn answer(Shared(world): Shared<World>, Form(answered): Form<Answered>) -> Response {
    let Answered { asked, email, subject, groups, verified } = answered;
    if let Some(problem) = world.issuer.refuses(&asked) {
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    let Ok(code) = aws::random_text(32) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let subject = if subject.is_empty() { email.clone() } else { subject };
    let groups = groups.split_whitespace().map(str::to_owned).collect();
    let person = Person { subject, email, verified: verified.is_some(), groups };
    let back = world.issuer.grant(asked, person, code, world.clock.now());
    (StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response()
}

async fn token(Shared(world): Shared<World>, headers: HeaderMap, Form(shown): Form<Redeemed>) -> Response {
    let (client_id, secret) = client(&headers).unwrap_or_default();
    match world.issuer.redeem((&client_id, &secret), &shown, world.clock.now()) {
        Ok(tokens) => ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

/// What the client shows (RFC 6749, section 2.3.1).
fn client(headers: &HeaderMap) -> Option<(String, String)> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let shown = String::from_utf8(STANDARD.decode(shown).ok()?).ok()?;
    let (client_id, secret) = shown.split_once(':')?;
    let secret = percent_encoding::percent_decode_str(secret).decode_utf8().ok()?;
    let is_known = [super::CLIENT_ID, super::SSO_CLIENT_ID].contains(&client_id);
    is_known.then(|| (client_id.to_owned(), secret.into_owned()))
}
