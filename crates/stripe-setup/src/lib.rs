//! What an account at Stripe has to have for this product: products, prices, meters, the customer portal and
//! the webhook endpoint. Compares the account with that, says what differs, and makes it so.
//!
//! Run by `cargo xtask stripe-setup`. It is a tool of whoever owns the account; nothing that is shipped
//! knows it.

mod catalog;
mod doors;

use std::fmt;

use serde_json::{Value, json};
use stripe_client::{Client, StripeError};

/// Something of the account that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is, such as `price team_month`.
    pub what: String,
    /// How it differs, or what to do.
    pub how: String,
    /// What makes it right.
    pub remedy: Remedy,
}

/// What makes a difference go away.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// Something that is missing, made by a call to this path with this form.
    Make(String, Value),
    /// Something that is there, changed in the same way.
    Change(String, Value),
    /// Stripe has no call for it: somebody does it in the dashboard.
    ByHand,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.remedy {
            Remedy::Make(..) => '+',
            Remedy::Change(..) => '~',
            Remedy::ByHand => '!',
        };
        write!(f, "{sign} {}: {}", self.what, self.how)
    }
}

/// What of the account differs from what it should be. The webhook endpoint is looked at where it is known
/// where the API is (`public_url`). Changes nothing.
pub async fn differences(client: &Client, public_url: Option<&str>) -> Result<Vec<Difference>, StripeError> {
    let mut found = catalog::differences(client).await?;
    found.extend(doors::portal(client).await?);
    if let Some(url) = public_url {
        found.extend(doors::endpoint(client, url).await?);
    }
    Ok(found)
}

/// Makes one difference go away; gives what Stripe answered. Nothing for what has to be done by hand.
pub async fn apply(client: &Client, difference: &Difference) -> Result<Option<Value>, StripeError> {
    match &difference.remedy {
        Remedy::Make(path, form) | Remedy::Change(path, form) => client.order(path, form).await.map(Some),
        Remedy::ByHand => Ok(None),
    }
}

/// All pages of a list.
async fn all(client: &Client, path: &str, mut query: Value) -> Result<Vec<Value>, StripeError> {
    let mut found: Vec<Value> = Vec::new();
    query["limit"] = json!(100);
    loop {
        if let Some(last) = found.last() {
            query["starting_after"] = last["id"].clone();
        }
        let mut page = client.shown(path, &query).await?;
        let Value::Array(mut items) = page["data"].take() else {
            return Err(StripeError::Unreadable(format!("{path} is no list")));
        };
        let is_last = page["has_more"] != true || items.is_empty();
        found.append(&mut items);
        if is_last {
            return Ok(found);
        }
    }
}

/// One field that is not as it should be, in words; nothing where it is.
fn unlike(name: &str, is: &Value, wanted: &Value) -> Option<String> {
    (is != wanted).then(|| format!("{name} is {is}, not {wanted}"))
}
