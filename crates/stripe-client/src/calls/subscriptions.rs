use jiff::Timestamp;
use primitives::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::read;
use crate::{
    Client, CustomerId, PriceId, PromotionCodeId, StripeError, Subscription, SubscriptionId,
    SubscriptionItemId, fields::Fields, objects::CHECKOUT_ID,
};

/// Where the secret is by which a browser pays for a subscription, or gives a means of payment where nothing
/// is due yet (<https://docs.stripe.com/billing/subscriptions/build-subscriptions>).
const WITH_SECRETS: [&str; 2] = ["latest_invoice.confirmation_secret", "pending_setup_intent"];

/// What somebody is to subscribe to on a page of ours
/// (<https://docs.stripe.com/api/subscriptions/create>).
#[derive(Clone, Debug)]
pub struct NewSubscription<'a> {
    /// Who pays.
    pub customer: &'a CustomerId,
    /// Whose organization it is.
    pub org_id: &'a str,
    /// What we call it until it is paid.
    pub checkout_id: &'a str,
    /// What is subscribed to.
    pub price: &'a PriceId,
    /// How many of it.
    pub quantity: u32,
    /// Until when nothing is to be paid.
    pub trial_end: Option<Timestamp>,
    /// What makes it cheaper.
    pub promotion_code: Option<&'a PromotionCodeId>,
}

/// A subscription as Stripe answers about it.
#[derive(Clone, Debug)]
pub struct StartedSubscription {
    /// The subscription.
    pub subscription: Subscription,
    /// Its line that is sold by number.
    pub item: Option<SubscriptionItemId>,
    /// What a browser pays with, or gives a means of payment with, as long as that is missing.
    pub client_secret: Option<Secret<String>>,
}

/// Another plan for a subscription that there is.
#[derive(Clone, Debug)]
pub struct PlanChange<'a> {
    /// The subscription.
    pub subscription: &'a SubscriptionId,
    /// Its line.
    pub item: &'a SubscriptionItemId,
    /// What is subscribed to from now on.
    pub price: &'a PriceId,
    /// Up to when the time before is reckoned by the price before; now, where it is not said.
    pub proration_date: Option<Timestamp>,
}

/// What a change costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePreview {
    /// The lines of the invoice that would be made.
    pub lines: Vec<PreviewLine>,
    /// What would be paid at once, in the currency's smallest unit.
    pub amount_due: i64,
    /// ISO 4217, lower case.
    pub currency: String,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PreviewLine {
    /// What it is for.
    pub description: Option<String>,
    /// In the currency's smallest unit; negative where something is given back.
    pub amount: i64,
}

fn path(id: &SubscriptionId) -> String {
    format!("/subscriptions/{}", id.as_str())
}

impl StartedSubscription {
    /// Read like the same object in an event, so that neither bears less than the other.
    pub(crate) fn read(answer: &Value) -> Result<Self, StripeError> {
        let unreadable = |error: &dyn std::fmt::Display| StripeError::Unreadable(error.to_string());
        let fields = Fields::of(answer).ok_or_else(|| unreadable(&"not an object"))?;
        let subscription = Subscription::read(fields).map_err(|error| unreadable(&error))?;
        let items = answer["items"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sold = |item: &&Value| item["price"]["recurring"]["usage_type"] != "metered";
        let item = items.iter().find(sold).and_then(|item| item["id"].as_str()?.parse().ok());
        let secrets = [
            &answer["latest_invoice"]["confirmation_secret"]["client_secret"],
            &answer["pending_setup_intent"]["client_secret"],
        ];
        let client_secret =
            secrets.into_iter().find_map(|secret| Some(Secret::new(secret.as_str()?.to_owned())));
        Ok(Self { subscription, item, client_secret })
    }
}

impl PlanChange<'_> {
    fn form(&self) -> Value {
        let mut form = json!({
            "items": [{ "id": self.item.as_str(), "price": self.price.as_str() }],
            "proration_behavior": "always_invoice",
        });
        if let Some(at) = self.proration_date {
            form["proration_date"] = at.as_second().into();
        }
        form
    }
}

