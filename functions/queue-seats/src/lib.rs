//! Has Stripe charge for as many seats as an organization has, whenever that may have changed.
//!
//! An event says only whose seats to look at. What Stripe is asked for is what the table says then, so that
//! events may come late, twice and in any order.

use std::{sync::Arc, time::Duration};

use access::Tenant;
use billing::{BillingError, Payments, Rules};
use events::Envelope;
use lambda_host::{Error, Function, Host, Rotating};
use primitives::Fault;
use stripe_client::{Account, ClientOptions};
use table::{Cause, Table};

/// Why an event was not dealt with. It comes again.
#[derive(Debug, thiserror::Error, Fault)]
enum SeatsError {
    #[error(transparent)]
    #[fault(transparent)]
    Billing(#[from] BillingError),
    #[error("Stripe's key cannot be read")]
    #[fault(Unavailable, "unavailable")]
    NoAccount(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the event names no organization")]
    #[fault(Invalid, "malformed_event")]
    Nowhere,
}

/// What the work rests on.
#[derive(Clone, Debug)]
struct Seats {
    table: Table,
    rules: Rules,
    /// Read by the first who needs Stripe: most organizations that change do not pay yet.
    stripe: Arc<Rotating<Account>>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = billing::keys::Subscription::key(Tenant::trusted(host.ids().next()));
    let table = host.table_opened_with(first).await?;
    let options = client_options(host)?;
    let stripe = host.secret_text("STRIPE_SECRET_ARN", move |text| {
        Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
    })?;
    let seats = Seats { table, rules: host.settings("BILLING_RULES")?, stripe: Arc::new(stripe) };
    Ok(host.bus_queue(move |event| {
        let seats = seats.clone();
        async move { seats.deal_with(&event).await }
    }))
}

/// All attempts at a call fit into the time for which the order is one's own.
fn client_options(host: &Host) -> Result<ClientOptions, Error> {
    let mut options = ClientOptions { attempt_timeout: Duration::from_secs(5), ..ClientOptions::default() };
    if host.environment().optional("STRIPE_API_URL").is_some() {
        options.base_url = host.environment().url("STRIPE_API_URL")?;
    }
    Ok(options)
}

impl Seats {
    /// Deals with one event; with one that changes no number, by looking.
    async fn deal_with(&self, event: &Envelope) -> Result<(), SeatsError> {
        let tenant = event.org_id.map(Tenant::trusted).ok_or(SeatsError::Nowhere)?;
        if !billing::pays(&self.table, tenant).await.map_err(BillingError::from)? {
            return Ok(());
        }
        let account = self.stripe.get().await.map_err(|error| SeatsError::NoAccount(Box::new(error)))?;
        let payments = Payments::new(self.table.clone(), account.client.clone(), self.rules);
        let cause = Cause::system("queue-seats", &event.correlation_id);
        let counted = |tenant| async move {
            let taken = orgs::seats_taken(&self.table, tenant).await?;
            Ok((taken.used, taken.version))
        };
        let brought = payments.bring_seats(&cause, tenant, counted).await?;
        tracing::info!(org_id = %tenant.org_id(), ?brought, "seats");
        Ok(())
    }
}
