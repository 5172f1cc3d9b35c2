//! HTTP API for subscription, trial, plans and what they give: `/v1/billing/**`, `/v1/entitlements`.

mod changes;
mod checkouts;
mod details;
mod intents;
mod invoices;
mod plans;
mod return_to;
mod seats;
mod subscription;
mod tax_ids;

use std::{sync::Arc, time::Duration};

use billing::{BillingError, Payments, Rules};
use http_api::{OpenApiRouter, Problem, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host, Rotating};
use return_to::Places;
use stripe_client::{Account, ClientOptions};
use table::Table;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    rules: Rules,
    /// Read by the first who needs Stripe: most requests do not.
    account: Arc<Rotating<Account>>,
    places: Arc<Places>,
}

impl Api {
    /// The API over this table.
    pub fn new(host: &Host, table: Table, rules: Rules) -> Result<Self, Error> {
        let options = client_options(host)?;
        let account = host.secret_text("STRIPE_SECRET_ARN", move |text| {
            Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
        })?;
        let environment = host.environment();
        let places = Places::new(environment.url("APP_URL")?, &environment.origins("ALLOWED_ORIGINS")?);
        Ok(Self { table, rules, account: Arc::new(account), places: Arc::new(places) })
    }

    /// Stripe, for what only Stripe can do.
    async fn payments(&self) -> Result<Payments, Problem> {
        let account = self.account.get().await?;
        Ok(Payments::new(self.table.clone(), account.client.clone(), self.rules))
    }
}

/// Somebody waits for the answer: a call that is not answered after 4 seconds is made once more, and a third
/// time where Stripe says at once that it cannot now. Of four calls, which is the most that an act makes one
/// after the other, one may be that slow within the function's time.
fn client_options(host: &Host) -> Result<ClientOptions, Error> {
    let mut options = ClientOptions {
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(4),
        ..ClientOptions::default()
    };
    if host.environment().optional("STRIPE_API_URL").is_some() {
        options.base_url = host.environment().url("STRIPE_API_URL")?;
    }
    Ok(options)
}

/// What is wrong with which part of the request, where it is that.
fn refused(error: BillingError) -> Problem {
    match error {
        BillingError::UnknownPlan => Problem::field("/plan", &error),
        BillingError::UnknownPromotionCode => Problem::field("/promotion_code", &error),
        BillingError::InvalidTaxId => Problem::field("/value", &error),
        error => error.into(),
    }
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api::new(host, http.table(), host.settings("BILLING_RULES")?)?;
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(subscription::show))
        .routes(routes!(changes::update))
        .routes(routes!(changes::preview))
        .routes(routes!(changes::cancel))
        .routes(routes!(changes::resume))
        .routes(routes!(plans::list))
        .routes(routes!(plans::entitlements))
        .routes(routes!(checkouts::create))
        .routes(routes!(checkouts::show))
        .routes(routes!(checkouts::portal))
        .routes(routes!(intents::create))
        .routes(routes!(intents::confirm))
        .routes(routes!(invoices::list))
        .routes(routes!(invoices::show))
        .routes(routes!(details::show))
        .routes(routes!(details::update))
        .routes(routes!(tax_ids::list))
        .routes(routes!(tax_ids::add))
        .routes(routes!(tax_ids::remove))
        .routes(routes!(seats::show))
}
