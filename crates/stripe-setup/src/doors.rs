//! Where Stripe meets people and us: the customer portal, and the webhook endpoint.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stripe_client::{Client, EVENT_TYPES, StripeError};

use crate::{Difference, Remedy, all, unlike};

/// Where the first settings of the portal are saved.
const PORTAL_SETTINGS: &str = "https://dashboard.stripe.com/settings/billing/portal";
/// Below the API's address, the function that takes events.
const HOOK: &str = "/hooks/stripe";

/// Sessions are opened with the account's own settings, which Stripe lets nobody but the dashboard make
/// (<https://docs.stripe.com/api/customer_portal/configurations/object>, `is_default`).
pub(crate) async fn portal(client: &Client) -> Result<Option<Difference>, StripeError> {
    let what = "customer portal".to_owned();
    let known = all(client, "/billing_portal/configurations", json!({ "is_default": true })).await?;
    let Some(known) = known.first() else {
        let how = format!("it has no settings yet: save them once at {PORTAL_SETTINGS}, and run this again");
        return Ok(Some(Difference { what, how, remedy: Remedy::ByHand }));
    };
    let features = &known["features"];
    let is = |feature: &str| &features[feature]["enabled"];
    // plans and quantities are changed here, where seats are counted
    let unlike = [
        unlike("invoice_history", is("invoice_history"), &json!(true)),
        unlike("payment_method_update", is("payment_method_update"), &json!(true)),
        unlike("subscription_cancel", is("subscription_cancel"), &json!(true)),
        unlike("subscription_cancel.mode", &features["subscription_cancel"]["mode"], &json!("at_period_end")),
        unlike("subscription_update", is("subscription_update"), &json!(false)),
    ];
    let unlike: Vec<_> = unlike.into_iter().flatten().collect();
    let form = json!({ "features": {
        "invoice_history": { "enabled": true },
        "payment_method_update": { "enabled": true },
        "subscription_cancel": { "enabled": true, "mode": "at_period_end" },
        "subscription_update": { "enabled": false },
    } });
    let path = format!("/billing_portal/configurations/{}", known["id"].as_str().unwrap_or_default());
    let remedy = Remedy::Change(path, form);
    Ok((!unlike.is_empty()).then(|| Difference { what, how: unlike.join(", "), remedy }))
}

/// The endpoint that tells us of each event that has an effect, and of no other.
pub(crate) async fn endpoint(client: &Client, public_url: &str) -> Result<Option<Difference>, StripeError> {
    let url = format!("{}{HOOK}", public_url.trim_end_matches('/'));
    let what = format!("webhook endpoint {url}");
    let known = all(client, "/webhook_endpoints", json!({})).await?;
    let Some(known) = known.iter().find(|known| known["url"] == *url) else {
        let form = json!({ "url": url, "enabled_events": EVENT_TYPES });
        let remedy = Remedy::Make("/webhook_endpoints".to_owned(), form);
        return Ok(Some(Difference { what, how: format!("{} kinds of events", EVENT_TYPES.len()), remedy }));
    };
    let kinds = known["enabled_events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let heard: BTreeSet<_> = kinds.iter().filter_map(Value::as_str).collect();
    let wanted: BTreeSet<_> = EVENT_TYPES.iter().copied().collect();
    let mut how: Vec<_> = wanted.difference(&heard).map(|kind| format!("does not hear {kind}")).collect();
    how.extend(heard.difference(&wanted).map(|kind| format!("hears {kind}, too")));
    how.extend(unlike("status", &known["status"], &json!("enabled")));
    let path = format!("/webhook_endpoints/{}", known["id"].as_str().unwrap_or_default());
    let remedy = Remedy::Change(path, json!({ "enabled_events": EVENT_TYPES, "disabled": false }));
    Ok((!how.is_empty()).then(|| Difference { what, how: how.join(", "), remedy }))
}
