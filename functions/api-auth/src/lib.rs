//! HTTP API for signing in: `/v1/auth/**`, the signing keys and the API's description.

mod device_links;
mod discovery;
mod email_changes;
mod guesses;
mod introspection;
mod magic_links;
mod mfa;
mod passkeys;
mod passwords;
mod sessions;
mod sms;
mod step_up;
mod well_known;

use std::sync::Arc;

use http_api::{OpenApiRouter, Problem, routes};
use http_host::{HttpHost, Issuers};
use identity::{Authority, Entrance, Issuer, LinkKey, Policy, RelyingParty, SealKey};
use lambda_host::{Error, Function, Host, Rotating};
use primitives::Keys;
use table::{Cause, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    authority: Authority,
    links: Arc<Rotating<Keys<LinkKey>>>,
    issuers: Arc<Issuers>,
    seals: Arc<Rotating<Keys<SealKey>>>,
    relying_party: Arc<RelyingParty>,
    policy: Arc<Policy>,
    public_url: String,
}

impl Api {
    /// What a way in works with.
    fn entrance<'a>(&'a self, issuer: &'a Issuer, cause: &'a Cause, network: &'a str) -> Entrance<'a> {
        Entrance { table: &self.table, issuer, policy: &self.policy, cause, network }
    }

    /// What tokens are made with.
    async fn issuer(&self) -> Result<Arc<Issuer>, Problem> {
        self.issuers.get().await
    }

    /// The same with newer keys of sessions, if there are any.
    async fn newer_issuer(&self, known: &Issuer) -> Result<Option<Arc<Issuer>>, Problem> {
        self.issuers.newer(known).await
    }
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let table = http.table();
    let issuers = Issuers::start(host, table.clone()).await?;
    let policy: Policy = host.settings("IDENTITY_POLICY")?;
    let environment = host.environment();
    let policy = Policy { sms_per_day: environment.parsed("SMS_PER_DAY")?, ..policy };
    let relying_party = RelyingParty::new(
        &environment.url("APP_URL")?,
        environment.optional("PASSKEY_DOMAIN"),
        // nobody is told: that is for those who add one
        "",
        policy.passkey_challenge_seconds,
    )?;
    let api = Api {
        table,
        authority: http.authority(),
        issuers: Arc::new(issuers),
        links: Arc::new(host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?),
        seals: Arc::new(host.secret_keys("FACTOR_SECRET_ARN", SealKey::from_secret)?),
        relying_party: Arc::new(relying_party),
        policy: Arc::new(policy),
        public_url: host.public_api_url()?,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(discovery::discover))
        .routes(routes!(magic_links::request))
        .routes(routes!(magic_links::verify))
        .routes(routes!(email_changes::confirm))
        .routes(routes!(email_changes::undo))
        .routes(routes!(passwords::verify))
        .routes(routes!(passkeys::start))
        .routes(routes!(passkeys::verify))
        .routes(routes!(passkeys::start_second))
        .routes(routes!(device_links::redeem))
        .routes(routes!(mfa::show))
        .routes(routes!(mfa::verify))
        .routes(routes!(sms::send))
        .routes(routes!(mfa::complete))
        .routes(routes!(step_up::start))
        .routes(routes!(step_up::verify))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(sessions::switch_org))
        .routes(routes!(introspection::introspect))
        .routes(routes!(well_known::signing_keys))
        .routes(routes!(well_known::authorization_server))
        .routes(routes!(well_known::description))
}