impl Client {
    /// Begins a subscription that somebody still has to pay for in a browser. Without that it ends by
    /// itself: after 23 hours, or with the trial.
    pub async fn start_subscription(
        &self,
        new: &NewSubscription<'_>,
        key: &str,
    ) -> Result<StartedSubscription, StripeError> {
        let mut form = json!({
            "customer": new.customer.as_str(),
            "items": [{ "price": new.price.as_str(), "quantity": new.quantity }],
            "metadata": { "org_id": new.org_id, CHECKOUT_ID: new.checkout_id },
            "payment_behavior": "default_incomplete",
            "payment_settings": { "save_default_payment_method": "on_subscription" },
            "trial_settings": { "end_behavior": { "missing_payment_method": "cancel" } },
            "automatic_tax": { "enabled": true },
            "expand": WITH_SECRETS,
        });
        if let Some(end) = new.trial_end {
            form["trial_end"] = end.as_second().into();
        }
        if let Some(code) = new.promotion_code {
            form["discounts"] = json!([{ "promotion_code": code.as_str() }]);
        }
        let request = RequestBuilder::new(StripeMethod::Post, "/subscriptions").form(&form);
        StartedSubscription::read(&self.ask(request, Some(key)).await?)
    }

    /// The subscription as it is at Stripe now, with its line and with what is missing of its payment.
    pub async fn whole_subscription(&self, id: &SubscriptionId) -> Result<StartedSubscription, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, path(id));
        let request = request.query(&json!({ "expand": WITH_SECRETS }));
        StartedSubscription::read(&self.ask(request, None).await?)
    }

    /// Ends a subscription at once.
    pub async fn end_subscription(&self, id: &SubscriptionId) -> Result<Subscription, StripeError> {
        let key = format!("end-{}", id.as_str());
        let answer = self.ask(RequestBuilder::new(StripeMethod::Delete, path(id)), Some(&key)).await?;
        Ok(StartedSubscription::read(&answer)?.subscription)
    }

    /// Gives a subscription another price. What that costs for the rest of the period is paid at once; where
    /// it cannot be paid nothing changes.
    pub async fn change_plan(
        &self,
        change: &PlanChange<'_>,
        key: &str,
    ) -> Result<StartedSubscription, StripeError> {
        let mut form = change.form();
        form["payment_behavior"] = "error_if_incomplete".into();
        let request = RequestBuilder::new(StripeMethod::Post, path(change.subscription)).form(&form);
        StartedSubscription::read(&self.ask(request, Some(key)).await?)
    }

    /// Has so many of a subscription's line be paid for. What that costs for the rest of the period comes
    /// with the next invoice (`create_prorations`), less what was paid for already.
    pub async fn set_quantity(
        &self,
        id: &SubscriptionId,
        (item, quantity): (&SubscriptionItemId, u32),
        key: &str,
    ) -> Result<StartedSubscription, StripeError> {
        let form = json!({
            "items": [{ "id": item.as_str(), "quantity": quantity }],
            "proration_behavior": "create_prorations",
        });
        let request = RequestBuilder::new(StripeMethod::Post, path(id)).form(&form);
        StartedSubscription::read(&self.ask(request, Some(key)).await?)
    }

    /// Has a subscription end with its period.
    pub async fn end_with_period(
        &self,
        id: &SubscriptionId,
        (feedback, comment): (Option<&str>, Option<&str>),
        key: &str,
    ) -> Result<StartedSubscription, StripeError> {
        let mut form = json!({ "cancel_at_period_end": true });
        for (name, value) in [("feedback", feedback), ("comment", comment)] {
            if let Some(value) = value {
                form["cancellation_details"][name] = value.into();
            }
        }
        let request = RequestBuilder::new(StripeMethod::Post, path(id)).form(&form);
        StartedSubscription::read(&self.ask(request, Some(key)).await?)
    }

    /// Has a subscription go on that was to end, with its period or on a day.
    pub async fn go_on(
        &self,
        id: &SubscriptionId,
        ends_with_period: bool,
        key: &str,
    ) -> Result<StartedSubscription, StripeError> {
        let form = if ends_with_period {
            json!({ "cancel_at_period_end": false })
        } else {
            json!({ "cancel_at": "" })
        };
        let request = RequestBuilder::new(StripeMethod::Post, path(id)).form(&form);
        StartedSubscription::read(&self.ask(request, Some(key)).await?)
    }

    /// What [`Client::change_plan`] would cost (<https://docs.stripe.com/api/invoices/create_preview>).
    pub async fn preview(
        &self,
        customer: &CustomerId,
        change: &PlanChange<'_>,
    ) -> Result<ChangePreview, StripeError> {
        #[derive(Deserialize)]
        struct Preview {
            lines: super::List<PreviewLine>,
            amount_due: i64,
            currency: String,
        }
        let form = json!({
            "customer": customer.as_str(),
            "subscription": change.subscription.as_str(),
            "subscription_details": change.form(),
        });
        let request = RequestBuilder::new(StripeMethod::Post, "/invoices/create_preview").form(&form);
        let Preview { lines, amount_due, currency } = read(self.ask(request, None).await?)?;
        Ok(ChangePreview { lines: lines.data, amount_due, currency })
    }
}
