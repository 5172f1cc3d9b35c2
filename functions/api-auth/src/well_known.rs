use std::sync::LazyLock;

use http_api::{Cached, Problem, Problems, Response, State, ToSchema, http::HeaderMap};
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
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the keys that the client has")),
    responses(
        (status = 200, description = "The keys", content(
            (JsonWebKeySet = "application/json"),
            (JsonWebKeySet = "application/jwk-set+json"),
        )),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
    extensions(
        ("x-gantry-budget" = json!({"calls": 1, "read_units": 1, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn signing_keys(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
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
    let set = JsonWebKeySet { keys: keys.collect() };
    let types = &["application/json", "application/jwk-set+json"];
    Ok(Cached::json(types, identity::KEY_SET_MAX_AGE, &set).answer(&headers))
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
    /// Where services ask whether a token is good now (RFC 7662).
    #[schema(format = "uri", example = "https://api.example.com/v1/auth/introspect")]
    introspection_endpoint: String,
    /// With what they show who they are there: the access token of a member who may.
    introspection_endpoint_auth_methods_supported: [&'static str; 1],
    /// What access tokens are signed with, as they name it in `alg`. No registered member says so of them.
    access_token_signing_alg_values_supported: [&'static str; 1],
    /// None: people sign in at this API itself, and there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// None, for the same reason: without this member clients would assume some.
    grant_types_supported: [&'static str; 0],
}

/// What there is of an authorization server: its name, its keys, and where tokens are asked about.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Well-known",
    operation_id = "getAuthorizationServer",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the metadata that the client has")),
    responses(
        (status = 200, description = "The metadata", body = AuthorizationServer),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
    extensions(
        ("x-gantry-budget" = json!({"calls": 0, "read_units": 0, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn authorization_server(State(api): State<Api>, headers: HeaderMap) -> Response {
    let issuer = api.public_url;
    let metadata = AuthorizationServer {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        introspection_endpoint: format!("{issuer}/v1/auth/introspect"),
        introspection_endpoint_auth_methods_supported: ["Bearer"],
        access_token_signing_alg_values_supported: ["EdDSA"],
        issuer,
        response_types_supported: [],
        grant_types_supported: [],
    };
    Cached::json(&["application/json"], identity::KEY_SET_MAX_AGE, &metadata).answer(&headers)
}

/// What this API can do, as OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "Well-known", operation_id = "getOpenApi",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the description that the client has")),
    responses(
        (status = 200, description = "The description", content_type = "application/json"),
        (status = 304, description = "The client has it already"),
        Problems,
    ),
    extensions(
        ("x-gantry-budget" = json!({"calls": 0, "read_units": 0, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 20000})),
    ),
)]
pub(crate) async fn description(headers: HeaderMap) -> Response {
    static DESCRIPTION: LazyLock<Cached> = LazyLock::new(|| {
        let text = include_str!("../../../docs/openapi.json");
        Cached::new(&["application/json"], identity::KEY_SET_MAX_AGE, text)
    });
    DESCRIPTION.answer(&headers)
}
