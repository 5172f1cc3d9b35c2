//! Every night, compares what Stripe has with what we know, mends what was lost on its way, and says what
//! people have to look at.

use std::{sync::Arc, time::Duration};

use access::Tenant;
use billing::{BillingError, Comparison, ReconcileRun, Rules};
use lambda_host::{Error, Function, Host, Rotating};
use primitives::{Fault, RequestId};
use stripe_client::{Account, ClientOptions};
use table::{Cause, Table};

/// What the work rests on.
#[derive(Clone, Debug)]
struct Night {
    table: Table,
    rules: Rules,
    stripe: Arc<Rotating<Account>>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = billing::keys::Subscription::key(Tenant::trusted(host.ids().next()));
    let table = host.table_opened_with(first).await?;
    // a page of customers takes Stripe longer than a single object
    let mut options = ClientOptions { attempt_timeout: Duration::from_secs(10), ..ClientOptions::default() };
    if host.environment().optional("STRIPE_API_URL").is_some() {
        options.base_url = host.environment().url("STRIPE_API_URL")?;
    }
    let stripe = host.secret_text("STRIPE_SECRET_ARN", move |text| {
        Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
    })?;
    let night = Night { table, rules: host.settings("BILLING_RULES")?, stripe: Arc::new(stripe) };
    Ok(host.schedule(move || {
        let night = night.clone();
        async move { night.run().await }
    }))
}

impl Night {
    async fn run(&self) -> Result<ReconcileRun, ReconcileError> {
        let account = self.stripe.get().await.map_err(|error| ReconcileError::NoAccount(Box::new(error)))?;
        let (table, client) = (self.table.clone(), account.client.clone());
        let comparison = Comparison::new(table, client, self.rules, account.livemode);
        let run_id: RequestId = self.table.ids().next();
        let cause = Cause::system("cron-reconcile", run_id.to_string());
        let counted = |tenant| async move {
            let taken = orgs::seats_taken(&self.table, tenant).await?;
            Ok((taken.used, taken.version))
        };
        let run = comparison.run(&cause, counted).await?;
        tracing::info!(?run, "Stripe and we are compared");
        if run.is_good() { Ok(run) } else { Err(ReconcileError::Unfinished(run)) }
    }
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum ReconcileError {
    #[error(transparent)]
    #[fault(transparent)]
    Billing(#[from] BillingError),
    #[error("Stripe's key cannot be read")]
    #[fault(Unavailable, "unavailable")]
    NoAccount(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Time was up.
    #[error("{} customers were compared, and there are more; the next run goes on", .0.customers)]
    #[fault(Unavailable, "unfinished")]
    Unfinished(ReconcileRun),
}
