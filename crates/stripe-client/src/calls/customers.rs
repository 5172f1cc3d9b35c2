use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::{List, maybe_second, read, second};
use crate::{ChargeId, Client, CustomerId, StripeError, TaxIdId};

/// More tax ids than any company has: Stripe's longest page.
const PAGE: u8 = 100;

/// Who pays (<https://docs.stripe.com/api/customers/object>).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Whether it was deleted: nothing else is known of it then.
    #[serde(default)]
    pub deleted: bool,
    /// When it was created.
    #[serde(default, deserialize_with = "maybe_second")]
    pub created: Option<Timestamp>,
    /// What invoices are made out to.
    pub name: Option<String>,
    /// Where invoices are sent.
    pub email: Option<String>,
    /// Where it is.
    pub address: Option<Address>,
}

/// An address as Stripe has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Street and number.
    pub line1: Option<String>,
    /// Anything else of it.
    pub line2: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// The state or province.
    pub state: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The country, two capital letters.
    pub country: Option<String>,
}

/// What is to be otherwise of a customer. What is not said stays; an empty text is nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CustomerChange {
    /// What invoices are made out to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where invoices are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where it is: the whole address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Value>,
}

impl CustomerChange {
    /// The whole address: what it has not is nothing from now on.
    pub fn address(address: &Address) -> Value {
        let parts = [
            ("line1", &address.line1),
            ("line2", &address.line2),
            ("city", &address.city),
            ("state", &address.state),
            ("postal_code", &address.postal_code),
            ("country", &address.country),
        ];
        let text = |part: &Option<String>| Value::from(part.clone().unwrap_or_default());
        Value::Object(
            parts.into_iter().map(|(name, part)| (name.to_owned(), text(part))).collect::<Map<_, _>>(),
        )
    }
}

/// A tax id of a customer (<https://docs.stripe.com/api/tax_ids/object>).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TaxId {
    /// Its id.
    pub id: TaxIdId,
    /// What kind of one, such as `eu_vat`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id itself.
    pub value: String,
    /// The country, two capital letters.
    pub country: Option<String>,
    /// What the office that gave it says.
    pub verification: Option<Verification>,
    /// When it was added.
    #[serde(deserialize_with = "second")]
    pub created: Timestamp,
}

/// What became of the question whether a tax id is one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verification {
    /// `pending`, `verified`, `unverified` or `unavailable`.
    pub status: String,
}

fn path(id: &CustomerId) -> String {
    format!("/customers/{}", id.as_str())
}

impl Client {
    /// Makes a customer for an organization. Nothing is sent that may be another thing the next time: under
    /// one key the same has to be asked for.
    pub async fn create_customer(&self, org_id: &str, key: &str) -> Result<Customer, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, "/customers");
        let request = request.form(&json!({ "metadata": { "org_id": org_id } }));
        read(self.ask(request, Some(key)).await?)
    }

    /// The customer as it is at Stripe now.
    pub async fn customer(&self, id: &CustomerId) -> Result<Customer, StripeError> {
        read(self.ask(RequestBuilder::new(StripeMethod::Get, path(id)), None).await?)
    }

    /// Changes who pays. Twice is once by nature, and the same again after something else is no repetition:
    /// each call has a key of its own.
    pub async fn update_customer(
        &self,
        id: &CustomerId,
        change: &CustomerChange,
    ) -> Result<Customer, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, path(id)).form(change);
        read(self.ask(request, None).await?)
    }

    /// Whose means of payment was charged; nothing where nobody is known for it.
    pub async fn payer_of(&self, charge: &ChargeId) -> Result<Option<CustomerId>, StripeError> {
        #[derive(Deserialize)]
        struct Charge {
            customer: Option<CustomerId>,
        }
        let request = RequestBuilder::new(StripeMethod::Get, format!("/charges/{}", charge.as_str()));
        Ok(read::<Charge>(self.ask(request, None).await?)?.customer)
    }

    /// The customer's tax ids, the newest first.
    pub async fn tax_ids(&self, id: &CustomerId) -> Result<Vec<TaxId>, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, format!("{}/tax_ids", path(id)));
        let answer = self.ask(request.query(&json!({ "limit": PAGE })), None).await?;
        Ok(read::<List<TaxId>>(answer)?.data)
    }

    /// Adds a tax id.
    pub async fn add_tax_id(
        &self,
        id: &CustomerId,
        (kind, value): (&str, &str),
        key: &str,
    ) -> Result<TaxId, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, format!("{}/tax_ids", path(id)));
        let request = request.form(&json!({ "type": kind, "value": value }));
        read(self.ask(request, Some(key)).await?)
    }

    /// Removes a tax id; says whether this customer had it.
    pub async fn remove_tax_id(&self, id: &CustomerId, tax_id: &TaxIdId) -> Result<bool, StripeError> {
        let path = format!("{}/tax_ids/{}", path(id), tax_id.as_str());
        match self.ask(RequestBuilder::new(StripeMethod::Delete, path), None).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
