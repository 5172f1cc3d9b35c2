//! Somebody pays: on a page of Stripe's, on ours, and on neither.

use serde_json::json;

use crate::{billing::wish, product::Product};

/// Vic subscribes, changes that, and says who pays. What Stripe refuses leaves nothing behind.
pub(super) async fn paid_and_changed(product: &Product) {
    let (vic, _) = product.owner("vic@example.com", "vic-and-sons").await;
    let path = "/v1/billing/checkouts";
    let once =
        product.request(reqwest::Method::POST, path).bearer_auth(&vic).header("idempotency-key", "once");
    let opened = product.send(once.json(&wish("team"))).await;
    let again =
        product.request(reqwest::Method::POST, path).bearer_auth(&vic).header("idempotency-key", "wrong");
    let mut wrong = wish("team");
    wrong["promotion_code"] = json!("NONE");
    assert_eq!(product.send(again.json(&wrong)).await.status.as_u16(), 422);
    product.get(&format!("{path}/{}", opened.text("/id")), &vic).await;
    assert_eq!(product.choose(&opened.text("/url"), "pay").await, 303);
    let plan = json!({ "plan": "business" });
    let changed = product.request(reqwest::Method::PATCH, "/v1/billing/subscription").bearer_auth(&vic);
    assert!(product.send(changed.json(&plan)).await.status.is_success());
    for path in ["invoices", "details", "tax-ids", "seats"] {
        product.get(&format!("/v1/billing/{path}"), &vic).await;
    }
    let tax_id = json!({ "type": "eu_vat", "value": "ATU12345678" });
    product.post_as("/v1/billing/tax-ids", &vic, &tax_id).await;
    let (wim, _) = product.owner("wim@example.com", "wim-and-sons").await;
    let intent = json!({ "plan": "team", "interval": "month" });
    let path = "/v1/billing/subscription-intents";
    let begun = product.post_as(path, &wim, &intent).await;
    assert!(begun.status.is_success(), "{begun:?}");
    product.settle().await;
    // whoever pays says so before Stripe does
    heard(product, 0).await;
    let secret = begun.text("/client_secret");
    let at = format!("/v1/setup_intents/{}/confirm", secret.split("_secret").next().unwrap());
    let card = [("payment_method", "pm_card_visa"), ("client_secret", &*secret)];
    product.at_stripe(reqwest::Method::POST, &at, &card).await;
    let confirmed = product.post_nothing(&format!("{path}/{}/confirm", begun.text("/id")), &wim).await;
    assert!(confirmed.status.is_success(), "{confirmed:?}");
    heard(product, 1).await;
    refused(product).await;
    // what is paid for by the seat
    let gone = product.invite(&vic, "xan@example.com", "viewer").await.text("/id");
    product.settle().await;
    product.delete(&format!("/v1/orgs/current/invites/{gone}"), &vic).await;
    untold(product).await;
    night(product).await;
}

/// What Stripe did not tell, whoever asks it next for something else learns.
async fn untold(product: &Product) {
    let (yve, org_id) = product.owner("yve@example.com", "yve-and-sons").await;
    let subscribe = json!({ "org_id": org_id, "lookup_key": "business_month" });
    product.local_post("/stripe/subscribe", &subscribe).await;
    product.settle().await;
    heard(product, 0).await;
    let sold = product.at_stripe(reqwest::Method::GET, "/v1/subscriptions?limit=1", &[]).await;
    let sold = &sold["data"][0];
    assert_eq!(sold["metadata"]["org_id"], org_id, "{sold}");
    let path = format!("/v1/subscriptions/{}", sold["id"].as_str().unwrap());
    let item = ("items[0][id]", sold["items"]["data"][0]["id"].as_str().unwrap());
    let other = [item, ("items[0][price]", "price_local_team_month")];
    product.at_stripe(reqwest::Method::POST, &path, &other).await;
    product.invite(&yve, "zoe@example.com", "viewer").await;
    product.settle().await;
    assert_eq!(product.get("/v1/entitlements", &yve).await.text("/plan"), "team");
    heard(product, 1).await;
}

/// The night: of what is lost, what waits for its customer, and what nobody told.
async fn night(product: &Product) {
    let (_, org_id) = product.owner("ulf@example.com", "ulf-and-sons").await;
    let post = reqwest::Method::POST;
    let customer = product.at_stripe(post.clone(), "/v1/customers", &[("name", "Ulf")]).await;
    let customer = customer["id"].as_str().unwrap();
    let price = ("items[0][price]", "price_local_team_month");
    let form = [("customer", customer), price, ("trial_period_days", "30"), ("items[0][quantity]", "5")];
    let sold = product.at_stripe(post.clone(), "/v1/subscriptions", &form).await;
    // it waits for whoever knows its customer
    product.settle().await;
    heard(product, 0).await;
    let named = [("metadata[org_id]", org_id.as_str())];
    product.at_stripe(post, &format!("/v1/customers/{customer}"), &named).await;
    product.days(1).await;
    heard(product, 1).await;
    let path = format!("/v1/subscriptions/{}", sold["id"].as_str().unwrap());
    let sold = product.at_stripe(reqwest::Method::GET, &path, &[]).await;
    assert_eq!(sold["items"]["data"][0]["quantity"], 1, "{sold}");
    assert!(product.events().await.iter().any(|event| event == "reconciliation.finished"));
}

/// What Stripe will not open is written down before, and taken away: of a customer that somebody deletes
/// there at this moment.
async fn refused(product: &Product) {
    let (zed, _) = product.owner("zed@example.com", "zed-and-sons").await;
    let named = product.request(reqwest::Method::PATCH, "/v1/billing/details").bearer_auth(&zed);
    assert!(product.send(named.json(&json!({ "company_name": "Zed" }))).await.status.is_success());
    let customers = product.at_stripe(reqwest::Method::GET, "/v1/customers?limit=1", &[]).await;
    let customer = format!("/v1/customers/{}", customers["data"][0]["id"].as_str().unwrap());
    heard(product, 0).await;
    product.at_stripe(reqwest::Method::DELETE, &customer, &[]).await;
    let refused = product.post_as("/v1/billing/checkouts", &zed, &wish("team")).await;
    assert_eq!(refused.problem(), "upstream_unavailable");
    heard(product, 1).await;
}

/// From now on Stripe tells of each thing so many times.
async fn heard(product: &Product, times: usize) {
    let manner = product.request(reqwest::Method::PUT, "/_local/api/stripe/manner");
    assert!(product.send(manner.json(&json!({ "times": times }))).await.status.is_success());
}
