//! HTTP API for the own account: `/v1/me/**`, without what has a function of its own there.

mod deletion;
mod email_changes;
mod me;
mod mfa;
mod passkeys;
mod phone;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use identity::{Countries, LinkKey, Policy, RelyingParty, SealKey};
use lambda_host::{Error, Function, Host, Rotating};
use primitives::Keys;
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    seals: Arc<Rotating<Keys<SealKey>>>,
    /// What codes to phones are derived with.
    links: Arc<Rotating<Keys<LinkKey>>>,
    /// The countries that SMS are sent to.
    countries: Arc<Countries>,
    relying_party: Arc<RelyingParty>,
    policy: Arc<Policy>,
    /// What authenticator apps call it.
    product: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let environment = host.environment();
    let policy: Policy = host.settings("IDENTITY_POLICY")?;
    let policy = Policy { sms_per_day: environment.parsed("SMS_PER_DAY")?, ..policy };
    let product = environment.required("PRODUCT_NAME")?.to_owned();
    let (app_url, domain) = (environment.url("APP_URL")?, environment.optional("PASSKEY_DOMAIN"));
    let relying_party = RelyingParty::new(&app_url, domain, &product, policy.passkey_challenge_seconds)?;
    let countries = environment.optional("SMS_COUNTRIES").map(str::parse::<Countries>).transpose()?;
    let api = Api {
        table: http.table(),
        cursors: host.cursor_keys()?,
        seals: Arc::new(host.secret_keys("FACTOR_SECRET_ARN", SealKey::from_secret)?),
        links: Arc::new(host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?),
        countries: Arc::new(countries.unwrap_or_default()),
        relying_party: Arc::new(relying_party),
        policy: Arc::new(policy),
        product,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(me::show))
        .routes(routes!(me::update))
        .routes(routes!(deletion::delete))
        .routes(routes!(deletion::restore))
        .routes(routes!(me::memberships))
        .routes(routes!(email_changes::request))
        .routes(routes!(email_changes::cancel))
        .routes(routes!(mfa::show))
        .routes(routes!(mfa::start))
        .routes(routes!(mfa::confirm))
        .routes(routes!(mfa::remove))
        .routes(routes!(mfa::generate_recovery_codes))
        .routes(routes!(passkeys::start))
        .routes(routes!(passkeys::add))
        .routes(routes!(passkeys::list))
        .routes(routes!(passkeys::update))
        .routes(routes!(passkeys::remove))
        .routes(routes!(phone::set))
        .routes(routes!(phone::verify))
        .routes(routes!(phone::remove))
}
