//! What it costs to subscribe, and all that comes of it.

use jiff::SignedDuration;

use super::{Measured, json};
use crate::billing::wish;

const FUNCTION: &str = "api-billing";

/// Pia, who subscribes on our page and leaves that, subscribes on Stripe's, and has somebody pay for her. The
/// first act makes the customer: the longest way.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    // what Stripe tells of an act would else be written while its own answer is
    product.told_after(60).await;
    let (pia, _) = product.owner("pia@example.com", "pia").await;
    let intent = json!({ "plan": "team", "interval": "month" });
    let begun = measured.post("POST /v1/billing/subscription-intents", FUNCTION, &pia, &intent).await;
    let secret = begun.text("/client_secret");
    let (intent, _) = secret.split_once("_secret").unwrap();
    let paid = [("payment_method", "pm_card_visa"), ("client_secret", &*secret)];
    product.at_stripe(reqwest::Method::POST, &format!("/v1/setup_intents/{intent}/confirm"), &paid).await;
    let path = format!("/v1/billing/subscription-intents/{}/confirm", begun.text("/id"));
    let route = "POST /v1/billing/subscription-intents/{intent_id}/confirm";
    measured.change(&path, route, FUNCTION, &pia, &json!(null)).await;

    let (rex, _) = product.owner("rex@example.com", "rex").await;
    let opened = measured.post("POST /v1/billing/checkouts", FUNCTION, &rex, &wish("team")).await;
    assert_eq!(product.choose(&opened.text("/url"), "pay").await, 303);
    product.advance(SignedDuration::from_secs(61)).await;
    let path = format!("/v1/billing/checkouts/{}", opened.text("/id"));
    measured.get(&path, "GET /v1/billing/checkouts/{checkout_id}", FUNCTION, &rex).await;
    let plan = json!({ "plan": "business" });
    measured.post("POST /v1/billing/subscription/preview", FUNCTION, &rex, &plan).await;
    let (path, route) = ("/v1/billing/subscription", "PATCH /v1/billing/subscription");
    measured.change(path, route, FUNCTION, &rex, &plan).await;
    measured
        .post("POST /v1/billing/subscription/cancel", FUNCTION, &rex, &json!({ "reason": "unused" }))
        .await;
    measured.post("POST /v1/billing/subscription/resume", FUNCTION, &rex, &json!(null)).await;
    let back = json!({ "return_to": "/" });
    measured.post("POST /v1/billing/portal-sessions", FUNCTION, &rex, &back).await;
    for path in ["invoices", "details", "tax-ids", "seats"] {
        let path = format!("/v1/billing/{path}");
        measured.get(&path, &format!("GET {path}"), FUNCTION, &rex).await;
    }
    let invoices = product.get("/v1/billing/invoices", &rex).await;
    let path = format!("/v1/billing/invoices/{}", invoices.text("/items/0/id"));
    measured.get(&path, "GET /v1/billing/invoices/{invoice_id}", FUNCTION, &rex).await;

    let (sol, _) = product.owner("sol@example.com", "sol").await;
    let name = json!({ "company_name": "Sol" });
    measured.change("/v1/billing/details", "PATCH /v1/billing/details", FUNCTION, &sol, &name).await;
    let (una, _) = product.owner("una@example.com", "una").await;
    let tax_id = json!({ "type": "eu_vat", "value": "ATU12345678" });
    let tax_id = measured.post("POST /v1/billing/tax-ids", FUNCTION, &una, &tax_id).await.text("/id");
    let (path, route) = (format!("/v1/billing/tax-ids/{tax_id}"), "DELETE /v1/billing/tax-ids/{tax_id}");
    measured.change(&path, route, FUNCTION, &una, &json!(null)).await;
    product.told_after(0).await;
}
