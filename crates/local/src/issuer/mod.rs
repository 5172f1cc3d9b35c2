//! A small identity provider (OpenID Connect), so that the flow works without an account anywhere: it asks
//! for an address and believes it. It is a part of the local cloud and of no function.

mod grants;
mod server;

use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use crate::engine::Engine;
use grants::Issuer;

/// How the configuration names it.
pub(crate) const PROVIDER: &str = "local";
/// The one client that it knows.
pub(crate) const CLIENT_ID: &str = "gantry-local";
/// The client that organizations are who name it as their own provider, and what each of them shows.
pub(crate) const SSO_CLIENT_ID: &str = "gantry-sso";
pub(crate) const SSO_SECRET: &str = "local-sso-secret-of-nobody";
/// The variable with the secret that its client shows.
pub(crate) const SECRET: &str = "OAUTH_SECRET_ARN";

/// Its address, where the API has this one.
pub(crate) fn address(api_url: &str) -> String {
    format!("{api_url}/_local/oidc")
}

/// The one of this cloud, whose client is the function that has its secret; nothing where there is none.
pub(crate) fn of_cloud(engine: &Engine, api_url: &str) -> Router {
    let client = engine.template.functions.values().find_map(|function| {
        let (arn, app_url) = (function.environment.get(SECRET)?, function.environment.get("APP_URL")?);
        let text = engine.store.read(|state| state.secrets.get(arn)?.current().map(str::to_owned))?;
        let secrets: Value = serde_json::from_str(&text).ok()?;
        Some((app_url.clone(), secrets[PROVIDER].as_str()?.to_owned()))
    });
    let issuer =
        client.and_then(|(app_url, secret)| Issuer::new(address(api_url), &app_url, PROVIDER, secret));
    issuer.map(|issuer| server::router(Arc::new(issuer), engine.clock.clone())).unwrap_or_default()
}
