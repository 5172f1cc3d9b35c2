//! HTTP API for accounts at identity providers, for the domains of organizations, and for their own identity
//! providers: `/v1/auth/oauth/**`, `/v1/auth/sso/**`, `/v1/me/connected-accounts/**`,
//! `/v1/orgs/current/domains/**`, `/v1/orgs/current/sso/**`.
//!
//! A function of its own, so that a provider or a name server that is slow keeps nobody from signing in in
//! another way.

mod connected_accounts;
mod domains;
mod oauth;
mod providers;
mod scim;
mod sso_client;
mod sso_connections;
mod sso_sign_in;
mod sso_test;

use std::sync::Arc;

use dns_client::{DnsClient, Servers};
use guarded_http::Reach;
use http_api::{OpenApiRouter, routes};
use http_host::{HttpHost, Issuers};
use identity::{OAuthKey, Policy};
use lambda_host::{Error, Function, Host, Rotating, Stage};
use oidc_client::{ClientSecrets, OidcClient, Providers};
use primitives::{Fault, FaultCode, Keys};
use sso::SsoKey;
use table::{CursorKeys, Table};

/// The codes of this function's errors.
pub const FAULTS: &[&[FaultCode]] = &[sso_client::SsoFailed::CODES];

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    issuers: Arc<Issuers>,
    keys: Arc<Rotating<Keys<OAuthKey>>>,
    providers: Arc<Providers>,
    /// Where there are providers.
    secrets: Option<Arc<Rotating<ClientSecrets>>>,
    client: Arc<OidcClient>,
    policy: Arc<Policy>,
    /// Where providers send people back.
    app_url: String,
    cursors: Arc<dyn CursorKeys>,
    dns: Arc<DnsClient>,
    /// Seals what identity providers of organizations know us by.
    seals: Arc<Rotating<Keys<SsoKey>>>,
    scim: scim::Settings,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let table = http.table();
    let providers: Providers = host.settings("OAUTH_PROVIDERS")?;
    let reach = if host.stage() == Stage::Local { Reach::PublicAndLoopback } else { Reach::Public };
    let product = host.environment().required("PRODUCT_NAME")?;
    let client = OidcClient::new(reach, host.clock().clone(), product);
    let secrets = match host.environment().optional("OAUTH_SECRET_ARN") {
        Some(_) => Some(Arc::new(host.secret_text("OAUTH_SECRET_ARN", ClientSecrets::read)?)),
        None => None,
    };
    let servers = match host.environment().optional("DNS_SERVERS") {
        Some(_) => host.environment().parsed("DNS_SERVERS")?,
        None => Servers::of_system(),
    };
    let api = Api {
        issuers: Arc::new(Issuers::start(host, table.clone()).await?),
        table,
        keys: Arc::new(host.secret_keys("LINK_SECRET_ARN", OAuthKey::from_secret)?),
        providers: Arc::new(providers),
        secrets,
        client: Arc::new(client),
        policy: Arc::new(host.settings("IDENTITY_POLICY")?),
        app_url: host.environment().url("APP_URL")?,
        cursors: host.cursor_keys()?,
        dns: Arc::new(DnsClient::new(servers)),
        seals: Arc::new(host.secret_keys("FACTOR_SECRET_ARN", SsoKey::from_secret)?),
        scim: scim::Settings::of(host)?,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(oauth::start))
        .routes(routes!(oauth::verify))
        .routes(routes!(connected_accounts::list))
        .routes(routes!(connected_accounts::start))
        .routes(routes!(connected_accounts::link))
        .routes(routes!(connected_accounts::remove))
        .routes(routes!(domains::list))
        .routes(routes!(domains::add))
        .routes(routes!(domains::show))
        .routes(routes!(domains::verify))
        .routes(routes!(domains::update))
        .routes(routes!(domains::remove))
        .routes(routes!(sso_sign_in::start))
        .routes(routes!(sso_sign_in::verify))
        .routes(routes!(sso_connections::list))
        .routes(routes!(sso_connections::create))
        .routes(routes!(sso_connections::show))
        .routes(routes!(sso_connections::update))
        .routes(routes!(sso_connections::remove))
        .routes(routes!(sso_test::start))
        .routes(routes!(sso_test::verify))
        .routes(routes!(scim::show))
        .routes(routes!(scim::create_token))
        .routes(routes!(scim::revoke_token))
        .routes(routes!(scim::list_groups))
        .routes(routes!(scim::update_group))
}
