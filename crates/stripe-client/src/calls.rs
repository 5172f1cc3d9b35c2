//! What we ask Stripe for, with what its documentation says of each call and small types of our own for the
//! answers. Everything that changes something takes the key under which Stripe makes repetitions one.

mod checkout;
mod customers;
mod invoices;
mod payers;
mod setup;
mod subscriptions;

use aws_lc_rs::digest;
use jiff::Timestamp;
use primitives::json;
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use crate::StripeError;

pub use checkout::{CheckoutPage, NewCheckout, PageStatus};
pub use customers::{Address, Customer, CustomerChange, TaxId};
pub use invoices::{InvoicePage, InvoiceQuery, InvoiceShown};
pub use payers::{ListedPayer, ListedSubscription, PayerPage};
pub use subscriptions::{ChangePreview, NewSubscription, PlanChange, PreviewLine, StartedSubscription};

/// The key of an intent: of what is wanted, of what, in which state of it. The same parts are the same key,
/// and whatever differs in one of them is another.
pub fn key_of(parts: &[&str]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("{}-{}", parts.first().copied().unwrap_or_default(), hex::encode(hash.finish()))
}

/// A page of a list of Stripe's.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    data: Vec<T>,
    #[serde(default)]
    has_more: bool,
}

/// Nothing but an object's id.
#[derive(Debug, Deserialize)]
struct Named<I> {
    id: I,
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, StripeError> {
    json::from_value(answer).map_err(|error| StripeError::Unreadable(error.to_string()))
}

/// Stripe's times are whole seconds.
fn second<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::from_second(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn maybe_second<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let seconds: Option<i64> = Option::deserialize(deserializer)?;
    seconds.map(Timestamp::from_second).transpose().map_err(D::Error::custom)
}
