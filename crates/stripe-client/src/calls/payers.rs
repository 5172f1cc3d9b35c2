//! All who pay, a page at a time, for whoever compares what Stripe has with what we know.

use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod};

use crate::{Client, CustomerId, Invoice, Metadata, StripeError, Subscription, fields::Fields};

/// What a page shows of each besides: what lives of its subscriptions, and what each was last to pay.
const WITH_SUBSCRIPTIONS: [&str; 2] = ["data.subscriptions", "data.subscriptions.data.latest_invoice"];

/// Some who pay, or once were to; the newest first.
#[derive(Clone, Debug)]
pub struct PayerPage {
    /// Those.
    pub payers: Vec<ListedPayer>,
    /// Behind whom there are more.
    pub next: Option<CustomerId>,
}

/// Somebody who pays.
#[derive(Clone, Debug)]
pub struct ListedPayer {
    /// Who.
    pub id: CustomerId,
    /// What was attached to it.
    pub metadata: Metadata,
    /// Its subscriptions that have not ended: up to ten.
    pub subscriptions: Vec<ListedSubscription>,
    /// Of so many of them what Stripe says cannot be read.
    pub unreadable: usize,
}

/// A subscription in such a page.
#[derive(Clone, Debug)]
pub struct ListedSubscription {
    /// The subscription.
    pub subscription: Subscription,
    /// The newest of its invoices.
    pub latest_invoice: Option<Invoice>,
}

impl Client {
    /// A page of all customers, up to 100, from the newest on or behind one of them
    /// (<https://docs.stripe.com/api/customers/list>).
    pub async fn payers(&self, after: Option<&CustomerId>, limit: usize) -> Result<PayerPage, StripeError> {
        let mut asked = json!({ "limit": limit, "expand": WITH_SUBSCRIPTIONS });
        if let Some(after) = after {
            asked["starting_after"] = after.as_str().into();
        }
        let request = RequestBuilder::new(StripeMethod::Get, "/customers").query(&asked);
        let answer = self.ask(request, None).await?;
        let unreadable = |what: &dyn std::fmt::Display| StripeError::Unreadable(what.to_string());
        let page = Fields::of(&answer).ok_or_else(|| unreadable(&"not an object"))?;
        let data = answer["data"].as_array().ok_or_else(|| unreadable(&"not a list"))?;
        let payers = data.iter().map(payer).collect::<Option<Vec<_>>>();
        let payers = payers.ok_or_else(|| unreadable(&"a customer without an id"))?;
        let next = payers.last().map(|last| last.id.clone()).filter(|_| page.flag("has_more"));
        Ok(PayerPage { payers, next })
    }
}

fn payer(listed: &Value) -> Option<ListedPayer> {
    let fields = Fields::of(listed)?;
    let live = fields.list("subscriptions");
    let subscriptions: Vec<_> = live
        .iter()
        .filter_map(|live| {
            let subscription = Subscription::read(*live).ok()?;
            let latest_invoice = live.object("latest_invoice").and_then(|it| Invoice::read(it).ok());
            Some(ListedSubscription { subscription, latest_invoice })
        })
        .collect();
    Some(ListedPayer {
        id: fields.id("id").ok()?,
        metadata: fields.metadata(),
        unreadable: live.len() - subscriptions.len(),
        subscriptions,
    })
}
