//! Objects as other versions of the API write them (<https://docs.stripe.com/upgrades>).

use serde_json::{Value, json};

use super::StripeState;
use super::values::members;

/// Since then the period stands on the items of a subscription, and an invoice says in `parent` what it is
/// for.
const BASIL: &str = "2025-03-31";
/// Since then a promotion code and a discount say in a member of their own what they stand for.
const CLOVER: &str = "2025-09-30";

/// An object as it is shown in a version: without what only the fake knows.
pub(super) fn render(state: &StripeState, value: &Value, version: &str) -> Value {
    match value {
        Value::Array(all) => all.iter().map(|one| render(state, one, version)).collect(),
        Value::Object(own) => {
            let shown = own.iter().filter(|(name, _)| !name.starts_with('_'));
            let mut shown: Value = Value::Object(
                shown.map(|(name, value)| (name.clone(), render(state, value, version))).collect(),
            );
            let date = version.get(..10).unwrap_or(version);
            match own.get("object").and_then(Value::as_str) {
                Some("subscription") if date < BASIL => old_subscription(&mut shown),
                Some("invoice") if date < BASIL => old_invoice(value, &mut shown),
                Some("promotion_code") if date < CLOVER => old_promotion(state, value, &mut shown),
                _ => {}
            }
            shown
        }
        other => other.clone(),
    }
}

/// The period of the subscription was the period of all of its items.
fn old_subscription(shown: &mut Value) {
    let items = members(&shown["items"]);
    let start = items.iter().filter_map(|item| item["current_period_start"].as_i64()).min();
    let end = items.iter().filter_map(|item| item["current_period_end"].as_i64()).max();
    (shown["current_period_start"], shown["current_period_end"]) = (json!(start), json!(end));
    for item in shown["items"]["data"].as_array_mut().into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            item.remove("current_period_start");
            item.remove("current_period_end");
        }
    }
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("billing_mode");
    }
}

fn old_invoice(own: &Value, shown: &mut Value) {
    shown["subscription"] = own["parent"]["subscription_details"]["subscription"].clone();
    shown["subscription_details"] = json!({ "metadata": own["parent"]["subscription_details"]["metadata"] });
    shown["payment_intent"] = own["_payment_intent"].clone();
    shown["paid"] = json!(own["status"] == "paid");
    shown["tax"] = Value::Null;
    for line in shown["lines"]["data"].as_array_mut().into_iter().flatten() {
        let details = line["parent"]["subscription_item_details"].clone();
        line["subscription"] = details["subscription"].clone();
        line["subscription_item"] = details["subscription_item"].clone();
        line["proration"] = details["proration"].clone();
        line["type"] = json!("subscription");
        if let Some(line) = line.as_object_mut() {
            line.remove("parent");
        }
    }
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("parent");
    }
}

fn old_promotion(state: &StripeState, own: &Value, shown: &mut Value) {
    let coupon = own["promotion"]["coupon"].as_str().and_then(|id| state.get("coupon", id));
    shown["coupon"] = coupon.cloned().unwrap_or_default();
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("promotion");
    }
}
