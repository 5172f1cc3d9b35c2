//! Every hour, sums up the usage of the hours that have ended, and tells of quotas that are used up.

use std::sync::Arc;

use access::Tenant;
use lambda_host::{Error, Function, Host, Rotating};
use primitives::{Fault, RequestId};
use stripe_client::{Account, Client, ClientOptions, CustomerId};
use table::{Cause, StoreError, Table};
use usage::{RollupRun, UsageError, keys, roll_up_due};

/// Who pays for what is used, and how Stripe is told.
#[derive(Clone, Debug)]
struct Payers {
    table: Table,
    stripe: Arc<Rotating<Account>>,
}

impl Payers {
    /// The customer of an organization that has one.
    async fn payer(self, tenant: Tenant) -> Result<Option<(Client, CustomerId)>, UsageError> {
        let Some(customer) = billing::customer(&self.table, tenant).await? else { return Ok(None) };
        let account = self.stripe.get().await.map_err(|error| UsageError::NoAccount(Box::new(error)))?;
        Ok(Some((account.client.clone(), customer)))
    }
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(keys::nobodys(host.ids().next())).await?;
    let mut options = ClientOptions::default();
    if host.environment().optional("STRIPE_API_URL").is_some() {
        options.base_url = host.environment().url("STRIPE_API_URL")?;
    }
    // read by the first who has something to tell: many runs have nothing
    let stripe = host.secret_text("STRIPE_SECRET_ARN", move |text| {
        Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
    })?;
    let payers = Payers { table, stripe: Arc::new(stripe) };
    Ok(host.schedule(move || {
        let payers = payers.clone();
        async move {
            let table = &payers.table;
            let run_id: RequestId = table.ids().next();
            let cause = Cause::system("cron-usage-rollup", run_id.to_string());
            let run = roll_up_due(table, &cause, |tenant| payers.clone().payer(tenant)).await?;
            tracing::info!(?run, "usage");
            if run.is_good() { Ok(run) } else { Err(RollupError::Unfinished(run)) }
        }
    }))
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum RollupError {
    /// What is due could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// Some hours were not summed up.
    #[error("{} hours could not be summed up, and {} time; the next run goes on", .0.failed, if .0.complete { "there was" } else { "there was no more" })]
    #[fault(Unavailable, "unfinished")]
    Unfinished(RollupRun),
}
