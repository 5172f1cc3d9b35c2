use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::{List, Named, read, second};
use crate::{
    CheckoutSessionId, Client, CustomerId, NewSubscription, PriceId, PromotionCodeId, StripeError,
    objects::CHECKOUT_ID,
};

/// What somebody is to subscribe to on a page of Stripe's
/// (<https://docs.stripe.com/api/checkout/sessions/create>).
#[derive(Clone, Debug)]
pub struct NewCheckout<'a> {
    /// What comes of it. Without something that makes it cheaper the page asks for a code.
    pub new: &'a NewSubscription<'a>,
    /// Where the buyer is sent who has paid.
    pub success_url: &'a str,
    /// Where the buyer is sent who does not want to.
    pub cancel_url: &'a str,
}

/// A page on which somebody subscribes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CheckoutPage {
    /// Its id.
    pub id: CheckoutSessionId,
    /// Where it is; nothing once it is over.
    pub url: Option<String>,
    /// Where it stands.
    pub status: Option<PageStatus>,
    /// When it is over.
    #[serde(deserialize_with = "second")]
    pub expires_at: Timestamp,
}

/// Where a page of Checkout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStatus {
    /// Somebody may still pay.
    Open,
    /// Somebody has.
    Complete,
    /// Nobody can any more.
    Expired,
}

impl NewCheckout<'_> {
    fn form(&self) -> Value {
        let NewSubscription { customer, org_id, checkout_id, price, quantity, trial_end, promotion_code } =
            *self.new;
        let mut subscription = json!({ "metadata": { "org_id": org_id } });
        if let Some(end) = trial_end {
            subscription["trial_end"] = end.as_second().into();
        }
        let mut form = json!({
            "mode": "subscription",
            "customer": customer.as_str(),
            "client_reference_id": org_id,
            "metadata": { "org_id": org_id, CHECKOUT_ID: checkout_id },
            "line_items": [{ "price": price.as_str(), "quantity": quantity }],
            "subscription_data": subscription,
            "payment_method_collection": "always",
            "automatic_tax": { "enabled": true },
            "tax_id_collection": { "enabled": true },
            // what the buyer says there is what the tax is reckoned by
            "customer_update": { "address": "auto", "name": "auto" },
            "success_url": self.success_url,
            "cancel_url": self.cancel_url,
        });
        match promotion_code {
            Some(code) => form["discounts"] = json!([{ "promotion_code": code.as_str() }]),
            None => form["allow_promotion_codes"] = true.into(),
        }
        form
    }
}

impl Client {
    /// The price of this lookup key that is in use.
    pub async fn price(&self, lookup_key: &str) -> Result<Option<PriceId>, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, "/prices");
        let query = json!({ "lookup_keys": [lookup_key], "active": true, "limit": 1 });
        let found: List<Named<PriceId>> = read(self.ask(request.query(&query), None).await?)?;
        Ok(found.data.into_iter().next().map(|price| price.id))
    }

    /// The promotion code that buyers type as this, if it is in use.
    pub async fn promotion_code(&self, code: &str) -> Result<Option<PromotionCodeId>, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, "/promotion_codes");
        let query = json!({ "code": code, "active": true, "limit": 1 });
        let found: List<Named<PromotionCodeId>> = read(self.ask(request.query(&query), None).await?)?;
        Ok(found.data.into_iter().next().map(|code| code.id))
    }

    /// Opens a page on which somebody subscribes.
    pub async fn open_checkout(&self, new: &NewCheckout<'_>, key: &str) -> Result<CheckoutPage, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, "/checkout/sessions").form(&new.form());
        read(self.ask(request, Some(key)).await?)
    }

    /// The page as it is at Stripe now.
    pub async fn checkout(&self, id: &CheckoutSessionId) -> Result<CheckoutPage, StripeError> {
        let path = format!("/checkout/sessions/{}", id.as_str());
        read(self.ask(RequestBuilder::new(StripeMethod::Get, path), None).await?)
    }

    /// Closes the page. Stripe refuses that of one that is over already.
    pub async fn expire_checkout(&self, id: &CheckoutSessionId) -> Result<CheckoutPage, StripeError> {
        let path = format!("/checkout/sessions/{}/expire", id.as_str());
        let key = format!("expire-{}", id.as_str());
        read(self.ask(RequestBuilder::new(StripeMethod::Post, path), Some(&key)).await?)
    }

    /// Opens the page on which a customer looks after payments, and says where it is
    /// (<https://docs.stripe.com/api/customer_portal/sessions/create>). Its link works for a few minutes.
    pub async fn open_portal(&self, customer: &CustomerId, return_url: &str) -> Result<String, StripeError> {
        #[derive(Deserialize)]
        struct Portal {
            url: String,
        }
        let request = RequestBuilder::new(StripeMethod::Post, "/billing_portal/sessions");
        let form = json!({ "customer": customer.as_str(), "return_url": return_url });
        let portal: Portal = read(self.ask(request.form(&form), None).await?)?;
        Ok(portal.url)
    }
}
