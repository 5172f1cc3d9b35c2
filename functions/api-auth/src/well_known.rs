use http_api::{
    IntoResponse, Problem, Problems, Response, State, ToSchema,
    http::{HeaderValue, header},
};
use serde::Serialize;

use crate::Api;

/// JSON Web Key Set (RFC 7517): what access tokens are checked with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonWebKeySet {
    /// The keys, newest first.
    keys: Vec<JsonWebKey>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonWebKey {
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// Names the key in tokens.
    kid: String,
    /// The key, base64url.
    x: String,
}

/// The keys that access tokens are signed with.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Well-known", operation_id = "getSigningKeys",
    responses((status = 200, description = "The keys", body = JsonWebKeySet), Problems),
)]
pub(crate) async fn signing_keys(State(api): State<Api>) -> Result<Response, Problem> {
    let issuer = api.issuer().await?;
    let published = identity::publish_signing_key(&api.table, &issuer.keys.current).await?;
    let keys = published.valid_at(api.table.clock().now()).map(|key| JsonWebKey {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        usage: "sig",
        kid: key.kid.clone(),
        x: key.x.clone(),
    });
    let mut response = http_api::Answer::ok(&JsonWebKeySet { keys: keys.collect() }).into_response();
    cache(&mut response);
    Ok(response)
}

/// Metadata of the issuer of access tokens (RFC 8414), for services that are configured by its name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthorizationServer {
    /// As tokens name it in `iss`.
    #[schema(format = "uri", example = "https://api.example.com")]
    issuer: String,
    /// The keys that access tokens are checked with.
    #[schema(format = "uri", example = "https://api.example.com/.well-known/jwks.json")]
    jwks_uri: String,
    /// None: people sign in at this API itself, and there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// None, for the same reason: without this member clients would assume some.
    grant_types_supported: [&'static str; 0],
}

/// What there is of an authorization server: its name and its keys.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Well-known",
    operation_id = "getAuthorizationServer",
    responses((status = 200, description = "The metadata", body = AuthorizationServer), Problems),
)]
pub(crate) async fn authorization_server(State(api): State<Api>) -> Response {
    let issuer = api.public_url;
    let mut response = http_api::Answer::ok(&AuthorizationServer {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        issuer,
        response_types_supported: [],
        grant_types_supported: [],
    })
    .into_response();
    cache(&mut response);
    response
}

/// What this API can do, as OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "Well-known", operation_id = "getOpenApi",
    responses((status = 200, description = "The description", content_type = "application/json"), Problems),
)]
pub(crate) async fn description() -> Response {
    const DESCRIPTION: &str = include_str!("../../../docs/openapi.json");
    let mut response = ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response();
    cache(&mut response);
    response
}

/// Public, for pages of any origin, and for as long as the signer counts on.
fn cache(response: &mut Response) {
    let age = format!("public, max-age={}", identity::KEY_SET_MAX_AGE.as_secs());
    let headers = response.headers_mut();
    if let Ok(age) = HeaderValue::from_str(&age) {
        headers.insert(header::CACHE_CONTROL, age);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
