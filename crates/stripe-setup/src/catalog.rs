//! What is sold: the plans with their prices, and the meters of what is used.

use std::collections::BTreeMap;

use access::{Interval, PLANS, Plan, Price};
use serde_json::{Value, json};
use stripe_client::{Client, StripeError};
use usage_ledger::METERS;

use crate::{Difference, Remedy, all, unlike};

/// Most lookup keys that Stripe takes in one question.
const KEYS_AT_A_TIME: usize = 10;
/// Prices are without tax, as companies expect of each other: it is added by where the buyer is.
const TAX_BEHAVIOR: &str = "exclusive";

pub(crate) async fn differences(client: &Client) -> Result<Vec<Difference>, StripeError> {
    let mut found = Vec::new();
    let prices = known_prices(client).await?;
    for plan in PLANS {
        let own = plan.prices.iter().find_map(|price| prices.get(price.lookup_key));
        let product = own.and_then(|price| price["product"].as_str()).map(str::to_owned);
        let product = product.unwrap_or_else(|| format!("plan_{}", plan.id));
        found.extend(product_of(client, plan, &product).await?);
        for price in plan.prices {
            found.extend(price_of(price, &product, prices.get(price.lookup_key)));
        }
    }
    found.extend(meters(client).await?);
    Ok(found)
}

/// The prices that have a lookup key of ours, in use or not.
async fn known_prices(client: &Client) -> Result<BTreeMap<String, Value>, StripeError> {
    let keys: Vec<_> = PLANS.iter().flat_map(|plan| plan.prices).map(|price| price.lookup_key).collect();
    let mut known = BTreeMap::new();
    for keys in keys.chunks(KEYS_AT_A_TIME) {
        let found = all(client, "/prices", json!({ "lookup_keys": keys })).await?;
        let keyed = |price: Value| Some((price["lookup_key"].as_str()?.to_owned(), price));
        known.extend(found.into_iter().filter_map(keyed));
    }
    Ok(known)
}

async fn product_of(client: &Client, plan: &Plan, id: &str) -> Result<Option<Difference>, StripeError> {
    let what = format!("product {id}");
    let found = all(client, "/products", json!({ "ids": [id] })).await?;
    let Some(product) = found.first() else {
        let form = json!({ "id": id, "name": plan.name, "metadata": { "plan": plan.id } });
        let remedy = Remedy::Make("/products".to_owned(), form);
        return Ok(Some(Difference { what, how: plan.name.to_owned(), remedy }));
    };
    let unlike: Vec<_> = [
        unlike("name", &product["name"], &json!(plan.name)),
        unlike("active", &product["active"], &json!(true)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let form = json!({ "name": plan.name, "active": true });
    let remedy = Remedy::Change(format!("/products/{id}"), form);
    Ok((!unlike.is_empty()).then(|| Difference { what, how: unlike.join(", "), remedy }))
}

/// What a price costs is never changed at Stripe: another price takes its lookup key. Who has subscribed
/// keeps the old one.
fn price_of(price: &Price, product: &str, known: Option<&Value>) -> Option<Difference> {
    let Price { lookup_key, interval, currency, unit_amount } = *price;
    let what = format!("price {lookup_key}");
    let interval = match interval {
        Interval::Month => "month",
        Interval::Year => "year",
    };
    let form = json!({
        "product": product, "currency": currency, "unit_amount": unit_amount, "lookup_key": lookup_key,
        "transfer_lookup_key": true, "tax_behavior": TAX_BEHAVIOR,
        "recurring": { "interval": interval, "interval_count": 1, "usage_type": "licensed" },
    });
    let Some(known) = known else {
        let how = format!("{unit_amount} of the smallest unit of {currency}, for a seat and {interval}");
        return Some(Difference { what, how, remedy: Remedy::Make("/prices".to_owned(), form) });
    };
    let recurring = &known["recurring"];
    let fixed = [
        unlike("unit_amount", &known["unit_amount"], &json!(unit_amount)),
        unlike("currency", &known["currency"], &json!(currency)),
        unlike("interval", &recurring["interval"], &json!(interval)),
        unlike("interval_count", &recurring["interval_count"], &json!(1)),
        unlike("usage_type", &recurring["usage_type"], &json!("licensed")),
    ];
    let fixed: Vec<_> = fixed.into_iter().flatten().collect();
    if !fixed.is_empty() {
        let how = format!("{}; another price takes its lookup key", fixed.join(", "));
        return Some(Difference { what, how, remedy: Remedy::Make("/prices".to_owned(), form) });
    }
    let mut changed = serde_json::Map::new();
    let mut how = Vec::new();
    if let Some(unlike) = unlike("active", &known["active"], &json!(true)) {
        changed.insert("active".to_owned(), json!(true));
        how.push(unlike);
    }
    // what was once said of taxes cannot be changed
    if known["tax_behavior"] == "unspecified" {
        changed.insert("tax_behavior".to_owned(), json!(TAX_BEHAVIOR));
        how.push(format!("tax_behavior is not said; it becomes {TAX_BEHAVIOR}"));
    }
    let path = format!("/prices/{}", known["id"].as_str().unwrap_or_default());
    let remedy = Remedy::Change(path, Value::Object(changed));
    (!how.is_empty()).then(|| Difference { what, how: how.join(", "), remedy })
}

/// We tell Stripe how much, whatever we count: its meters add that up.
async fn meters(client: &Client) -> Result<Vec<Difference>, StripeError> {
    let known = all(client, "/billing/meters", json!({ "status": "active" })).await?;
    let mut found = Vec::new();
    for (meter, event) in METERS.iter().filter_map(|meter| Some((meter, meter.stripe_event?))) {
        let what = format!("meter {event}");
        let Some(known) = known.iter().find(|known| known["event_name"] == event) else {
            let form = json!({
                "display_name": meter.title, "event_name": event, "default_aggregation": { "formula": "sum" },
            });
            let remedy = Remedy::Make("/billing/meters".to_owned(), form);
            found.push(Difference { what, how: meter.title.to_owned(), remedy });
            continue;
        };
        let fixed = [
            unlike("formula", &known["default_aggregation"]["formula"], &json!("sum")),
            unlike("value key", &known["value_settings"]["event_payload_key"], &json!("value")),
            unlike(
                "customer key",
                &known["customer_mapping"]["event_payload_key"],
                &json!("stripe_customer_id"),
            ),
        ];
        let fixed: Vec<_> = fixed.into_iter().flatten().collect();
        if !fixed.is_empty() {
            let how =
                format!("{}, which cannot be changed: deactivate it, and run this again", fixed.join(", "));
            found.push(Difference { what, how, remedy: Remedy::ByHand });
        }
    }
    Ok(found)
}
