//! HTTP API for passwords as they are chosen: `/v1/auth/password/registrations`,
//! `/v1/auth/password/resets/**` and `/v1/me/password`.
//!
//! What judges a password has lists of words that weigh as much as a third of a function. Signing in with one
//! needs none of them, and is `api-auth`'s.

mod own;
mod registrations;
mod resets;

use std::sync::Arc;

use http_api::{OpenApiRouter, Problem, routes};
use http_host::HttpHost;
use identity::{IdentityError, LinkKey, Policy};
use lambda_host::{Error, Function, Host, Rotating};
use primitives::Keys;
use table::Table;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    links: Arc<Rotating<Keys<LinkKey>>>,
    policy: Arc<Policy>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let policy: Policy = host.settings("IDENTITY_POLICY")?;
    let api = Api {
        table: http.table(),
        links: Arc::new(host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?),
        policy: Arc::new(policy),
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(registrations::register))
        .routes(routes!(resets::request))
        .routes(routes!(resets::reset))
        .routes(routes!(own::set))
        .routes(routes!(own::remove))
}

/// Says where in the body a password stands that is refused.
fn about_password(error: IdentityError) -> Problem {
    match error {
        IdentityError::Password(error) => Problem::field("/password", &error),
        error => error.into(),
    }
}
