//! HTTP API for the members of an organization, for those who are invited, and for those who ask to join:
//! `/v1/orgs/current/members/**`, `/v1/orgs/current/invites/**`, `/v1/orgs/current/join-requests/**`,
//! `/v1/invites/**`, `/v1/me/join-requests`, `/v1/me/joinable-organizations`.

mod batch;
mod invites;
mod joining;
mod links;
mod members;
mod received;

use std::sync::Arc;

use access::Asker;
use http_api::{OpenApiRouter, Problem, routes};
use http_host::HttpHost;
use identity_core::LinkKey;
use lambda_host::{Error, Function, Host, Rotating};
use orgs::OrgError;
use primitives::Keys;
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    links: Arc<Rotating<Keys<LinkKey>>>,
    /// Where the frontend is, which links lead to.
    app_url: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api {
        table: http.table(),
        cursors: host.cursor_keys()?,
        links: Arc::new(host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?),
        app_url: host.environment().url("APP_URL")?,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(members::list))
        .routes(routes!(members::show))
        .routes(routes!(members::update))
        .routes(routes!(members::remove))
        .routes(routes!(members::leave))
        .routes(routes!(members::transfer))
        .routes(routes!(invites::list))
        .routes(routes!(invites::create))
        .routes(routes!(batch::create))
        .routes(routes!(invites::show))
        .routes(routes!(invites::revoke))
        .routes(routes!(invites::resend))
        .routes(routes!(invites::rebind))
        .routes(routes!(invites::confirm))
        .routes(routes!(links::list))
        .routes(routes!(links::create))
        .routes(routes!(links::revoke))
        .routes(routes!(received::preview))
        .routes(routes!(received::accept))
        .routes(routes!(received::decline))
        .routes(routes!(joining::joinable))
        .routes(routes!(joining::create))
        .routes(routes!(joining::list))
        .routes(routes!(joining::approve))
        .routes(routes!(joining::decline))
}

/// What one of the domain's refusals is to this caller.
fn refused(asker: Asker<'_>, error: OrgError) -> Problem {
    match error {
        OrgError::Access(error) => Problem::refused(asker, error),
        OrgError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        OrgError::AlreadyTheirs => Problem::field("/member_id", &error),
        OrgError::DomainNotAllowed => Problem::field("/email", &error),
        OrgError::LinkUses { .. } => Problem::field("/max_uses", &error),
        OrgError::LinkEnd { .. } => Problem::field("/expires_at", &error),
        OrgError::DomainCount { .. } => Problem::field("/allowed_domains", &error),
        error => error.into(),
    }
}
