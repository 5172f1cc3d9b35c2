//! The fields we read, as Stripe spells them. Everything that some API version leaves out is optional here.
//!
//! The subscription derives both traits because it arrives two ways: in an event (serde) and as the answer to a
//! call of async-stripe (miniserde).

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize, miniserde::Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) status: String,
    pub(crate) created: i64,
    pub(crate) cancel_at_period_end: Option<bool>,
    pub(crate) cancel_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) trial_end: Option<i64>,
    /// Until API 2025-03-31; later it is on each item.
    pub(crate) current_period_start: Option<i64>,
    pub(crate) current_period_end: Option<i64>,
    pub(crate) items: Option<Items>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, miniserde::Deserialize)]
pub(crate) struct Items {
    pub(crate) data: Vec<Item>,
}

#[derive(Debug, Deserialize, miniserde::Deserialize)]
pub(crate) struct Item {
    pub(crate) price: Option<Price>,
    pub(crate) quantity: Option<u64>,
    pub(crate) current_period_start: Option<i64>,
    pub(crate) current_period_end: Option<i64>,
}

#[derive(Debug, Deserialize, miniserde::Deserialize)]
pub(crate) struct Price {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) customer: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) created: i64,
    pub(crate) amount_due: i64,
    pub(crate) amount_paid: i64,
    pub(crate) currency: String,
    pub(crate) attempt_count: Option<u32>,
    pub(crate) next_payment_attempt: Option<i64>,
    /// Until API 2025-03-31.
    pub(crate) subscription: Option<String>,
    /// Until API 2025-03-31; holds the subscription's metadata only.
    pub(crate) subscription_details: Option<SubscriptionDetails>,
    /// From API 2025-03-31 on.
    pub(crate) parent: Option<InvoiceParent>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct InvoiceParent {
    pub(crate) subscription_details: Option<SubscriptionDetails>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SubscriptionDetails {
    pub(crate) subscription: Option<String>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CheckoutSession {
    pub(crate) id: String,
    pub(crate) customer: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// The part of an error answer that says what happened without saying to whom
/// (<https://docs.stripe.com/api/errors>).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorAnswer {
    #[serde(default)]
    pub(crate) error: ErrorDetail,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorDetail {
    pub(crate) r#type: Option<String>,
    pub(crate) code: Option<String>,
}
