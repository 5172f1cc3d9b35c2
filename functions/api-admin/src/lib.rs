//! HTTP API for our own staff, which looks after people and organizations: `/v1/admin/**`.

mod erasures;
mod impersonations;
mod members;
mod money;
mod orgs;
mod people;
mod person;
mod reconciliations;
mod trials;

use std::sync::Arc;

use billing::Rules;
use http_api::{OpenApiRouter, Problem, ToSchema, routes};
use http_host::HttpHost;
use identity::SessionKey;
use lambda_host::{Error, Function, Host, Rotating};
use primitives::{Keys, Text};
use serde::Deserialize;
use staff::Why;
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    rules: Rules,
    sessions: Arc<Rotating<Keys<SessionKey>>>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?.for_staff(staff::requests())?;
    let rules = host.settings("BILLING_RULES")?;
    let table = http.table();
    let issuer = host.public_api_url()?;
    let make = move |secret: &str| SessionKey::from_secret(secret, issuer.clone());
    let sessions = Arc::new(host.secret_keys("SESSION_SECRET_ARN", make)?);
    let api = Api { table, cursors: host.cursor_keys()?, rules, sessions };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(people::list))
        .routes(routes!(people::show))
        .routes(routes!(people::suspend))
        .routes(routes!(people::unsuspend))
        .routes(routes!(people::end_sessions))
        .routes(routes!(people::remove_factor))
        .routes(routes!(people::lift_suppression))
        .routes(routes!(orgs::list))
        .routes(routes!(orgs::show))
        .routes(routes!(orgs::list_members))
        .routes(routes!(orgs::suspend))
        .routes(routes!(orgs::unsuspend))
        .routes(routes!(trials::extend))
        .routes(routes!(money::shared_fingerprints))
        .routes(routes!(money::revenue))
        .routes(routes!(erasures::erase_person))
        .routes(routes!(erasures::erase_org))
        .routes(routes!(erasures::restore_org))
        .routes(routes!(erasures::show))
        .routes(routes!(impersonations::start))
        .routes(routes!(impersonations::list))
        .routes(routes!(impersonations::end))
        .routes(routes!(reconciliations::list))
        .routes(routes!(members::list))
        .routes(routes!(members::put))
        .routes(routes!(members::remove))
}

/// Why something is done to a person or an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StaffAct {
    /// The reason, in words. It is kept, and read by others.
    #[schema(inline, example = "lost the phone; called back at the number on file")]
    reason: Text<10, 500>,
    /// Where more is said about it.
    #[schema(inline, example = "SUP-1234")]
    ticket: Option<Text<1, 100>>,
}

impl StaffAct {
    fn why(&self) -> Result<Why, Problem> {
        why(&self.reason, self.ticket.as_ref(), "/reason")
    }
}

fn why(reason: &Text<10, 500>, ticket: Option<&Text<1, 100>>, place: &str) -> Result<Why, Problem> {
    Why::new(reason.as_str(), ticket.map(Text::as_str)).map_err(|error| Problem::field(place, &error))
}
