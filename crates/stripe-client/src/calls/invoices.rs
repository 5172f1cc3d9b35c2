use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::{List, maybe_second, read, second};
use crate::{Client, CustomerId, InvoiceId, StripeError};

/// An invoice as people look at it (<https://docs.stripe.com/api/invoices/object>).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct InvoiceShown {
    /// Its id.
    pub id: InvoiceId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// What it is called on paper; nothing while it is a draft.
    pub number: Option<String>,
    /// Stripe's word for where it stands.
    pub status: Option<String>,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    pub amount_paid: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// When it was created.
    #[serde(deserialize_with = "second")]
    pub created: Timestamp,
    /// Until when it is to be paid, where it is paid by hand.
    #[serde(default, deserialize_with = "maybe_second")]
    pub due_date: Option<Timestamp>,
    /// How often a payment was tried.
    #[serde(default)]
    pub attempt_count: u32,
    /// Where it is as a file.
    pub invoice_pdf: Option<String>,
    /// Where it is looked at and paid.
    pub hosted_invoice_url: Option<String>,
    #[serde(default)]
    status_transitions: Transitions,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Transitions {
    #[serde(default, deserialize_with = "maybe_second")]
    paid_at: Option<Timestamp>,
}

impl InvoiceShown {
    /// When it was paid.
    pub fn paid_at(&self) -> Option<Timestamp> {
        self.status_transitions.paid_at
    }
}

/// Which invoices.
#[derive(Clone, Debug, Default)]
pub struct InvoiceQuery<'a> {
    /// Those that stand so.
    pub status: Option<&'a str>,
    /// Those created since then.
    pub from: Option<Timestamp>,
    /// Those created before then.
    pub to: Option<Timestamp>,
    /// Those that come after this one.
    pub after: Option<&'a InvoiceId>,
    /// How many at most, up to 100.
    pub limit: usize,
}

/// A page of invoices, the newest first.
#[derive(Clone, Debug)]
pub struct InvoicePage {
    /// Those that were asked for.
    pub invoices: Vec<InvoiceShown>,
    /// Whether there are more behind them.
    pub has_more: bool,
}

impl Client {
    /// A page of the customer's invoices.
    pub async fn invoices(
        &self,
        customer: &CustomerId,
        query: &InvoiceQuery<'_>,
    ) -> Result<InvoicePage, StripeError> {
        let mut asked = json!({ "customer": customer.as_str(), "limit": query.limit });
        let mut created = json!({});
        for (name, time) in [("gte", query.from), ("lt", query.to)] {
            if let Some(time) = time {
                created[name] = time.as_second().into();
            }
        }
        if created != json!({}) {
            asked["created"] = created;
        }
        let after = query.after.map(InvoiceId::as_str);
        for (name, value) in [("status", query.status), ("starting_after", after)] {
            if let Some(value) = value {
                asked[name] = Value::from(value);
            }
        }
        let request = RequestBuilder::new(StripeMethod::Get, "/invoices").query(&asked);
        let List { data, has_more } = read(self.ask(request, None).await?)?;
        Ok(InvoicePage { invoices: data, has_more })
    }

    /// The invoice as it is at Stripe now, whosever it is.
    pub async fn invoice(&self, id: &InvoiceId) -> Result<InvoiceShown, StripeError> {
        let path = format!("/invoices/{}", id.as_str());
        read(self.ask(RequestBuilder::new(StripeMethod::Get, path), None).await?)
    }
}
