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
    let sessions = api.sessions().await?;
    let published = identity::publish_signing_key(&api.table, &sessions.current).await?;
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

fn cache(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
}
