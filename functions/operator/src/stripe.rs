//! Events from Stripe that were put aside: Stripe got its answer and does not send them again.

use std::sync::Arc;

use billing::{BillingError, ParkReason, ParkedPage, Replay, Replayed, Rules, StripeEvents};
use lambda_host::{Error, Host, Rotating};
use primitives::Fault;
use serde::{Deserialize, Serialize};
use stripe_client::{Account, ClientOptions, EventId};
use table::{Cause, Table};

use crate::limit::{Limit, WrongLimit};

/// Which of them to list, the latest first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    /// Those that were put aside for this reason; all without it.
    #[serde(default)]
    reason: Option<ParkReason>,
    #[serde(default)]
    limit: Limit,
    /// Where the answer before said that it goes on.
    #[serde(default)]
    next: Option<String>,
}

/// Which of them to decide anew: one, all of a reason, or all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    event_id: Option<EventId>,
    #[serde(default)]
    reason: Option<ParkReason>,
}

/// What the commands answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum StripeAnswer {
    Parked(ParkedPage),
    Replayed(Replayed),
}

#[derive(Clone)]
pub(crate) struct Stripe {
    table: Table,
    account: Arc<Rotating<Account>>,
    rules: Rules,
}

impl Stripe {
    /// The secret is read when a command needs it: the others must work without one.
    pub(crate) fn new(host: &Host, table: Table) -> Result<Self, Error> {
        let mut options = ClientOptions::default();
        if host.environment().optional("STRIPE_API_URL").is_some() {
            options.base_url = host.environment().url("STRIPE_API_URL")?;
        }
        let account = host.secret_text("STRIPE_SECRET_ARN", move |text| {
            Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
        })?;
        Ok(Self { table, account: Arc::new(account), rules: host.settings("BILLING_RULES")? })
    }

    pub(crate) async fn parked(&self, listing: Listing) -> Result<StripeAnswer, StripeCommandError> {
        let Listing { reason, limit, next } = listing;
        let limit = limit.checked()?;
        Ok(StripeAnswer::Parked(self.events().await?.parked(reason, next.as_deref(), limit).await?))
    }

    pub(crate) async fn replay(&self, which: Which) -> Result<StripeAnswer, StripeCommandError> {
        let which = match which {
            Which { event_id: Some(_), reason: Some(_) } => return Err(StripeCommandError::Both),
            Which { event_id: Some(id), reason: None } => Replay::Event(id),
            Which { event_id: None, reason: Some(reason) } => Replay::Reason(reason),
            Which { event_id: None, reason: None } => Replay::All,
        };
        let cause =
            Cause::system("operator", format!("replay_{}", self.table.clock().now().as_millisecond()));
        Ok(StripeAnswer::Replayed(self.events().await?.replay(&cause, &which).await?))
    }

    async fn events(&self) -> Result<StripeEvents, StripeCommandError> {
        let account =
            self.account.get().await.map_err(|error| StripeCommandError::Account(error.to_string()))?;
        Ok(StripeEvents::new(self.table.clone(), account.client.clone(), self.rules, account.livemode))
    }
}

/// A command about parked events that cannot be carried out.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum StripeCommandError {
    #[error(transparent)]
    #[fault(transparent)]
    Limit(#[from] WrongLimit),
    #[error("give `event_id` or `reason`, not both")]
    #[fault(Invalid, "invalid_request")]
    Both,
    #[error("the Stripe secret is not usable: {0}")]
    #[fault(Unavailable, "unavailable")]
    Account(String),
    #[error(transparent)]
    #[fault(transparent)]
    Billing(#[from] BillingError),
}
